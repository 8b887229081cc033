"""What an agent's trials cost in money and time, and whether remarks help more than another try."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from grading.figures.contexts import contexts
from grading.figures.counts import count, ratio
from grading.figures.gather import Attempt
from grading.figures.model import Economics, Figure, RetryControl
from grading.figures.table2 import rescue_rate
from grading.figures.trials import Outcome, Trial

NO_PRICE = "no attempt has a known cost"
NO_MINUTES = "no attempt has known minutes"
NO_CONTROL = "there is no scored retry arm: the same failures tried again without remarks"
NO_ECHO = "no failure was shown to reviewers once more, and scored"


def economics(trials: Sequence[Trial]) -> Economics:
    """Money and minutes of one agent; sums over what is known, with the number of unknown beside them.

    For an echo nobody works: it counts as an attempt, and in what reviews take.
    """
    executions = [attempt for trial in trials for attempt in trial.executions]
    worked = [attempt for attempt in executions if attempt.key.arm != "echo"]
    c = count(trials)
    cost = _sum([attempt.cost for attempt in worked], NO_PRICE)
    minutes = [attempt.minutes for attempt in worked]
    return Economics(
        attempts=sum(len(trial.outcomes) for trial in trials),
        executions=len(executions),
        cost_model=cost,
        cost_per_trial=_per(cost, len(trials), "trial"),
        cost_per_completed=_per(cost, c.a + c.b, "completed job"),
        cost_review=_sum(_of_reviews(executions, "cost"), "no review has a known cost"),
        minutes_work=_sum(minutes, NO_MINUTES),
        median_minutes_work=_median(minutes),
        minutes_review=_sum(_of_reviews(executions, "minutes"), "no review has known minutes"),
    )


def _of_reviews(executions: Sequence[Attempt], name: str) -> list[float | None]:
    """Of each review and adjudication; what is corrected in one later is none of its own."""
    told = [
        (getattr(reviewed, name), sitting.revision > 1 and sitting.stage != "adjudication")
        for attempt in executions
        for sitting, reviewed in attempt.sittings.items()
        if reviewed.line.grader_kind == "human"
    ]
    return [value for value, corrected in told if value is not None or not corrected]


def _sum(values: Sequence[float | None], why: str) -> Figure:
    known = [value for value in values if value is not None]
    gap = len(values) - len(known)
    if not known:
        return Figure(value=None, missing=gap, why=why)
    total = float(sum(known))
    return Figure(value=total, n=len(known), missing=gap, bounds=(total, None if gap else total))


def _per(cost: Figure, units: int, unit: str) -> Figure:
    if cost.value is None:
        return cost
    value = ratio(cost.value, units)
    why = f"there is no {unit}" if value is None else None
    bounds = None if value is None else (value, None if cost.missing else value)
    return Figure(value=value, n=units, missing=cost.missing, bounds=bounds, why=why)


def _median(values: Sequence[float | None]) -> Figure:
    known = [value for value in values if value is not None]
    gap = len(values) - len(known)
    return (
        Figure(value=float(median(known)), n=len(known), missing=gap)
        if known
        else Figure(value=None, missing=gap, why=NO_MINUTES)
    )


def retry_control(trials: Sequence[Trial]) -> RetryControl:
    """Rescue rate with remarks beside that of the same number of tries without."""
    c = count(trials)
    failed = [trial for trial in trials if trial.passed_1 is False]
    feedback = rescue_rate(c.b, c.m, c.gap_2)
    retry = _rescued([trial.control for trial in failed], NO_CONTROL)
    echo = _rescued([trial.echo for trial in failed], NO_ECHO)
    if feedback.value is None or retry.value is None:
        difference = Figure(value=None, why=retry.why or feedback.why)
    else:
        difference = Figure(
            value=feedback.value - retry.value,
            n=min(feedback.n, retry.n),
            missing=feedback.missing + retry.missing,
        )
    return RetryControl(
        feedback=feedback, retry=retry, difference=difference, echo=echo, contexts=contexts(trials)
    )


def _rescued(second: Sequence[Outcome | None], why: str) -> Figure:
    """The share of second attempts at what failed that completed the job; `why` there is none."""
    made = [outcome for outcome in second if outcome is not None]
    scored = [outcome for outcome in made if outcome.completed is not None]
    return rescue_rate(sum(o.completed is True for o in scored), len(scored), len(made) - len(scored), why)
