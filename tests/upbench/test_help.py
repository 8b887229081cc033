"""Help is as cheap as `--version`: nothing of what a command works with is loaded to describe it."""

from __future__ import annotations

import subprocess
import sys

# What takes long to import, and what brings all of it along.
HEAVY = {"pydantic", "sqlalchemy", "dbos", "obstore", "upbench.bench", "upbench.settings"}
HEAVY |= {"rubrics", "jobs", "sandbox", "agents", "grading", "runs"}

WALK = """
import sys
import click
from upbench.cli.main import COMMANDS, cli

def walk(command, *names):
    context = click.Context(command, info_name=names[-1] if names else "upbench")
    assert command.get_help(context)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        before = set(sys.modules)
        walk(command.get_command(context, name), *names, name)
        print(" ".join([*names, name]), *sorted(HEAVY & (set(sys.modules) - before)), sep="|")

walk(cli)
"""


def test_the_help_of_no_command_loads_what_it_works_with() -> None:
    code = f"HEAVY = {HEAVY!r}\n{WALK}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = {name: heavy for name, *heavy in (line.split("|") for line in found.stdout.splitlines())}
    assert {"runs extend", "worker drain", "run"} <= loaded.keys()
    assert {name: heavy for name, heavy in loaded.items() if heavy} == {}
