"""On which attempts people are still at work, although their verdicts may already say something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from core import Database
from grading.tables import EVALUATIONS, REVIEW_ITEMS

_STAGES = ("primary", "adjudication")
_IN_ONE_QUERY = 500


def word_awaited(database: Database, attempts: Sequence[str]) -> frozenset[str]:
    """Those of some attempts (their ids) that somebody has reviewed and that are not settled.

    Where nobody has reviewed, checks may have decided all there is, and nobody need be waited for. Overlapping and
    gold reviews are waited for by nobody.
    """
    query = (
        select(REVIEW_ITEMS.c.attempt_id)
        .join(
            EVALUATIONS,
            (EVALUATIONS.c.attempt_id == REVIEW_ITEMS.c.attempt_id)
            & (EVALUATIONS.c.submission == REVIEW_ITEMS.c.submission)
            & (EVALUATIONS.c.grading_digest == REVIEW_ITEMS.c.grading_digest),
        )
        .where(
            EVALUATIONS.c.grader_kind == "human",
            EVALUATIONS.c.stage.in_(_STAGES),
            REVIEW_ITEMS.c.settled.is_(None),
        )
        .distinct()
    )
    found: set[str] = set()
    with database.read() as connection:
        for begin in range(0, len(attempts), _IN_ONE_QUERY):
            some = attempts[begin : begin + _IN_ONE_QUERY]
            found.update(connection.execute(query.where(REVIEW_ITEMS.c.attempt_id.in_(some))).scalars())
    return frozenset(found)
