"""The paper's Table 2 for one agent: counts, rates, lifts and rubric scores, each with its bounds.

Bounds are what the missing trials could make of a figure, whatever they turned out to be: a missing first attempt
may have passed, failed, or failed and then been rescued; a missing re-attempt may have passed or failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from grading.figures.counts import NO_A, NO_M, NO_TRIALS, Counts, count, ratio, whole_number
from grading.figures.model import AgentFigures, Bounds, Figure, ValueFigures
from grading.figures.rubric_scores import rubric_figures
from grading.figures.trials import Trial


def agent_figures(trials: Sequence[Trial]) -> AgentFigures:
    """Table 2 of one agent's trials."""
    c = count(trials)
    return AgentFigures(
        n=whole_number(c.n, c.gap_1),
        a=whole_number(c.a, c.gap_1),
        f=whole_number(c.n - c.a, c.gap_1),
        m=whole_number(c.m, c.gap_2),
        b=whole_number(c.b, c.gap_2),
        p1=p1(c),
        p_overall=p_overall(c),
        absolute_lift=_absolute_lift(c),
        relative_lift=_relative_lift(c),
        rescue_rate=rescue_rate(c.b, c.m, c.gap_2),
        **rubric_figures(trials, c.gap_2),
        value_captured_1=_value(trials, final=False),
        value_captured=value_captured(trials),
        value_offered=_offered(trials),
        value_by_currency=_by_currency(trials),
        scripted=any(a.scripted for trial in trials for a in trial.executions),
        rubric_visible=any(a.rubric_visible for trial in trials for a in trial.executions),
    )


def p1(c: Counts) -> Figure:
    """Completed at the first attempt: A / N."""
    bounds = _bounds(ratio(c.a, c.n + c.gap_1), ratio(c.a + c.gap_1, c.n + c.gap_1))
    return _figure(ratio(c.a, c.n), c.n, c.gap_1, bounds, NO_TRIALS)


def p_overall(c: Counts) -> Figure:
    """Completed at the first or second attempt: (A + B) / N."""
    whole = c.n + c.gap_1
    bounds = _bounds(ratio(c.a + c.b, whole), ratio(c.a + c.b + c.gap_1 + c.gap_2, whole))
    return _noted(_figure(ratio(c.a + c.b, c.n), c.n, c.gap_1 + c.gap_2, bounds, NO_TRIALS), c)


def _absolute_lift(c: Counts) -> Figure:
    whole = c.n + c.gap_1
    bounds = _bounds(ratio(c.b, whole), ratio(c.b + c.gap_1 + c.gap_2, whole))
    return _noted(_figure(ratio(c.b, c.n), c.n, c.gap_1 + c.gap_2, bounds, NO_TRIALS), c)


def _relative_lift(c: Counts) -> Figure:
    gap = c.gap_1 + c.gap_2
    bounds = _bounds(ratio(c.b, c.a + c.gap_1), ratio(c.b + gap, c.a))
    return _noted(_figure(ratio(c.b, c.a), c.n, gap, bounds, NO_A if c.n else NO_TRIALS), c)


def rescue_rate(b: int, m: int, gap: int, why: str = NO_M) -> Figure:
    """Completed at the re-attempt: B / M."""
    bounds = _bounds(ratio(b, m + gap), ratio(b + gap, m + gap))
    return _figure(ratio(b, m), m, gap, bounds, why)


def _figure(value: float | None, n: int, gap: int, bounds: Bounds | None, why: str) -> Figure:
    return Figure(value=value, n=n, missing=gap, bounds=bounds, why=why if value is None else None)


def _noted(figure: Figure, c: Counts) -> Figure:
    """A lift of zero says something else where jobs failed and none was tried again."""
    if figure.value is None or c.m or c.n == c.a:
        return figure
    return figure.model_copy(update={"why": NO_M})


def _bounds(low: float | None, high: float | None) -> Bounds | None:
    return None if low is None and high is None else (low, high)


def value_captured(trials: Sequence[Trial]) -> Figure:
    """What clients paid for the jobs completed at the first or second attempt."""
    return _value(trials, final=True)


def _value(trials: Sequence[Trial], *, final: bool) -> Figure:
    won = [trial for trial in trials if trial.passed_1 or (final and trial.rescued)]
    unknown = [trial for trial in trials if trial.passed_1 is None or (final and trial.rework_missing)]
    scored = sum(trial.passed_1 is not None for trial in trials)
    why = _not_summable([*won, *unknown])
    if why or not scored:
        return Figure(value=None, n=scored, missing=len(unknown), why=why or NO_TRIALS)
    total = _payouts(won)
    return Figure(value=total, n=scored, missing=len(unknown), bounds=(total, total + _payouts(unknown)))


def _offered(trials: Sequence[Trial]) -> Figure:
    why = _not_summable(trials)
    if why:
        return Figure(value=None, n=len(trials), why=why)
    total = _payouts(trials)
    return Figure(value=total, n=len(trials), bounds=(total, total))


def _by_currency(trials: Sequence[Trial]) -> dict[str, ValueFigures]:
    names = sorted({trial.currency for trial in trials if trial.currency})
    groups = {name: [trial for trial in trials if trial.currency == name] for name in names}
    return {
        name: ValueFigures(
            captured_1=_value(own, final=False), captured=value_captured(own), offered=_offered(own)
        )
        for name, own in groups.items()
    }


def _payouts(trials: Sequence[Trial]) -> float:
    return float(sum(trial.payout or 0.0 for trial in trials))


def _not_summable(trials: Sequence[Trial]) -> str | None:
    unknown = sum(trial.payout is None for trial in trials)
    if unknown:
        return f"the payout of {unknown} of {len(trials)} jobs is not known"
    currencies = sorted({trial.currency for trial in trials if trial.currency})
    return f"payouts are in several currencies ({', '.join(currencies)})" if len(currencies) > 1 else None
