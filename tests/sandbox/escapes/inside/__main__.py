"""`python3 -m inside NAME FACTS`: run one attempt and print its report."""

from __future__ import annotations

import importlib
import json
import os
import sys

from .kit import PROGRAMS, Report


def main() -> None:
    """Run it."""
    module, name = sys.argv[1].split(":")
    importlib.import_module("." + module, __package__)
    report = Report()
    PROGRAMS[name](report, json.loads(os.environ.get("FACTS", "{}")))
    report.write()


main()
