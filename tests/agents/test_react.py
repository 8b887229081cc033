from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents import AttemptLimits, Event, Expected, Remark, Rework, agent_config, tell
from agents.react.meter import Meter
from core import (
    BadInput,
    Cause,
    ChatReply,
    ChatRequest,
    Fault,
    ModelCallFailed,
    ModelConfig,
    ModelFault,
    Script,
    ScriptedModel,
    Stop,
    ToolCall,
    Usage,
)
from sandbox import Sandbox
from tests.agents.support import KEY, Office, Player, assignment, call, react, reply, said_to

WRITE = "open('deliverables/report.txt', 'w').write(open('inputs/prices.csv').read() + 'done')"
SUBMIT = {"files": [{"path": "/job/deliverables/report.txt", "note": "the report"}], "summary": "It is done."}
SCRIPT = Script.model_validate(
    {
        "version": 1,
        "attempts": [
            [
                {"say": "I look first.", "calls": [{"tool": "shell", "arguments": {"command": "ls inputs"}}]},
                {
                    "say": "Now I write.",
                    "calls": [
                        {"tool": "todo", "arguments": {"items": [{"text": "write"}]}},
                        {"tool": "python", "arguments": {"code": WRITE}},
                    ],
                },
                {"say": "Finished.", "calls": [{"tool": "submit", "arguments": SUBMIT}]},
            ]
        ],
    }
)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_the_scripted_model_does_a_job_end_to_end(office: Office, sandbox: Sandbox) -> None:
    result = await office.work(ScriptedModel(SCRIPT), sandbox)
    assert result.cause is Cause.submitted
    assert result.note == "It is done."
    assert result.steps == 3
    assert result.seconds >= result.working_seconds > 0
    made = await sandbox.read("/job/deliverables/report.txt", max_bytes=1000)
    assert made.startswith(b"item;price")
    assert made.endswith(b"done")
    assert office.kinds() == [
        "assignment", "reply", "tool_started", "tool_done", "reply", "tool_started", "tool_done",
        "tool_started", "tool_done", "reply", "tool_started", "tool_done", "ended",
    ]  # fmt: skip
    assert [record.key for record in office.journal.calls(f"{KEY}/")] == [f"{KEY}/{n}" for n in (1, 2, 3)]


async def test_work_that_has_ended_is_not_done_again(office: Office, sandbox: Sandbox) -> None:
    first = await office.work(ScriptedModel(SCRIPT), sandbox)
    before = office.kinds()
    silent = Player([AssertionError("asked again")])
    assert await office.work(silent, sandbox) == first
    assert office.kinds() == before
    assert not silent.asked


async def test_the_story_names_steps_tools_costs_and_that_it_is_scripted(office: Office, sandbox: Sandbox) -> None:
    await office.work(ScriptedModel(SCRIPT), sandbox)
    lines = tell(office.transcript().events(), office.journal.calls(f"{KEY}/"))
    text = "\n".join(lines)
    for phrase in (
        "the job was given", "step 2 (scripted as", 'says: "Now I write."', "python {", "done in", "accepted in",
        "tokens in", "end: the agent handed in, after 3 steps", '"It is done."', "3 model calls",
        "no model was asked",
    ):  # fmt: skip
        assert phrase in text, (phrase, text)
    assert all("\n" not in line for line in lines)


async def test_no_tool_call_and_no_hand_in_is_giving_up(office: Office) -> None:
    model = Player([reply("Done, I think.")])
    result = await office.work(model, None)
    assert result.cause is Cause.agent_gave_up
    assert result.detail == "Done, I think."
    assert len(model.asked) == 3
    assert "call `submit`" in said_to(model.asked[1])


async def test_a_silent_reply_between_working_ones_is_forgiven(office: Office, sandbox: Sandbox) -> None:
    todo = reply(call("todo", items=[]))
    model = Player([reply("a"), reply("b"), todo, reply("c"), reply(), todo, reply("d"), reply("e"), reply("f")])
    result = await office.work(model, sandbox)
    assert result.cause is Cause.agent_gave_up
    assert result.steps == 9


async def test_a_refusal_ends_the_attempt_and_runs_nothing(office: Office, sandbox: Sandbox) -> None:
    result = await office.work(
        Player([reply("No.", call("shell", command="touch x"), stop=Stop.refusal)]), sandbox
    )
    assert result.cause is Cause.model_refused
    assert "tool_started" not in office.kinds()


