"""The whole state of a run in one document: what `upbench run` ends with and `upbench runs show` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import CallJournal, Cause, Ended, Frozen, LeftOut, Spent, Submission, cause_row
from rubrics import CompletionPolicy
from runs import (
    DONE,
    QUEUE,
    AttemptCounts,
    AttemptRow,
    DamagedRun,
    ExecutionRow,
    Records,
    Registry,
    RunBudget,
    RunRow,
    Stop,
    count_arms,
    count_attempts,
    count_by_run,
    list_attempts,
    newest_runs,
    seconds_of_run,
    told_dollars,
    totals_of_run,
    user,
)
from sandbox import SandboxInfo
from upbench.going_on import resume_command
from upbench.home import Home

LISTED = 1000
"""Attempts that a summary names, unless it is asked for all."""

MOST_RUNS = 100
DIGITS = 9
"""After the point, of dollars: a call may cost less than a millionth."""


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
        policy: By which an attempt failed, and what failed is tried again.
        trials: `total` and one count a state (`planned`, `running`, `done`).
        causes: Count of each cause among the ended attempts.
        arms: Count of attempts in each arm.
        stop: Why no more of it is begun. not_done: Count of attempts that have not ended for it, by cause.
        refused: Workers that cannot open it, and leave it to others: why.
        budget: What the whole run may use.
        seconds: Work of all executions, added up.
        store: Where the data lies. report: The command that makes the report.
        resume: The command that goes on with what has not ended; None: nothing is left.
        attempts: In the order of the plan. unlisted: How many are not among them; where there are any, those among
            them come first that did not hand in.
    """

    id: str
    state: str
    pack: str
    scripted: bool
    rubric_visible: bool
    policy: CompletionPolicy
    trials: dict[str, int]
    causes: dict[str, int]
    arms: dict[str, int]
    cost: CostSummary
    tokens: int
    seconds: float
    store: str
    report: str
    attempts: tuple[TrialSummary, ...]
    unlisted: int = 0
    resume: str | None = None
    owner: str | None = None
    created: str = ""
    stop: Stop | None = None
    refused: dict[str, str] = {}
    not_done: dict[str, int] = {}
    budget: RunBudget = RunBudget()

    @property
    def crashed(self) -> int:
        """Attempts that did not score through a fault of harness or infrastructure."""
        return sum(n for cause, n in self.causes.items() if cause_row(Cause(cause)).ended is Ended.harness_crash)


def summarise(home: Home, run: str, *, listed: int | None = LISTED) -> RunSummary:
    """The state of a run, by a few statements.

    Args:
        home: The project.
        run: Its id, the beginning of one, or `last`.
        listed: How many attempts are named at most; None: all, however many.

    Raises:
        BadInput: There is no such run.
    """
    row = Records(home.database).run(run)
    counts = count_attempts(home.database, row.id)
    named = tuple(_named(home, row, counts.total, listed))
    undone = counts.total - counts.states.get(DONE, 0)
    return RunSummary(
        id=row.id,
        state=row.state,
        pack=f"{row.config.pack} {row.config.pack_version}",
        scripted=any(agent.scripted for agent in row.config.agents),
        rubric_visible=row.config.rubric_visible,
        policy=row.config.policy,
        trials=_states(counts),
        causes={cause.value: n for cause, n in counts.causes.items()},
        arms=count_arms(home.database, row.id),
        **_used(home, row),
        seconds=round(seconds_of_run(home.database, row.id), 3),
        store=str(home.state),
        report=f"upbench report {row.id}",
        resume=_resume(home, row) if undone else None,
        attempts=named,
        unlisted=counts.total - len(named),
        owner=row.owner,
        created=row.created,
        stop=row.broken_off,
        refused=Registry(home.database).refused(row.id) if row.queue == QUEUE and undone else {},
        not_done={row.stop.cause.value: undone} if row.stop and undone else {},
        budget=row.options.budget,
    )


def every_attempt(home: Home, run: str) -> Iterator[TrialSummary]:
    """All attempts of a run in the order of the plan, read in pieces. Raises `BadInput`: no such run."""
    row = Records(home.database).run(run)
    return (_trial(*one, row.stop) for one in list_attempts(home.database, row.id))


