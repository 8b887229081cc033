"""Lines in, figures out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from grading.evaluations import EvaluationLine
from grading.figures.agreement import agreement
from grading.figures.breakdown import by_category, by_importance
from grading.figures.economics import economics, retry_control
from grading.figures.gather import Gathered, gather, place
from grading.figures.model import Figures, Missing
from grading.figures.policy import own_policy
from grading.figures.table2 import agent_figures
from grading.figures.trials import Trial, judge_trials, missing_causes
from grading.figures.warnings import warnings_of
from grading.lines import Placed
from grading.record import Basis
from rubrics import CompletionPolicy

PolicyName = Literal["paper", "strict", "all", "judgement"]


def compute_figures(
    lines: Iterable[EvaluationLine],
    *,
    policy: CompletionPolicy | PolicyName | None = None,
    basis: Basis = "record",
) -> Figures:
    """Every figure of a report, by agent; the order of the lines does not matter.

    Args:
        lines: Of one run or of several.
        policy: What completes a job; default: by what the runs themselves decided it.
        basis: Whose verdicts count.

    Raises:
        BadInput: Two lines contradict each other (the number of the later one is named), or the runs have several
            policies and none is chosen.
    """
    return study(place(lines), policy=policy, basis=basis).figures


@dataclass(frozen=True)
class Study:
    """The figures, and the trials they were counted from."""

    figures: Figures
    trials: tuple[Trial, ...]


def study(
    placed: Iterable[Placed],
    *,
    policy: CompletionPolicy | PolicyName | None = None,
    basis: Basis = "record",
) -> Study:
    """As `compute_figures`, with the trials, and naming file and line of what is wrong."""
    gathered = gather(placed)
    policy = own_policy(gathered) if policy is None else CompletionPolicy(policy)
    trials = judge_trials(gathered, policy, basis)
    return Study(_figures(trials, gathered, policy, basis), tuple(trials))


def _figures(trials: Sequence[Trial], gathered: Gathered, policy: CompletionPolicy, basis: Basis) -> Figures:
    by_agent: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.key.agent, trial.key)):
        by_agent.setdefault(trial.key.agent, []).append(trial)
    agents = {agent: agent_figures(own) for agent, own in by_agent.items()}
    return Figures(
        policy=policy,
        basis=basis,
        runs=tuple(sorted({trial.key.run for trial in trials if trial.key.run})),
        jobs=len({trial.key.job for trial in trials}),
        scripted=tuple(agent for agent, figures in agents.items() if figures.scripted),
        agents=agents,
        categories=by_category(by_agent),
        importance=by_importance(by_agent),
        agreement=agreement(trials),
        economics={agent: economics(own) for agent, own in by_agent.items()},
        retry_control={agent: retry_control(own) for agent, own in by_agent.items()},
        missing={agent: _missing(own) for agent, own in by_agent.items()},
        warnings=warnings_of(by_agent, agents, gathered, policy, basis),
    )


def _missing(trials: Sequence[Trial]) -> Missing:
    return Missing(
        first=missing_causes(trial.first for trial in trials),
        rework=missing_causes(trial.rework for trial in trials if trial.rework_missing),
    )
