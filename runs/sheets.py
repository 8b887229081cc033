"""What a report needs of a job, kept with the run: reports do not change when the pack on disk does."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, func, insert, select

from core import Database, Frozen
from jobs import Job
from rubrics import Rubric
from runs.tables import SHEETS


class JobSheet(Frozen):
    """A job as it was when the run was begun, or when it was graded by another rubric.

    Attributes:
        payout: In `currency`.
        rubric: By which the verdicts of record are read.
    """

    job: str
    category: tuple[str, ...]
    payout: float
    currency: str
    task_digest: str
    grading_digest: str
    rubric: Rubric

    @classmethod
    def of(cls, job: Job) -> JobSheet:
        """The sheet of a job."""
        return cls(
            job=job.id,
            category=job.category,
            payout=float(job.payout.amount),
            currency=job.payout.currency,
            task_digest=job.task_digest,
            grading_digest=job.grading_digest,
            rubric=job.rubric,
        )


_NUMBER = select(func.count()).where(SHEETS.c.run == bindparam("run"), SHEETS.c.job == bindparam("job"))
_LAST = (
    select(SHEETS.c.grading_digest)
    .where(SHEETS.c.run == bindparam("run"), SHEETS.c.job == bindparam("job"))
    .order_by(SHEETS.c.number.desc())
    .limit(1)
)


def add_sheets(connection: Connection, run: str, jobs: Iterable[Job]) -> None:
    """Keep the jobs' sheets with a run; one by the same rubric and checks as the last is not kept again."""
    for job in jobs:
        key = {"run": run, "job": job.id}
        if connection.execute(_LAST, key).scalar_one_or_none() == job.grading_digest:
            continue
        number = connection.execute(_NUMBER, key).scalar_one()
        body = JobSheet.of(job).model_dump_json(exclude_defaults=True)
        row = key | {"number": number, "grading_digest": job.grading_digest, "body": body}
        connection.execute(insert(SHEETS), row)


def sheets_of(database: Database, run: str) -> dict[str, JobSheet]:
    """The present sheet of each job of a run: the last one kept."""
    query = select(SHEETS.c.job, SHEETS.c.body).where(SHEETS.c.run == run).order_by(SHEETS.c.number)
    with database.read() as connection:
        return {row.job: JobSheet.model_validate_json(row.body) for row in connection.execute(query)}
