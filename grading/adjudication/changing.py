"""Submissions with a known flaw in them: texts are changed here, workbooks by a program in a grading sandbox."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from core import Blobs, Deliverable, Frozen, in_thread
from grading.adjudication.perturb import IN_WORKBOOKS, Flaw, NotChanged, text_with
from grading.checks.program import LIMITS, MADE, ROOM, run_program
from sandbox import SandboxProvider, TreeLimits

WORKBOOKS = frozenset({".xlsx", ".xlsm"})
CHANGED = "changed.xlsx"
MAX_ANSWER = 64 << 10
MAX_MADE = 500
"""Characters of the words that say how a submission was changed."""
_LIMITS = TreeLimits(max_files=2, max_total_bytes=256 << 20)


class _Answer(Frozen):
    problem: str | None
    made: str = ""


@dataclass(frozen=True)
class Changed:
    """What a changed copy hands in; its bytes are blobs.

    Attributes:
        made: How it was changed, in words. missing: What was handed in and is not any more.
    """

    files: tuple[Deliverable, ...]
    made: str
    missing: tuple[str, ...] = ()


class Changer:
    """Makes what changed copies hand in.

    Args:
        blobs: Where the bytes lie.
        scratch: A folder for what comes out of the sandbox.
        provider: Opens the grading sandbox; asked for only where one is needed, and may raise `BadInput`.
        media_type: Of a file on this machine.
    """

    def __init__(
        self,
        blobs: Blobs,
        scratch: Path,
        provider: Callable[[], SandboxProvider],
        media_type: Callable[[Path], str],
    ) -> None:
        self._blobs, self._scratch = blobs, scratch
        self._provider, self._media_type = provider, media_type

    async def with_flaw(
        self, files: Sequence[Deliverable], flaw: Flaw, path: str, *, sheet: str | None = None
    ) -> Changed:
        """A submission with a flaw in one of its files; `sheet`: of a workbook, which (None: the last).

        Raises:
            NotChanged: The flaw cannot be put in there. BadInput: There is no sandbox. Fault: It failed.
        """
        file = _named(files, path)
        rest = [one for one in files if one.path != path]
        if flaw is Flaw.missing_file:
            return Changed(tuple(rest), f"{path} is missing", (path,))
        made = f"{flaw.value.replace('_', ' ')} in {path}"
        if flaw in IN_WORKBOOKS and PurePosixPath(path).suffix.lower() in WORKBOOKS:
            changed, how = await self._workbook(file, flaw, sheet)
            made = f"{made}: {how}"
        else:
            changed = await in_thread(self._text, file, flaw)
        return Changed((*rest, changed), made[:MAX_MADE])

    def with_files(
        self, files: Sequence[Deliverable], changed: Mapping[str, Path], gone: Collection[str] = ()
    ) -> Changed:
        """A submission with other files.

        Args:
            files: As they were handed in.
            changed: Path in the submission -> a file on this machine that is to stand there.
            gone: Paths of files that are not handed in any more.

        Raises:
            NotChanged: One of them is called as no deliverable can be, or nothing is left.
        """
        before = {file.path: file for file in files}
        names = sorted(changed)
        sums = self._blobs.put_files(changed[name] for name in names)
        try:
            made = {
                name: Deliverable(
                    path=name, size=path.stat().st_size, media_type=self._media_type(path), sha256=sha256
                )
                for name, path, sha256 in zip(names, (changed[n] for n in names), sums, strict=True)
            }
        except ValidationError as error:
            raise NotChanged("a file is called as no deliverable can be") from error
        missing = [path for path in before if path in gone and path not in made]
        kept = {path: file for path, file in before.items() if path not in missing} | made
        if not kept:
            raise NotChanged("nothing would be handed in")
        told = {
            "changed": [name for name in names if name in before and before[name].sha256 != made[name].sha256],
            "added": [name for name in names if name not in before],
            "missing": missing,
        }
        says = "; ".join(f"{what}: {', '.join(of_kind)}" for what, of_kind in told.items() if of_kind)
        return Changed(tuple(kept.values()), says[:MAX_MADE], tuple(missing))

    def _text(self, file: Deliverable, flaw: Flaw) -> Deliverable:
        return self._as_blob(file, text_with(flaw, self._blobs.get_bytes(file.sha256)))

    async def _workbook(self, file: Deliverable, flaw: Flaw, sheet: str | None) -> tuple[Deliverable, str]:
        """A workbook with a flaw, and what was done to it."""
        name = f"file{PurePosixPath(file.path).suffix.lower()}"
        more = () if sheet is None else (f"--sheet={sheet}",)
        provider = self._provider()
        with TemporaryDirectory(dir=self._scratch) as made:
            answer = await run_program(
                provider,
                key=f"gold.{file.sha256[:12]}.{secrets.token_hex(4)}",
                arguments=("perturb", flaw.value, f"{ROOM}/{name}", *more, "--into", MADE),
                mounts={name: await in_thread(self._blobs.fetch, file.sha256)},
                request=None,
                limits=LIMITS,
                max_answer=MAX_ANSWER,
                made=(Path(made), _LIMITS),
            )
            try:
                told = _Answer.model_validate(answer)
                if told.problem is not None:
                    raise NotChanged(told.problem[:MAX_MADE])
                data = await in_thread((Path(made) / CHANGED).read_bytes)
            except (ValidationError, FileNotFoundError) as error:
                raise NotChanged("what read it answered nothing that can be used") from error
            return await in_thread(self._as_blob, file, data), told.made

    def _as_blob(self, file: Deliverable, data: bytes) -> Deliverable:
        return file.model_copy(update={"size": len(data), "sha256": self._blobs.put_bytes(data)})


def _named(files: Sequence[Deliverable], path: str) -> Deliverable:
    for file in files:
        if file.path == path:
            return file
    names = ", ".join(file.path for file in files)
    raise NotChanged(f"no file {path!r} was handed in; there are {names[:MAX_MADE]}")
