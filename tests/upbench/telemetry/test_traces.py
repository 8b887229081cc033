"""What is told, as a collector receives it: traces by execution, and nothing that anybody wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from core import (
    LLM_MIGRATIONS,
    CallJournal,
    Cause,
    ChatReply,
    ChatRequest,
    Database,
    Message,
    ModelConfig,
    ModelFault,
    SandboxFault,
    Stop,
    Text,
    Usage,
    event,
    span,
    within,
)
from tests.standins.otlp import Collector, SeenSpan
from upbench.telemetry.start import observed
from upbench.telemetry.traces import trace_id

SECRET = "The client's secret brief"
REQUEST = ChatRequest(system=SECRET, messages=(Message(role="user", parts=(Text(text=SECRET),)),))
REPLY = ChatReply(
    message=Message(role="assistant", parts=(Text(text=SECRET),)),
    stop=Stop.end_turn,
    usage=Usage(input=10, cache_read=5, output=7, reasoning=2),
    model="m-2026",
    dollars=0.25,
    waited_seconds=1.5,
)


class Model:
    config = ModelConfig(provider="openai-chat", model="m")

    def __init__(self, answer: ChatReply | Exception = REPLY) -> None:
        self.answer = answer

    async def reply(self, request: ChatRequest) -> ChatReply:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        return


def named(spans: Sequence[SeenSpan], name: str) -> SeenSpan:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, [span.name for span in spans]
    return found[0]


async def one_round(journal: CallJournal, execution: str, model: Model | None = None) -> None:
    with (
        within(trial="t1", execution=execution),
        span("round", round="attempt", agent="react", job="job-1", k=1, e=1) as told,
    ):
        with span("step", step="work"):
            await journal.call(model or Model(), f"{execution}/1", REQUEST)
            await asyncio.sleep(0)
            with span("tool_call", tool="shell", call="c1") as tool:
                tool.content(arguments=lambda: SECRET)
                tool.note(error="tool_error")
            event("rate_limited", seconds=3.0)
        told.note(cause="submitted", ended="submitted")


def work(folder: Path, *executions: str, model: Model | None = None) -> None:
    database = Database(folder / "calls.db", LLM_MIGRATIONS)

    async def all_rounds() -> None:
        with within(run="r1"), span("run", trials=len(executions)):
            await asyncio.gather(*(one_round(CallJournal(database), name, model) for name in executions))

    try:
        with observed(folder, "run"):
            asyncio.run(all_rounds())
    finally:
        database.close()


def test_a_trace_an_execution(collector: Collector, tmp_path: Path) -> None:
    work(tmp_path, "t1.k1.e1", "t2.k1.e1")
    spans = collector.spans
    run = named(spans, "run")
    for execution in ("t1.k1.e1", "t2.k1.e1"):
        mine = [span for span in spans if span.trace == f"{trace_id(execution):032x}"]
        whole, step = named(mine, "round attempt"), named(mine, "step work")
        call, tool = named(mine, "chat m"), named(mine, "execute_tool shell")
        assert [one.parent for one in (whole, step, call, tool)] == ["", whole.id, step.id, step.id]
        assert whole.links == (run.trace,), "the run's own trace can be found from each round's"
        assert {one.attributes["upbench.execution.id"] for one in mine} == {execution}
        assert {one.attributes["upbench.run.id"] for one in mine} == {"r1"}
        assert whole.attributes["upbench.cause"] == "submitted"
        assert tool.failed
        assert tool.attributes["error.type"] == "tool_error"
        assert step.events == ("rate_limited",)
    assert len(spans) == 9
    assert run.resource["service.name"] == "upbench"


def test_model_calls_follow_the_conventions_for_generative_ai(collector: Collector, tmp_path: Path) -> None:
    work(tmp_path, "t1.k1.e1")
    call = named(collector.spans, "chat m")
    assert call.kind == 3, "CLIENT"
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 16000,
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "upbench.dollars": 0.25,
        "upbench.waited_seconds": 1.5,
    }.items() <= call.attributes.items()


def test_a_round_taken_up_by_another_worker_stays_in_its_trace(collector: Collector, tmp_path: Path) -> None:
    for worker in ("one", "two"):
        (tmp_path / worker).mkdir()
        work(tmp_path / worker, "t1.k1.e1")
    rounds = [one for one in collector.spans if one.name == "round attempt"]
    assert len({one.trace for one in rounds}) == 1
    assert len({one.id for one in rounds}) == 2
    assert len({one.resource["service.instance.id"] for one in rounds}) == 2


@pytest.mark.parametrize("fault", [ModelFault(Cause.model_unavailable, SECRET), ValueError(SECRET)])
def test_what_fails_is_told_without_its_message(collector: Collector, tmp_path: Path, fault: Exception) -> None:
    with pytest.raises(type(fault)):
        work(tmp_path, "t1.k1.e1", model=Model(fault))
    why = fault.cause.value if isinstance(fault, ModelFault) else "ValueError"
    for name in ("chat m", "step work", "round attempt", "run"):
        seen = named(collector.spans, name)
        assert seen.failed
        assert seen.attributes["error.type"] == why
    assert not any(SECRET.encode() in body for _, body in collector.bodies)


def test_what_is_cancelled_has_not_failed(collector: Collector, tmp_path: Path) -> None:
    async def stopped() -> None:
        async def sleeps() -> None:
            with span("step", step="work"):
                await asyncio.sleep(60)

        task = asyncio.create_task(sleeps())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    with observed(tmp_path, "run"):
        asyncio.run(stopped())
    seen = named(collector.spans, "step work")
    assert not seen.failed
    assert seen.attributes["upbench.cancelled"] is True


def test_nothing_written_is_told_unless_asked(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(tmp_path, "t1.k1.e1")
    assert collector.spans
    assert not any(SECRET.encode() in body for _, body in collector.bodies)
    collector.bodies.clear()
    (tmp_path / "asked").mkdir()
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    work(tmp_path / "asked", "t1.k1.e1")
    call, tool = named(collector.spans, "chat m"), named(collector.spans, "execute_tool shell")
    assert SECRET in call.attributes["gen_ai.input.messages"]
    assert SECRET in call.attributes["gen_ai.output.messages"]
    assert call.attributes["gen_ai.usage.output_tokens"] == 7
    assert tool.attributes["gen_ai.tool.call.arguments"] == SECRET
    logged = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
    assert SECRET not in logged, "never in a log"


def test_the_environment_says_who_tells(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "night")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=lab")
    with observed(tmp_path, "worker", worker="w-1"), span("step", step="work"):
        pass
    resource = named(collector.spans, "step work").resource
    assert resource["service.name"] == "night"
    assert resource["deployment.environment"] == "lab"
    assert resource["service.instance.id"] == "w-1"


async def test_sandboxes_tell_of_their_opening(collector: Collector, tmp_path: Path) -> None:
    from sandbox import SandboxSpec, provider

    bwrap = provider("bwrap", tmp_path)
    with observed(tmp_path, "run"):
        holder = await bwrap.open(SandboxSpec(workspace="t1.k1.e1"))
        with pytest.raises(SandboxFault):
            await provider("bwrap", tmp_path).open(SandboxSpec(workspace="t1.k1.e1"))
        await holder.close()
    opened = [one for one in collector.spans if one.name == "sandbox_open"]
    assert [one.failed for one in opened] == [False, True]
    assert opened[0].attributes["upbench.provider"] == "bwrap"
    assert opened[0].attributes["upbench.adopted"] is False
    assert opened[1].attributes["error.type"] == "sandbox_start"
