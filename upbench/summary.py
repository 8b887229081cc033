"""The whole state of a run in one document: what `upbench run` ends with and `upbench runs show` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core import Cause, Ended, Frozen, LeftOut, Submission, cause_row
from runs import AttemptRow, ExecutionRow, Records, executions_of_run, totals_of_run
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


class RunSummary(Frozen):
    """What a run did.

    Attributes:
        trials: `total` and one count a state (`planned`, `running`, `done`).
        causes: Count of each cause among the ended attempts.
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
        attempts=tuple(_trial(attempt, executions.get(attempt.id, ())) for attempt in attempts),
    )


def _trial(attempt: AttemptRow, executions: Sequence[ExecutionRow]) -> TrialSummary:
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
    )
