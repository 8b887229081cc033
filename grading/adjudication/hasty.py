"""Too fast and wrong: gold reviews done in a fraction of the usual time that say something else than the keys.

Fast alone is no sign, for some know the work well, and wrong alone is what accuracy measures. Both together, again
and again, are a reason to talk to somebody. Nobody's pay hangs on it.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from sqlalchemy import Connection, and_, case, func, select

from core import Frozen
from grading.adjudication.tables import GOLD, GOLD_ITEMS
from grading.tables import EVALUATIONS, REVIEW_ITEMS, VERDICTS
from rubrics import Verdict

TOO_FAST = 0.15
"""Of the median time a verdict of others."""
OTHERS = 5
"""So many reviews by others there must be, to say what is usual."""
_STAGES = ("primary", "overlap", "gold")


class Haste(Frozen):
    """Of one reviewer.

    Attributes:
        gold: Gold reviews of which it can be told. hasty: Those that were both fast and wrong.
    """

    gold: int = 0
    hasty: int = 0


def haste_of_all(connection: Connection) -> dict[str, Haste]:
    """Reviewer -> how many of their gold reviews were too fast and wrong; somebody without any is not in there."""
    golden = _gold_reviews(connection)
    paces = _paces(connection, {rubric for _, _, rubric, _ in golden})
    wrong = _wrong(connection)
    found: dict[str, Haste] = {}
    for number, person, rubric, pace in golden:
        others = [one for who, one in paces[rubric] if who != person]
        if len(others) < OTHERS:
            continue
        had = found.get(person, Haste())
        hasty = pace < TOO_FAST * median(others) and wrong.get(number, 0) > 0
        found[person] = Haste(gold=had.gold + 1, hasty=had.hasty + hasty)
    return found


_COUNT = (
    select(func.count()).where(VERDICTS.c.evaluation == EVALUATIONS.c.id).correlate(EVALUATIONS).scalar_subquery()
)
_FIRST = and_(
    EVALUATIONS.c.grader_kind == "human", EVALUATIONS.c.revision == 1, EVALUATIONS.c.minutes.is_not(None)
)
_SAME = and_(
    REVIEW_ITEMS.c.attempt_id == EVALUATIONS.c.attempt_id,
    REVIEW_ITEMS.c.submission == EVALUATIONS.c.submission,
    REVIEW_ITEMS.c.grading_digest == EVALUATIONS.c.grading_digest,
)


def _gold_reviews(connection: Connection) -> list[tuple[int, str, str, float]]:
    """Number, reviewer, rubric and minutes a verdict of each gold review."""
    query = (
        select(EVALUATIONS.c.id, EVALUATIONS.c.grader, EVALUATIONS.c.grading_digest, EVALUATIONS.c.minutes)
        .add_columns(_COUNT.label("verdicts"))
        .select_from(GOLD_ITEMS)
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == GOLD_ITEMS.c.item)
        .join(EVALUATIONS, _SAME)
        .where(_FIRST, EVALUATIONS.c.stage == "gold")
    )
    rows = connection.execute(query)
    return [(r.id, r.grader, r.grading_digest, r.minutes / r.verdicts) for r in rows if r.verdicts]


def _paces(connection: Connection, rubrics: set[str]) -> dict[str, list[tuple[str, float]]]:
    """Rubric -> who reviewed by it, and how many minutes a verdict that took."""
    paces: dict[str, list[tuple[str, float]]] = defaultdict(list)
    if rubrics:
        columns = (EVALUATIONS.c.grader, EVALUATIONS.c.grading_digest, EVALUATIONS.c.minutes)
        chosen = (_FIRST, EVALUATIONS.c.stage.in_(_STAGES), EVALUATIONS.c.grading_digest.in_(sorted(rubrics)))
        for row in connection.execute(select(*columns, _COUNT.label("verdicts")).where(*chosen)):
            if row.verdicts:
                paces[row.grading_digest].append((row.grader, row.minutes / row.verdicts))
    return paces


def _wrong(connection: Connection) -> dict[int, int]:
    """Gold review -> verdicts that are not as the keys."""
    word = case((GOLD.c.verdict == "pass", Verdict.passed.value), else_=Verdict.failed.value)
    query = (
        select(VERDICTS.c.evaluation, func.count().label("wrong"))
        .select_from(GOLD)
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == GOLD.c.item)
        .join(EVALUATIONS, _SAME)
        .join(VERDICTS, and_(VERDICTS.c.evaluation == EVALUATIONS.c.id, VERDICTS.c.criterion == GOLD.c.criterion))
        .where(EVALUATIONS.c.stage == "gold", GOLD.c.retired.is_(False), VERDICTS.c.verdict != word)
        .group_by(VERDICTS.c.evaluation)
    )
    return {int(row.evaluation): int(row.wrong) for row in connection.execute(query)}
