"""What is known of a file that was rendered: text and facts, and what a person looks at."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any, Literal

from pydantic import Field

from core import Deliverable, Frozen
from grading.inside.spoken import speaks_to_a_grader
from grading.render.texts import Rendering

Kind = Literal["pages", "sheet", "image", "audio", "video", "html", "archive", "text"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Field(ge=1, le=4096)]
Name = Annotated[str, Field(max_length=200)]
Note = Annotated[str, Field(max_length=600)]


class DrawnPage(Frozen):
    """A page as an image.

    Attributes:
        number: From 1; pages that could not be drawn are left out. width, height: Of the image, in pixels.
        image, small: Blobs: WebP in two widths.
        words: Blob: JSON, `[[x, y, width, height, word], ...]` in parts (0 to 1) of the page.
    """

    number: int = Field(ge=1, le=10_000)
    width: Side
    height: Side
    label: Name
    image: Digest
    small: Digest
    words: Digest


class DrawnSheet(Frozen):
    """A worksheet, or the one table of a delimited file (whose name is empty).

    Attributes:
        rows, columns: How far it is kept. cut: It goes on beyond that.
        chunks: Number of a chunk of `CHUNK_ROWS` rows -> blob; chunks without a cell are left out.
        merged: [first row, first column, last row, last column], from 1. comments: (row, column, text).
    """

    name: Name
    rows: int = Field(ge=0, le=200_000)
    columns: int = Field(ge=0, le=500)
    cells: int = Field(ge=0, le=10_000_000)
    hidden: bool
    cut: bool
    chunks: dict[Annotated[int, Field(ge=0, le=400)], Digest]
    merged: Annotated[tuple[tuple[int, int, int, int], ...], Field(max_length=2000)]
    hidden_rows: Annotated[tuple[int, ...], Field(max_length=2000)]
    hidden_columns: Annotated[tuple[int, ...], Field(max_length=2000)]
    comments: Annotated[
        tuple[tuple[int, int, Annotated[str, Field(max_length=2000)]], ...], Field(max_length=2000)
    ]


class Picture(Frozen):
    """A picture drawn anew: WebP, no larger than a screen."""

    image: Digest
    width: Side
    height: Side


class Rendered(Frozen):
    """A file as reviewers and judges see it, made once for its bytes, its kind and what it is drawn with.

    Attributes:
        suffix: Of its name, lower case with the point, or empty: which readers were tried.
        segments, unseen, facts, problem, truncated: As in `Rendering`.
        notes: What is not shown, or not as it would be elsewhere, and why.
        flags: What a reader should know of it: macros, references to other places ...
        passing: It was ended for want of time or memory; another try may do better.
    """

    sha256: Digest
    suffix: str
    kind: Kind
    segments: tuple[tuple[str, str], ...] = ()
    unseen: tuple[tuple[str, str, str], ...] = ()
    facts: dict[str, Any] = {}
    problem: Annotated[str, Field(max_length=600)] | None = None
    truncated: bool = False
    pages: tuple[DrawnPage, ...] = ()
    sheets: tuple[DrawnSheet, ...] = ()
    picture: Picture | None = None
    notes: tuple[Note, ...] = ()
    flags: tuple[Note, ...] = ()
    passing: bool = False

    def of(self, path: str) -> Rendering:
        """The text and the facts, under the name by which the file was handed in."""
        facts = self.facts
        if self.notes:
            facts = facts | {"notes": list(self.notes)}
        if self.pages:
            facts = facts | {"pages_drawn": len(self.pages)}
        if said := speaks_to_a_grader(path):
            spoken = [*facts.get("instruction_like", ()), {"anchor": "file name", "text": said}]
            facts = facts | {"instruction_like": spoken}
        return Rendering(
            path=path,
            sha256=self.sha256,
            media_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
            segments=self.segments,
            unseen=self.unseen,
            facts=facts,
            problem=self.problem,
            truncated=self.truncated,
        )


def suffix_of(file: Deliverable) -> str:
    """What of a file's name decides how it is read: its extension in lower case, where that is a plain one."""
    stem, point, suffix = file.path.rsplit("/", 1)[-1].rpartition(".")
    plain = suffix.isascii() and suffix.isalnum() and len(suffix) <= 10
    return f".{suffix.lower()}" if stem and point and plain else ""
