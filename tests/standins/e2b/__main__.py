"""Runs the stand-in until it is interrupted, and says how to reach it: `python -m tests.standins.e2b`."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.standins.e2b import E2BCloud, Template

# Room for the toolbox, so that `upbench toolbox e2b` can be tried. It is memory, taken as it is used.
DISK_BYTES = 4 << 30


def main(arguments: list[str]) -> None:
    """Arguments `NAME:INSIDE=OUTSIDE` register templates that show a folder."""
    templates = [Template("base", disk_bytes=DISK_BYTES)]
    for argument in arguments:
        name, _, shown = argument.partition(":")
        inside, _, outside = shown.partition("=")
        templates.append(Template(name, shown={inside: Path(outside).resolve()} if shown else {}))
    with E2BCloud(templates=templates) as cloud:
        for key, value in cloud.environment.items():
            print(f"export {key}={value}", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
