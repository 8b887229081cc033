"""From the records of a run to `evaluations.jsonl`: one line a verdict, or one for an attempt without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core import Database, Submission, cause_row
from grading import (
    AttemptFacts,
    Book,
    Evaluation,
    EvaluationLine,
    ReworkContext,
    chances_of,
    lines_of,
    unblinded_in,
    voided_in,
)
from runs.records import Records
from runs.rows import DONE, AttemptRow, ExecutionRow, RunRow
from runs.sheets import JobSheet, sheets_of


def evaluation_lines(
    database: Database, run_id: str, *, attempts: Sequence[AttemptRow] | None = None
) -> Iterator[EvaluationLine]:
    """The lines of a run, attempts in the order of the plan. The pack itself is not needed.

    Args:
        database: Of the project.
        run_id: Whole id of the run.
        attempts: Only these of its attempts; default: all.
    """
    records, sheets = Records(database), sheets_of(database, run_id)
    run = records.run(run_id)
    attempts = records.attempts(run_id) if attempts is None else attempts
    names = [attempt.id for attempt in attempts]
    evaluations = Book(database).evaluations_of(names)
    executions = records.executions_of(names)
    with database.read() as connection:
        voided = voided_in(connection, (sheet.grading_digest for sheet in sheets.values()))
        unblinded = unblinded_in(connection, names)
        chances = chances_of(connection, names)
    for attempt in attempts:
        job, digest = sheets[attempt.job], (attempt.submission or Submission()).digest
        current = _current(evaluations[attempt.id], digest, job)
        facts = _facts(attempt, executions[attempt.id], job, run, digest)
        facts = replace(facts, chances=chances.get(attempt.id, {}))
        if (attempt.id, facts.submission) in unblinded:
            facts = replace(facts, unblinded=True)
        yield from lines_of(facts, job.rubric, current, voided=voided.get(job.grading_digest, ()))


def _current(evaluations: Sequence[Evaluation], digest: str, job: JobSheet) -> list[Evaluation]:
    """Those of the present submission by the run's present rubric; earlier ones are kept in the book."""
    return [e for e in evaluations if (e.submission, e.grading_digest) == (digest, job.grading_digest)]


def _facts(
    attempt: AttemptRow, executions: list[ExecutionRow], job: JobSheet, run: RunRow, digest: str
) -> AttemptFacts:
    stopped = run.stop.cause if run.stop else None  # for which the rest of a stopped run is missing
    cause = attempt.cause if attempt.state == DONE else stopped
    agent = run.config.agent(attempt.agent)
    dollars = [e.dollars for e in executions]
    return AttemptFacts(
        run=attempt.run,
        agent=attempt.agent,
        job=attempt.job,
        attempt=attempt.k,
        arm=attempt.arm,
        repeat=attempt.repeat,
        execution=executions[-1].e if executions else 1,
        # What was salvaged from an attempt that is not graded is kept, but it awaits no verdict.
        submission=digest if attempt.submission and attempt.graded else None,
        cost=None if not dollars or None in dollars else sum(d for d in dollars if d is not None),
        minutes=_work_minutes(executions),
        more={
            "category": job.category,
            "payout": job.payout,
            "currency": job.currency,
            "ended": cause_row(cause).ended if cause else None,
            "cause": cause,
            "scripted": agent.scripted,
            "rubric_visible": run.config.rubric_visible,
            "criteria_shown": any(remark.criterion is not None for remark in attempt.remarks or ()),
            "rework_context": _context(attempt, run),
            "policy": run.config.policy,
            "task_digest": job.task_digest,
            "grading_digest": job.grading_digest,
            "agent_digest": agent.digest,
        },
    )


def _context(attempt: AttemptRow, run: RunRow) -> ReworkContext | None:
    if attempt.arm not in ("feedback", "retry"):
        return None
    return attempt.context or run.config.rework_context


def _work_minutes(executions: list[ExecutionRow]) -> float | None:
    """Minutes of work as told (deliverables made elsewhere), else measured over all executions."""
    told = [e.work_minutes for e in executions if e.work_minutes is not None]
    if told:
        return sum(told)
    measured = [e.working_seconds for e in executions if e.working_seconds is not None]
    return round(sum(measured) / 60, 4) if measured else None
