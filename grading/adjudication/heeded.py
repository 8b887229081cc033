"""Whose feedback helps: how much of what a reviewer failed passed once the agent had gone on from their remarks.

Counted are fails in primary reviews of submissions of which a rework with remarks is settled, on criteria that
people judged again. A criterion passes there by the adjudicator's word, else where more of the reviewers say pass
than fail. It is a sign to look closer: hard work stays failed whatever was said of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.engine import Connection

from grading.figures.counts import ratio
from grading.figures.model import Figure
from grading.tables import EVALUATIONS, REVIEW_ITEMS, VERDICTS
from rubrics import Verdict

NONE = Figure(value=None, n=0, why="nothing that was failed has been tried again with remarks")

_SUBMISSION = ("attempt_id", "submission", "grading_digest")


def heeded(connection: Connection, reworked: Select[str], people: Sequence[str]) -> dict[str, Figure]:
    """Reviewer -> share of their fails that passed after their remarks; who has none is not in there.

    Args:
        connection: Of a read.
        reworked: Chooses the ids of the attempts that went on from remarks.
        people: Whose.
    """
    after, again, word = REVIEW_ITEMS.alias("after"), EVALUATIONS.alias("again"), VERDICTS.alias("word")
    decided = again.c.stage == "adjudication"
    said = (
        select(
            after.c.previous.label("item"),
            after.c.alias.label("after"),
            word.c.criterion,
            func.max(case((decided, word.c.verdict))).label("decided"),
            func.sum(case((decided, 0), (word.c.verdict == Verdict.passed.value, 1), else_=-1)).label("leaning"),
        )
        .join(again, and_(*(again.c[name] == after.c[name] for name in _SUBMISSION)))
        .join(word, word.c.evaluation == again.c.id)
        .where(after.c.settled.is_not(None), after.c.attempt_id.in_(reworked), again.c.grader_kind == "human")
        .where(or_(decided, and_(again.c.stage == "primary", again.c.revision == 1)))
        .where(word.c.verdict != Verdict.cannot_judge.value)
        .group_by(after.c.previous, after.c.alias, word.c.criterion)
        .subquery("said")
    )
    passes = or_(said.c.decided == Verdict.passed.value, and_(said.c.decided.is_(None), said.c.leaning > 0))
    query = (
        select(
            EVALUATIONS.c.grader, func.count().label("fails"), func.sum(case((passes, 1), else_=0)).label("passed")
        )
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .join(REVIEW_ITEMS, and_(*(REVIEW_ITEMS.c[name] == EVALUATIONS.c[name] for name in _SUBMISSION)))
        .join(said, and_(said.c.item == REVIEW_ITEMS.c.alias, said.c.criterion == VERDICTS.c.criterion))
        .where(EVALUATIONS.c.grader.in_(people), EVALUATIONS.c.grader_kind == "human")
        .where(EVALUATIONS.c.stage == "primary", EVALUATIONS.c.revision == 1)
        .where(VERDICTS.c.verdict == Verdict.failed.value)
        .group_by(EVALUATIONS.c.grader)
    )
    rows = connection.execute(query).all()
    return {row.grader: Figure(value=ratio(int(row.passed), int(row.fails)), n=int(row.fails)) for row in rows}
