"""Calls that several workers make: what a run spent, and who may write what when two have the same call."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from core import LLM_MIGRATIONS, CallJournal, Cause, Database, Lanes, ModelCallFailed, Overtaken, StoreFault
from core.llm import entries, spend
from core.llm.client import ApiModel
from core.llm.spend import Spending, add_spending
from core.llm.tables import SPEND
from tests.core.llm.support import FakeTime, ask, base_url, client
from tests.standins.llm import KEY, Standin, Turn
from tests.standins.postgres import Postgres

HELLO = Turn(text="hello")
Opened = Callable[[], Database]


@pytest.fixture
def opened(database_place: Path | str) -> Iterator[Opened]:
    """Opens the same database again, as another worker would."""
    found: list[Database] = []

    def open_it() -> Database:
        found.append(Database(database_place, LLM_MIGRATIONS))
        return found[-1]

    yield open_it
    for database in found:
        database.close()


async def test_what_workers_spent_is_what_their_calls_cost(standin: Standin, opened: Opened) -> None:
    one = CallJournal(opened(), run="r1", worker="one")
    two = CallJournal(opened(), run="r1", worker="two")
    other = CallJournal(opened(), run="r2", worker="one")
    turns = [HELLO, Turn(status=429), Turn(text="x" * 900, drop_after=6), HELLO, Turn(status=404), HELLO]
    async with client("anthropic", standin, turns, policy=FakeTime().policy()) as model:
        await one.call(model, "a.k1.e1/1", ask("go"))
        await two.call(model, "b.k1.e1/1", ask("go"))
        with pytest.raises(ModelCallFailed):
            await two.call(model, "b.k1.e1/2", ask("go"))
        await one.call(model, "a.k1.e1/1", ask("go"))
        await two.call(model, "b.k1.e1/2", ask("go"))
        await other.call(model, "c.k1.e1/1", ask("go"))
    spent, totals = one.spent("r1"), [one.usage_of(prefix) for prefix in ("a.", "b.")]
    assert spent.calls == sum(total.calls for total in totals) == 3
    assert spent.dollars == pytest.approx(sum(total.dollars for total in totals))
    assert spent.tokens == sum(total.usage.total + total.wasted_usage.total for total in totals)
    assert (spent.unpriced, spent.estimated) == (0, 0.0)
    assert 0 < spent.hours < 0.1
    assert two.spent("r1") == spent
    assert one.spent("r2").calls == 1
    assert one.spent("nothing").dollars == 0


async def test_a_call_without_a_price_is_counted(standin: Standin, opened: Opened) -> None:
    journal = CallJournal(opened(), run="r", worker="w")
    async with client("openai-chat", standin, [HELLO]) as model:
        await journal.call(model, "e/1", ask("go"))
    spent = journal.spent("r")
    assert (spent.calls, spent.unpriced, spent.dollars) == (1, 1, 0.0)
    assert spent.tokens > 0


async def test_a_worker_taken_for_dead_writes_over_nothing(standin: Standin, opened: Opened) -> None:
    standin.script = lambda request: Turn(text=f"reply {request.number}", delay=1.0 if request.number == 0 else 0)
    zombie = CallJournal(opened(), run="r", worker="zombie")
    heir = CallJournal(opened(), run="r", worker="heir")
    async with client("anthropic", standin) as model:
        lost = asyncio.create_task(zombie.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        second = await heir.call(model, "e/1", ask("go"))
        (call,) = heir.calls("e/")
        assert [(waste.kind, waste.estimated) for waste in call.waste] == [("in_flight", True)]
        guessed = heir.spent("r")
        assert guessed.estimated == call.waste[0].dollars
        with pytest.raises(Overtaken) as overtaken:
            await lost
        assert overtaken.value.cause.value == "worker_died"
        # What both were told from then on is the heir's reply.
        assert await zombie.call(model, "e/1", ask("go")) == second
    (call,) = heir.calls("e/")
    assert (call.state, call.tries) == ("received", 2)
    (waste,) = call.waste
    # The zombie's reply came after all: what it cost is known now.
    assert (waste.kind, waste.estimated) == ("overtaken", False)
    assert waste.dollars == pytest.approx(second.dollars)
    spent = zombie.spent("r")
    assert spent.dollars == pytest.approx(2 * (second.dollars or 0))
    assert spent.estimated == pytest.approx(0)
    assert spent.tokens == 2 * second.usage.total
    assert len(standin.requests) == 2


async def test_a_zombie_whose_call_fails_changes_nothing(standin: Standin, opened: Opened) -> None:
    def script(request: object) -> Turn:
        return Turn(status=400, delay=1.0) if len(standin.requests) == 1 else HELLO

    standin.script = script
    zombie, heir = CallJournal(opened(), run="r", worker="a"), CallJournal(opened(), run="r", worker="b")
    async with client("anthropic", standin) as model:
        lost = asyncio.create_task(zombie.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        reply = await heir.call(model, "e/1", ask("go"))
        with pytest.raises(Overtaken):
            await lost
    (call,) = heir.calls("e/")
    assert (call.state, call.cause) == ("received", None)
    assert {waste.dollars for waste in call.waste} == {0.0}
    assert heir.spent("r").dollars == pytest.approx(reply.dollars)
    assert heir.spent("r").tokens == reply.usage.total


async def test_a_reply_that_came_to_another_meanwhile_is_not_asked_for_again(
    standin: Standin, opened: Opened
) -> None:
    """The second worker looked before the reply was there, and waited for its turn until it was."""
    first, second = CallJournal(opened(), run="r", worker="a"), CallJournal(opened(), run="r", worker="b")
    lane = Lanes().lane("account")
    lane._apply(lambda state, now: replace(state, blocked_until=now + 600))
    async with client("anthropic", standin, [HELLO]) as free, client("anthropic", standin) as laned:
        assert isinstance(laned, ApiModel)
        laned.use(lane)
        waiting = asyncio.create_task(second.call(laned, "e/1", ask("go")))
        async with asyncio.timeout(60):
            while not lane.wants:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        reply = await first.call(free, "e/1", ask("go"))
        lane._apply(lambda state, _now: replace(state, blocked_until=0.0))
        lane._wake()
        assert await waiting == reply
    assert len(standin.requests) == 1
    (call,) = first.calls("e/")
    assert (call.tries, call.waste) == (1, ())
    assert first.spent("r").calls == 1


CRASH = """
import asyncio, json, sys
from pathlib import Path
from core import CallJournal, ChatRequest, Database, LLM_MIGRATIONS, Message, Text, open_model

