"""`python -m tests.sandbox.escapes.table`: make every attempt on this machine, and write the table of results.

The table stands in `sandbox/README.md` between two marks. A cell says what held; where an attempt did not fail, or
could not be made, it says just that.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.sandbox.escapes.attempt import ALL, PROVIDERS, Attempt

HERE = Path(__file__).parent
README = HERE.parents[2] / "sandbox" / "README.md"
BEGIN, END = "<!-- escapes -->", "<!-- /escapes -->"
MODULES = ("plain", *sorted(path.stem for path in HERE.glob("test_*.py")))


def attempts() -> list[Attempt]:
    """Every attempt there is, in the order of the families."""
    for name in MODULES:
        importlib.import_module(f"tests.sandbox.escapes.{name}")
    families = list(dict.fromkeys(one.family for one in ALL.values()))
    return sorted(ALL.values(), key=lambda one: families.index(one.family))


def table(noted: set[str]) -> str:
    """The table; `noted` holds `attempt@provider` of what was seen to fail."""
    rows = ["| family | attempt | " + " | ".join(PROVIDERS) + " |", "|---" * (2 + len(PROVIDERS)) + "|"]
    for one in attempts():
        cells = [_cell(one, name, noted) for name in PROVIDERS]
        rows.append(f"| {one.family} | **{one.name}**: {one.tries} | {' | '.join(cells)} |".replace("\n", " "))
    return "\n".join(rows)


def _cell(one: Attempt, provider: str, noted: set[str]) -> str:
    where = "harness" if "harness" in one.held else provider
    if where not in one.held:
        return "-"
    return one.held[where] if f"{one.slug}@{where}" in noted else "**not held here**"


def named(text: str) -> set[str]:
    """The names of the attempts in a table."""
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ") and "**" in line]
    return {row.split("**")[1] for row in rows}


def block(text: str) -> str:
    """What stands between the marks. Raises ValueError where there are none."""
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    """Run the suite, write the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", str(HERE), "-q", *(sys.argv[1:] or ["-n", "2"])]
        subprocess.run(command, env={**os.environ, "UPBENCH_ESCAPES_RECORD": folder}, check=False)
        noted = set(os.listdir(folder))
    write(noted)


def write(noted: set[str]) -> None:
    """Put the table into the room's README; at its end where it has none yet."""
    text = README.read_text(encoding="utf-8")
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Attempts to break out\n\n{BEGIN}\n{END}\n"
    old = block(text)
    count = len(attempts())
    head = f"{count} attempts (`tests/sandbox/escapes/`), and what held them on a machine with all providers.\n"
    new = f"\n{head}Made by `python -m tests.sandbox.escapes.table`.\n\n{table(noted)}\n"
    README.write_text(text.replace(BEGIN + old + END, BEGIN + new + END), encoding="utf-8")


if __name__ == "__main__":
    main()
