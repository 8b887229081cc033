"""Gold by the command line: keys, and changed copies of submissions, each with its row in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core import BadInput, Deliverable
from grading import (
    OPERATOR,
    Changed,
    Changer,
    Flaw,
    GoldKey,
    NotChanged,
    add_gold_copy,
    append_audit,
    files_of_item,
    retire_gold,
    set_gold_keys,
)
from runs import media_type
from sandbox import SandboxProvider, TreeLimits, collect_tree, provider

if TYPE_CHECKING:
    from upbench.home import Home


def set_keys(home: Home, item: str, keys: Mapping[str, GoldKey], *, reason: str, exam: bool) -> None:
    """Let a submission be gold, in the operator's name. Raises `NoSuchReview`."""
    with home.database.write() as connection:
        set_gold_keys(connection, item, keys, OPERATOR, reason=reason, exam=exam)
        said = {name: key.model_dump() for name, key in keys.items()}
        detail = {"reason": reason, "exam": exam, "keys": said}
        append_audit(connection, actor=OPERATOR, action="gold.set", subject=item, detail=detail)


def retire(home: Home, item: str, *, reason: str) -> None:
    """Let a submission be gold no more."""
    with home.database.write() as connection:
        retire_gold(connection, item)
        append_audit(connection, actor=OPERATOR, action="gold.retire", subject=item, detail={"reason": reason})


def changer_of(home: Home) -> Changer:
    """What makes changed copies of the project's submissions, for the command line and for pages."""

    def sandboxes() -> SandboxProvider:
        chosen = provider(home.settings.sandbox, home.state, home.settings.options)
        if problem := chosen.problem():
            raise BadInput(f"workbooks are changed in a sandbox: {problem[0]}", field="sandbox", mend=problem[1])
        return chosen

    return Changer(home.blobs, home.state / "scratch", sandboxes, media_type)


def copy_with_flaw(
    home: Home,
    item: str,
    flaw: Flaw,
    path: str,
    wrong: Mapping[str, GoldKey],
    *,
    sheet: str | None = None,
    reason: str,
    exam: bool,
) -> str:
    """Add a copy of a submission with a flaw in one of its files; returns the copy's alias.

    Raises:
        BadInput: The flaw cannot be put in there. NoSuchReview: No such submission or criterion.
    """
    try:
        changed = asyncio.run(changer_of(home).with_flaw(_files(home, item), flaw, path, sheet=sheet))
    except NotChanged as error:
        mend = "name another file, or hand in what you changed yourself with --folder"
        raise BadInput(f"no copy is made: {error}", field="--file", mend=mend) from error
    return _add(home, item, changed, wrong, reason=reason, exam=exam)


def copy_of_folder(
    home: Home, item: str, folder: Path, wrong: Mapping[str, GoldKey], *, reason: str, exam: bool
) -> str:
    """Add a copy of a submission that hands in the files of a folder; returns the copy's alias.

    Raises:
        BadInput: The folder cannot be read, or holds nothing. NoSuchReview: No such submission or criterion.
    """
    before = _files(home, item)
    with TemporaryDirectory(dir=home.state / "scratch") as scratch:
        there = Path(scratch)
        try:
            taken = collect_tree(folder, ".", there, TreeLimits())
        except OSError as error:
            why = f"not a folder that can be read: {error.strerror}"
            raise BadInput(why, file=folder, field="--folder") from error
        if not taken.files:
            raise BadInput("nothing is in it", file=folder, field="--folder")
        files = {name: there / name for name in taken.files}
        changed = changer_of(home).with_files(before, files, gone={file.path for file in before} - set(files))
    return _add(home, item, changed, wrong, reason=reason, exam=exam)


def _add(home: Home, item: str, changed: Changed, wrong: Mapping[str, GoldKey], *, reason: str, exam: bool) -> str:
    with home.database.write() as connection:
        try:
            return add_gold_copy(connection, item, changed, wrong, OPERATOR, reason=reason, exam=exam)
        except NotChanged as error:
            raise BadInput(f"no copy is made: {error}", field=item) from error


def _files(home: Home, item: str) -> tuple[Deliverable, ...]:
    with home.database.read() as connection:
        return files_of_item(connection, item)
