"""What the same agents took before in this project: the past that a plan is estimated from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from agents import AgentConfig
from core import CallJournal, CallTotals, Cause, Database, PriceTable, cause_row
from grading import Trial
from rubrics import CompletionPolicy
from runs.arms import judged_trials
from runs.records import Records
from runs.rows import DONE, AttemptRow, attempt_row
from runs.tables import ATTEMPTS, TRIALS

MOST_PAST = 300
"""So many past trials of an agent are looked at, the newest ones."""
_OWN: list[Any] = [column for column in ATTEMPTS.c if column.name != "run"]
_GRADED = tuple(cause.value for cause in Cause if cause_row(cause).graded)


@dataclass(frozen=True)
class PastTrial:
    """What the first attempt of a past trial took, all its executions added up.

    Attributes:
        row: The attempt.
        pack: Name of the pack that the job is of.
        dollars: At the prices of then, or where there were none at those of now; None: there are none.
        seconds: Of work by the clock; None: not known.
    """

    row: AttemptRow
    pack: str
    dollars: float | None
    tokens: int
    seconds: float | None


def past_trials(
    database: Database, agents: Iterable[AgentConfig], prices: PriceTable | None = None, *, most: int = MOST_PAST
) -> dict[str, tuple[PastTrial, ...]]:
    """The graded past trials of each agent (by name; known again by its digest), newest runs first."""
    records, journal = Records(database), CallJournal(database)
    wanted = {agent.digest: agent for agent in agents}
    found: dict[str, list[PastTrial]] = {agent.name: [] for agent in wanted.values()}
    for run in records.runs():
        for known in run.config.executed:
            agent = wanted.get(known.digest)
            if agent is None or len(found[agent.name]) >= most:
                continue
            rows = _first_attempts(database, run.id, known.name, most - len(found[agent.name]))
            executions = records.executions_of([row.id for row in rows])
            for row in rows:
                seconds = [e.seconds for e in executions[row.id] if e.seconds is not None]
                totals = journal.usage_of(f"{row.id}.e")
                found[agent.name].append(
                    PastTrial(
                        row=row,
                        pack=run.config.pack,
                        dollars=_dollars(agent, totals, prices or PriceTable()),
                        tokens=totals.usage.total,
                        seconds=sum(seconds) if seconds else None,
                    )
                )
    return {name: tuple(trials) for name, trials in found.items()}


def judged_past(database: Database, past: Iterable[PastTrial], policy: CompletionPolicy) -> tuple[Trial, ...]:
    """Past trials as their verdicts of record make them, by that policy."""
    by_run: dict[str, list[AttemptRow]] = {}
    for trial in past:
        by_run.setdefault(trial.row.run, []).append(trial.row)
    return tuple(
        trial
        for run, rows in by_run.items()
        for trial in judged_trials(database, run, attempts=rows, policy=policy)
    )


def _dollars(agent: AgentConfig, totals: CallTotals, prices: PriceTable) -> float | None:
    if not totals.unpriced_calls:
        return totals.dollars
    # The tokens of tries that brought no reply are not always told: this is the least that it would cost now.
    return None if agent.model is None else prices.price(agent.model, totals.usage)


def _first_attempts(database: Database, run: str, agent: str, most: int) -> Sequence[AttemptRow]:
    query: Select[Any] = (
        select(*_OWN, TRIALS.c.run, TRIALS.c.agent, TRIALS.c.job, TRIALS.c.repeat)
        .join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial)
        .where(TRIALS.c.run == run, TRIALS.c.agent == agent, ATTEMPTS.c.k == 1)
        .where(ATTEMPTS.c.state == DONE, ATTEMPTS.c.cause.in_(_GRADED))
        .order_by(TRIALS.c.position.desc())
        .limit(most)
    )
    with database.read() as connection:
        return [attempt_row(row) for row in connection.execute(query)]
