"""A conversation that is carried on into the next attempt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import Remark, Rework
from agents.react.conversation import Conversation, Item
from core import Cause, ChatModel, ChatRequest, Message, Text, ToolResult
from tests.agents.support import KEY, Office, Player, assignment, call, react, reply, said_to

NEXT = "run-trial-2"


def again(**changes: Any) -> Any:
    remarks = (Remark(criterion=None, text="No total."),)
    rework = Rework(previous_files=(), remarks=remarks, continued=True)
    return assignment(key=NEXT, attempt=2, rework=rework, **changes)


async def second(office: Office, model: ChatModel) -> None:
    """The second attempt, which carries the first one on."""
    desk = office.desk(model, None)
    desk = replace(desk, transcript=office.transcript(NEXT), earlier=(office.transcript(KEY),))
    await react(model).work(again(), desk)


async def test_what_was_said_before_comes_first_and_is_not_paid_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    looking = reply("I look.", call("todo", items=[{"text": "look", "done": False}]))
    model = Player([looking, reply("That is all."), *[reply("I cannot.")] * 8])
    await office.work(model, None)
    asked = len(model.asked)
    first = model.asked[-1]
    await second(office, model)
    begun = model.asked[asked]
    assert begun.messages[: len(first.messages)] == first.messages, "to the letter, so that it is found in caches"
    assert "No total." in said_to(begun)
    assert "is above" in said_to(begun)
    assert "No total." not in said_to(first)
    assert len(office.journal.calls(f"{KEY}/")) == asked, "nothing of it was asked again"
    kinds = [event.kind for event in office.transcript(NEXT).events()]
    assert kinds[0] == "assignment"
    again_asked = len(model.asked)
    await second(office, model)  # called again after its end
    assert len(model.asked) == again_asked


async def test_a_call_that_was_never_run_is_answered(tmp_path: Path) -> None:
    office = Office(tmp_path)
    busy = reply("I look.", call("todo", items=[]), call("todo", items=[]))
    model = Player([busy, reply("Done."), *[reply("I cannot.")] * 8])
    story = office.transcript(KEY)
    await story.add("assignment", {"task": "T", "agent": "x"})
    await office.journal.call(model, f"{KEY}/1", ChatRequest(system="", messages=(), max_output_tokens=10))
    await story.add("reply", {"n": 1, "key": f"{KEY}/1", "stop": "tool_calls", "says": ""})
    await story.add("ended", {"cause": Cause.wall_time.value})
    await second(office, model)
    messages = model.asked[1].messages
    results = [part for message in messages for part in message.parts if isinstance(part, ToolResult)]
    assert [result.is_error for result in results] == [True, True]


def test_the_newest_task_outlives_a_summary() -> None:
    talk = Conversation(summary="Notes.", summary_before=5, task=2)
    talk.items = [Item.of(n, Message(role="user", parts=(Text(text=f"said {n}"),))) for n in range(-2, 7)]
    shown = [part.text for item in talk.shown() for part in item.message.parts if isinstance(part, Text)]
    assert [text for text in shown if text.startswith("said")] == ["said -2", "said 2", "said 5", "said 6"]
