"""Starts the program when its folder is run: `python3 FOLDER check ...`, whatever the folder is called."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    # Our modules must never stand in for those of the standard library or the toolbox: the folder itself leaves
    # the path, and its parent goes to the end.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here] + [str(here.parent)]
    sys.exit(importlib.import_module(f"{here.name}.main").main(sys.argv[1:]))
