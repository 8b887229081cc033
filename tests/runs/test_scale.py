"""A slice of the simulation of scale: what a trial asks of the database does not grow with the number of trials.

Statements and rows are counted, never times.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import Engine, event

from benchmarks.copying import copy_trials
from benchmarks.crew import crew
from benchmarks.sleeping import create_run, workplace_of
from runs import Records, RunBudget, RunOptions, hand_over, machinery
from runs.ahead import undone, unstarted
from runs.govern import Governor
from runs.starting import AHEAD, AT_ONCE
from runs.workers.liveness import FEW, TICK_SECONDS, Liveness
from tests.standins.postgres import Postgres
from upbench import workers
from upbench.home import Home, open_home
from upbench.settings import Settings
from upbench.workers import WorkerOrder, serve_rounds

SMALL, LARGE, EXECUTED, SLOTS = 100, 1000, 120, 25
STATEMENTS, ROWS = 40, 13.5  # a trial with one call of its model
OF_A_TRIAL = 0.8  # what is asked so often a trial is one of a trial; other statements go with the time
OFTEN = 5  # what is asked less often does not depend on the number of trials
# Counted along an index, and the more rarely the longer it takes.
BOUNDED = {"queues", "workflow_schedules"}  # of the engine's library: some rows, whatever is executed
SELDOM = ("SELECT attempts.cause, count(*)",)


@dataclass
class Asked:
    """What this process asked of a database: how often, and with which values the last time."""

    number: Counter[str] = field(default_factory=Counter)
    values: dict[str, Any] = field(default_factory=dict)

    def note(self, _connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        """Whatever engine it is asked by."""
        self.number[statement] += 1
        self.values[statement] = values

    def of_trials(self, trials: int) -> dict[str, int]:
        """Statements of a trial, and how often each is asked in one. All statements share the BEGINs."""
        often = {one: n / trials for one, n in self.number.items() if n >= OF_A_TRIAL * trials}
        return {one: round(n) for one, n in often.items() if plannable(one)}


@contextmanager
def asking() -> Iterator[Asked]:
    asked = Asked()
    event.listen(Engine, "before_cursor_execute", asked.note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", asked.note)


@dataclass(frozen=True)
class Project:
    """A project on PostgreSQL, and a connection of the superuser's to its database."""

    home: Home
    superuser: psycopg.Connection[Any]

    def rows(self) -> int:
        """Rows of all tables, ours and the engine's."""
        tables = self.superuser.execute(
            "select quote_ident(schemaname) || '.' || quote_ident(relname) from pg_stat_user_tables"
        ).fetchall()
        text = " + ".join(f"(select count(*) from {name})" for (name,) in tables)
        row = self.superuser.execute(f"select {text}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def plan(self, run: str, trials: int) -> None:
        """Plan a run and hand it over."""
        create_run(self.home, run, trials)
        with machinery(self.home.database, self.home.state) as by:
            hand_over(workplace_of(self.home, run, turns=1, seconds=0), by)

    def execute(self, run: str) -> Asked:
        """Be the worker that executes it."""

        def place_of(home: Home, name: str) -> Any:
            return workplace_of(home, name, turns=1, seconds=0)

        with asking() as asked, patch.object(workers, "place_of", place_of):
            asyncio.run(serve_rounds(self.home, WorkerOrder(slots=SLOTS, until_idle=True)))
        assert Records(self.home.database).count_undone(run) == 0
        return asked


@pytest.fixture
def project(fresh_database: str, postgres: Postgres, tmp_path: Path) -> Iterator[Project]:
    home = open_home(Settings(project=tmp_path, database=fresh_database, snapshots=False))
    with postgres.connect(fresh_database.rsplit("/", 1)[1]) as superuser:
        yield Project(home, superuser)
    home.close()


def test_a_trial_among_many_asks_no_more_than_one_among_few(project: Project) -> None:
    empty = project.rows()
    project.plan("small", SMALL)
    small = project.execute("small").of_trials(SMALL)
    rows = (project.rows() - empty) / SMALL
    project.plan("large", LARGE)
    assert copy_trials(project.superuser, "large", LARGE - EXECUTED, of="small") == LARGE - EXECUTED
    before = project.rows()
    asked = project.execute("large")
    large = asked.of_trials(EXECUTED)

    assert rows < ROWS
    assert (project.rows() - before) / EXECUTED < rows - 1.5  # its trial and its attempt were planned before
    assert sum(large.values()) <= STATEMENTS
    assert large == small

    project.superuser.execute("vacuum analyze")
    often = [one for one, number in asked.number.items() if number >= OFTEN and not one.startswith(SELDOM)]
    assert len(often) > 30
    plans = {one: plan_of(project, one, asked.values[one]) for one in often if plannable(one)}
    assert {one: plan for one, plan in plans.items() if gone_through(plan) - BOUNDED} == {}
    assert {one: plan for one, plan in plans.items() if thrown_away(plan) > SMALL} == {}


def plannable(statement: str) -> bool:
    return statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE", "WITH", "INSERT"}


def plan_of(project: Project, statement: str, values: Any, *, without: Sequence[str] = ("seqscan",)) -> str:
    """How it is carried out, where going through a whole table is the last resort; nothing of it remains.

    Without sorting, the server goes along an index in the order asked for, as it does in a large table.
    """
    connection = project.superuser
    connection.execute("begin")
    try:
        for way in without:
            connection.execute(f"set local enable_{way} = off".encode())
        how = "explain" if statement.startswith("INSERT") else "explain (analyze, timing off)"
        rows = connection.execute(f"{how} {statement}".encode(), values).fetchall()
    finally:
        connection.execute("rollback")
    return "\n".join(row[0] for row in rows)


def gone_through(plan: str) -> set[str]:
    """Tables that are read from end to end."""
    return set(re.findall(r"Seq Scan on (\w+)", plan))


def thrown_away(plan: str) -> int:
    """Rows that were looked at in vain."""
    return sum(
        int(number) for number in re.findall(r"Rows Removed by (?:Filter|Index Recheck|Join Filter): (\d+)", plan)
    )


def test_what_comes_next_is_looked_for_where_the_last_look_ended(project: Project) -> None:
    project.plan("small", 2)
    project.execute("small")
    create_run(project.home, "large", LARGE)
    done = LARGE - EXECUTED
    assert copy_trials(project.superuser, "large", done, of="small") == done

    with asking() as asked:
        first, begin = unstarted(project.home.database, "large", 10)
        second, _ = unstarted(project.home.database, "large", 10, begin=begin)
    assert begin == done + 9
    assert second[0] == first[-1]
    ((look, number),) = [(one, n) for one, n in asked.number.items() if plannable(one)]
    assert number == 2
    plan = plan_of(project, look, asked.values[look])
    assert gone_through(plan) == set()
    assert thrown_away(plan) <= EXECUTED

    with project.superuser.transaction():
        project.superuser.execute("update attempts set rounds = 1 where state = 'planned' and run = 'large'")
        project.superuser.execute("update attempts set rounds = 0 where id = %s", (first[0].id,))
    project.superuser.execute("vacuum analyze attempts")
    with asking() as asked:
        going = undone(project.home.database, "large", limit=5)
        more = undone(project.home.database, "large", limit=LARGE, after=going[-1].id)
    assert len(going) == 5
    assert len(more) == EXECUTED - 1 - 5
    assert [one.id for one in (*going, *more)] == sorted(one.id for one in (*going, *more))
    ((look, _),) = [(one, n) for one, n in asked.number.items() if plannable(one)]
    plan = plan_of(project, look, asked.values[look], without=("seqscan", "sort"))
    assert thrown_away(plan) <= EXECUTED

    rest, _ = unstarted(project.home.database, "large", LARGE, begin=begin + 1)
    assert rest == first[:1], "what was left before it is found when nothing else is"


def test_of_many_workers_one_looks_after_a_run(project: Project) -> None:
    create_run(project.home, "run", 10)
    options = RunOptions(preflight=0, budget=RunBudget(dollars=5))
    first, second = (workplace_of(project.home, "run", turns=1, seconds=0) for _ in range(2))
    first.records.go_on("run", options, first.queue)
    first.options = second.options = options
    with (
        machinery(project.home.database, project.home.state) as leads,
        machinery(project.home.database, project.home.state) as follows,
    ):
        leader, follower = Governor(first, leads), Governor(second, follows)
        leads.engine.prepare()
        with asking() as asked:
            leader.look()
        assert spending(asked) == 1
        with asking() as asked, patch.object(follows.locks, "take", wraps=follows.locks.take) as take:
            for _ in range(5):
                follower.look()
        assert spending(asked) == 0
        assert take.call_count == 1
        leader.close()
        follower._next_try = 0.0
        with asking() as asked:
            follower.look()
        assert spending(asked) == 1, "who follows the leader looks after it"


def spending(asked: Asked) -> int:
    """How often it was asked what the run has cost."""
    return sum(number for one, number in asked.number.items() if "run_spend" in one)


def test_the_more_workers_there_are_the_more_rarely_each_looks_after_the_others(project: Project) -> None:
    place = (project.home.database, project.home.state)
    with machinery(*place) as by, machinery(*place) as others:
        by.engine.prepare()
        names = [f"worker-{number}" for number in range(3 * FEW)]
        for name in names:
            by.workers.enter(name, {})
            assert (by if name == names[0] else others).locks.take(name)
        liveness = Liveness(names[0], by, lost=lambda fault: None, draining=lambda: None)
        liveness._look()
        assert liveness._pause == 3 * TICK_SECONDS
        others.locks.give(names[-1])
        liveness._look()
        assert liveness._pause == TICK_SECONDS, "one that may be dead is looked at all the time"


def test_a_large_run_is_started_bit_by_bit(project: Project) -> None:
    create_run(project.home, "run", AHEAD + AT_ONCE)
    place = workplace_of(project.home, "run", turns=0, seconds=0)
    with machinery(project.home.database, project.home.state) as by:
        hand_over(place, by)
        started = "select count(*) from attempts where rounds > 0"
        assert project.superuser.execute(started).fetchone() == (AHEAD,)
        hand_over(place, by)
        assert project.superuser.execute(started).fetchone() == (AHEAD,)
        waiting = "select count(*) from dbos.workflow_status where queue_name = 'workers' and status = 'ENQUEUED'"
        assert project.superuser.execute(waiting).fetchone() == (AHEAD,)


def test_each_worker_has_its_own_number_of_slots(project: Project, fresh_database: str, tmp_path: Path) -> None:
    """The engine's library keeps one a queue, in the database."""
    create_run(project.home, "run", 12)
    with machinery(project.home.database, project.home.state) as by:
        hand_over(workplace_of(project.home, "run", turns=1, seconds=60), by)
    carried = "select count(*) from dbos.workflow_status where status = 'PENDING' group by executor_id order by 1"
    place, at_work = (tmp_path, fresh_database), (1, 60.0)

    async def seen(number: list[tuple[int]]) -> list[tuple[int]]:
        async with asyncio.timeout(60):
            while project.superuser.execute(carried).fetchall() != number:  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.1)
        await asyncio.sleep(2)  # some more looks into the queue
        return project.superuser.execute(carried).fetchall()

    with crew(1, *place, 2, *at_work):
        assert asyncio.run(seen([(2,)])) == [(2,)]
        with crew(1, *place, 5, *at_work):
            assert asyncio.run(seen([(2,), (5,)])) == [(2,), (5,)]
