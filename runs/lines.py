"""From the records of a run to `evaluations.jsonl`: one line a verdict, or one for an attempt without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core import Database, cause_row
from grading import Book, Evaluation, EvaluationLine
from jobs import Job
from runs.records import DONE, AttemptRow, ExecutionRow, Records


def evaluation_lines(database: Database, run_id: str, jobs: dict[str, Job]) -> Iterator[EvaluationLine]:
    """The lines of a run, attempts in the order of the plan.

    Args:
        database: Of the project.
        run_id: Whole id of the run.
        jobs: The run's jobs by id, for category, payout and rubric.
    """
    records = Records(database)
    run = records.run(run_id)
    attempts = records.attempts(run_id)
    names = [attempt.id for attempt in attempts]
    evaluations = Book(database).evaluations_of(names)
    executions: dict[str, list[ExecutionRow]] = {}
    for execution in records.executions(names):
        executions.setdefault(execution.attempt, []).append(execution)
    for attempt in attempts:
        job = jobs[attempt.job]
        common = _attempt_facts(attempt, executions.get(attempt.id, []), job) | {
            "rubric_visible": run.config.rubric_visible,
            "scripted": run.config.agent(attempt.agent).scripted,
            "agent_digest": run.config.agent(attempt.agent).digest,
        }
        current = [e for e in evaluations[attempt.id] if e.grading_digest == job.grading_digest]
        yield from _lines(common, job, current, graded=attempt.cause is None or cause_row(attempt.cause).graded)


def _lines(
    common: dict[str, Any], job: Job, evaluations: list[Evaluation], *, graded: bool
) -> Iterator[EvaluationLine]:
    judged = {verdict.criterion for evaluation in evaluations for verdict in evaluation.verdicts}
    for evaluation in evaluations:
        yield from _evaluation_lines(common, job, evaluation)
    awaiting = [c for c in job.rubric.criteria if c.id not in judged] if graded else []
    for criterion in awaiting:
        yield EvaluationLine(
            **common, criterion=criterion.id, importance=criterion.importance, weight=criterion.weight
        )
    if not evaluations and not awaiting:
        yield EvaluationLine(**common, criterion=None)


def _evaluation_lines(common: dict[str, Any], job: Job, evaluation: Evaluation) -> Iterator[EvaluationLine]:
    criteria = {criterion.id: criterion for criterion in job.rubric.criteria}
    by_grader = common | {
        "grader": evaluation.grader,
        "grader_kind": evaluation.grader_kind,
        "stage": evaluation.stage,
        "revision": evaluation.revision,
        "judgement": evaluation.judgement,
        "judge_seen": evaluation.judge_seen,
        "cost": common["cost"] | {"review": evaluation.cost},
        "minutes": common["minutes"] | {"review": evaluation.minutes},
        "ts": evaluation.ts,
    }
    if not evaluation.verdicts and evaluation.judgement is not None:
        yield EvaluationLine(**by_grader, criterion=None)
    for verdict in evaluation.verdicts:
        yield EvaluationLine(
            **by_grader,
            criterion=verdict.criterion,
            importance=criteria[verdict.criterion].importance,
            weight=criteria[verdict.criterion].weight,
            decides=verdict.decides,
            verdict=verdict.verdict,
            feedback=verdict.feedback,
            evidence=verdict.evidence,
        )


def _attempt_facts(attempt: AttemptRow, executions: list[ExecutionRow], job: Job) -> dict[str, Any]:
    last = executions[-1] if executions else None
    cause = attempt.cause if attempt.state == DONE else None
    dollars = [e.dollars for e in executions if e.dollars is not None]
    return {
        "run": attempt.run,
        "agent": attempt.agent,
        "job": attempt.job,
        "repeat": attempt.repeat,
        "attempt": attempt.k,
        "execution": last.e if last else 1,
        "arm": attempt.arm,
        "submission": attempt.submission.digest if attempt.submission else None,
        "category": job.category,
        "payout": float(job.payout.amount),
        "currency": job.payout.currency,
        "cost": {"model": sum(dollars) if dollars else None},
        "minutes": {"work": _work_minutes(executions)},
        "ended": cause_row(cause).ended if cause else None,
        "cause": cause,
        "task_digest": job.task_digest,
        "grading_digest": job.grading_digest,
    }


def _work_minutes(executions: list[ExecutionRow]) -> float | None:
    """Minutes of work as told (deliverables made elsewhere), else measured over all executions."""
    told = [e.work_minutes for e in executions if e.work_minutes is not None]
    if told:
        return sum(told)
    measured = [e.working_seconds for e in executions if e.working_seconds is not None]
    return round(sum(measured) / 60, 4) if measured else None
