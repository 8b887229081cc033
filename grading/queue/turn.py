"""Whether anybody is needed for a submission at all."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from grading.record import records_of


def decided_by_checks(
    connection: Connection, attempt_id: str, grading_digest: str, criteria: Collection[str]
) -> bool:
    """Whether checks have decided every one of the criteria of an attempt's submission."""
    from grading.book import read_evaluations  # the book publishes by way of this module

    said = [
        evaluation
        for evaluation in read_evaluations(connection, [attempt_id])
        if evaluation.grading_digest == grading_digest and evaluation.grader_kind == "check"
    ]
    records = records_of(said)
    return all(name in records and records[name].verdict is not None for name in criteria)
