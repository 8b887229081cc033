"""Reading a rubric from disk: `rubric.toml`, or `rubric.txt` with the paper's `label - text` lines."""

from __future__ import annotations

from pathlib import Path

from core import BadInput, read_text
from rubrics.model import Criterion, Importance, Rubric
from rubrics.paper_lines import parse_line
from rubrics.tomlfile import MAX_BYTES, TomlDocument


def load_rubric(path: Path) -> Rubric:
    """The rubric in `path`, a `.toml` or a `.txt` file.

    Criteria of a `.txt` file are named `c01`, `c02` ... in the order of its lines.

    Raises:
        BadInput: It is not a rubric; file, line and field are named.
    """
    if path.suffix == ".toml":
        return _from_toml(path)
    if path.suffix == ".txt":
        return _from_text(path)
    raise BadInput("not a rubric file", file=path, mend="a rubric is a .toml or a .txt file")


def _from_toml(path: Path) -> Rubric:
    document = TomlDocument(path)
    criteria = document.data.get("criteria")
    seen: dict[object, int] = {}
    for position, item in enumerate(criteria if isinstance(criteria, list) else ()):
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str) and name in seen:
            first = document.line_of(("criteria", seen[name], "id"))
            raise document.fault(
                f"criterion id {name!r} is there twice" + (f" (first on line {first})" if first else ""),
                ("criteria", position, "id"),
                mend="give every criterion its own id",
            )
        if isinstance(name, str):
            seen[name] = position
    return document.parse(Rubric)


def _from_text(path: Path) -> Rubric:
    criteria: list[Criterion] = []
    for number, line in enumerate(read_text(path, max_bytes=MAX_BYTES).split("\n"), start=1):
        if not line.strip():
            continue
        parsed = parse_line(line)
        if parsed is None:
            raise BadInput(
                "not a `label - text` line",
                file=path,
                line=number,
                field="label",
                mend=f"begin it with one of {', '.join(Importance)} and ` - `",
            )
        importance, text = parsed
        criteria.append(Criterion(id=f"c{len(criteria) + 1:02}", importance=importance, text=text))
    if not criteria:
        raise BadInput("no criteria", file=path, mend="write one `label - text` line a criterion")
    return Rubric(criteria=tuple(criteria))