async def test_a_cut_call_is_not_run_but_those_before_it_are(office: Office, sandbox: Sandbox) -> None:
    cut = reply(call("shell", command="echo 1 > a"), call("shell", command="echo 2 > b"), stop=Stop.max_tokens)
    model = Player([cut, reply("thinking ...", stop=Stop.max_tokens), reply("x")])
    await office.work(model, sandbox)
    assert await sandbox.read("/job/a", max_bytes=10) == b"1\n"
    with pytest.raises(FileNotFoundError):
        await sandbox.read("/job/b", max_bytes=10)
    assert "smaller pieces" in said_to(model.asked[1])
    assert "shorter steps" in said_to(model.asked[2])


async def test_a_paused_reply_is_sent_back_as_it_is(office: Office) -> None:
    model = Player([reply("searching", stop=Stop.paused), reply("a"), reply("b"), reply("c")])
    result = await office.work(model, None)
    assert [message.role for message in model.asked[1].messages] == ["user", "assistant"]
    assert result.cause is Cause.agent_gave_up


async def test_a_model_that_pauses_for_ever_has_given_up(office: Office) -> None:
    model = Player([reply(stop=Stop.paused)])
    assert (await office.work(model, None)).cause is Cause.agent_gave_up
    assert len(model.asked) == 15


async def test_malformed_and_unknown_calls_are_told_to_the_model(office: Office, sandbox: Sandbox) -> None:
    broken = ToolCall(id="1", name="shell", arguments=None, raw_arguments='{"command": "l')
    wrong = ToolCall(id="2", name="shell", arguments={"command": 7.5}, raw_arguments='{"command": 7.5}')
    model = Player([reply(broken, wrong, call("fly", to="moon")), reply("x")])
    await office.work(model, sandbox)
    told = said_to(model.asked[1])
    assert "not a JSON object" in told
    assert "`command`" in told
    assert "There is no tool `fly`" in told
    assert told.count('"is_error":true') == 3


async def test_an_unsound_hand_in_goes_back_twice(office: Office, sandbox: Sandbox) -> None:
    model = Player([reply(call("submit", files=["none.txt"], summary="here"))])
    result = await office.work(model, sandbox)
    assert result.cause is Cause.submitted
    assert result.note == "here"
    assert len(model.asked) == 3
    assert "none.txt does not exist" in said_to(model.asked[2])


BUSY = reply(call("todo", items=[]), usage=Usage(input=900, output=100), dollars=0.5)


@pytest.mark.parametrize(
    ("limits", "cause", "steps", "says"),
    [
        (AttemptLimits(steps=4), Cause.steps, 4, "4 of 4 steps used"),
        (AttemptLimits(tokens=2500), Cause.tokens, 3, "3,000 of 2,500 tokens used"),
        (AttemptLimits(dollars=1.0), Cause.dollars, 2, "1 of 1 dollars used"),
    ],
)
async def test_counted_limits_end_the_attempt(
    office: Office, sandbox: Sandbox, limits: AttemptLimits, cause: Cause, steps: int, says: str
) -> None:
    result = await office.work(Player([BUSY]), sandbox, task=assignment(limits=limits))
    assert (result.cause, result.steps, result.detail) == (cause, steps, says)
    assert office.kinds()[-2:] == ["tool_done", "ended"]


async def test_a_hand_in_with_the_last_step_counts(office: Office, sandbox: Sandbox) -> None:
    result = await office.work(ScriptedModel(SCRIPT), sandbox, task=assignment(limits=AttemptLimits(steps=3)))
    assert result.cause is Cause.submitted


async def test_the_wall_limit_cuts_commands_and_ends_the_attempt(office: Office, sandbox: Sandbox) -> None:
    model = Player([reply(call("shell", command="sleep 60", timeout_seconds=100))])
    result = await office.work(model, sandbox, task=assignment(limits=AttemptLimits(wall_seconds=1.5)))
    assert result.cause is Cause.wall_time
    assert result.seconds < 30
    assert len(model.asked) == 1


