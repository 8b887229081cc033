"""A worker may die at any moment, and its machine with it: what the agent made is there again, and paid once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import Event, SqlTranscript
from core import Blobs, Cause, ChatReply, ChatRequest, ModelConfig, SandboxFault, StoreFault
from runs.snapshots import Snapshots, deliverables_kept, open_where_left
from sandbox import Sandbox, SandboxProvider, SandboxSpec, TreeLimits, provider
from tests.agents.support import KEY, Office, Player, assignment, call, react, reply, said_to
from tests.sandbox.contract.helpers import sh
from tests.support import lacking

SUBMIT = call("submit", files=["report.txt"], summary="Done.")
WRITE = call("shell", command="echo done > deliverables/report.txt")
TURNS = [
    reply("One.", call("shell", command="echo a >> log; mkdir -p kept/empty; touch -d 2001-01-01 kept")),
    reply("Two.", call("shell", command="echo b >> log"), call("todo", items=["x"])),
    reply("Three.", call("shell", command="echo c >> log"), WRITE, SUBMIT),
]
SPEC = SandboxSpec(workspace=KEY)


class Killed(BaseException):
    """The worker dies here."""


class Dying(SqlTranscript):
    """Dies just before or just after it writes event number `at` of this life."""

    at, after = -1, False

    def append(self, kind: str, body: dict[str, Any]) -> Event:
        self.at -= 1
        if self.at == -1 and not self.after:
            raise Killed
        event = super().append(kind, body)
        if self.at == -1:
            raise Killed
        return event


class Counting:
    """A model that counts how often it is paid for each of its replies."""

    def __init__(self) -> None:
        self.config = ModelConfig(provider="player", model="player")
        self.paid: Counter[int] = Counter()
        self.asked: list[ChatRequest] = []

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        said = sum(message.role == "assistant" for message in request.messages)
        self.paid[said] += 1
        return TURNS[said] if said < len(TURNS) else reply(WRITE, SUBMIT)

    async def aclose(self) -> None:
        """Nothing to close."""


class Machine:
    """A machine on which workers live one after another; the records are shared between machines."""

    def __init__(self, folder: Path, office: Office, store: Blobs) -> None:
        self.provider: SandboxProvider = provider("bwrap", folder)
        self._office, self._store = office, store

    async def open(self) -> Sandbox:
        return await open_where_left(
            lambda: self.provider.open(SPEC),
            lambda: self.provider.discard(KEY),
            self._office.transcript(),
            self._store,
        )

    async def live(self, model: Counting | Player, at: int = -1, *, after: bool = False) -> list[str]:
        """Work until the end, or until event `at`; what lies in the log at the end."""
        story = Dying(self._office.database, self._office.blobs, KEY)
        story.at, story.after = at, after
        sandbox = await self.open()
        try:
            desk = self._office.desk(model, sandbox, snapshot=Snapshots(sandbox, story.events(), self._store).take)
            result = await react(model).work(assignment(), replace(desk, transcript=story))
            assert result.cause is Cause.submitted
            assert (await sandbox.read("/job/deliverables/report.txt", max_bytes=99)) == b"done\n"
            return (await sandbox.read("/job/log", max_bytes=99)).decode().split()
        finally:
            await sandbox.close()


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Machine, Machine, Office]:
    """Two machines, and the records that they share."""
    office, store = Office(tmp_path), Blobs(tmp_path / "snapshots")
    first, second = (Machine(tmp_path / name, office, store) for name in ("first", "second"))
    if problem := first.provider.problem():
        lacking("bwrap", problem[0])
    return first, second, office


def interrupted(office: Office) -> set[str]:
    """The letters whose tool call was reported to the model as interrupted."""
    found, letter = set(), ""
    for event in office.transcript().events():
        if event.kind == "tool_started":
            words = str(event.body["arguments"])
            letter = words.split("echo ")[1][0] if "echo " in words else ""
        elif event.kind == "tool_done" and event.body.get("facts", {}).get("interrupted"):
            found.add(letter)
    return found


EVENTS = 21


async def test_how_many_events_there_are(machines: tuple[Machine, Machine, Office]) -> None:
    first, _, office = machines
    assert await first.live(Counting()) == ["a", "b", "c"]
    kinds = office.kinds()
    assert len(kinds) == EVENTS
    for number, kind in enumerate(kinds):
        if kind == "snapshot":
            assert (kinds[number - 1], kinds[number + 1]) == ("tool_started", "tool_done")
    assert kinds.count("snapshot") == 4  # the list of what is to do changes nothing


MOMENTS = [(at, after, True) for at in range(EVENTS) for after in (False, True)]
MOMENTS += [(at, False, False) for at in range(2, EVENTS, 2)]  # the rest of these is in the agents' own tests


@pytest.mark.parametrize(("at", "after", "lost"), MOMENTS)
async def test_killed_at_every_event(
    machines: tuple[Machine, Machine, Office], at: int, after: bool, lost: bool
) -> None:
    first, second, office = machines
    model = Counting()
    with pytest.raises(Killed):
        await first.live(model, at, after=after)
    log = await (second if lost else first).live(model)
    assert max(model.paid.values()) == 1, "no reply is paid twice"
    assert len(set(log)) == len(log), "nothing is run twice"
    missing = {"a", "b", "c"} - set(log)
    assert missing <= interrupted(office), "what was lost was told to be interrupted"
    assert len(interrupted(office)) <= 1
    kinds = office.kinds()
    assert kinds.count("restored") == (lost and "assignment" in kinds[: at + after])
    assert kinds.count("ended") == 1


async def test_all_is_put_back_and_the_model_is_told(machines: tuple[Machine, Machine, Office]) -> None:
    first, second, office = machines
    model = Counting()
    with pytest.raises(Killed):
        await first.live(model, 10)
    sandbox = await second.open()
    said = (await sandbox.read("/job/log", max_bytes=99)).decode()
    facts = await sh(sandbox, "stat -c %Y kept; ls -A kept/empty | wc -l")
    await sandbox.close()
    assert said == "a\nb\n"
    assert facts.stdout.text.split() == ["978307200", "0"]
    assert [event.body["files"] for event in office.events("restored")] == [3]
    await second.live(model)
    assert "goes on now in another sandbox" in said_to(model.asked[-1])
    assert len(office.events("note")) == 1


async def test_the_model_is_told_of_lost_background_processes(machines: tuple[Machine, Machine, Office]) -> None:
    first, _, office = machines
    model = Counting()
    with pytest.raises(Killed):
        await first.live(model, 10)
    assert not office.events("restored")
    await first.live(model)
    assert "/job is as it was; programs that ran in the background have ended" in said_to(model.asked[-1])


async def test_what_one_machine_has_is_old_once_another_went_on(machines: tuple[Machine, Machine, Office]) -> None:
    first, second, _ = machines
    model = Counting()
    with pytest.raises(Killed):
        await first.live(model, 7)
    with pytest.raises(Killed):
        await second.live(model, 8)
    stale = await first.provider.open(SPEC)
    assert (await stale.read("/job/log", max_bytes=99)) == b"a\nb\n"
    await stale.write("/job/stale", b"x")
    await stale.close()
    log = await first.live(model)
    assert len(set(log)) == len(log)
    again = await first.open()
    with pytest.raises(FileNotFoundError):
        await again.read("/job/stale", max_bytes=9)
    await again.close()
    assert max(model.paid.values()) == 1


async def test_a_restoration_that_was_cut_off_is_made_anew(
    machines: tuple[Machine, Machine, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, office = machines
    model = Counting()
    with pytest.raises(Killed):
        await first.live(model, 11)

    def die(*_: object, **__: object) -> Event:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(SqlTranscript, "append", die)
        with pytest.raises(Killed):
            await second.open()
    half = await second.provider.open(SPEC)
    assert not half.info.fresh
    await half.write("/job/log", b"half")
    await half.close()
    sandbox = await second.open()
    assert (await sandbox.read("/job/log", max_bytes=99)) == b"a\nb\n"
    await sandbox.close()
    assert len(office.events("restored")) == 1


async def test_without_snapshots_lost_work_is_a_fault(machines: tuple[Machine, Machine, Office]) -> None:
    first, second, office = machines
    sandbox = await first.open()
    story = Dying(office.database, office.blobs, KEY)
    story.at = 6
    desk = replace(office.desk(Counting(), sandbox), transcript=story)
    with pytest.raises(Killed):
        await react(Counting()).work(assignment(), desk)
    await sandbox.close()
    with pytest.raises(SandboxFault) as fault:
        await second.open()
    assert fault.value.cause is Cause.sandbox_lost
    same = await first.open()
    assert (await same.read("/job/log", max_bytes=99)).startswith(b"a\n")
    await same.close()


async def test_bytes_that_are_gone_stop_it(machines: tuple[Machine, Machine, Office], tmp_path: Path) -> None:
    first, second, _ = machines
    big = [reply(call("shell", command="head -c 200000 /dev/urandom > big; echo done > deliverables/report.txt"))]
    with pytest.raises(Killed):
        await first.live(Player([*big, reply(SUBMIT)]), 6)
    (blob,) = (tmp_path / "snapshots").glob("??/*")
    blob.unlink()
    with pytest.raises(StoreFault):
        await second.open()


async def test_bytes_that_no_snapshot_needs_any_more_can_go(
    machines: tuple[Machine, Machine, Office], tmp_path: Path
) -> None:
    first, _, office = machines
    store, gone = Blobs(tmp_path / "own"), set[str]()
    sandbox = await first.open()
    keeping = Snapshots(sandbox, office.transcript().events(), store, gone.update)
    for number in range(3):
        await sh(sandbox, f"head -c 100000 /dev/urandom > big; echo {number} > small; cp -n big first")
        assert (await keeping.take())["stored"] >= 100_000
        await asyncio.sleep(0.03)
    assert (await keeping.take()) == {}
    await sandbox.close()
    all_there = {path.name for path in (tmp_path / "own").glob("??/*")}
    assert len(all_there) == 3
    assert len(gone) == 1, "the first is still there under another name, the last is the present one"


async def test_deliverables_without_a_sandbox(machines: tuple[Machine, Machine, Office], tmp_path: Path) -> None:
    first, _, office = machines
    store = Blobs(tmp_path / "snapshots")
    assert deliverables_kept(office.transcript(), store, tmp_path / "none", TreeLimits()) is None
    await first.live(Counting())
    taken = deliverables_kept(office.transcript(), store, tmp_path / "out", TreeLimits())
    there = await first.provider.collect(KEY, tmp_path / "collected", TreeLimits())
    assert taken == there
    assert (tmp_path / "out" / "report.txt").read_bytes() == b"done\n"
