"""Lanes that workers share through a database: by several processes, on either kind of database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core import LLM_MIGRATIONS, Cause, ChatModel, Database, Lanes, RetryPolicy, StoreFault
from core.llm import lane_rules as rules
from core.llm import lane_shelf
from core.llm.client import ApiModel
from core.llm.lane_shelf import Change
from core.llm.lanes import Lane, account_of
from core.llm.retry import TryFailed
from tests.core.llm.crowd import Crowd
from tests.core.llm.support import ask, base_url, client
from tests.standins.llm import KEY, Incoming, Standin, Turn

HELLO = Turn(text="hello")
QUICK = RetryPolicy(first_wait=0.05, longest_wait=0.3, tries=100)


@pytest.fixture
def lanes(database_place: Path | str) -> Iterator[Callable[[str], Lanes]]:
    """The lanes of a worker, in a connection of its own."""
    opened: list[tuple[Database, Lanes]] = []

    def of(worker: str) -> Lanes:
        database = Database(database_place, LLM_MIGRATIONS)
        opened.append((database, Lanes(database, worker)))
        return opened[-1][1]

    yield of
    for database, lane in opened:
        lane.close()
        database.close()


def send_by(model: ChatModel, lanes: Lanes) -> Lane:
    """From now on the model's tries go through these lanes."""
    assert isinstance(model, ApiModel)
    lane = lanes.lane(account_of(model.config, KEY))
    model.use(lane)
    return lane


