"""The same figures cut by category of job and by importance of criterion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grading.figures.counts import count, ratio, whole_number
from grading.figures.model import CategoryFigures, Figure, ImportanceFigures
from grading.figures.rubric_scores import rubric_1
from grading.figures.table2 import p1, p_overall, value_captured
from grading.figures.trials import Outcome, Trial
from rubrics import Importance, Verdict


def by_category(by_agent: dict[str, list[Trial]]) -> dict[str, dict[str, CategoryFigures]]:
    """Category -> agent -> figures; categories in alphabetical order."""
    cells: dict[str, dict[str, list[Trial]]] = {}
    for agent, trials in by_agent.items():
        for trial in trials:
            cells.setdefault(trial.category, {}).setdefault(agent, []).append(trial)
    return {
        category: {agent: _category(trials) for agent, trials in agents.items()}
        for category, agents in sorted(cells.items())
    }


def _category(trials: Sequence[Trial]) -> CategoryFigures:
    c = count(trials)
    return CategoryFigures(
        n=whole_number(c.n, c.gap_1),
        a=whole_number(c.a, c.gap_1),
        m=whole_number(c.m, c.gap_2),
        b=whole_number(c.b, c.gap_2),
        p1=p1(c),
        p_overall=p_overall(c),
        rubric_1=rubric_1(trials),
        value_captured=value_captured(trials),
    )


def by_importance(by_agent: dict[str, list[Trial]]) -> dict[str, dict[str, ImportanceFigures]]:
    """Importance -> agent -> pass rates of its criteria."""
    found = {
        agent: (_count([t.first for t in trials]), _count([_last(t) for t in trials]))
        for agent, trials in by_agent.items()
    }
    return {
        importance.value: {
            agent: ImportanceFigures(
                pass_rate_1=_pass_rate(first[importance], importance),
                pass_rate_overall=_pass_rate(last[importance], importance),
            )
            for agent, (first, last) in found.items()
        }
        for importance in Importance
    }


def _last(trial: Trial) -> Outcome | None:
    return trial.rework if trial.in_m else trial.first


Verdicts = Counter[Verdict | None]


def _count(outcomes: Iterable[Outcome | None]) -> dict[Importance, Verdicts]:
    """The verdicts of record by importance of the criterion; those that are awaited count as None."""
    found: dict[Importance, Verdicts] = {importance: Counter() for importance in Importance}
    for outcome in outcomes:
        if outcome is None:
            continue
        records = outcome.records if outcome.known else {}
        for criterion in outcome.rubric.criteria:
            record = records.get(criterion.id)
            found[criterion.importance][record.verdict if record else None] += 1
    return found


def _pass_rate(verdicts: Verdicts, importance: Importance) -> Figure:
    """Passed / judged criteria of one importance; those that cannot be judged are left out."""
    passed, waits = verdicts[Verdict.passed], verdicts[None]
    judged = passed + verdicts[Verdict.failed]
    value = ratio(passed, judged)
    low, high = ratio(passed, judged + waits), ratio(passed + waits, judged + waits)
    return Figure(
        value=value,
        n=judged,
        missing=waits,
        bounds=None if low is None else (low, high),
        why=f"no {importance.value} criterion has a verdict" if value is None else None,
    )
