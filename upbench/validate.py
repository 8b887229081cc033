"""`jobs validate`: the linter, and the two agents that bracket every pack: nop must complete nothing, oracle all.

Here every check decides; criteria without a check are left out and counted.
"""

from __future__ import annotations

import asyncio

from core import Frozen
from grading import Book
from jobs import Job, JobPack, load_pack
from rubrics import Finding, Importance, Verdict, lint
from runs import AttemptRow, Workplace
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings
from upbench.validations import HOME, own_project


class JobFinding(Frozen):
    """A finding of the linter on one job."""

    job: str
    criterion: str | None
    rule: str
    level: str
    message: str


class Bracket(Frozen):
    """What one of the two bracketing agents reached.

    Attributes:
        completed: Jobs whose checked critical and important criteria all passed (policy `paper`).
        trials: Jobs that were tried.
        wrong: `job/criterion: verdict, why` of every checked criterion that did not come out as it must.
    """

    completed: int
    trials: int
    wrong: tuple[str, ...] = ()


class Validation(Frozen):
    """What `jobs validate` found.

    Attributes:
        jobs: How many. checked, unchecked: Criteria with and without a check.
        ok: No lint error, nop completed nothing, oracle everything, and every check decided.
    """

    pack: str
    jobs: int
    checked: int
    unchecked: int
    lint: tuple[JobFinding, ...]
    nop: Bracket
    oracle: Bracket
    ok: bool


def validate_pack(
    name: str, *, settings: Settings, jobs: tuple[str, ...] = (), concurrency: int | None = None
) -> Validation:
    """Validate a pack (or some of its jobs) in a project folder of its own, which is removed afterwards.

    Raises:
        BadInput: The pack or the names of the jobs are wrong. MissingTool: No sandbox works here.
    """
    pack = load_pack(name)
    chosen = tuple(pack.job(job) for job in jobs) or pack.jobs
    findings = tuple(found for job in chosen for found in _lint(job))
    with own_project() as folder:
        own = settings.model_copy(update={"project": folder, "home": HOME, "prices": None})
        bench = Bench(settings=own)
        try:
            nop, oracle = _bracket(bench, name, pack, tuple(job.id for job in chosen), concurrency)
        finally:
            bench.close()
    criteria = [criterion for job in chosen for criterion in job.rubric.criteria]
    checked = sum(criterion.check is not None for criterion in criteria)
    errors = any(found.level == "error" for found in findings)
    return Validation(
        pack=pack.name,
        jobs=len(chosen),
        checked=checked,
        unchecked=len(criteria) - checked,
        lint=findings,
        nop=nop,
        oracle=oracle,
        ok=not errors and nop.completed == 0 and oracle.completed == len(chosen) and not oracle.wrong,
    )


def _lint(job: Job) -> list[JobFinding]:
    return [_finding(job, found) for found in lint(job.rubric)]


def _finding(job: Job, found: Finding) -> JobFinding:
    return JobFinding(
        job=job.id, criterion=found.criterion, rule=found.rule, level=found.level, message=found.message
    )


def _bracket(
    bench: Bench, name: str, pack: JobPack, jobs: tuple[str, ...], concurrency: int | None
) -> tuple[Bracket, Bracket]:
    place = bench.begin(Order(pack=name, agents=("nop", "oracle"), jobs=jobs))
    asyncio.run(bench.execute(place, concurrency=concurrency))
    attempts = place.records.attempts(place.run_id)
    return (
        _reached(place, pack, [a for a in attempts if a.agent == "nop"], expect_pass=False),
        _reached(place, pack, [a for a in attempts if a.agent == "oracle"], expect_pass=True),
    )


def _reached(place: Workplace, pack: JobPack, attempts: list[AttemptRow], *, expect_pass: bool) -> Bracket:
    completed, wrong = 0, []
    for attempt in attempts:
        job = pack.job(attempt.job)
        found = _verdicts(place.book, attempt)
        checked = [criterion for criterion in job.rubric.criteria if criterion.check is not None]
        required = [c for c in checked if c.importance in {Importance.critical, Importance.important}]
        completed += bool(required) and all(found.get(c.id, (None, ""))[0] is Verdict.passed for c in required)
        for criterion in checked if expect_pass else ():
            verdict, why = found.get(criterion.id, (None, f"the attempt ended: {attempt.cause}"))
            if verdict is not Verdict.passed:
                wrong.append(f"{job.id}/{criterion.id}: {verdict.value if verdict else 'no verdict'}, {why}")
    return Bracket(completed=completed, trials=len(attempts), wrong=tuple(wrong))


def _verdicts(book: Book, attempt: AttemptRow) -> dict[str, tuple[Verdict, str]]:
    return {
        verdict.criterion: (verdict.verdict, verdict.feedback)
        for evaluation in book.verdicts_of(attempt.id)
        for verdict in evaluation.verdicts
    }
