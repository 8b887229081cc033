from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from agents import AttemptLimits, tell
from core import Cause, ChatRequest, ModelCallFailed, Stop, Usage
from sandbox import Sandbox
from tests.agents.support import KEY, Answer, Office, Player, alive, assignment, call, react, reply, said_to

BRIEF = "Please make report.txt with the word done in it."


def tokens_of(request: ChatRequest) -> int:
    """As the stand-in for a provider counts them: four characters a token, 1000 an image."""
    data = request.model_dump_json()
    return len(data) // 4


def counted(request: ChatRequest, *parts: object, **more: object) -> Answer:
    return reply(*parts, usage=Usage(input=tokens_of(request), output=50), **more)  # type: ignore[arg-type]


class Worker(Player):
    """Prints long text step after step, writes notes when told to, and refuses what is over its window."""

    def __init__(self, steps: int, window: int) -> None:
        self.window, self.steps, self.refused, self.summaries = window, steps, 0, 0
        super().__init__(self.answer)

    def answer(self, request: ChatRequest) -> Answer:
        if tokens_of(request) > self.window:
            self.refused += 1
            return ModelCallFailed(Cause.context_overflow, "too long", ())
        if "Do not call a tool now" in said_to(request)[-3000:]:
            self.summaries += 1
            return counted(request, f"Facts: note number {self.summaries}.")
        self.steps -= 1
        if self.steps < 0:
            return counted(request, call("submit", files=[], summary=""))
        # Hard to shorten otherwise: the words of the model itself are long.
        return counted(request, "words " * 300, call("shell", command="seq 1 1500"))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_a_long_conversation_stays_within_the_window(office: Office, sandbox: Sandbox) -> None:
    model = Worker(steps=60, window=20_000)
    agent = react(model, context_tokens=20_000)
    result = await office.work(model, sandbox, agent=agent)
    assert result.cause is Cause.submitted
    assert model.refused == 0
    assert model.summaries >= 1
    assert all(BRIEF in said_to(request) for request in model.asked)
    levels = [event.body["level"] for event in office.events("compaction")]
    assert {"stubs", "summary"} <= set(levels)
    assert len(levels) < 30
    last = said_to(model.asked[-1])
    assert f"Facts: note number {model.summaries}." in last
    assert "characters left out to save space; the whole is in /job/.runs/" in "".join(map(said_to, model.asked))
    for request in model.asked:
        calls = [part.id for m in request.messages for part in m.parts if part.kind == "tool_call"]
        results = [part.call_id for m in request.messages for part in m.parts if part.kind == "tool_result"]
        assert calls == results
        roles = [message.role for message in request.messages]
        assert all(one != two for one, two in itertools.pairwise(roles))
    story = "\n".join(tell(office.transcript().events(), office.journal.calls(f"{KEY}/")))
    assert "the model's own notes take the place" in story


async def test_the_summarys_tokens_count(office: Office, sandbox: Sandbox) -> None:
    model = Worker(steps=30, window=20_000)
    result = await office.work(
        model,
        sandbox,
        agent=react(model, context_tokens=20_000),
        task=assignment(limits=AttemptLimits(tokens=10**9)),
    )
    totals = office.journal.usage_of(f"{KEY}/")
    summaries = [event.body["tokens"] for event in office.events("compaction") if event.body["level"] == "summary"]
    assert summaries
    assert all(tokens > 1000 for tokens in summaries)
    assert result.steps + len(summaries) == totals.calls


async def test_a_model_with_a_smaller_window_than_we_thought(office: Office, sandbox: Sandbox) -> None:
    model = Worker(steps=20, window=12_000)
    result = await office.work(model, sandbox, agent=react(model, context_tokens=200_000))
    assert result.cause is Cause.submitted
    assert model.refused >= 1
    assert "overflow" in office.kinds()


@pytest.mark.parametrize("as_reply", [True, False])
async def test_a_brief_that_is_too_long_by_itself_ends_the_attempt(office: Office, as_reply: bool) -> None:
    fault = ModelCallFailed(Cause.context_overflow, "too long", ())
    model = Player([reply(stop=Stop.context_overflow) if as_reply else fault])
    result = await office.work(model, None)
    assert result.cause is Cause.context_overflow
    assert len(model.asked) == 2


async def test_old_images_go_before_notes_are_written(office: Office, sandbox: Sandbox) -> None:
    await sandbox.write(
        "/job/make.py", b"from PIL import Image; Image.new('RGB', (64, 64), 'red').save('/job/a.png')"
    )

    def images_in(request: ChatRequest) -> int:
        results = [part for m in request.messages for part in m.parts if part.kind == "tool_result"]
        return sum(part.kind == "image" for result in results for part in result.content)

    def answer(request: ChatRequest) -> Answer:
        said = len(model.asked)
        usage = Usage(input=2000 + 1500 * images_in(request))
        if said >= 12:
            return reply(call("submit", files=[], summary=""), usage=usage)
        command = "python3 make.py" if said == 1 else "true"
        return reply(call("shell", command=command), call("view_image", path="a.png"), usage=usage)

    model: Player = Player(answer)
    result = await office.work(model, sandbox, agent=react(model, context_tokens=10_000))
    assert result.cause is Cause.submitted
    levels = [event.body["level"] for event in office.events("compaction")]
    assert levels.index("images") < levels.index("summary")
    assert max(map(images_in, model.asked)) <= 4
    assert any("1 image(s) left out" in said_to(request) for request in model.asked)


async def test_resume_after_every_compaction(office: Office, sandbox: Sandbox, tmp_path: Path) -> None:
    model = Worker(steps=24, window=20_000)
    agent = react(model, context_tokens=20_000)
    await office.work(model, sandbox, agent=agent)
    compactions = office.events("compaction")
    assert {event.body["level"] for event in compactions} == {"stubs", "summary"}
    for number, event in enumerate(compactions):
        copy = Office(tmp_path / f"copy{number}")
        for one in office.transcript().events()[: event.seq]:
            copy.transcript().append(one.kind, one.body)
        copy.journal = office.journal
        silent = Player([AssertionError("paid twice")])
        assert (await copy.work(silent, alive(sandbox), agent=agent)).cause is Cause.submitted
        assert not silent.asked
        kinds = [one for one in copy.kinds() if one != "resumed"]
        assert kinds == office.kinds()


async def test_two_hundred_steps_with_8_kb_outputs_take_3_mb(tmp_path: Path, sandbox: Sandbox) -> None:
    office = Office(tmp_path / "store")
    source = random.Random(7)
    count = 0

    def answer(request: ChatRequest) -> Answer:
        nonlocal count
        count += 1
        if count > 200:
            return reply(call("submit", files=[], summary=""))
        return reply("I go on with the next part of it.", call("shell", command=f"cat /job/texts/{count}"))

    for number in range(1, 201):
        await sandbox.write(f"/job/texts/{number}", source.randbytes(4000).hex().encode())
    model = Player(answer)
    agent = react(model, context_tokens=2_000_000)
    result = await office.work(model, sandbox, agent=agent, task=assignment(limits=AttemptLimits(steps=None)))
    assert result.steps == 203
    assert "compaction" not in office.kinds()
    office.database.close()
    size = sum(path.stat().st_size for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert size <= 3_000_000
