"""The contract of the engine with workers as processes: killed, stopped, cut off, without a server."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from runs import OPEN, Round, RoundState
from runs.engine.durable import TAKEN_UP
from tests.runs.engine.conftest import Bench
from tests.runs.engine.crew import QUEUE
from tests.runs.forking import Forked
from tests.standins.postgres import Postgres
from tests.standins.silent import SilentProxy


def start(bench: Bench, count: int, *, steps: int = 3, seconds: float = 0.1) -> list[str]:
    """So many rounds; their keys."""
    keys = [f"k{number}" for number in range(count)]
    payload = {"steps": steps, "seconds": seconds}
    bench.by.engine.start([Round("steps", key, payload, QUEUE, share="run") for key in keys])
    return keys


def all_done(bench: Bench, keys: list[str]) -> None:
    """Each round has ended well, and none of its steps is missing."""
    assert Counter(one.state for one in bench.by.engine.list(keys=keys)) == {RoundState.done: len(keys)}
    for key in keys:
        whats = {line.what for line in bench.crew.log.lines(key)}
        assert {"+s0", "-s0", "+s1", "-s1", "+s2", "-s2", "end"} <= whats


def overlaps(bench: Bench) -> list[str]:
    """Rounds that one process worked on while another did."""
    found = []
    for key in {line.key for line in bench.crew.log.lines() if line.what == "begin"}:
        pids = [line.pid for line in bench.crew.log.lines(key)]
        turns = [pid for number, pid in enumerate(pids) if number == 0 or pids[number - 1] != pid]
        if len(turns) != len(set(turns)):
            found.append(key)
    return found


def test_no_two_workers_carry_a_round_at_once(bench: Bench) -> None:
    keys = start(bench, 40)
    for worker in [bench.crew.worker(slots=6, TOGETHER="2"), bench.crew.worker(slots=6, TOGETHER="2")]:
        worker.finish()
    all_done(bench, keys)
    begun = bench.crew.log.by_worker()
    assert len(begun) == 2
    assert all(begun.values()), "both had some"
    assert set(bench.crew.log.count("begin").values()) == {1}
    assert set(bench.crew.log.count("+s1").values()) == {1}


def test_what_a_dead_worker_left_is_taken_up_once(bench: Bench) -> None:
    others = [bench.crew.worker(slots=12, TOGETHER="3"), bench.crew.worker(slots=12, TOGETHER="3")]
    bench.crew.log.wait_for(2, "ready")
    keys = start(bench, 12, seconds=1.0)
    first = bench.crew.worker(slots=12)
    bench.crew.log.wait_for(12, "-s0")
    bench.crew.log.write("-", "ready")  # they begin while it is at work, however slow the machine is
    bench.crew.log.wait_for(3, "worker")
    first.kill()
    for worker in others:
        worker.finish()
    all_done(bench, keys)
    log = bench.crew.log
    assert set(log.count("begin").values()) <= {1, 2}, "each was taken up once"
    assert max(log.count("-s0").values()) == 1, "what was kept is not run again"
    assert overlaps(bench) == []
    assert bench.by.workers.unsettled() == []


def test_a_round_that_kills_its_workers_is_not_taken_up_for_ever(bench: Bench) -> None:
    """The worker is started again and again, as whoever looks after it would."""
    bench.by.engine.start([Round("attempt", "poison", {"execution": "poison"}, QUEUE, share="run")])
    deaths = 0
    while bench.by.engine.list(states=OPEN):
        deaths += bench.crew.worker(POISON="poison").wait() == -signal.SIGKILL
        assert deaths <= TAKEN_UP + 1
    (dead,) = bench.by.engine.list(states=[RoundState.dead])
    assert (dead.key, deaths) == ("poison", TAKEN_UP + 1)
    assert bench.crew.log.count("begin") == {"poison": deaths}


def test_a_stopped_worker_is_not_taken_for_dead(bench: Bench) -> None:
    keys = start(bench, 4, seconds=0.3)
    stopped = bench.crew.worker(slots=4)
    bench.crew.log.wait_for(4, "+s0")
    stopped.send(signal.SIGSTOP)
    other = bench.crew.worker(slots=4)
    bench.crew.log.wait_for(2, "worker")
    time.sleep(4.5)  # more than twice as long as the dead are waited for
    assert bench.crew.log.by_worker().keys() == {stopped.pid}
    stopped.send(signal.SIGCONT)
    for worker in (stopped, other):
        worker.finish()
    all_done(bench, keys)
    assert set(bench.crew.log.count("begin").values()) == {1}


class Cut:
    """A worker behind a proxy that fell silent while it carried rounds, and another that took them up."""

    def __init__(self, bench: Bench, server: Postgres, fence: float) -> None:
        self.proxy = SilentProxy(server.port)
        self.keys = start(bench, 3, seconds=0.5)
        behind = bench.crew.place.replace(f":{server.port}/", f":{self.proxy.port}/")
        self.worker: Forked = bench.crew.worker(slots=3, place=behind, fence=fence)
        bench.crew.log.wait_for(3, "+s0")
        self.proxy.cut()
        self.at = time.monotonic()
        bench.crew.worker(slots=3).finish()


def test_a_worker_that_is_cut_off_does_no_more(shared: Bench, postgres: Postgres) -> None:
    """Others take its rounds up. When it hears of it, it ends."""
    cut = Cut(shared, postgres, fence=60.0)
    try:
        all_done(shared, cut.keys)
        late = [line for line in shared.crew.log.lines() if line.pid == cut.worker.pid and line.at > cut.at]
        assert {line.what for line in late} <= {"-s0"}, "what was under way came to its end, and nothing was begun"
        assert cut.worker.alive()
        cut.proxy.heal()
        assert cut.worker.wait() in {0, 1}, "it finds that others did its rounds, or that nothing is left"
        all_done(shared, cut.keys)
    finally:
        cut.proxy.close()


def test_a_worker_that_stays_cut_off_gives_its_rounds_up(shared: Bench, postgres: Postgres) -> None:
    cut = Cut(shared, postgres, fence=3.0)
    try:
        shared.crew.log.wait_for(1, "fenced")
        all_done(shared, cut.keys)
        cut.proxy.heal()
        assert cut.worker.wait() == 1, cut.worker.said
    finally:
        cut.proxy.close()


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_the_server_restarts_in_the_middle(shared: Bench, postgres: Postgres, mode: str) -> None:
    keys = start(shared, 16, seconds=0.4)
    workers = [shared.crew.worker(slots=4, TOGETHER="2") for _ in range(2)]
    shared.crew.log.wait_for(10, "-s0")
    if mode == "kill":
        postgres.kill()
    else:
        postgres.stop(mode)
    time.sleep(1.0)
    postgres.start()
    for worker in workers:
        worker.finish()
    all_done(shared, keys)
    assert len(shared.crew.log.by_worker()) == 2
    assert set(shared.crew.log.count("begin").values()) == {1}, "nobody was thought to be dead"
