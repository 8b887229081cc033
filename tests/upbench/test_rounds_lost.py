"""No attempt is left without a round, and none has two: whatever was stopped, killed or asked for twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core import Cause, Overtaken
from runs import (
    OPEN,
    QUEUE,
    AttemptRounds,
    Machinery,
    Round,
    RoundState,
    Workplace,
    begin_rounds,
    bury_dead,
)
from runs.ahead import undone
from runs.engine.inprocess import InProcessContext
from runs.engine.port import Context, Json
from runs.starting import bury, start_lost
from runs.workers.locks import AdvisoryLocks
from tests.runs.project import order
from tests.runs.support import write_pack
from tests.upbench.large import counted_statements
from upbench import Bench, workers
from upbench.cli.execute import describe
from upbench.order import Order
from upbench.workers import WorkerOrder, place_of, serve_rounds


@pytest.fixture
def place(bench: Bench, tmp_path: Path) -> Workplace:
    """A run of three trials that workers execute, of which nothing has been started."""
    begun = bench.begin(order(write_pack(tmp_path), "nop", repeats=3), detached=True)
    begun.records.go_on(begun.run_id, begun.options, QUEUE)
    return place_of(bench.home, begun.run_id)


def test_whoever_saw_an_attempt_too_early_starts_no_second_round(place: Workplace, by: Machinery) -> None:
    seen = place.records.attempts(place.run_id)
    begin_rounds(place, by.engine, seen)
    begin_rounds(place, by.engine, seen)
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    assert len(by.engine.list(queue=QUEUE, states=OPEN)) == len(seen) == 3


async def test_a_round_that_is_not_the_last_is_refused(place: Workplace, by: Machinery) -> None:
    seen = place.records.attempts(place.run_id)[0]
    begin_rounds(place, by.engine, [seen])
    first = place.records.attempt(seen.id).round
    with place.database.write() as connection:
        second = place.records.next_round(connection, seen.id)
    assert first is not None
    assert second is not None
    assert second[1] != first
    with pytest.raises(Overtaken):
        place.records.begin(second[0], first)

    async def here(_run: str) -> Workplace:
        return place

    told: list[Cause | None] = []
    rounds = AttemptRounds(here, watch=lambda _attempt, cause, _over: told.append(cause))
    payload = {"run": place.run_id, "execution": second[0], "again": 0}
    assert await rounds.carry(InProcessContext(first), payload) == {}
    assert told == []


async def test_a_round_that_is_over_without_its_attempt_is_started_again(place: Workplace, by: Machinery) -> None:
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    lost = place.records.attempts(place.run_id)[1]
    assert lost.round is not None
    by.engine.cancel([lost.round])
    assert start_lost(place, by.engine, "") == max(attempt.id for attempt in undone(place.database, place.run_id))
    again = place.records.attempt(lost.id).round
    assert again not in (None, lost.round)
    assert len(by.engine.list(queue=QUEUE, states=OPEN)) == 3
    start_lost(place, by.engine, "")
    assert place.records.attempt(lost.id).round == again


async def test_a_clean_end_of_a_worker_is_not_held_against_its_rounds(by: Machinery) -> None:
    began: list[str] = []

    async def carry(ctx: Context, _payload: Json) -> Json:
        began.append(ctx.key)
        await asyncio.sleep(60)
        return {}

    by.engine.start([Round("round", "a", {}, QUEUE, share="run")])
    async with asyncio.timeout(120):
        for number in range(12):
            async with by.engine.work(f"w{number}", {"round": carry}, {QUEUE: 1}, poll_seconds=0.02):
                while len(began) <= number:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert by.engine.recover(f"w{number}", blameless=True) == 1
    assert [one.state for one in by.engine.list(keys=["a"])] == [RoundState.queued]


async def test_a_round_that_died_before_it_began_is_buried(bench: Bench, place: Workplace, by: Machinery) -> None:
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    dead = place.records.attempts(place.run_id)[0]
    assert dead.round is not None
    began = asyncio.Event()

    async def carry(_ctx: Context, _payload: Json) -> Json:
        began.set()
        await asyncio.sleep(60)
        return {}

    async with asyncio.timeout(60), by.engine.work("w", {"attempt": carry}, {QUEUE: 3}, poll_seconds=0.02):
        await began.wait()
        while len(by.engine.list(queue=QUEUE, states=OPEN[1:])) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    from dbos._sys_db import SystemDatabase

    tables: SystemDatabase = by.engine._client._sys_db  # type: ignore[attr-defined]
    tables.dead_letter_workflows([dead.round], min_recovery_attempts=0)
    assert [one.state for one in by.engine.list(keys=[dead.round])] == [RoundState.dead]
    other = bench.begin(order(place.jobs["job-1"].root.parent.parent, "nop"))
    bury(other, by.engine)  # whoever comes first does it, whatever run it is of
    assert place.records.attempt(dead.id).cause is Cause.worker_died
    assert not by.engine.list(states=[RoundState.dead])
    with counted_statements() as read:
        assert bury_dead(place.database, by.engine) == 0
    assert len([one for one in read if one.lstrip().upper().startswith("SELECT")]) == 1, "run all the time"


async def test_a_run_that_cannot_be_opened_is_stopped_and_others_go_on(
    bench: Bench, place: Workplace, by: Machinery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    pack = place.jobs["job-1"].root.parent.parent
    wanted = Order(pack=str(pack), agents=("react",), models=("openai/gpt-standin",))
    keyless = bench.begin(wanted, detached=True)
    monkeypatch.delenv("OPENAI_API_KEY")
    keyless.records.go_on(keyless.run_id, keyless.options, QUEUE)
    for one in (keyless, place):
        begin_rounds(one, by.engine, one.records.attempts(one.run_id))
    async with asyncio.timeout(120):
        await serve_rounds(bench.home, WorkerOrder(slots=2, until_idle=True))
    assert bench.show(place.run_id).trials["done"] == 3
    stop = place.records.stop_of(keyless.run_id)
    assert stop is not None
    assert stop.reason == "cannot_open"
    assert "OPENAI_API_KEY" in stop.detail


async def test_a_run_that_cannot_be_opened_here_is_left_to_others_as_long_as_there_are_any(
    bench: Bench, place: Workplace, by: Machinery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ADOPT_LOOK_SECONDS", 0.1)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    pack = str(place.jobs["job-1"].root.parent.parent)
    wanted = Order(pack=pack, agents=("react",), models=("openai/gpt-standin",), repeats=5)
    keyless = bench.begin(wanted, detached=True)
    monkeypatch.delenv("OPENAI_API_KEY")
    keyless.records.go_on(keyless.run_id, keyless.options, QUEUE)
    by.workers.enter("other", {QUEUE: 2})
    by.locks.take("other")
    for one in (keyless, place):
        begin_rounds(one, by.engine, one.records.attempts(one.run_id))
    finish = asyncio.Event()
    serving = asyncio.create_task(serve_rounds(bench.home, WorkerOrder(slots=1), finish))
    async with asyncio.timeout(120):
        while bench.show(place.run_id).trials["done"] < 3 or not by.workers.refused(keyless.run_id):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        told = bench.show(keyless.run_id)
        assert (told.stop, told.trials["done"]) == (None, 0)
        assert all("OPENAI_API_KEY" in why for why in told.refused.values())
        assert ", which cannot open it: " in describe(told)
        left = by.engine.list(queue=QUEUE, states=OPEN)
        assert len(left) >= told.trials["total"] - 2 > 0, "what was taken was taken before this was known"
        by.workers.leave("other")
        by.workers.settle("other", "ended")
        by.locks.give("other")
        while keyless.records.stop_of(keyless.run_id) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while by.engine.list(queue=QUEUE, states=OPEN):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        finish.set()
        await serving
    stop = keyless.records.stop_of(keyless.run_id)
    assert stop is not None
    assert stop.reason == "cannot_open"


def test_locks_take_an_address_with_options_of_its_own(fresh_database: str) -> None:
    joined = "&" if "?" in fresh_database else "?"
    address = f"{fresh_database}{joined}connect_timeout=5&options=-c%20statement_timeout%3D9000&keepalives_idle=3"
    locks, others = AdvisoryLocks(address), AdvisoryLocks(fresh_database)
    assert locks.take("a")
    assert not others.take("a")
    locks.close()
    end = time.monotonic() + 60  # the server hears of it in its own time
    while not others.take("a"):
        assert time.monotonic() < end
        time.sleep(0.05)
    others.close()
