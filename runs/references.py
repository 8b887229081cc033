"""Where the records of runs name blobs: the snapshot of a run's pack, and what attempts handed in."""

from __future__ import annotations

from collections.abc import Iterable

from core import References, Row, Submission
from runs.packs import parse_manifest
from runs.tables import ATTEMPTS, RUNS


def blobs_of_run(row: Row) -> Iterable[str]:
    """The snapshot of its pack, where one was kept."""
    return (row["pack"],) if row.get("pack") else ()


def blobs_of_attempt(row: Row) -> Iterable[str]:
    """The files that it handed in."""
    if row.get("submission") is None:
        return ()
    return [file.sha256 for file in Submission.model_validate_json(row["submission"]).files]


RUN_REFERENCES = (
    References(RUNS, ("pack",), blobs_of_run, inside=lambda data: parse_manifest(data).blobs),
    References(ATTEMPTS, ("submission",), blobs_of_attempt, where=ATTEMPTS.c.submission.is_not(None)),
)
