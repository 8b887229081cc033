"""A worker may die after any event; whoever takes over pays nothing twice and runs nothing twice."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete

from agents import Event
from agents.tables import EVENTS
from core import Cause, ChatReply, Stop
from sandbox import Command, Sandbox, SandboxSpec, provider
from tests.agents.support import Office, Player, alive, call, reply, said_to

SUBMIT = call("submit", files=["report.txt"], summary="Done.")
TURNS = [
    reply("One.", call("shell", command="echo a >> log")),
    reply("Two.", call("shell", command="echo b >> log"), call("shell", command="echo c >> log")),
    reply("Words only."),
    reply("Three.", SUBMIT),
]
EVENTS_IN_ALL = 15


async def full(folder: Path, sandbox: Sandbox) -> list[Event]:
    office = Office(folder)
    await sandbox.write("/job/deliverables/report.txt", b"done")
    result = await office.work(Player(TURNS), sandbox)
    assert result.cause is Cause.submitted
    return office.transcript().events()


def cut(source: Path, target: Path, after: int) -> Office:
    """A copy of the records as if the worker had died when `after` events were written."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    office = Office(target)
    with office.database.write() as connection:
        connection.execute(delete(EVENTS).where(EVENTS.c.seq >= after))
    return office


async def test_resume_after_every_event(tmp_path: Path, sandbox: Sandbox) -> None:
    events = await full(tmp_path / "whole", sandbox)
    assert len(events) == EVENTS_IN_ALL
    bwrap = provider("bwrap", tmp_path / "state")
    for after in range(EVENTS_IN_ALL + 1):
        office = cut(tmp_path / "whole", tmp_path / f"cut{after}", after)
        fresh = await bwrap.open(SandboxSpec(workspace=f"cut{after}"))
        try:
            await fresh.write("/job/deliverables/report.txt", b"done")
            await fresh.write("/job/log", b"")
            again = Player([reply(SUBMIT)])
            result = await office.work(again, fresh)
            ran = (await fresh.read("/job/log", max_bytes=1000)).decode().split()
        finally:
            await fresh.close()
        assert result.cause is Cause.submitted, after
        before = events[:after]
        started = sum(event.kind == "tool_started" for event in before)
        assert ran == ["a", "b", "c"][started:], after
        assert again.asked == [], "the hand-in, too, is checked again without the model being asked for it"
        assert [event.seq for event in office.transcript().events()] == list(
            range(len(office.transcript().events()))
        )


async def test_a_resumed_conversation_is_the_same_to_the_letter(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whatever event the worker died after, the model is then shown what it would have been shown."""
    await sandbox.write("/job/deliverables/report.txt", b"done")
    office, whole = Office(tmp_path / "whole"), Player(TURNS)
    await office.work(whole, sandbox)
    events = office.transcript().events()
    replies = [event.seq for event in events if event.kind == "reply"]
    for number, seq in enumerate(replies):
        # The event and the journal's reply are gone: the worker died before the reply came.
        shorter = cut(tmp_path / "whole", tmp_path / f"short{number}", seq)
        shorter.journal = Forgetful(shorter.journal, number + 1)  # type: ignore[assignment]
        asked = Player([reply("x", stop=Stop.refusal)])
        await shorter.work(asked, alive(sandbox))
        assert asked.asked[0] == whole.asked[number]


class Forgetful:
    """A journal that never received the replies from number `first` on."""

    def __init__(self, journal: object, first: int) -> None:
        self._journal, self._first = journal, first

    async def call(self, model: Player, key: str, request: object) -> ChatReply:
        if int(key.rsplit("/", 1)[1]) >= self._first:
            return await model.reply(request)  # type: ignore[arg-type]
        return await self._journal.call(model, key, request)  # type: ignore[attr-defined,no-any-return]


async def test_a_worker_that_is_stopped_within_a_command_can_go_on(tmp_path: Path, sandbox: Sandbox) -> None:
    office = Office(tmp_path / "office")
    model = Player([reply(call("shell", command="echo x >> log; sleep 30")), reply(SUBMIT)])
    work = asyncio.create_task(office.work(model, sandbox))
    await sandbox.run(Command(argv=("bash", "-c", "until [ -s /job/log ]; do sleep 0.05; done")))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await sandbox.write("/job/deliverables/report.txt", b"done")
    result = await office.work(model, sandbox)
    assert result.cause is Cause.submitted
    assert await sandbox.read("/job/log", max_bytes=100) == b"x\n"
    assert "It was not run again" in said_to(model.asked[1])


async def test_time_in_which_nobody_worked_is_not_counted(tmp_path: Path, sandbox: Sandbox) -> None:
    events = await full(tmp_path / "whole", sandbox)
    office = cut(tmp_path / "whole", tmp_path / "late", 4)
    early = [event for event in events if event.seq < 4]
    with office.database.write() as connection:
        from sqlalchemy import update

        for event in early:
            hours_ago = "2020-01-01T00:00:0" + f"{event.seq}.000+00:00"
            connection.execute(update(EVENTS).where(EVENTS.c.seq == event.seq).values(at=hours_ago))
    result = await office.work(Player([reply(SUBMIT)]), sandbox)
    assert result.cause is Cause.submitted
    assert 3 <= result.seconds < 30


@pytest.mark.parametrize("after", [3, 8])
async def test_an_interrupted_tool_is_reported(tmp_path: Path, sandbox: Sandbox, after: int) -> None:
    await full(tmp_path / "whole", sandbox)
    office = cut(tmp_path / "whole", tmp_path / "cut", after)
    office.journal = Forgetful(office.journal, 2 if after == 3 else 3)  # type: ignore[assignment]
    model = Player([reply(SUBMIT)])
    await office.work(model, sandbox)
    assert "It was not run again" in said_to(model.asked[0])