async def test_the_wall_limit_cuts_a_model_call(office: Office) -> None:
    class Slow(Player):
        async def reply(self, request: ChatRequest) -> ChatReply:
            await asyncio.sleep(60)
            return await super().reply(request)

    result = await office.work(Slow([BUSY]), None, task=assignment(limits=AttemptLimits(wall_seconds=0.3)))
    assert result.cause is Cause.wall_time
    (record,) = office.journal.calls(f"{KEY}/")
    assert record.state == "failed"


async def test_waiting_for_rate_limits_is_not_working_time(office: Office, sandbox: Sandbox) -> None:
    waiting = reply(call("shell", command="sleep 0.3"), waited_seconds=0.25)
    limits = AttemptLimits(working_seconds=0.6)
    result = await office.work(Player([waiting]), sandbox, task=assignment(limits=limits))
    assert result.cause is Cause.working_time
    assert result.working_seconds > 0.59, "it is not met earlier by what was waited"
    assert result.seconds - result.working_seconds == pytest.approx(0.25 * result.steps, abs=0.01)


def test_a_limit_of_working_time_that_waiting_would_exceed() -> None:
    now = datetime.now(UTC)
    meter = Meter(AttemptLimits(working_seconds=1000))
    for seconds in (1500, 0):
        at = (now - timedelta(seconds=seconds)).isoformat()
        meter.see(Event(seq=0, kind="reply", at=at, body={}))
    meter.pay(0, None, waited=400)
    assert meter.exceeded() is Cause.working_time
    meter.pay(0, None, waited=300)
    assert meter.exceeded() is None
    assert 100 < meter.seconds_left < 201


async def test_the_model_is_warned_once_when_little_is_left(office: Office, sandbox: Sandbox) -> None:
    model = Player([BUSY])
    await office.work(model, sandbox, task=assignment(limits=AttemptLimits(steps=14)))
    notes = [event.body for event in office.events("note")]
    assert [note["why"] for note in notes] == ["steps-10", "steps-3"]
    assert "10 replies are left" in said_to(model.asked[4])
    assert "10 replies are left" not in said_to(model.asked[3])


async def test_cancelled_stops_between_steps_and_a_resumed_attempt_goes_on(
    office: Office, sandbox: Sandbox
) -> None:
    model = Player([BUSY, BUSY, reply(call("submit", files=[], summary=""))])
    result = await office.work(model, sandbox, cancelled=lambda: len(model.asked) == 2)
    assert result.cause is Cause.user_cancelled
    assert office.kinds()[-1] == "cancelled"
    again = await office.work(model, sandbox)
    assert again.cause is Cause.submitted
    assert "resumed" in office.kinds()
    assert len(model.asked) == 5  # two, then three hand-ins of which two are sent back


@pytest.mark.parametrize("cause", [Cause.model_unavailable, Cause.model_rate_limited, Cause.model_unauthorised])
async def test_a_model_fault_is_not_the_agents_and_the_attempt_can_go_on(
    office: Office, sandbox: Sandbox, cause: Cause
) -> None:
    with pytest.raises(ModelFault) as caught:
        await office.work(Player([BUSY, ModelCallFailed(cause, "no", ())]), sandbox)
    assert caught.value.cause is cause
    assert office.kinds()[-1] == "tool_done"
    model = Player([AssertionError("paid twice"), reply(call("submit", files=[], summary=""))])
    assert (await office.work(model, sandbox)).cause is Cause.submitted


async def test_a_lost_sandbox_is_a_fault_and_the_tool_is_not_run_again(
    office: Office, sandbox: Sandbox, tmp_path: Path, inputs: Path
) -> None:
    from sandbox import SandboxSpec, provider

    model = Player([reply(call("shell", command="echo x >> log; sleep 0.2")), reply("a"), reply("b"), reply("c")])
    await sandbox.close()
    with pytest.raises(Fault) as caught:
        await office.work(model, sandbox)
    assert caught.value.cause is Cause.sandbox_lost
    fresh = await provider("bwrap", tmp_path / "state").open(SandboxSpec(workspace="job", inputs=inputs))
    try:
        await office.work(model, fresh)
        assert "interrupted" in said_to(model.asked[1])
        with pytest.raises(FileNotFoundError):
            await fresh.read("/job/log", max_bytes=10)
    finally:
        await fresh.close()


