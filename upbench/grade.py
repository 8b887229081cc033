"""Grading what a run handed in, without running it again: by a judge model, or by the pack's present rubric."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core import BadInput, Deliverable, Frozen, Submission, in_thread, model_config, open_model
from grading import (
    NO_PICTURES,
    CriterionVerdict,
    Evaluation,
    JudgeConfig,
    JudgeOutcome,
    Rendered,
    Renderer,
    Shelf,
    judge_submission,
    pictures_of,
)
from jobs import Job
from rubrics import load_rubric
from runs import AttemptRow, TrialStages, Workplace, review_item
from upbench.home import Home
from upbench.rendering import drawing_provider

FILES_AT_ONCE = 4

Say = Callable[[str], None]


class Graded(Frozen):
    """What grading brought.

    Attributes:
        attempts: Submissions that were graded now. skipped: Graded so before, or not to be graded.
        verdicts: Count by verdict. dollars: None when a call has no price.
    """

    run: str
    grader: str
    attempts: int
    skipped: int
    verdicts: dict[str, int]
    dollars: float | None = 0.0


async def pre_grade(
    home: Home, place: Workplace, judge: str, *, base_url: str | None = None, page_images: int = 0, say: Say
) -> Graded:
    """Let a judge model grade every submission of a run; what it graded before is left as it is.

    Args:
        home: The project: agents at work under the judge's account and the judge keep to one rate together.
        place: Of the run.
        judge: `provider/model`.
        base_url: Another server that speaks the provider's protocol.
        page_images: Pages of a submission that it is shown as images, at most; another number is another judge.
        say: Told of each submission.

    Raises:
        BadInput: No such model, or its key is missing. ModelFault: It cannot be reached.
    """
    config = JudgeConfig(model=model_config(judge, base_url=base_url), page_images=page_images)
    model = open_model(judge, base_url=base_url, prices=place.prices, lanes=home.lanes)
    journal = place.journal
    counts: Counter[str] = Counter()
    dollars: list[float | None] = []
    done = skipped = 0
    chosen, problem = drawing_provider(home)  # what reviewers see was made there, and is not made again
    chosen = place.provider if problem else chosen
    renderer = Renderer(chosen, Shelf(place.database, place.blobs), scratch=place.scratch)
    try:
        for attempt in place.records.attempts(place.run_id):
            job, submission = place.jobs[attempt.job], attempt.submission
            if not attempt.graded or submission is None or not submission.files or _judged(place, attempt, config):
                skipped += 1
                continue
            drawn = await _drawn(renderer, submission)
            pictures = NO_PICTURES
            if page_images:
                pictures = await in_thread(pictures_of, drawn, page_images, place.blobs.get_bytes)
            outcomes = await judge_submission(
                config,
                lambda key, request: journal.call(model, key, request),
                brief=job.brief,
                rubric=job.rubric,
                renderings=[rendered.of(path) for path, rendered in drawn],
                key=attempt.id,
                pictures=pictures,
            )
            place.book.record(_evaluation(attempt, submission, job, config, outcomes))
            counts.update(outcome.verdict.value for outcome in outcomes)
            dollars += [outcome.dollars for outcome in outcomes]
            done += 1
            say(f"{attempt.trial}: {len(outcomes)} criteria")
    finally:
        await renderer.close()
        await model.aclose()
    return Graded(
        run=place.run_id,
        grader=config.digest,
        attempts=done,
        skipped=skipped,
        verdicts=dict(counts),
        dollars=_total(dollars),
    )


async def _drawn(renderer: Renderer, submission: Submission) -> list[tuple[str, Rendered]]:
    """The submission as reviewers see it too: text, facts and pages of every file, by its path."""
    gate = asyncio.Semaphore(FILES_AT_ONCE)

    async def one(file: Deliverable) -> tuple[str, Rendered]:
        async with gate:
            return file.path, await renderer.rendering_of(file)

    return list(await asyncio.gather(*(one(file) for file in submission.files)))


async def regrade(place: Workplace, *, job: str | None = None, rubric: Path | None = None, say: Say) -> Graded:
    """Run the checks of the pack's present rubrics over every submission, and put each up for review again.

    Nothing is run again and nothing that was graded before is touched: evaluations belong to the rubric by whose
    digest they were made. From now on the run's report reads by these rubrics.

    Args:
        place: Of the run.
        job: Only this one.
        rubric: A file that stands for the job's own rubric; its Python checks are the job's.
        say: Told of each submission.

    Raises:
        BadInput: No such job, or a rubric for several jobs, or a wrong file.
    """
    jobs = _regraded(place, job, rubric)
    for changed in jobs.values():
        place.records.regrade_by(place.run_id, changed)
    counts: Counter[str] = Counter()
    done = skipped = 0
    for attempt in place.records.attempts(place.run_id):
        if not attempt.graded or attempt.job not in jobs:
            skipped += 1
            continue
        checked = await TrialStages(place, attempt).check({"execution": attempt.id})
        if attempt.submission and attempt.submission.files:
            item = review_item(jobs[attempt.job], attempt.submission, place.blobs)
            place.book.publish(
                attempt.id,
                item.model_copy(update={"pack": place.config.pack}),
                reviewing=place.options.reviewing,
                previous=attempt.parent,
            )
        counts.update(checked["verdicts"])
        done += 1
        say(f"{attempt.trial}: {sum(checked['verdicts'].values())} criteria")
    return Graded(run=place.run_id, grader="checks", attempts=done, skipped=skipped, verdicts=dict(counts))


def _regraded(place: Workplace, job: str | None, rubric: Path | None) -> dict[str, Job]:
    """The jobs to grade by what they are now; with `rubric`, the one job under that rubric."""
    if job is not None and job not in place.jobs:
        raise BadInput(f"the run has no job {job!r}", field="--job", mend=f"one of: {', '.join(place.jobs)}")
    if rubric is not None and job is None and len(place.jobs) > 1:
        raise BadInput("the run has several jobs", field="--rubric", mend="say with --job whose rubric it is")
    chosen = {name: place.jobs[name] for name in place.jobs if job in (None, name)}
    if rubric is not None:
        ((name, only),) = chosen.items()
        chosen = {name: replace(only, rubric=load_rubric(rubric), rubric_file=rubric, tree_file=None)}
    place.jobs.update(chosen)
    return chosen


def _total(dollars: list[float | None]) -> float | None:
    """The sum, or None where one is not known."""
    return None if None in dollars else sum(amount for amount in dollars if amount is not None)


def _judged(place: Workplace, attempt: AttemptRow, config: JudgeConfig) -> bool:
    digest = place.jobs[attempt.job].grading_digest
    submission = attempt.submission.digest if attempt.submission else ""
    return any(
        (evaluation.grader, evaluation.submission) == (config.digest, submission)
        for evaluation in place.book.verdicts_of(attempt.id, digest)
    )


def _evaluation(
    attempt: AttemptRow, submission: Submission, job: Job, config: JudgeConfig, outcomes: list[JudgeOutcome]
) -> Evaluation:
    return Evaluation(
        attempt_id=attempt.id,
        submission=submission.digest,
        grading_digest=job.grading_digest,
        grader=config.digest,
        grader_kind="judge",
        cost=_total([outcome.dollars for outcome in outcomes]),
        verdicts=tuple(
            CriterionVerdict(criterion=o.criterion, verdict=o.verdict, feedback=o.feedback, evidence=o.evidence)
            for o in outcomes
        ),
    )