async def main(place, url, key):
    model = open_model("anthropic/claude-opus-5", base_url=url, api_key=key)
    request = ChatRequest(system="s", messages=(Message(role="user", parts=(Text(text="go"),)),))
    place = Path(place) if place.startswith("/") else place
    journal = CallJournal(Database(place, LLM_MIGRATIONS), run="r", worker="doomed")
    for number in range(1, 100):
        await journal.call(model, f"e/{number}", request)

asyncio.run(main(*sys.argv[1:]))
"""


def killed_at(number: int, standin: Standin, arguments: list[str]) -> None:
    worker = subprocess.Popen([sys.executable, "-c", CRASH, *arguments], cwd=Path(__file__).parents[3])
    try:
        standin.wait_for(number)
    finally:
        worker.kill()
        worker.wait()


async def test_a_call_in_flight_when_its_worker_was_killed_is_settled_once(
    standin: Standin, opened: Opened, database_place: Path | str
) -> None:
    standin.script = lambda request: Turn(text="hello", delay=60.0 if request.number == 3 else 0.0)
    arguments = [str(database_place), base_url("anthropic", standin), KEY]
    await asyncio.to_thread(killed_at, 4, standin, arguments)
    journal = CallJournal(opened(), run="r", worker="heir")
    before = journal.spent("r")
    assert (before.calls, before.estimated) == (3, 0.0)
    assert journal.usage_of("e/").open == 1
    assert (journal.settle("e/"), journal.settle("e/")) == (1, 0)
    totals, spent = journal.usage_of("e/"), journal.spent("r")
    assert (totals.open, totals.failed, totals.wasted_tries, totals.estimated_calls) == (0, 1, 1, 1)
    each = before.dollars / 3
    assert totals.wasted_dollars == pytest.approx(each, rel=0.5)
    assert spent.dollars == pytest.approx(totals.dollars)
    assert spent.dollars > before.dollars
    # Whoever asks again after all is answered, and the waste is counted once.
    standin.script = lambda _: HELLO
    async with client("anthropic", standin) as model:
        await journal.call(model, "e/4", ask("go"))
    assert journal.usage_of("e/").wasted_tries == 1
    assert journal.spent("r").calls == 4


def test_hours_are_of_the_clock_not_of_workers(opened: Opened) -> None:
    database = opened()
    journal = CallJournal(database, run="r", worker="w")
    spans = [("a", 0, 3600), ("b", 1800, 5400), ("c", 1900, 2000), ("d", 9000, 10_800)]
    with database.write() as connection:
        for worker, first, last in spans:
            add_spending(connection, "r", worker, Spending(calls=1))
            mine = (SPEND.c.run == "r") & (SPEND.c.worker == worker)
            connection.execute(SPEND.update().where(mine).values(first_at=first, last_at=last))
    assert journal.spent("r").hours == pytest.approx(2.0)
    assert journal.spent("r").calls == 4


class Breaking(Database):
    """A database whose connection breaks: just before a commit, or just after it and before that is told."""

    breaks: tuple[str, ...] = ()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        how = self.breaks[0] if self.breaks else ""
        self.breaks = self.breaks[1:]
        lost = StoreFault(Cause.store_failed, f"the connection broke {how} the commit")
        with super().write() as connection:
            yield connection
            if how == "before":
                raise lost
        if how == "after":
            raise lost


@pytest.mark.parametrize("breaks", [("before",), ("after",), ("before", "after"), ("after", "after")])
async def test_a_reply_outlives_a_connection_that_breaks_while_it_is_written(
    breaks: tuple[str, ...], standin: Standin, database_place: Path | str
) -> None:
    database = Breaking(database_place, LLM_MIGRATIONS)
    journal = CallJournal(database, run="r", worker="w")
    async with client("anthropic", standin, [HELLO]) as model:
        database.breaks = ("", *breaks)
        reply = await journal.call(model, "e/1", ask("go"))
        assert database.breaks == ()
        assert await journal.call(model, "e/1", ask("go")) == reply
    assert len(standin.requests) == 1
    assert (journal.spent("r").calls, journal.spent("r").tokens) == (1, reply.usage.total)
    database.close()


async def test_a_reply_outlives_a_database_that_is_killed_under_it(
    standin: Standin, postgres: Postgres, fresh_database: str
) -> None:
    database = Database(fresh_database, LLM_MIGRATIONS)
    journal = CallJournal(database, run="r", worker="w")
    async with client("anthropic", standin, [Turn(text="hello", delay=2.0)]) as model:
        asked = asyncio.create_task(journal.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        await asyncio.to_thread(postgres.kill)
        starting = threading.Timer(4.0, postgres.start)  # the reply comes before the server does
        starting.start()
        reply = await asked
        starting.join()
        assert await journal.call(model, "e/1", ask("go")) == reply
    assert len(standin.requests) == 1
    assert journal.spent("r").tokens == reply.usage.total
    database.close()


class Clock:
    """Time passes when it is told to."""

    def __init__(self) -> None:
        self.passed = 0.0

    def time(self) -> float:
        return 1_800_000_000.0 + self.passed

    def monotonic(self) -> float:
        return self.passed


async def test_a_pause_does_not_count_as_hours(
    standin: Standin, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(entries, "time", clock)
    monkeypatch.setattr(spend, "time", clock)
    journal = CallJournal(opened(), run="r", worker="w")
    async with client("anthropic", standin, [HELLO]) as model:
        for number, pause in enumerate((600, 600, 7200, 600)):
            await journal.call(model, f"e/{number}", ask("go"))
            clock.passed += pause
        await journal.call(model, "e/9", ask("go"))
    spent = journal.spent("r")
    assert spent.calls == 5
    assert spent.hours * 3600 == pytest.approx(3 * 600)


OLD = """
CREATE TABLE migrations (room VARCHAR NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (room, number));
INSERT INTO migrations VALUES ('core.llm', 1);
CREATE TABLE model_calls ("key" VARCHAR NOT NULL, state VARCHAR NOT NULL, tries INTEGER NOT NULL,
  provider VARCHAR NOT NULL, model VARCHAR NOT NULL, request VARCHAR NOT NULL, started_at FLOAT NOT NULL,
  reply BLOB, stop VARCHAR,
  input INTEGER, cache_read INTEGER, cache_write INTEGER, output INTEGER, reasoning INTEGER,
  dollars FLOAT, seconds FLOAT, cause VARCHAR, detail VARCHAR, PRIMARY KEY ("key")) WITHOUT ROWID;
