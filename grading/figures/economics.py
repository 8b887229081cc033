"""What an agent's trials cost in money and time, and whether remarks help more than another try."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from grading.figures.counts import count, ratio
from grading.figures.gather import Attempt
from grading.figures.model import Economics, Figure, RetryControl
from grading.figures.table2 import rescue_rate
from grading.figures.trials import Trial

NO_PRICE = "no attempt has a known cost"
NO_MINUTES = "no attempt has known minutes"
NO_CONTROL = "there is no scored retry arm: the same failures tried again without remarks"


def economics(trials: Sequence[Trial]) -> Economics:
    """Money and minutes of one agent; sums over what is known, with the number of unknown beside them."""
    executions = [attempt for trial in trials for attempt in trial.executions]
    c = count(trials)
    cost = _sum([attempt.cost for attempt in executions], NO_PRICE)
    minutes = [attempt.minutes for attempt in executions]
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
    return [
        getattr(reviewed, name)
        for attempt in executions
        for reviewed in attempt.sittings.values()
        if reviewed.line.grader_kind == "human"
    ]


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
    controls = [trial.control for trial in trials if trial.passed_1 is False and trial.control is not None]
    scored = [control for control in controls if control.completed is not None]
    feedback = rescue_rate(c.b, c.m, c.gap_2)
    retry = rescue_rate(
        sum(control.completed is True for control in scored), len(scored), len(controls) - len(scored), NO_CONTROL
    )
    if feedback.value is None or retry.value is None:
        difference = Figure(value=None, why=retry.why or feedback.why)
    else:
        difference = Figure(
            value=feedback.value - retry.value,
            n=min(feedback.n, retry.n),
            missing=feedback.missing + retry.missing,
        )
    return RetryControl(feedback=feedback, retry=retry, difference=difference)
