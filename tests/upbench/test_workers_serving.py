"""A worker for months: what it opens it closes, a full disk is its own affair, and it overlooks nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core import Cause, StoreFault
from runs import (
    OPEN,
    QUEUE,
    STOPPED,
    DiskGuard,
    DiskState,
    Level,
    Machinery,
    Places,
    Stop,
    Workplace,
    begin_rounds,
    machinery,
)
from runs import disk as disks
from runs.engine.inprocess import InProcessContext
from runs.engine.port import Context, Json
from runs.govern import Governor
from runs.tables import ATTEMPTS
from runs.workers import places as open_places
from tests.runs.project import order, run_it
from tests.runs.support import write_pack
from tests.upbench.life import pack_of, slow_script
from upbench import Bench, workers
from upbench.workers import WorkerOrder, place_of, serve_rounds

SOON = 90.0


def detached(bench: Bench, pack: Path, agent: str = "nop", repeats: int = 1) -> Workplace:
    """A run that is handed over to workers, of which no round is started yet."""
    begun = bench.begin(order(pack, agent, repeats=repeats), detached=True)
    begun.records.go_on(begun.run_id, begun.options, QUEUE)
    return place_of(bench.home, begun.run_id)


async def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(bench: Bench) -> AsyncIterator[asyncio.Task[None]]:
    """A worker, for as long as the block lasts."""
    finish = asyncio.Event()
    task = asyncio.create_task(serve_rounds(bench.home, WorkerOrder(slots=2), finish))
    try:
        yield task
        finish.set()
        await asyncio.wait_for(task, SOON)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Disk:
    """A disk that has room, little, or none, as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.level = Level.ok
        monkeypatch.setattr(DiskGuard, "look", lambda _guard: DiskState(self.level, f"it is {self.level}"))
        monkeypatch.setattr(disks, "LOOK_SECONDS", 0.02)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


