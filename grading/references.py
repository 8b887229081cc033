"""Where the records of grading name blobs: what is up for review, and what was rendered of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator

from core import References, Row
from grading.render.tables import RENDERINGS
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS

_NAMES = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def blobs_of_sheet(row: Row) -> Iterable[str]:
    """The job's inputs."""
    return [file["sha256"] for file in json.loads(row["body"]).get("inputs", ())]


def blobs_of_item(row: Row) -> Iterable[str]:
    """The files that were handed in; of gold, those of the changed copy."""
    return [file["sha256"] for file in json.loads(row["handed_in"]).get("deliverables", ())]


GRADING_REFERENCES = (
    References(REVIEW_SHEETS, ("body",), blobs_of_sheet),
    References(REVIEW_ITEMS, ("handed_in",), blobs_of_item),
)


def render_references(without: Collection[str] = ()) -> tuple[References, ...]:
    """What renderings name, but those by some renderers that are to go."""
    where = RENDERINGS.c.renderer.not_in(without)
    return (
        References(RENDERINGS, ("sha256",), lambda row: (row["sha256"],), where=where),
        References(
            RENDERINGS,
            ("manifest",),
            lambda row: (row["manifest"],),
            where=where & RENDERINGS.c.manifest.is_not(None),
            inside=_drawn,
            made_anew=True,
        ),
    )


def _drawn(manifest: bytes) -> Iterator[str]:
    """Pages, words, sheets and pictures: all that can be a name, whatever renderings come to hold."""
    return (found.decode() for found in _NAMES.findall(manifest))
