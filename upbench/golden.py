"""Gold by the command line: keys, and changed copies of submissions, each with its row in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core import BadInput, Deliverable
from grading import (
    OPERATOR,
    Flaw,
    GoldKey,
    NotChanged,
    add_gold_copy,
    append_audit,
    file_named,
    files_of_item,
    needs_sandbox,
    retire_gold,
    set_gold_keys,
    text_changed,
    workbook_changed,
)
from runs import media_type
from sandbox import TreeLimits, collect_tree, provider

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
    files = _files(home, item)
    try:
        file = file_named(files, path)
        made, changed = f"{flaw.value.replace('_', ' ')} in {path}", None
        if flaw is Flaw.missing_file:
            made = f"{path} is missing"
        elif needs_sandbox(file, flaw):
            changed, how = _workbook(home, file, flaw, sheet)
            made = f"{made}: {how}"
        else:
            changed = text_changed(home.blobs, file, flaw)
    except NotChanged as error:
        mend = "name another file, or hand in what you changed yourself with --folder"
        raise BadInput(f"no copy is made: {error}", field="--file", mend=mend) from error
    kept = [changed if one.path == path else one for one in files]
    rest = [one for one in kept if one is not None]
    missing = [path] if changed is None else []
    return _add(home, item, rest, wrong, made=made, reason=reason, exam=exam, missing=missing)


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
        names = sorted(taken.files)
        sums = home.blobs.put_files(there / name for name in names)
        files = [
            Deliverable(path=n, size=(there / n).stat().st_size, media_type=media_type(there / n), sha256=sha256)
            for n, sha256 in zip(names, sums, strict=True)
        ]
    missing = [file.path for file in before if file.path not in names]
    made = "other files were handed in"
    return _add(home, item, files, wrong, made=made, reason=reason, exam=exam, missing=missing)


def _add(
    home: Home,
    item: str,
    files: Sequence[Deliverable],
    wrong: Mapping[str, GoldKey],
    *,
    made: str,
    reason: str,
    exam: bool,
    missing: Sequence[str],
) -> str:
    with home.database.write() as connection:
        try:
            alias = add_gold_copy(
                connection, item, files, wrong, OPERATOR, made=made, reason=reason, missing=missing, exam=exam
            )
        except NotChanged as error:
            raise BadInput(f"no copy is made: {error}", field=item) from error
        detail = {"origin": item, "made": made, "reason": reason, "exam": exam}
        append_audit(connection, actor=OPERATOR, action="gold.copy", subject=alias, detail=detail)
    return alias


def _files(home: Home, item: str) -> tuple[Deliverable, ...]:
    with home.database.read() as connection:
        return files_of_item(connection, item)


def _workbook(home: Home, file: Deliverable, flaw: Flaw, sheet: str | None) -> tuple[Deliverable, str]:
    chosen = provider(home.settings.sandbox, home.state, home.settings.options)
    if problem := chosen.problem():
        raise BadInput(f"workbooks are changed in a sandbox: {problem[0]}", field="sandbox", mend=problem[1])
    scratch = home.state / "scratch"
    return asyncio.run(workbook_changed(chosen, home.blobs, file, flaw, sheet=sheet, scratch=scratch))
