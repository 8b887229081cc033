"""The house rules that no other tool checks: doors between rooms, sizes, broad handlers, names of hosts."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "rubrics", "jobs", "sandbox", "agents", "grading", "runs", "upbench")
# The trial boundary, the command line's main, and the programs that meet hostile files inside a grading sandbox,
# where any parser may raise anything and one file must not spoil the others.
BROAD = ("runs/trial.py", "upbench/cli/main.py", "grading/inside/")


def sources() -> list[Path]:
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if "packs" not in path.relative_to(ROOT).parts]


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_keeps_to_the_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    name = path.relative_to(ROOT).as_posix()
    room = name.split("/")[0]
    wrong = []
    for line, module in imports(tree):
        other = module.split(".")[0]
        if other in ROOMS and other != room:
            if ROOMS.index(other) > ROOMS.index(room):
                wrong.append(f"{name}:{line}: imports {module}, an upper floor")
            if "." in module:
                wrong.append(f"{name}:{line}: imports {module} past the door of `{other}`")
    if text.count("\n") > 400:
        wrong.append(f"{name}: {text.count(chr(10))} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno
            if lines > 60:
                wrong.append(f"{name}:{node.lineno}: {node.name} has {lines} lines")
        if isinstance(node, ast.ExceptHandler) and not name.startswith(BROAD):
            caught = getattr(node.type, "id", None) if node.type is not None else "everything"
            if caught in {"everything", "Exception", "BaseException"}:
                wrong.append(f"{name}:{node.lineno}: catches {caught}")
    assert not wrong


def test_every_room_explains_itself_and_names_its_door() -> None:
    for room in ROOMS:
        assert (ROOT / room / "README.md").stat().st_size > 300, room
        stub = (ROOT / room / "__init__.pyi").read_text()
        assert "from ." in stub, room


def test_no_registry_and_no_machine_is_named() -> None:
    hosts = re.compile(r"py" + r"pi\.org|python" + r"hosted\.org|npm" + r"js\.(org|com)|deb\.deb" + r"ian\.org")
    machine = re.compile(r"/work/(main|shared)|/root/\.pyenv")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    wrong = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 3_000_000 and path != Path(__file__):
            text = path.read_bytes().decode("utf-8", "ignore")
            wrong += [f"{name}: {found.group()}" for found in [hosts.search(text), machine.search(text)] if found]
    assert not wrong