def _named(home: Home, row: RunRow, total: int, listed: int | None) -> Iterator[TrialSummary]:
    """The attempts to name; of too many, those first that did not hand in."""
    few = listed is None or total <= listed
    found = list_attempts(home.database, row.id, most=listed, odd=not few)
    names = set()
    for one in found:
        names.add(one[0].id)
        yield _trial(*one, row.stop)
    if few or listed is None:
        return
    for one in list_attempts(home.database, row.id, most=listed):
        if len(names) < listed and one[0].id not in names:
            names.add(one[0].id)
            yield _trial(*one, row.stop)


def _states(counts: AttemptCounts) -> dict[str, int]:
    return {
        "total": counts.total,
        **{name: counts.states.get(name, 0) for name in ("planned", "running", "done")},
    }


def _used(home: Home, row: RunRow) -> dict[str, Any]:
    """What a run cost and how many tokens it took."""
    working, judging = totals_of_run(home.database, row.id)
    told = told_dollars(home.database, _elsewhere([row])).get(row.id, 0.0)
    cost = CostSummary(
        dollars=round(working.dollars + told, DIGITS),
        estimated_dollars=round(working.estimated_dollars, DIGITS),
        unpriced_calls=working.unpriced_calls,
        judge_dollars=round(judging.dollars, DIGITS),
        wasted_calls=working.wasted_tries,
    )
    return {"cost": cost, "tokens": working.usage.total}


def _elsewhere(rows: Sequence[RunRow]) -> dict[str, set[str]]:
    """By run, the agents whose work was done elsewhere: what it cost was told, not metered."""
    found = {}
    for row in rows:
        if names := {agent.name for agent in row.config.agents} - {agent.name for agent in row.config.executed}:
            found[row.id] = names
    return found


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
        detail=attempt.damaged or (last.detail if last else ""),
        not_done=stop.cause if stop and attempt.state != DONE else None,
    )


def _resume(home: Home, row: RunRow) -> str | None:
    return resume_command(row, CallJournal(home.database).spent(row.id)) if row.config.executed else None


class RunLine(Frozen):
    """A run as `runs list` shows it.

    Attributes:
        state: As of a `RunRow`, or `damaged`: its record cannot be read, and `pack` is empty.
        trials: `total` and `done`: attempts, and those that have ended.
        stop: Why no more of it is begun, in a word.
        cost: In dollars, `estimated_dollars` the share that is an estimate; `unpriced_calls` have no known price.
    """

    id: str
    created: str
    state: str
    pack: str
    owner: str | None
    trials: dict[str, int]
    cost: dict[str, float | int]
    stop: str | None = None


def list_runs(home: Home, *, everybodys: bool = False, most: int = MOST_RUNS) -> list[RunLine]:
    """Runs, newest first: the user's own (and those of whom nobody knows the owner), or everybody's.

    However many runs and attempts there are, it takes four statements, which look at no other runs.

    Args:
        home: The project.
        everybodys: Those of others as well.
        most: No more than so many.
    """
    rows = newest_runs(home.database, most, owner=None if everybodys else user())
    names = [row.id for row in rows]
    counts = count_by_run(home.database, names)
    spent = CallJournal(home.database).spent_on(names)
    told = told_dollars(home.database, _elsewhere([row for row in rows if isinstance(row, RunRow)]))
    return [_line(row, counts.get(row.id, {}), spent.get(row.id, Spent()), told.get(row.id, 0.0)) for row in rows]


def _line(row: RunRow | DamagedRun, states: Mapping[str, int], spent: Spent, told: float) -> RunLine:
    whole = row if isinstance(row, RunRow) else None
    return RunLine(
        id=row.id,
        created=row.created,
        state=whole.state if whole else "damaged",
        pack=whole.config.pack if whole else "",
        owner=row.owner,
        trials={"total": sum(states.values()), "done": states.get(DONE, 0)},
        cost={
            "dollars": round(spent.dollars + told, DIGITS),
            "estimated_dollars": round(spent.estimated, DIGITS),
            "unpriced_calls": spent.unpriced,
        },
        stop=whole.broken_off.reason if whole and whole.broken_off else None,
    )
