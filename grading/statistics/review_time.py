"""How long a reviewer takes for a criterion: measured here where people have reviewed, else assumed."""

from __future__ import annotations

from sqlalchemy import func, select

from core import Database
from grading.tables import EVALUATIONS, VERDICTS

MINUTES_PER_CRITERION = 2.0
"""Where nothing was measured: about 20 minutes a review (the paper's reviews) of a rubric of ten criteria."""
ENOUGH_VERDICTS = 30


def minutes_per_criterion(database: Database) -> tuple[float, int] | None:
    """Minutes that people took a verdict in this project, and the number of those verdicts; None: too few."""
    timed = (EVALUATIONS.c.grader_kind == "human", EVALUATIONS.c.minutes.is_not(None))
    verdicts = (
        select(func.count())
        .select_from(VERDICTS)
        .join(EVALUATIONS, EVALUATIONS.c.id == VERDICTS.c.evaluation)
        .where(*timed)
    )
    judged = select(VERDICTS.c.evaluation).where(VERDICTS.c.evaluation == EVALUATIONS.c.id).exists()
    minutes = select(func.sum(EVALUATIONS.c.minutes)).where(*timed, judged)
    with database.read() as connection:
        count = int(connection.execute(verdicts).scalar_one())
        if count < ENOUGH_VERDICTS:
            return None
        return float(connection.execute(minutes).scalar_one()) / count, count
