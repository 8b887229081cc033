"""Every command that the program's own words suggest exists, with its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from upbench.cli.main import cli

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "rubrics", "jobs", "sandbox", "agents", "grading", "runs", "upbench")
SAID = re.compile(r"\bupbench ((?:[a-z]+ ?){1,3})([^`;]*)")


def suggestions() -> Iterator[tuple[str, str, str]]:
    """File, words and what follows them, of each text in the code (what is left open in it stands as RUN)."""
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [part.value if isinstance(part, ast.Constant) else "RUN" for part in parts]
                text = "".join(one for one in texts if isinstance(one, str))
                if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and "\n" not in text):
                    for words, rest in SAID.findall(text):
                        yield str(file.relative_to(ROOT)), words.strip(), rest


def found(words: list[str]) -> tuple[click.Command, list[str]] | None:
    """The command that some words name, and the words that are left over."""
    command: click.Command | None = cli
    while isinstance(command, click.Group) and words:
        command, words = command.get_command(click.Context(cli), words[0]), words[1:]
    return None if command is None else (command, words)


def test_every_command_that_is_suggested_exists() -> None:
    assert found(["runs", "frobnicate"]) is found(["frobnicate"]) is None
    seen, wrong = set(), []
    for file, words, rest in suggestions():
        seen.add(words)
        named = found(words.split())
        options = re.findall(r"--[a-z][a-z-]*", rest)
        known = (
            {} if named is None else {name for one in named[0].params for name in (*one.opts, *one.secondary_opts)}
        )
        if named is None or set(options) - set(known):
            wrong.append(f"{file}: upbench {words} {options}")
    assert wrong == []
    assert {"toolbox install", "runs list", "worker"} <= seen
    assert len(seen) > 15
