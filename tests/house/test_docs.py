"""The documentation: links lead somewhere, and commands that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import click

from upbench.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*/README.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?<!from )\bupbench ([a-z]+)(?: ([a-z][a-z0-9]*))?")


def test_relative_links_lead_to_files() -> None:
    wrong = []
    for page in PAGES:
        for target in LINK.findall(page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert not wrong


def test_commands_named_in_the_documentation_exist() -> None:
    context = click.Context(cli)
    groups = {}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        groups[name] = set(command.commands) if isinstance(command, click.Group) else None
    wrong = []
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`|^    (.+)$", page.read_text(), re.MULTILINE):
            for first, second in COMMAND.findall(code[0] or code[1]):
                verbs = groups.get(first, set())
                if first not in groups or (verbs is not None and second and second not in verbs):
                    wrong.append(f"{page.relative_to(ROOT)}: upbench {first} {second}")
    assert not wrong