CREATE TABLE model_waste ("key" VARCHAR NOT NULL, number INTEGER NOT NULL,
  kind VARCHAR NOT NULL,  status INTEGER,
  seconds FLOAT NOT NULL, waited FLOAT NOT NULL, at FLOAT NOT NULL,
  input INTEGER, cache_read INTEGER,
  cache_write INTEGER, output INTEGER, reasoning INTEGER, dollars FLOAT,
  PRIMARY KEY ("key", number)) WITHOUT ROWID;
INSERT INTO model_calls (key, state, tries, provider, model, request, started_at)
  VALUES ('e/1', 'started', 1, 'anthropic', 'claude-opus-5', 'd', 1.0);
INSERT INTO model_waste (key, number, kind, seconds, waited, at) VALUES ('e/1', 1, 'in_flight', 0, 2.5, 1.0);
"""


async def test_a_project_from_before_there_were_budgets_goes_on(standin: Standin, tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with sqlite3.connect(file) as raw:
        raw.executescript(OLD)
    raw.close()
    database = Database(file, LLM_MIGRATIONS)
    journal = CallJournal(database, run="r", worker="w")
    assert journal.usage_of("e/").waited == 2.5
    async with client("anthropic", standin, [HELLO]) as model:
        await journal.call(model, "e/1", ask("go"))
    (call,) = journal.calls("e/")
    assert [waste.estimated for waste in call.waste] == [False, True]
    assert journal.spent("r").calls == 1
    database.close()
    Database(file, LLM_MIGRATIONS).close()
