"""Lanes of one process: real clients, a real server that limits rates or fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from core import LLM_MIGRATIONS, CallJournal, Cause, ChatModel, Database, Lanes, ModelCallFailed, RetryPolicy
from core.llm import lane_rules as rules
from core.llm.client import ApiModel
from core.llm.lanes import Lane, account_of
from tests.core.llm.crowd import Crowd
from tests.core.llm.support import ask, client
from tests.standins.llm import Incoming, Standin, Turn

HELLO = Turn(text="hello")
CALLS = 20
QUICK = RetryPolicy(first_wait=0.05, longest_wait=0.5)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "upbench.db", LLM_MIGRATIONS)
    yield opened
    opened.close()


@asynccontextmanager
async def in_lane(
    standin: Standin, lanes: Lanes | None = None, policy: RetryPolicy = QUICK
) -> AsyncIterator[tuple[ChatModel, Lane]]:
    async with client("anthropic", standin, policy=policy) as model:
        assert isinstance(model, ApiModel)
        lane = (lanes or Lanes()).lane(account_of(model.config, "sk-standin"))
        model.use(lane)
        yield model, lane


async def until(true: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_calls_settle_at_what_the_provider_takes(standin: Standin) -> None:
    standin.script = crowd = Crowd(most=4, seconds=0.1)
    async with in_lane(standin) as (model, lane):
        replies = await asyncio.gather(*(model.reply(ask("go")) for _ in range(100)))
        assert len(replies) == len(crowd.answered) == 100
        # The first burst is refused; then the room is near what is taken, and refusals are few.
        first, rest = crowd.came[:32], crowd.came[32:]
        assert sum(not answered for _, _, answered in first) > 8
        assert sum(not answered for _, _, answered in rest) < 60
        assert 1 <= lane.state.room <= 9
        assert lane.running == 0
    assert sum(reply.waited_seconds for reply in replies) > 0


async def test_nobody_calls_while_the_provider_asks_to_wait(standin: Standin) -> None:
    def script(request: Incoming) -> Turn:
        came.append(time.monotonic())
        return Turn(status=429, retry_after="2") if request.number == 0 else HELLO

    came: list[float] = []
    standin.script = script
    async with in_lane(standin) as (model, lane):
        first = asyncio.create_task(model.reply(ask("go")))
        await until(lambda: lane.state.blocked(time.time()) > 0)
        began = time.monotonic()
        others = await asyncio.gather(*(model.reply(ask("go")) for _ in range(5)))
        took = time.monotonic() - began
        await first
    assert min(came[1:]) - came[0] >= 1.99
    for reply in others:
        assert 0 < reply.waited_seconds < took
        assert reply.failures == ()
        assert reply.seconds + reply.waited_seconds <= took + 0.01, "what is waited is not the call's"


async def test_a_wait_past_the_bound_ends_that_call_and_blocks_no_longer_than_the_bound(standin: Standin) -> None:
    standin.script = lambda _: Turn(status=429, retry_after="86400")
    async with in_lane(standin) as (model, lane):
        with pytest.raises(ModelCallFailed) as failed:
            await model.reply(ask("go"))
        assert failed.value.cause is Cause.model_rate_limited
        assert 0 < lane.state.blocked(time.time()) <= rules.LONGEST_BLOCK


@pytest.fixture
def short_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "FIRST_OPEN", 0.4)
    monkeypatch.setattr(rules, "LONGEST_OPEN", 0.4)


@pytest.mark.usefixtures("short_circuit")
async def test_a_provider_that_fails_is_left_in_peace_but_for_one_probe_at_a_time(standin: Standin) -> None:
    def script(_: Incoming) -> Turn:
        came.append(time.monotonic())
        return Turn(status=500, delay=0.5 if len(came) <= CALLS else 0.0) if len(came) <= CALLS + 3 else HELLO

    came: list[float] = []
    standin.script = script
    async with in_lane(standin, policy=RetryPolicy(first_wait=0.01, longest_wait=0.02, tries=100)) as (
        model,
        lane,
    ):
        replies = await asyncio.gather(*(model.reply(ask("go")) for _ in range(CALLS)))
        assert not lane.state.is_open
    assert len(replies) == CALLS
    # All failed at once, which opened the circuit; from then on one came each 0.4 s until all was well.
    assert len(came) == CALLS + 3 + CALLS
    probes = came[CALLS : CALLS + 4]
    assert all(later - earlier > 0.3 for earlier, later in pairwise(probes))
    assert all(reply.waited_seconds > 1 for reply in replies)


@pytest.mark.usefixtures("short_circuit")
async def test_an_account_that_stays_down_ends_its_calls(standin: Standin, database: Database) -> None:
    standin.script = lambda _: Turn(status=503)
    journal = CallJournal(database, run="r", worker="w")
    policy = RetryPolicy(first_wait=0.01, longest_wait=0.02, budget=1.0, tries=1000)
    async with in_lane(standin, policy=policy) as (model, lane):
        calls = (journal.call(model, f"e/{n}", ask("go")) for n in range(10))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert lane.state.is_open
        assert (lane.running, lane.wants) == (0, 0)
    assert all(isinstance(end, ModelCallFailed) and end.cause is Cause.model_unavailable for end in ends)
    assert len(standin.requests) < 20
    totals = journal.usage_of("e/")
    assert (totals.failed, totals.dollars, totals.unpriced_calls) == (10, 0.0, 0)
    assert totals.waited > 5
    assert "circuit" in {waste.kind for call in journal.calls("e/") for waste in call.waste}


async def test_wrong_requests_and_keys_say_nothing_of_the_account(standin: Standin) -> None:
    standin.script = lambda _: Turn(status=401)
    async with in_lane(standin) as (model, lane):
        for _ in range(2 * rules.FAILURES_TO_OPEN):
            with pytest.raises(ModelCallFailed):
                await model.reply(ask("go"))
        assert not lane.state.is_open
        assert lane.state.room == rules.FIRST_ROOM


async def test_a_probe_that_is_called_off_lets_another_go(standin: Standin) -> None:
    async with in_lane(standin) as (model, lane):
        lane._apply(lambda state, now: replace(state, openings=1, open_until=now))
        standin.script = lambda _: Turn(text="late", delay=30)
        probe = asyncio.create_task(model.reply(ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        assert lane.state.prober
        standin.script = lambda _: HELLO
        probe.cancel()
        began = time.monotonic()
        assert (await model.reply(ask("go"))).failures == ()
        assert time.monotonic() - began < 25
        assert not lane.state.is_open


async def test_first_come_first_served() -> None:
    lane, order = Lanes().lane("a"), list[int]()
    lane._apply(lambda state, now: replace(state, room=1, narrowed_at=now))

    async def pass_through(number: int) -> None:
        async with lane.enter():
            order.append(number)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(pass_through(number) for number in range(30)))
    assert order == list(range(30))
    assert lane.state.room > 1


async def test_who_waits_for_a_turn_has_paid_nothing(standin: Standin, database: Database) -> None:
    journal = CallJournal(database, run="r", worker="w")
    async with in_lane(standin) as (model, lane):
        lane._apply(lambda state, now: replace(state, blocked_until=now + 60))
        task = asyncio.create_task(journal.call(model, "e/1", ask("go")))
        await until(lambda: lane.wants == 1)
        await asyncio.sleep(0.3)
        assert journal.usage_of("e/").open == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lane.wants == 0
        totals = journal.usage_of("e/")
        assert (totals.dollars, totals.wasted_tries, totals.unpriced_calls) == (0.0, 0, 0)
        assert 0.25 < totals.waited < 60
        assert journal.spent("r").tokens == 0
        lane._apply(lambda state, _now: replace(state, blocked_until=0.0))
        await journal.call(model, "e/1", ask("go"))
    (call,) = journal.calls("e/")
    assert (call.state, call.tries, call.waste) == ("received", 1, ())
    assert len(standin.requests) == 1


async def test_a_cancelled_call_keeps_what_its_failed_tries_cost(standin: Standin, database: Database) -> None:
    journal = CallJournal(database, run="r", worker="w")
    turns = [Turn(text="x" * 900, drop_after=6), Turn(text="late", delay=30)]
    standin.script = lambda request: turns[min(request.number, 1)]
    async with in_lane(standin) as (model, _):
        task = asyncio.create_task(journal.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (call,) = journal.calls("e/")
    assert [(waste.kind, waste.estimated) for waste in call.waste] == [("dropped", False), ("cancelled", True)]
    assert all(waste.dollars for waste in call.waste)
    assert call.waste[0].waited > 0
    spent = journal.spent("r")
    assert spent.dollars == pytest.approx(sum(waste.dollars or 0 for waste in call.waste))
    assert spent.estimated == call.waste[1].dollars


def test_accounts_are_told_apart_without_telling_their_keys() -> None:
    from core import model_config

    mine = model_config("openai/one")
    names = {
        account_of(mine, "sk-1"),
        account_of(mine, "sk-2"),
        account_of(model_config("openai/one", base_url="http://127.0.0.1:1"), "sk-1"),
        account_of(model_config("anthropic/one"), "sk-1"),
    }
    assert len(names) == 4
    assert account_of(model_config("openai/other"), "sk-1") in names
    assert not any("sk-1" in name for name in names)


async def test_a_lane_outlives_its_event_loop() -> None:
    lanes = Lanes()

    async def pass_through() -> float:
        async with lanes.enter("a") as entry:
            return entry.waited

    first = await asyncio.to_thread(asyncio.run, pass_through())
    assert await asyncio.to_thread(asyncio.run, pass_through()) < 20
    assert first < 20
    assert lanes.lane("a").running == 0


async def test_a_turn_costs_next_to_nothing() -> None:
    lanes = Lanes()

    async def pass_through() -> None:
        async with lanes.enter("a"):
            await asyncio.sleep(0)

    took = []
    for _ in range(20):
        began = time.process_time()
        await asyncio.gather(*(pass_through() for _ in range(200)))
        took.append((time.process_time() - began) / 200)
    assert min(took) < 0.0002, "the others were disturbed"
