"""What an attempt handed in: a Submission is the frozen manifest of its Deliverables."""

from __future__ import annotations

from pydantic import Field, field_validator

from core.digests import digest_of
from core.files import safe_relative
from core.models import Frozen


class Deliverable(Frozen):
    """One file an attempt handed in.

    Attributes:
        path: POSIX path below the deliverables folder.
        size: Bytes.
        media_type: By content where it can be told, else by name, else `application/octet-stream`.
        sha256: Of the bytes; also the name of the blob.
    """

    path: str
    size: int = Field(ge=0)
    media_type: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        return safe_relative(value).as_posix()


class LeftOut(Frozen):
    """Something found among the deliverables that was not collected, and why."""

    path: str
    why: str


class Submission(Frozen):
    """The frozen set of deliverables of one attempt, sorted by path.

    Attributes:
        files: What was collected.
        left_out: What was there and not collected (links, devices, over the caps).
        missing: Declared, required deliverables (globs) that match nothing.
        note: The agent's words at hand-in; a claim, never evidence.
    """

    files: tuple[Deliverable, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    missing: tuple[str, ...] = ()
    note: str = ""

    @property
    def digest(self) -> str:
        """Digest of paths and contents: two equal sets of files have the same."""
        return digest_of([(file.path, file.sha256) for file in self.files])
