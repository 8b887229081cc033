"""The scripted model plays its script, counts its tokens, and remembers nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import BadInput, ChatModel, Message, Script, ScriptedModel, Stop, Text, ToolCall, load_script
from tests.core.llm.support import BASH, answer_calls, ask, user

SCRIPT: dict[str, Any] = {
    "version": 1,
    "attempts": [
        [
            {"say": "I look.", "calls": [{"tool": "bash", "arguments": {"command": "ls"}}]},
            {"calls": [{"tool": "submit", "arguments": {}}, {"tool": "bash", "arguments": {"command": "pwd"}}]},
        ],
        [{"say": "Second attempt."}],
    ],
}


def script() -> Script:
    return Script.model_validate(SCRIPT)


async def test_turns_follow_the_assistants_messages() -> None:
    model: ChatModel = ScriptedModel(script(), name="scripted/demo")
    messages: list[Message] = [user("The brief.")]
    stops, calls = [], []
    for _ in range(3):
        reply = await model.reply(ask(*messages, tools=(BASH,)))
        again = await model.reply(ask(*messages, tools=(BASH,)))
        assert reply == again
        stops.append(reply.stop)
        calls += [part for part in reply.message.parts if isinstance(part, ToolCall)]
        messages += [reply.message, answer_calls(reply)]
    assert stops == [Stop.tool_calls, Stop.tool_calls, Stop.end_turn]
    assert [call.name for call in calls] == ["bash", "submit", "bash"]
    assert calls[0].arguments == {"command": "ls"}
    assert len({call.id for call in calls}) == 3
    assert model.config.name == "scripted/demo"


@pytest.mark.parametrize(("attempt", "says"), [(1, "I look."), (2, "Second attempt."), (7, "Second attempt.")])
async def test_the_attempt_chooses_its_turns(attempt: int, says: str) -> None:
    reply = await ScriptedModel(script(), attempt=attempt).reply(ask("go"))
    assert reply.message.parts[0] == Text(text=says)


async def test_tokens_are_counted_and_cost_nothing() -> None:
    model = ScriptedModel(script())
    first = await model.reply(ask("x" * 4_000))
    second = await model.reply(ask("x" * 4_000, first.message, answer_calls(first, "y" * 400)))
    assert 1_000 <= first.usage.input <= 1_010
    assert first.usage.cache_read == 0
    assert second.usage.cache_read >= 1_000
    assert 100 <= second.usage.input <= 101
    assert first.usage.output > 0
    assert first.dollars == 0.0


def test_the_script_is_part_of_what_the_model_is() -> None:
    other = {**SCRIPT, "attempts": [[{"say": "Else."}]]}
    configs = [ScriptedModel(Script.model_validate(data)).config for data in (SCRIPT, SCRIPT, other)]
    assert configs[0] == configs[1] != configs[2]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "JSON"),
        ("[]", "valid dictionary"),
        ('{"version": 2, "attempts": [[]]}', "version"),
        ('{"version": 1, "attempts": []}', "attempts"),
        ('{"version": 1, "attempts": [[{"speak": "x"}]]}', "attempts.0.0.speak"),
        ('{"version": 1, "attempts": [[{"calls": [{"tool": "rm -rf"}]}]]}', "attempts.0.0.calls.0.tool"),
    ],
)
def test_a_wrong_script_is_named(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "scripted.json"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_script(path)
    assert "scripted.json" in str(caught.value)
    assert field in str(caught.value)


def test_a_script_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "scripted.json"
    path.write_text(json.dumps(SCRIPT))
    assert load_script(path) == script()
