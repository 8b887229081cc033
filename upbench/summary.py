"""The whole state of a run in one document: what `upbench run` ends with and `upbench runs show` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from core import CallJournal, Cause, Ended, Frozen, LeftOut, Submission, cause_row
from runs import (
    DONE,
    AttemptRow,
    ExecutionRow,
    Records,
    RunBudget,
    RunRow,
    Stop,
    count_by_run,
    executions_of_run,
    told_dollars,
    totals_of_run,
    user,
)
from sandbox import SandboxInfo
from upbench.home import Home


class CostSummary(Frozen):
    """What a run cost.

    Attributes:
        dollars: Of all the agents' calls with a price, and what was told of work done elsewhere.
        estimated_dollars: The share of them that is an estimate: of calls whose reply never came.
        unpriced_calls: Agents' calls without a price. wasted_calls: Tries that brought no reply.
        judge_dollars: Of judges' calls, which are no cost of the work.
    """

    dollars: float
    unpriced_calls: int
    estimated_dollars: float = 0.0
    wasted_calls: int = 0
    judge_dollars: float = 0.0


class TrialSummary(Frozen):
    """One attempt as `runs show` lists it.

    Attributes:
        missing: Declared, required deliverables (globs) that match nothing.
        left_out: What was found and not collected, and why.
        seconds, dollars, sandbox: Of its last execution.
        not_done: Why one that has not ended is not done: what the run was stopped for.
    """

    trial: str
    attempt: str
    agent: str
    job: str
    repeat: int
    k: int
    arm: str
    state: str
    ended: Ended | None
    cause: Cause | None
    executions: int
    files: int
    missing: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    seconds: float | None
    dollars: float | None
    sandbox: SandboxInfo | None = None
    detail: str = ""
    not_done: Cause | None = None


class RunSummary(Frozen):
    """What a run did.

    Attributes:
        trials: `total` and one count a state (`planned`, `running`, `done`).
        causes: Count of each cause among the ended attempts.
        stop: Why no more of it is begun. not_done: Count of attempts that have not ended for it, by cause.
        budget: What the whole run may use.
        seconds: Work of all executions, added up.
        store: Where the data lies. report: The command that makes the report.
    """

    id: str
    state: str
    pack: str
    scripted: bool
    rubric_visible: bool
    trials: dict[str, int]
    causes: dict[str, int]
    cost: CostSummary
    tokens: int
    seconds: float
    store: str
    report: str
    attempts: tuple[TrialSummary, ...]
    owner: str | None = None
    created: str = ""
    stop: Stop | None = None
    not_done: dict[str, int] = {}
    budget: RunBudget = RunBudget()

    @property
    def crashed(self) -> int:
        """Attempts that did not score through a fault of harness or infrastructure."""
        return sum(n for cause, n in self.causes.items() if cause_row(Cause(cause)).ended is Ended.harness_crash)


def summarise(home: Home, run: str) -> RunSummary:
    """The state of a run. Raises `BadInput` when there is no such run."""
    records = Records(home.database)
    row = records.run(run)
    attempts = records.attempts(row.id)
    executions = executions_of_run(home.database, row.id)
    working, judging = totals_of_run(home.database, row.id)
    # What deliverables made elsewhere cost was told, not metered.
    executed = {agent.name for agent in row.config.executed}
    told = sum(e.dollars or 0.0 for a in attempts if a.agent not in executed for e in executions.get(a.id, ()))
    states = Counter(attempt.state for attempt in attempts)
    undone = len(attempts) - states[DONE]
    return RunSummary(
        id=row.id,
        state=row.state,
        pack=f"{row.config.pack} {row.config.pack_version}",
        scripted=any(agent.scripted for agent in row.config.agents),
        rubric_visible=row.config.rubric_visible,
        trials={"total": len(attempts), **{name: states[name] for name in ("planned", "running", "done")}},
        causes=dict(Counter(a.cause.value for a in attempts if a.cause is not None)),
        cost=CostSummary(
            dollars=round(working.dollars + told, 6),
            estimated_dollars=round(working.estimated_dollars, 6),
            unpriced_calls=working.unpriced_calls,
            judge_dollars=round(judging.dollars, 6),
            wasted_calls=working.wasted_tries,
        ),
        tokens=working.usage.total,
        seconds=round(sum(e.seconds or 0.0 for rows in executions.values() for e in rows), 3),
        store=str(home.state),
        report=f"upbench report {row.id}",
        attempts=tuple(_trial(attempt, executions.get(attempt.id, ()), row.stop) for attempt in attempts),
        owner=row.owner,
        created=row.created,
        stop=row.stop,
        not_done={row.stop.cause.value: undone} if row.stop and undone else {},
        budget=row.options.budget,
    )


def _trial(attempt: AttemptRow, executions: Sequence[ExecutionRow], stop: Stop | None) -> TrialSummary:
    last = executions[-1] if executions else None
    submission = attempt.submission or Submission()
    return TrialSummary(
        trial=attempt.trial,
        attempt=attempt.id,
        agent=attempt.agent,
        job=attempt.job,
        repeat=attempt.repeat,
        k=attempt.k,
        arm=attempt.arm,
        state=attempt.state,
        ended=cause_row(attempt.cause).ended if attempt.cause else None,
        cause=attempt.cause,
        executions=len(executions),
        files=len(submission.files),
        missing=submission.missing if attempt.submission else (),
        left_out=submission.left_out,
        seconds=last.seconds if last else None,
        dollars=last.dollars if last else None,
        sandbox=last.sandbox if last else None,
        detail=last.detail if last else "",
        not_done=stop.cause if stop and attempt.state != DONE else None,
    )


class RunLine(Frozen):
    """A run as `runs list` shows it.

    Attributes:
        trials: `total` and `done`: attempts, and those that have ended.
        stop: Why no more of it is begun, in a word.
        cost: In dollars; `unpriced_calls` have no known price.
    """

    id: str
    created: str
    state: str
    pack: str
    owner: str | None
    trials: dict[str, int]
    cost: dict[str, float | int]
    stop: str | None = None


def list_runs(home: Home, *, everybodys: bool = False) -> list[RunLine]:
    """The user's own runs (and those of whom nobody knows the owner), or everybody's; newest first."""
    rows = Records(home.database).runs()
    mine = [row for row in rows if everybodys or row.owner in (None, user())]
    counts = count_by_run(home.database)
    return [_line(home, row, counts.get(row.id, {})) for row in mine]


def _line(home: Home, row: RunRow, states: Mapping[str, int]) -> RunLine:
    spent = CallJournal(home.database).spent(row.id)
    elsewhere = {agent.name for agent in row.config.agents} - {agent.name for agent in row.config.executed}
    told = told_dollars(home.database, row.id, elsewhere) if elsewhere else 0.0
    return RunLine(
        id=row.id,
        created=row.created,
        state=row.state,
        pack=row.config.pack,
        owner=row.owner,
        trials={"total": sum(states.values()), "done": states.get(DONE, 0)},
        cost={"dollars": round(spent.dollars + told, 6), "unpriced_calls": spent.unpriced},
        stop=row.stop.reason if row.stop else None,
    )