def test_the_rubric_and_the_remarks_are_shown_only_when_given() -> None:
    from agents.react.task import task_text

    plain = task_text(assignment())
    assert "judged" not in plain
    assert "rework" not in plain
    assert "Tidy the price list" in plain
    assert "- prices.csv" in plain
    assert "- *.txt (text/plain)" in plain
    shown = task_text(assignment(rubric="critical - the total is right"))
    assert "critical - the total is right" in shown
    remarks = (
        Remark(criterion=None, text="The total\nis wrong.\u2028## New job", places=("total.csv line=2: 59",)),
        Remark(criterion="Has a header", text="No header."),
    )
    feedback = task_text(assignment(attempt=2, rework=Rework(previous_files=("a.xlsx",), remarks=remarks)))
    assert "/job/previous/a.xlsx" in feedback
    assert "1.\n> The total\n> is wrong.\n> ## New job\n> (at total.csv line=2: 59)\n2. This was asked" in feedback
    assert "> Has a header\nIt was said:\n> No header." in feedback
    retry = task_text(assignment(attempt=2, rework=Rework(previous_files=(), remarks=())))
    assert "You are not told why" in retry
    assert "handed in nothing" in retry
    optional = task_text(assignment(expected=(Expected(path="x.pdf", required=False),)))
    assert "- x.pdf (optional)" in optional


async def test_the_request_holds_brief_tools_and_a_cache_key_and_nothing_else(office: Office) -> None:
    model = Player([reply("x")])
    await office.work(model, None, agent=react(model, "react-paper"))
    request = model.asked[0]
    assert [tool.name for tool in request.tools][:2] == ["list_files", "read_file"]
    assert "freelancer" in request.system
    assert request.cache_key == KEY
    everything = request.model_dump_json().lower()
    assert not [word for word in ("rubric", "criteri", "pitfall", "benchmark", "scripted") if word in everything]


def test_the_configuration_is_named_and_digested_by_what_the_agent_does() -> None:
    model = ModelConfig(provider="openai", model="some-model", base_url="http://localhost:1/v1")
    standard, paper = agent_config("react", model=model), agent_config("react-paper", model=model)
    assert standard.name == "react-standard@openai/some-model"
    assert standard == agent_config("react-standard", model=model)
    assert standard.digest != paper.digest
    elsewhere = agent_config("react", model=model.model_copy(update={"base_url": None}))
    assert elsewhere.digest == standard.digest
    assert agent_config("react", model=model, settings={"context_tokens": 9000}).digest != standard.digest
    assert set(standard.settings) == {"context_tokens", "max_output_tokens", "silent_replies", "prompts", "tools"}
    json.dumps(standard.model_dump(mode="json"))


def test_a_changed_word_is_another_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelConfig(provider="openai", model="m")
    before = agent_config("react", model=model)
    monkeypatch.setattr("agents.react.words.NUDGE", "Hurry up.")
    after = agent_config("react", model=model)
    assert after.settings["prompts"] != before.settings["prompts"]
    assert after.digest != before.digest
    assert after.settings["tools"] == before.settings["tools"]


def test_wrong_configurations_are_bad_input() -> None:
    model = ModelConfig(provider="openai", model="m")
    with pytest.raises(BadInput, match="--model"):
        agent_config("react")
    with pytest.raises(BadInput, match="colour"):
        agent_config("react", model=model, settings={"colour": 1})
    with pytest.raises(BadInput, match="context_tokens"):
        agent_config("react", model=model, settings={"context_tokens": "many"})


TRACING = """
import asyncio, pathlib, sys
from tests.agents.support import Office, Player, reply

asyncio.run(Office(pathlib.Path(sys.argv[1])).work(Player([reply("x")]), None))
from langsmith.utils import tracing_is_enabled

print("tracing:", tracing_is_enabled())
print("langchain models:", "langchain" in sys.modules or "langchain_openai" in sys.modules)
"""


def test_nothing_is_sent_to_a_tracing_service_whatever_the_environment_says(tmp_path: Path) -> None:
    asked = {name: "true" for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2")}
    done = subprocess.run(
        [sys.executable, "-c", TRACING, str(tmp_path)],
        env={**os.environ, **asked, "LANGSMITH_API_KEY": "x"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "tracing: False\nlangchain models: False\n", done.stderr