WORKER = """
import asyncio, sys
from pathlib import Path
from core import ChatRequest, Database, LLM_MIGRATIONS, Lanes, Message, Text, open_model

async def main(place, url, key, name, calls):
    place = Path(place) if place.startswith("/") else place
    lanes = Lanes(Database(place, LLM_MIGRATIONS), name)
    model = open_model("anthropic/claude-opus-5", base_url=url, api_key=key, lanes=lanes)
    request = ChatRequest(system=name, messages=(Message(role="user", parts=(Text(text="go"),)),))
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(model.reply(request) for _ in range(int(calls))))
    lanes.close()

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def worker(place: Path | str, standin: Standin, name: str, calls: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes so many calls at once when it is told to; killed at the end of the block."""
    arguments = [str(place), base_url("anthropic", standin), KEY, name, str(calls)]
    program = [sys.executable, "-c", WORKER, *arguments]
    folder = Path(__file__).parents[3]
    with subprocess.Popen(program, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()


def test_three_processes_share_an_account_fairly(standin: Standin, database_place: Path | str) -> None:
    Database(database_place, LLM_MIGRATIONS).close()
    standin.script = crowd = Crowd(most=6, seconds=0.15)
    with ExitStack() as stack:
        names = ("one", "two", "three")
        workers = [stack.enter_context(worker(database_place, standin, name, 40)) for name in names]
        for each in workers:
            go(each)
        for each in workers:
            assert each.wait(180) == 0
    assert Counter(crowd.answered) == {"one": 40, "two": 40, "three": 40}
    # Once they know of each other, and while all three have work, none gets much more than another.
    counts = Counter(crowd.answered[30:90])
    assert len(counts) == 3
    assert max(counts.values()) <= 3 * min(counts.values())
    # After the first burst, in which each thought it was alone, refusals are what the search for the limit costs.
    later = crowd.came[96:]
    assert sum(not answered for _, _, answered in later) < len(later) / 4


async def test_a_wait_that_one_worker_was_told_holds_for_all(
    standin: Standin, lanes: Callable[[str], Lanes]
) -> None:
    def script(request: Incoming) -> Turn:
        came.append(time.monotonic())
        return Turn(status=429, retry_after="3") if request.number == 0 else HELLO

    came: list[float] = []
    standin.script = script
    async with client("anthropic", standin, policy=QUICK) as one, client("anthropic", standin) as two:
        send_by(one, lanes("one"))
        other = send_by(two, lanes("two"))
        first = asyncio.create_task(one.reply(ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        assert await until(lambda: other._shelf.look()[0].blocked(time.time()) > 0)
        reply = await two.reply(ask("go"))
        await first
    assert came[1] - came[0] >= 2.9
    assert reply.failures == ()
    assert reply.waited_seconds > 0
    assert other.state.room < rules.FIRST_ROOM


async def test_a_circuit_that_one_worker_opened_is_open_for_all(
    standin: Standin, lanes: Callable[[str], Lanes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "FIRST_OPEN", 1.0)
    monkeypatch.setattr(rules, "LONGEST_OPEN", 1.0)
    came: list[float] = []

    def script(_: Incoming) -> Turn:
        came.append(time.monotonic())
        return Turn(status=500) if len(came) <= rules.FAILURES_TO_OPEN + 2 else HELLO

    standin.script = script
    policy = RetryPolicy(first_wait=0.01, longest_wait=0.02, tries=100)
    async with (
        client("anthropic", standin, policy=policy) as one,
        client("anthropic", standin, policy=policy) as two,
    ):
        opener = send_by(one, lanes("one"))
        send_by(two, lanes("two"))
        first = asyncio.create_task(one.reply(ask("go")))
        await asyncio.to_thread(standin.wait_for, rules.FAILURES_TO_OPEN)
        assert await until(lambda: opener.state.is_open)
        others = await asyncio.gather(*(two.reply(ask("go")) for _ in range(4)))
        await first
    probes = came[rules.FAILURES_TO_OPEN :][:3]
    assert probes[0] - came[rules.FAILURES_TO_OPEN - 1] > 0.9
    # Two probes failed, a second apart, whosever they were; the third got through, and then all did.
    assert probes[1] - probes[0] > 0.9
    assert probes[2] - probes[1] > 0.9
    assert len(came) == rules.FAILURES_TO_OPEN + 2 + 5
    assert sum(len(reply.failures) for reply in others) <= 2


async def test_the_probe_of_a_worker_that_was_killed_is_made_by_another(
    standin: Standin,
    lanes: Callable[[str], Lanes],
    database_place: Path | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    standin.script = lambda request: Turn(text="late", delay=60.0) if request.number == 0 else HELLO
    async with client("anthropic", standin) as model:
        mine = send_by(model, lanes("heir"))
        mine._apply(lambda state, now: replace(state, openings=1, open_until=now))
        with worker(database_place, standin, "doomed", 1) as doomed:
            go(doomed)
            await asyncio.to_thread(standin.wait_for, 1)
        monkeypatch.setattr(rules, "PROBE_SECONDS", 1.0)
        mine._apply(lambda state, now: replace(state, probe_until=min(state.probe_until, now + 1)))
        assert mine.state.prober.startswith("doomed/")
        reply = await model.reply(ask("go"))
    assert reply.waited_seconds > 0.5
    assert not mine.state.is_open


async def test_who_is_gone_has_no_share(lanes: Callable[[str], Lanes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_shelf, "SILENT_AFTER", 2.5)
    mine, theirs, third = lanes("mine").lane("a"), lanes("theirs"), lanes("third")
    async with mine.enter():
        mine._apply(lambda state, now: replace(state, room=12, narrowed_at=now))
        both = [theirs.lane("a"), third.lane("a")]
        assert await until(lambda: say(both) and mine.share <= 1)
        waiting = [asyncio.create_task(pass_through(mine, 60)) for _ in range(49)]
        assert await until(lambda: say(both) and mine.share == 4)
        third.lane("a")._shelf.tell(0)
        assert await until(lambda: say(both[:1]) and mine.share == 6)
        # `theirs` says nothing any more, as if it had been killed.
        assert await until(lambda: mine.share == 12)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def say(lanes: list[Lane]) -> bool:
    """They are there, and want much."""
    for lane in lanes:
        lane._shelf.tell(50)
    return True


async def pass_through(lane: Lane, seconds: float) -> None:
    async with lane.enter():
        await asyncio.sleep(seconds)


async def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.05)
    return true()


class Broken:
    """A shelf whose database does not answer."""

    asked = 0

    def now(self) -> float:
        return time.time()

    def look(self) -> tuple[rules.LaneState, Mapping[str, int]]:
        raise self._fault()

    def apply(self, change: Change) -> rules.LaneState:
        raise self._fault()

    def tell(self, wants: int) -> None:
        raise self._fault()

    def _fault(self) -> StoreFault:
        self.asked += 1
        return StoreFault(Cause.store_failed, "nobody answers")


async def test_without_the_database_a_worker_goes_on_alone() -> None:
    shelf = Broken()
    lane = Lane("a", "w", shelf)

    async def fail() -> None:
        async with lane.enter():
            raise TryFailed("status", Cause.model_rate_limited, "429", again=True, status=429)

    with pytest.raises(TryFailed):
        await fail()
    assert lane.state.room < rules.FIRST_ROOM
    async with lane.enter() as entry:
        assert entry.waited < 20
    # It is left in peace for a while, not asked for each call.
    assert shelf.asked == 1
    lane.close()
