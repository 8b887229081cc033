"""The paper's Table 2 for one agent: counts, rates, lifts and rubric scores, each with its bounds.

Bounds are what the missing trials could make of a figure, whatever they turned out to be: a missing first attempt
may have passed, failed, or failed and then been rescued; a missing re-attempt may have passed or failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grading.figures.model import AgentFigures, Bounds, Figure
from grading.figures.trials import Trial

NO_TRIALS = "no first attempt is scored"
NO_M = "no failed job was given a re-attempt with remarks that is scored"
NO_A = "no job was completed at the first attempt"


@dataclass(frozen=True, slots=True)
class Counts:
    """The integers everything follows from.

    Attributes:
        n: First attempts scored. a: Of those, completed.
        m: Failed, re-attempted with remarks and scored. b: Of those, completed.
        gap_1: First attempts missing. gap_2: Re-attempts of failed jobs missing.
    """

    n: int
    a: int
    m: int
    b: int
    gap_1: int
    gap_2: int


def count(trials: Sequence[Trial]) -> Counts:
    """Count trials."""
    scored = [trial for trial in trials if trial.passed_1 is not None]
    return Counts(
        n=len(scored),
        a=sum(trial.passed_1 is True for trial in scored),
        m=sum(trial.in_m for trial in scored),
        b=sum(trial.rescued for trial in scored),
        gap_1=len(trials) - len(scored),
        gap_2=sum(trial.rework_missing for trial in scored),
    )


def ratio(part: float, whole: float) -> float | None:
    """The share; None where there is no whole."""
    return part / whole if whole else None


def whole_number(value: int, gap: int) -> Figure:
    """A count, to which `gap` more may belong."""
    return Figure(value=value, n=value, missing=gap, bounds=(value, value + gap))


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
        **_rubric_figures(trials, c),
        value_captured_1=_value(trials, final=False),
        value_captured=value_captured(trials),
        value_offered=_offered(trials),
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
    return _figure(ratio(c.a + c.b, c.n), c.n, c.gap_1 + c.gap_2, bounds, NO_TRIALS)


def _absolute_lift(c: Counts) -> Figure:
    whole = c.n + c.gap_1
    bounds = _bounds(ratio(c.b, whole), ratio(c.b + c.gap_1 + c.gap_2, whole))
    return _figure(ratio(c.b, c.n), c.n, c.gap_1 + c.gap_2, bounds, NO_TRIALS)


def _relative_lift(c: Counts) -> Figure:
    gap = c.gap_1 + c.gap_2
    bounds = _bounds(ratio(c.b, c.a + c.gap_1), ratio(c.b + gap, c.a))
    return _figure(ratio(c.b, c.a), c.n, gap, bounds, NO_A if c.n else NO_TRIALS)


def rescue_rate(b: int, m: int, gap: int, why: str = NO_M) -> Figure:
    """Completed at the re-attempt: B / M."""
    bounds = _bounds(ratio(b, m + gap), ratio(b + gap, m + gap))
    return _figure(ratio(b, m), m, gap, bounds, why)


def _figure(value: float | None, n: int, gap: int, bounds: Bounds | None, why: str) -> Figure:
    return Figure(value=value, n=n, missing=gap, bounds=bounds, why=why if value is None else None)


def _bounds(low: float | None, high: float | None) -> Bounds | None:
    return None if low is None and high is None else (low, high)


def mean_figure(values: Sequence[float | None], why: str, least: float = 0.0, greatest: float = 1.0) -> Figure:
    """The mean of what is known; the unknown lie anywhere from `least` to `greatest`."""
    known = [value for value in values if value is not None]
    gap = len(values) - len(known)
    total, whole = sum(known), len(values)
    bounds = _bounds(ratio(total + gap * least, whole), ratio(total + gap * greatest, whole))
    return _figure(ratio(total, len(known)), len(known), gap, bounds, why)


def rubric_1(trials: Sequence[Trial]) -> Figure:
    """Mean share of criteria passed at the first attempt."""
    return mean_figure([_score_1(trial) for trial in trials], "no first attempt has all its verdicts")


def _rubric_figures(trials: Sequence[Trial], c: Counts) -> dict[str, Figure]:
    given_m = [trial for trial in trials if trial.in_m]
    before = mean_figure([_score_1(trial) for trial in given_m], NO_M)
    after = _widen(mean_figure([_score_2(trial) for trial in given_m], NO_M), c.gap_2)
    return {
        "rubric_1": rubric_1(trials),
        "rubric_overall": _rubric_overall(trials),
        "rubric_lift": _rubric_lift(trials),
        "rubric_1_given_m": _widen(before, c.gap_2),
        "rubric_2_given_m": after,
        "rubric_relative_lift_given_m": _relative_rubric(given_m, c.gap_2),
    }


def _rubric_overall(trials: Sequence[Trial]) -> Figure:
    known = [score for trial in trials if (score := _score_final(trial)) is not None]
    # A trial whose re-attempt is missing stands with its first score, and may end anywhere.
    open_scores = [
        _score_1(trial) or 0.0 for trial in trials if trial.rework_missing and _score_1(trial) is not None
    ]
    blank = len(trials) - len(known)
    low, high = sum(known) - sum(open_scores), sum(known) - sum(open_scores) + len(open_scores) + blank
    bounds = _bounds(ratio(low, len(trials)), ratio(high, len(trials)))
    why = "no trial has all its verdicts"
    return _figure(ratio(sum(known), len(known)), len(known), blank + len(open_scores), bounds, why)


def _rubric_lift(trials: Sequence[Trial]) -> Figure:
    """Mean of R_final - R_1 where both are known; with nothing missing, the paper's difference of means."""
    total, known, gap, low, high = 0.0, 0, 0, 0.0, 0.0
    for trial in trials:
        first, final = _score_1(trial), _score_final(trial)
        if first is None or final is None:
            gap, low, high = gap + 1, low - 1.0, high + 1.0
            continue
        total, known = total + final - first, known + 1
        if trial.rework_missing:
            gap, low, high = gap + 1, low - first, high + 1.0 - first
    bounds = _bounds(ratio(total + low, len(trials)), ratio(total + high, len(trials)))
    return _figure(ratio(total, known), known, gap, bounds, "no trial has all its verdicts")


