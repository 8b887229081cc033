"""Turning deliverables into what a judge reads: text with stable anchors, and machine facts."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from core import Cause, Fault, Frozen, sha256_file
from grading.checks.program import LIMITS, run_program
from sandbox import SandboxLimits, SandboxProvider

MAX_ANSWER = 48 << 20
UNREAD = "it was not rendered"


class Rendering(Frozen):
    """One deliverable as text and facts.

    Attributes:
        path: POSIX path in the submission.
        sha256: Of its bytes.
        media_type: By its name.
        segments: (anchor, text) pairs in reading order; an anchor is `line=40`, `page=3`, `slide=4`,
            `Sheet1!A12`, `paragraph=7` ...
        unseen: (anchor, why, text) of what a client does not see: hidden sheets, deleted or invisible text ...
        facts: What a program can count or read: sheets, pages, words, metadata; `hidden` lists what a client
            does not see, `suspicious` what may not be seen, `instruction_like` what seems to speak to a grader.
        problem: Why it could not be rendered, or None.
        truncated: Some of its text was left out.
    """

    path: str
    sha256: str
    media_type: str
    segments: tuple[tuple[str, str], ...] = ()
    unseen: tuple[tuple[str, str, str], ...] = ()
    facts: dict[str, Any] = {}
    problem: str | None = None
    truncated: bool = False

    @property
    def text(self) -> str:
        """The text of all segments, one a line."""
        return "\n".join(text for _, text in self.segments)


class _Said(Frozen):
    path: str
    segments: tuple[tuple[str, str], ...] = ()
    unseen: tuple[tuple[str, str, str], ...] = ()
    facts: dict[str, Any] = {}
    problem: str | None = Field(default=None, max_length=600)
    truncated: bool = False


class _Answer(Frozen):
    renderings: Annotated[tuple[_Said, ...], Field(max_length=100_000)]


async def render_texts(
    provider: SandboxProvider,
    *,
    key: str,
    folder: Path,
    limits: SandboxLimits = LIMITS,
    labels: Mapping[str, str] | None = None,
) -> list[Rendering]:
    """One rendering a file below `folder`, sorted by path; an empty folder opens no sandbox.

    A file that is broken, encrypted, too large or a bomb has a `problem`; it never fails the whole.

    Args:
        provider: Opens the grading sandbox.
        key: Key of its workspace, which is removed afterwards.
        folder: The submission.
        limits: Of the sandbox.
        labels: Whose work is rendered (`run`, `trial`): its sandbox carries them.

    Raises:
        Fault: With cause `check_failed_to_run` when nothing could be rendered at all.
        SandboxFault: The sandbox did not start or was lost.
    """
    files = _files(folder)
    if not files:
        return []
    answer = await run_program(
        provider,
        key=key,
        arguments=("render",),
        mounts={"deliverables": folder},
        request=None,
        limits=limits,
        max_answer=MAX_ANSWER,
        labels=labels,
    )
    try:
        said = {one.path: one for one in _Answer.model_validate(answer).renderings}
    except ValidationError as error:
        raise Fault(Cause.check_failed_to_run, "the renderings are malformed") from error
    return [_rendering(name, path, said.get(name)) for name, path in files]


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)


def _rendering(name: str, path: Path, said: _Said | None) -> Rendering:
    known = {
        "path": name,
        "sha256": sha256_file(path),
        "media_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
    }
    if said is None:
        return Rendering(**known, problem=UNREAD, truncated=True)
    return Rendering(**known, **said.model_dump(exclude={"path"}))
