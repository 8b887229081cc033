"""What an importer of rubrics gives back, and how importers are found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from core import BadInput
from rubrics.model import Rubric
from rubrics.tree import RubricTree

GROUP = "upbench.importers"
PREFIX = "rubrics."


@dataclass(frozen=True)
class NotCarried:
    """Something that could not be carried over.

    Attributes:
        why: For people.
        line: Of the file, from 1, where it stands on a line. field: The column or key, where it is one.
        count: How often, where many are told at once.
    """

    why: str
    line: int | None = None
    field: str | None = None
    count: int = 1


@dataclass(frozen=True)
class ImportedRubric:
    """One rubric that was found.

    Attributes:
        name: Fit for a file name; tells the rubrics of one file apart.
        tree: The weighted tree over the same criteria, or None.
    """

    name: str
    rubric: Rubric
    tree: RubricTree | None = None


@dataclass(frozen=True)
class RubricImport:
    """All that was found in a file, and all that was not carried over."""

    rubrics: tuple[ImportedRubric, ...]
    not_carried: tuple[NotCarried, ...] = ()


RubricImporter = Callable[[Path], RubricImport]
"""Reads a file. Raises `BadInput` when it is not of its kind at all."""


def rubric_importer(kind: str) -> RubricImporter:
    """The importer of that kind: one of ours, or a plug-in `rubrics.<kind>` of the group `upbench.importers`.

    Raises:
        BadInput: There is none.
    """
    ours = _ours()
    if kind in ours:
        return ours[kind]
    for point in entry_points(group=GROUP):
        if point.name == PREFIX + kind:
            found: RubricImporter = point.load()
            return found
    known = ", ".join(importer_kinds())
    raise BadInput(f"no importer {kind!r} for rubrics", field="--from", mend=f"known: {known}")


def importer_kinds() -> tuple[str, ...]:
    """Every kind that `rubric_importer` knows, sorted."""
    names = (point.name for point in entry_points(group=GROUP))
    plugins = {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    return tuple(sorted({*_ours(), *plugins}))


def _ours() -> dict[str, RubricImporter]:
    # In here, because each of them stands on this module.
    from rubrics.importers import ace, paperbench, text

    return {"ace": ace.import_ace, "paperbench": paperbench.import_paperbench, "text": text.import_text}


def unique_id(wanted: str, taken: Iterable[str], *, otherwise: str) -> str:
    """`wanted` as a criterion id (lower case, at most 64 of a-z 0-9 . _ -) that is not taken yet."""
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:64] or otherwise
    used, name, number = set(taken), base, 2
    while name in used:
        name = f"{base[:58]}-{number}"
        number += 1
    return name
