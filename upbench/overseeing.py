"""What leads are shown of a project's runs in the review app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select

from core import BadInput, cause_row
from grading import AttemptSeen, ExecutionSeen, Figures, Reviewing, RunHead, RunSeen, TrialSeen
from rubrics import CompletionPolicy
from runs import (
    AttemptRow,
    ExecutionRow,
    Records,
    RunRow,
    attempts_of,
    attempts_with_remarks,
    count_attempts,
    count_trials,
    trials_of,
)
from upbench.counting import figures_of
from upbench.home import Home
from upbench.money import cost_text
from upbench.summary import RunSummary, list_runs, summarise


class ProjectOversight:
    """The runs of a project, as `grading.Oversight` wants them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._records = Records(home.database)

    def runs(self, most: int) -> list[RunHead]:
        """The newest runs, everybody's."""
        return [
            RunHead(
                id=line.id,
                created=line.created,
                state=line.state,
                pack=line.pack,
                owner=line.owner,
                attempts=line.trials,
                dollars=float(line.cost["dollars"]),
                stop=line.stop,
            )
            for line in list_runs(self._home, everybodys=True, most=most)
        ]

    def run(self, run: str) -> RunSeen | None:
        """One run."""
        row = self._row(run)
        if row is None:
            return None
        summary = summarise(self._home, run, listed=0)
        head = RunHead(
            id=summary.id,
            created=summary.created,
            state=summary.state,
            pack=summary.pack,
            owner=summary.owner,
            attempts=summary.trials,
            dollars=summary.cost.dollars,
            stop=summary.stop.reason if summary.stop else None,
        )
        trials = count_trials(self._home.database, run)
        return RunSeen(head, _facts(row, summary), dict(summary.causes), dict(summary.arms), trials)

    def attempts(self, run: str) -> Select[str]:
        """Chooses the ids of a run's attempts."""
        return attempts_of(run)

    def reworked(self) -> Select[str]:
        """Chooses the ids of the attempts of the arm `feedback`."""
        return attempts_with_remarks()

    def trials(self, run: str, *, skip: int, most: int) -> list[TrialSeen]:
        """Some trials of a run, in the order of its plan."""
        return self._seen(trials_of(self._home.database, run, skip=skip, most=most))

    def trial(self, run: str, trial: str) -> TrialSeen | None:
        """One trial of that run."""
        try:
            attempts = self._records.attempts_of_trial(trial)
        except BadInput:
            return None
        found = self._seen([attempts])[0]
        return found if (found.run, found.id) == (run, trial) else None

    def figures(self, run: str, policy: CompletionPolicy | None) -> Figures:
        """The figures of a run."""
        return figures_of(self._home, run, policy)

    def mark(self, run: str) -> str:
        """Changes with the attempts of a run."""
        counts = count_attempts(self._home.database, run)
        return f"{sorted(counts.states.items())} {counts.last}"

    def _row(self, run: str) -> RunRow | None:
        try:
            row = self._records.run(run)
        except BadInput:
            return None
        return row if row.id == run else None

    def _seen(self, trials: Sequence[Sequence[AttemptRow]]) -> list[TrialSeen]:
        names = [attempt.id for attempts in trials for attempt in attempts]
        executions = self._records.executions_of(names)
        return [_trial(attempts, executions) for attempts in trials]


def _facts(row: RunRow, summary: RunSummary) -> dict[str, str]:
    config, cost = row.config, summary.cost
    spent = cost_text(cost.dollars, estimated=cost.estimated_dollars, unpriced=cost.unpriced_calls)
    facts = {
        "Agents": ", ".join(agent.name + (" (scripted)" if agent.scripted else "") for agent in config.agents),
        "Jobs": f"{len(config.jobs)}, {config.repeats} times each"
        if config.repeats > 1
        else str(len(config.jobs)),
        "Protocol": config.protocol + (f", {config.attempts} attempts at most" if config.attempts > 1 else ""),
        "Completed when": f"{config.policy.says} ({config.policy.value})",
        "Rubric": "shown to the agents while they worked" if config.rubric_visible else "hidden from the agents",
        "Reviews": _reviews(row.options.reviewing),
        "Cost of model calls": spent,
        "Cost of judges": cost_text(cost.judge_dollars),
        "Tokens": f"{summary.tokens:,}",
        "Work by the clock": f"{summary.seconds / 60:,.1f} min",
        "Sandbox": config.provider,
        "Begun by": summary.owner or "nobody knows",
    }
    if summary.stop is not None:
        facts["Stopped"] = f"{summary.stop.reason}: {summary.stop.detail}"
    return facts


def _reviews(reviewing: Reviewing) -> str:
    said = f"{reviewing.primary} of each submission"
    said += f", one more of {reviewing.overlap:.0%} by chance" if reviewing.overlap else ""
    return said + (f", gold beside {reviewing.gold:.0%}" if reviewing.gold else "")


def _trial(attempts: Sequence[AttemptRow], executions: Mapping[str, Sequence[ExecutionRow]]) -> TrialSeen:
    first = attempts[0]
    return TrialSeen(
        id=first.trial,
        run=first.run,
        agent=first.agent,
        job=first.job,
        repeat=first.repeat,
        attempts=tuple(_attempt(attempt, executions[attempt.id]) for attempt in attempts),
    )


def _attempt(attempt: AttemptRow, executions: Sequence[ExecutionRow]) -> AttemptSeen:
    return AttemptSeen(
        id=attempt.id,
        k=attempt.k,
        arm=attempt.arm,
        state=attempt.state,
        cause=attempt.cause.value if attempt.cause else None,
        graded=attempt.graded,
        submission=attempt.submission,
        damaged=attempt.damaged,
        executions=tuple(_execution(execution) for execution in executions),
    )


def _execution(execution: ExecutionRow) -> ExecutionSeen:
    info = execution.sandbox
    named = (info.provider, info.version, info.runtime, info.image) if info else ()
    return ExecutionSeen(
        id=execution.id,
        e=execution.e,
        started=execution.started,
        cause=execution.cause.value if execution.cause else None,
        says=cause_row(execution.cause).says if execution.cause else "has not ended",
        detail=execution.detail,
        steps=execution.steps,
        seconds=execution.seconds,
        dollars=execution.dollars,
        sandbox=" ".join(filter(None, named)),
    )