async def test_what_is_open_does_not_grow_with_the_runs_that_a_worker_saw(
    bench: Bench, by: Machinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_places, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(open_places, "KEPT", 2)
    pack = write_pack(tmp_path)
    runs = []
    for _ in range(30):
        place = detached(bench, pack)
        place.records.stop(place.run_id, Stop(reason="user_cancelled", detail=""))
        place.records.set_run_state(place.run_id, STOPPED)
        runs.append(place.run_id)
    scratch = bench.home.state / "scratch"
    places = Places(lambda run: place_of(bench.home, run), by)

    async def seen(some: list[str]) -> tuple[int, int]:
        """Open files and tasks once it is quiet."""
        for run in some:
            await places.of(run)
        await until(lambda: len(list(scratch.iterdir())) == 2)
        await until(lambda: not places._closing)
        files, tasks = [], []
        for _ in range(50):  # whoever looks after what is open begins and ends tasks all the time
            files.append(len(os.listdir("/proc/self/fd")))
            tasks.append(len(asyncio.all_tasks()))
            await asyncio.sleep(0.02)
        return min(files), min(tasks)

    async with places.at_work():
        few = await seen(runs[:3])
        many = await seen(runs[3:])
        assert many[0] <= few[0] + 2, "open files"
        assert many[1] <= few[1], "tasks"
        assert (await places.of(runs[0])).run_id == runs[0], "and is opened again"
    assert list(scratch.iterdir()) == []


async def test_what_is_carried_or_goes_on_stays_open(
    bench: Bench, by: Machinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_places, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(open_places, "KEPT", 0)
    pack = write_pack(tmp_path)
    over, goes_on = detached(bench, pack), detached(bench, pack)
    over.records.stop(over.run_id, Stop(reason="user_cancelled", detail=""))
    over.records.set_run_state(over.run_id, STOPPED)
    places = Places(lambda run: place_of(bench.home, run), by)
    carried, end = asyncio.Event(), asyncio.Event()

    async def carry(_ctx: Context, payload: Json) -> Json:
        await places.of(payload["run"])
        carried.set()
        await end.wait()
        return {}

    async with places.at_work():
        await places.of(goes_on.run_id)
        held = places.holding(carry)(InProcessContext("r"), {"run": over.run_id})
        carrying = asyncio.ensure_future(held)
        await carried.wait()
        assert places.carried() == 1
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert set(places._opening) == {over.run_id, goes_on.run_id}
        end.set()
        await carrying
        await until(lambda: set(places._opening) == {goes_on.run_id})
        assert places.carried() == 0


async def test_a_worker_without_room_takes_nothing_and_goes_on_when_there_is_some(
    bench: Bench, by: Machinery, tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    place = detached(bench, write_pack(tmp_path), repeats=3)
    disk.level = Level.pause
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    async with serving(bench):
        await until(lambda: "carries no rounds until there is room: it is pause" in caplog.text)
        waits = by.engine.list(queue=QUEUE, states=OPEN)
        assert {(one.state.value, one.begun) for one in waits} <= {("queued", 0)}
        assert len(waits) == 3
        await until(lambda: [(one.paused, one.queues) for one in by.alive()] == [("it is pause", {})])
        disk.level = Level.ok
        await until(lambda: place.records.run(place.run_id).state == "done")
    assert place.records.stop_of(place.run_id) is None


async def test_a_worker_that_waits_for_room_is_drained(
    bench: Bench, by: Machinery, tmp_path: Path, disk: Disk
) -> None:
    place = detached(bench, write_pack(tmp_path))
    disk.level = Level.pause
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    async with serving(bench) as task:
        await until(lambda: [one.paused for one in by.alive()] == ["it is pause"])
        assert by.workers.drain(by.alive()[0].id) == 1
        await asyncio.wait_for(task, SOON)
        assert by.alive() == []
    assert [one.state.value for one in by.engine.list(queue=QUEUE, states=OPEN)] == ["queued"]


async def test_an_attempt_whose_record_is_damaged_ends_alone(bench: Bench, by: Machinery, tmp_path: Path) -> None:
    place = detached(bench, write_pack(tmp_path), repeats=3)
    first, *others = place.records.attempts(place.run_id)
    with bench.home.database.write() as connection:
        connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == first.id).values(remarks="{"))
    async with asyncio.timeout(SOON):
        await serve_rounds(bench.home, WorkerOrder(slots=2, until_idle=True))
    assert place.records.run(place.run_id).state == "done"
    ended = {one.id: one.cause for one in place.records.attempts(place.run_id)}
    assert ended == {first.id: Cause.store_damaged} | {one.id: Cause.submitted for one in others}
    said = place.records.executions([first.id])[-1].detail
    assert said == f"the record of {first.id} is damaged: its remarks cannot be read"


async def test_what_is_at_work_when_no_room_is_left_goes_on_elsewhere(
    bench: Bench, by: Machinery, tmp_path: Path, disk: Disk
) -> None:
    pack = pack_of(tmp_path, slow_script(tmp_path, seconds=3))
    begun = bench.begin(order(pack, "react"), detached=True)
    begun.records.go_on(begun.run_id, begun.options, QUEUE)
    place = place_of(bench.home, begun.run_id)
    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    async with serving(bench):
        await until(lambda: place.records.attempts(place.run_id)[0].state == "running")
        disk.level = Level.stop
        await until(lambda: [one.state.value for one in by.engine.list(queue=QUEUE, states=OPEN)] == ["queued"])
        assert place.records.stop_of(place.run_id) is None, "other workers may have room"
        disk.level = Level.ok
        await until(lambda: place.records.run(place.run_id).state == "done")
    assert place.records.attempts(place.run_id)[0].cause is Cause.submitted
    assert len(place.records.executions([place.records.attempts(place.run_id)[0].id])) == 1


async def test_a_run_of_its_own_process_is_stopped_when_no_room_is_left(
    bench: Bench, tmp_path: Path, disk: Disk
) -> None:
    place = bench.begin(order(pack_of(tmp_path, slow_script(tmp_path, seconds=2)), "react"))
    running = asyncio.create_task(run_it(place))
    await until(lambda: place.records.attempts(place.run_id)[0].state == "running")
    disk.level = Level.stop
    await asyncio.wait_for(running, SOON)
    stop = place.records.stop_of(place.run_id)
    assert stop is not None
    assert (stop.reason, stop.detail) == ("disk", "it is stop")
    assert place.records.run(place.run_id).state == STOPPED


async def test_who_governs_outlives_records_that_do_not_answer_and_leads_on(
    bench: Bench, by: Machinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runs import govern

    monkeypatch.setattr(govern, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(govern, "SELDOM_SECONDS", 0.01)
    place = detached(bench, write_pack(tmp_path))
    governor, asked = Governor(place, by), 0
    read = place.records.standing_of

    def silent(run: str) -> Any:
        nonlocal asked
        asked += 1
        if asked in (2, 3):
            raise StoreFault(Cause.store_failed, "the server is restarting")
        return read(run)

    monkeypatch.setattr(place.records, "standing_of", silent)
    governing = asyncio.create_task(governor.govern())
    with machinery(bench.home.database, bench.home.state) as other:
        await until(lambda: asked > 5 or governing.done())
        assert not governing.done()
        await until(lambda: other.locks.known_held([govern.governing(place.run_id)]))
        place.records.stop(place.run_id, Stop(reason="user_cancelled", detail="enough"))
        await until(lambda: place.stop is not None)
    assert len(by.engine.list(queue=QUEUE, states=OPEN)) == 1, "it started what was to be started"
    governing.cancel()
    governor.close()


async def test_a_server_that_goes_while_a_run_is_opened_is_asked_again(
    bench: Bench, by: Machinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives nothing up, neither this run nor what it carries of others."""
    place, faults = detached(bench, write_pack(tmp_path), repeats=2), list[str]()
    look = Governor.look

    def cut_off(governor: Governor) -> None:
        if len(faults) < 3:
            faults.append(governor._lock)
            raise StoreFault(Cause.store_failed, "server closed the connection unexpectedly")
        look(governor)

    begin_rounds(place, by.engine, place.records.attempts(place.run_id))
    monkeypatch.setattr(Governor, "look", cut_off)
    monkeypatch.setattr(workers, "AGAIN_SECONDS", 0.01)
    async with asyncio.timeout(SOON):
        await serve_rounds(bench.home, WorkerOrder(slots=2, until_idle=True))
    assert len(faults) == 3
    assert place.records.count_undone(place.run_id) == 0


async def test_an_idle_worker_opens_what_nobody_governs(bench: Bench, tmp_path: Path) -> None:
    """As when a process is killed between handing a run over and starting its first round."""
    place = detached(bench, write_pack(tmp_path), repeats=2)
    async with asyncio.timeout(SOON):
        await serve_rounds(bench.home, WorkerOrder(slots=2, until_idle=True))
    assert place.records.run(place.run_id).state == "done"
    assert place.records.count_undone(place.run_id) == 0


async def test_what_is_handed_over_after_the_last_look_is_done_all_the_same(
    bench: Bench, by: Machinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hands it over in that moment sees that a worker is there, and starts none."""
    pack, late = write_pack(tmp_path), list[Workplace]()
    looks = workers._is_idle

    async def last(home: Any, me: Any, engine: Any, places: Places) -> bool:
        idle = await looks(home, me, engine, places)
        if idle and not late:
            late.append(detached(bench, pack))
            assert [one.id for one in by.alive()] == [me.id]
            begin_rounds(late[0], by.engine, late[0].records.attempts(late[0].run_id))
        return idle

    monkeypatch.setattr(workers, "_is_idle", last)
    async with asyncio.timeout(SOON):
        await serve_rounds(bench.home, WorkerOrder(slots=1, until_idle=True))
    assert late[0].records.count_undone(late[0].run_id) == 0
    assert by.alive() == []