def _relative_rubric(given_m: Sequence[Trial], gap: int) -> Figure:
    pairs = [(_score_1(trial), _score_2(trial)) for trial in given_m]
    known = [(one, two) for one, two in pairs if one is not None and two is not None]
    before, after = sum(one for one, _ in known), sum(two for _, two in known)
    why = "the first attempts of the re-attempted jobs passed no criterion" if known else NO_M
    missing = gap + len(pairs) - len(known)
    value = ratio(after - before, before)
    return Figure(value=value, n=len(known), missing=missing, why=why if value is None else None)


def _widen(figure: Figure, gap: int) -> Figure:
    """`figure`, a mean of shares, with `gap` more trials of which nothing is known."""
    if not gap or figure.bounds is None or None in figure.bounds:
        bounds = (0.0, 1.0) if gap else figure.bounds
        return figure.model_copy(update={"missing": figure.missing + gap, "bounds": bounds})
    low, high = (bound or 0.0 for bound in figure.bounds)
    seen = figure.n + figure.missing
    whole = seen + gap
    bounds = (low * seen / whole, (high * seen + gap) / whole)
    return figure.model_copy(update={"missing": figure.missing + gap, "bounds": bounds})


def _score_1(trial: Trial) -> float | None:
    return trial.first.score if trial.first else None


def _score_2(trial: Trial) -> float | None:
    return trial.rework.score if trial.rework else None


def _score_final(trial: Trial) -> float | None:
    return _score_2(trial) if trial.in_m else _score_1(trial)


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


def _payouts(trials: Sequence[Trial]) -> float:
    return float(sum(trial.payout or 0.0 for trial in trials))


def _not_summable(trials: Sequence[Trial]) -> str | None:
    unknown = sum(trial.payout is None for trial in trials)
    if unknown:
        return f"the payout of {unknown} of {len(trials)} jobs is not known"
    currencies = sorted({trial.currency for trial in trials if trial.currency})
    return f"payouts are in several currencies ({', '.join(currencies)})" if len(currencies) > 1 else None
