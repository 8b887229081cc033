"""A file with a known flaw in it: texts are changed here, workbooks by a program in a grading sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from core import Blobs, Deliverable, Frozen
from grading.adjudication.perturb import IN_WORKBOOKS, Flaw, NotChanged, text_with
from grading.checks.program import LIMITS, MADE, ROOM, run_program
from sandbox import SandboxProvider, TreeLimits

WORKBOOKS = frozenset({".xlsx", ".xlsm"})
CHANGED = "changed.xlsx"
MAX_ANSWER = 64 << 10
_LIMITS = TreeLimits(max_files=2, max_total_bytes=256 << 20)


class _Answer(Frozen):
    problem: str | None
    made: str = ""


def file_named(files: Sequence[Deliverable], path: str) -> Deliverable:
    """The file of that path. Raises `NotChanged`."""
    for file in files:
        if file.path == path:
            return file
    names = ", ".join(file.path for file in files)
    raise NotChanged(f"no file {path!r} was handed in; there are {names[:500]}")


def needs_sandbox(file: Deliverable, flaw: Flaw) -> bool:
    """Whether a parser is needed to put the flaw in."""
    return flaw in IN_WORKBOOKS and PurePosixPath(file.path).suffix.lower() in WORKBOOKS


def text_changed(blobs: Blobs, file: Deliverable, flaw: Flaw) -> Deliverable:
    """A text with a flaw, as a blob. Raises `NotChanged`."""
    return _as_blob(blobs, file, text_with(flaw, blobs.get_bytes(file.sha256)))


async def workbook_changed(
    provider: SandboxProvider, blobs: Blobs, file: Deliverable, flaw: Flaw, *, sheet: str | None, scratch: Path
) -> tuple[Deliverable, str]:
    """A workbook with a flaw, as a blob, and what was done to it.

    Args:
        provider: Opens the grading sandbox.
        blobs: Where the bytes lie.
        file: The workbook.
        flaw: One of those in workbooks.
        sheet: Which; None: the last.
        scratch: A folder for what comes out of the sandbox.

    Raises:
        NotChanged: It is no workbook, or has no such sheet.
        Fault: The sandbox failed.
    """
    name = f"file{PurePosixPath(file.path).suffix.lower()}"
    more = () if sheet is None else (f"--sheet={sheet}",)
    with TemporaryDirectory(dir=scratch) as made:
        answer = await run_program(
            provider,
            key=f"gold.{file.sha256[:12]}.{secrets.token_hex(4)}",
            arguments=("perturb", flaw.value, f"{ROOM}/{name}", *more, "--into", MADE),
            mounts={name: blobs.fetch(file.sha256)},
            request=None,
            limits=LIMITS,
            max_answer=MAX_ANSWER,
            made=(Path(made), _LIMITS),
        )
        try:
            told = _Answer.model_validate(answer)
            if told.problem is not None:
                raise NotChanged(told.problem[:500])
            return _as_blob(blobs, file, (Path(made) / CHANGED).read_bytes()), told.made[:500]
        except (ValidationError, FileNotFoundError) as error:
            raise NotChanged("what read it answered nothing that can be used") from error


def _as_blob(blobs: Blobs, file: Deliverable, data: bytes) -> Deliverable:
    return file.model_copy(update={"size": len(data), "sha256": blobs.put_bytes(data)})
