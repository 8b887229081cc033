"""The agent with the real clients of the providers' SDKs, against a stand-in on this machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import Cause, ChatModel, open_model
from sandbox import Sandbox
from tests.agents.support import KEY as EXECUTION
from tests.agents.support import Office
from tests.standins.llm import KEY, Standin, serve
from tests.standins.llm.script import Call, Incoming, Turn

NAMES = ("openai/some-model", "openai-chat/some-model", "anthropic/some-model")
PICTURE = "from PIL import Image; Image.new('RGB', (40, 30), 'blue').save('/job/a.png'); print('drawn')"


@pytest.fixture(scope="module")
def _running() -> Iterator[Standin]:
    with serve() as running:
        yield running


@pytest.fixture
def standin(_running: Standin) -> Standin:
    _running.reset()
    return _running


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def opened(name: str, standin: Standin) -> ChatModel:
    url = standin.url if name.startswith("anthropic") else standin.openai_url
    return open_model(name, base_url=url, api_key=KEY)


def job(request: Incoming) -> Turn:
    """Thinks, calls tools side by side, makes a mistake, looks at a picture, hands in."""
    hand_in = {"files": [{"path": "report.txt"}], "summary": "There you are."}
    turns = [
        Turn(text="First I look.", think="What is there?", calls=(Call("shell", {"command": "ls inputs; echo"}),)),
        Turn(
            think="Draw.",
            calls=(
                Call("python", {"code": PICTURE}),
                Call("view_image", {"path": "a.png"}),
                Call("shell", raw="{bad"),
            ),
        ),
        Turn(text="I only talk."),
        Turn(calls=(Call("edit", {"action": "create", "path": "deliverables/report.txt", "text": "done"}),)),
        Turn(text="Here it is.", calls=(Call("submit", hand_in),)),
    ]
    return turns[replies_in(request)]


def replies_in(request: Incoming) -> int:
    """How often the model has spoken: in the Responses API a reply is a row of neighbouring items."""
    if request.api != "responses":
        return request.step
    own = [item.get("role") != "user" and "output" not in item for item in request.body["input"]]
    return sum(item and not before for before, item in itertools.pairwise([False, *own]))


@pytest.mark.parametrize("name", NAMES)
async def test_a_job_end_to_end(name: str, standin: Standin, office: Office, sandbox: Sandbox) -> None:
    standin.script = job
    model = opened(name, standin)
    result = await office.work(model, sandbox)
    await model.aclose()
    assert standin.rejected == []
    assert result.cause is Cause.submitted
    assert result.note == "There you are."
    assert await sandbox.read("/job/deliverables/report.txt", max_bytes=10) == b"done"
    assert len(standin.requests) == result.steps == 5
    texts = [event.body["text"] for event in office.events("tool_done")]
    assert texts[1].startswith("drawn")
    assert "40 x 30" in texts[2]
    assert "not a JSON object" in texts[3]
    totals = office.journal.usage_of(f"{EXECUTION}/")
    assert totals.calls == 5
    assert totals.usage.cache_read > 0 or name.startswith("openai-chat")


@pytest.mark.parametrize("name", NAMES)
async def test_a_dropped_stream_and_a_rate_limit_in_the_middle(
    name: str, standin: Standin, office: Office, sandbox: Sandbox
) -> None:
    troubles = iter([None, Turn(text="half", drop_after=1), Turn(status=429, retry_after="0.05"), None, None])

    def script(request: Incoming) -> Turn:
        return next(troubles, None) or job(request)

    standin.script = script
    model = opened(name, standin)
    result = await office.work(model, sandbox)
    await model.aclose()
    assert result.cause is Cause.submitted
    assert result.steps == 5
    assert len(standin.requests) == 7
    assert office.journal.usage_of(f"{EXECUTION}/").wasted_tries == 2


@pytest.mark.parametrize(
    ("name", "turn", "cause"),
    [
        ("openai/m", Turn(refusal="I will not."), Cause.model_refused),
        ("anthropic/m", Turn(text="I will not.", stop="refusal"), Cause.model_refused),
        ("anthropic/m", Turn(text="x", stop="model_context_window_exceeded"), Cause.context_overflow),
        ("openai/m", Turn(text="x"), Cause.agent_gave_up),
        ("openai-chat/m", Turn(text="x", stop="length"), Cause.agent_gave_up),
        ("anthropic/m", Turn(text="x", stop="pause_turn"), Cause.agent_gave_up),
    ],
)
async def test_how_it_ends(name: str, turn: Turn, cause: Cause, standin: Standin, office: Office) -> None:
    standin.script = lambda _request: turn
    model = opened(name, standin)
    result = await office.work(model, None)
    await model.aclose()
    assert result.cause is cause
    assert standin.rejected == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_worker_that_died_resumes_with_the_providers_own_items(
    name: str, standin: Standin, office: Office, sandbox: Sandbox
) -> None:
    asked = 0

    def dying(request: Incoming) -> Turn:
        nonlocal asked
        asked += 1
        return job(request) if asked <= 2 else Turn(status=401, code="authentication_error")

    standin.script = dying
    model = opened(name, standin)
    with pytest.raises(Exception, match="model_unauthorised"):
        await office.work(model, sandbox)
    standin.script = job
    result = await office.work(model, sandbox)
    await model.aclose()
    assert result.cause is Cause.submitted
    assert standin.rejected == []
    assert len(standin.requests) == 6  # five steps, and the one that was refused


CUT = {"openai": "max_output_tokens", "openai-chat": "length", "anthropic": "max_tokens"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_reply_that_is_cut_within_a_call(
    name: str, standin: Standin, office: Office, sandbox: Sandbox
) -> None:
    stop = CUT[name.split("/", maxsplit=1)[0]]
    cut = iter(
        [
            Turn(text="half", think="Long thoughts", stop=stop),
            Turn(think="More", stop=stop),
            Turn(text="Now.", calls=(Call("shell", raw='{"command": "echo cut > /job/cu'),), stop=stop),
        ]
    )
    start = 3

    def script(request: Incoming) -> Turn:
        if (turn := next(cut, None)) is not None:
            return turn
        return job(replace(request, step=replies_in(request) - start, api="counted"))

    standin.script = script
    model = opened(name, standin)
    result = await office.work(model, sandbox)
    await model.aclose()
    assert standin.rejected == []
    assert result.cause is Cause.submitted
    assert "smaller pieces" in office.events("tool_done")[0].body["text"]
    with pytest.raises(FileNotFoundError):
        await sandbox.read("/job/cu", max_bytes=1)
