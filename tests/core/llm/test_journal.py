"""The call journal: no reply is paid twice, and none is paid unseen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import (
    LLM_MIGRATIONS,
    CallJournal,
    Cause,
    ChatReply,
    ChatRequest,
    Database,
    ModelCallFailed,
    ModelConfig,
    PriceTable,
    ScriptedModel,
)
from core.llm.scripted import Script
from tests.core.llm.support import PROVIDERS, FakeTime, ask, base_url, client
from tests.standins.llm import KEY, Standin, Turn

HELLO = Turn(text="hello")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "upbench.db", LLM_MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def journal(database: Database) -> CallJournal:
    return CallJournal(database)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_reply_is_paid_once(
    provider: str, standin: Standin, database: Database, journal: CallJournal
) -> None:
    async with client(provider, standin, [Turn(think="Hm.", text="héllo"), Turn(text="other")]) as model:
        first = await journal.call(model, "trial/1", ask("go"))
        again = await journal.call(model, "trial/1", ask("go"))
        later = await CallJournal(database).call(model, "trial/1", ask("go"))
    assert first == again == later
    assert len(standin.requests) == 1
    totals = journal.usage_of("trial/")
    assert totals.calls == 1
    assert totals.usage.total == first.usage.total
    assert totals.wasted_tries == 0


async def test_every_key_is_a_call_of_its_own(standin: Standin, journal: CallJournal) -> None:
    async with client("anthropic", standin, [HELLO]) as model:
        for key in ("e1/1", "e1/2", "e10/1", "e2/1"):
            await journal.call(model, key, ask("go"))
    assert [call.key for call in journal.calls("e1/")] == ["e1/1", "e1/2"]
    assert journal.usage_of("e1/").calls == 2
    assert journal.usage_of("e1").calls == 3
    assert journal.usage_of("").calls == 4
    assert journal.usage_of("nothing/").calls == 0
    assert journal.usage_of("").unpriced_calls == 0
    each = journal.calls("e1/1")[0].dollars
    assert each is not None
    assert journal.usage_of("").dollars == pytest.approx(4 * each)


async def test_failed_tries_are_waste(standin: Standin, journal: CallJournal) -> None:
    clock = FakeTime()
    turns = [Turn(status=429, retry_after="5"), Turn(text="x" * 900, drop_after=6), HELLO]
    async with client("anthropic", standin, turns, policy=clock.policy()) as model:
        reply = await journal.call(model, "e/1", ask("go"))
    (call,) = journal.calls("e/")
    assert [(waste.kind, waste.status) for waste in call.waste] == [("status", 429), ("dropped", None)]
    assert call.waste[0].dollars == 0
    assert call.waste[1].dollars is not None
    assert call.waste[1].dollars > 0
    totals = journal.usage_of("e/")
    assert totals.wasted_tries == 2
    assert totals.wasted_usage.input > 0
    assert totals.wasted_dollars == call.waste[1].dollars
    assert totals.dollars == pytest.approx((reply.dollars or 0) + totals.wasted_dollars)
    assert totals.waited == pytest.approx(sum(clock.slept))


async def test_waste_that_nobody_counted_is_estimated_and_said_to_be(
    standin: Standin, journal: CallJournal
) -> None:
    turns = [Turn(text="x" * 900, drop_after=6), HELLO]
    async with client("openai", standin, turns, policy=FakeTime().policy()) as model:
        await journal.call(model, "e/1", ask("word " * 4_000))
    (waste,) = journal.calls("e/")[0].waste
    assert waste.estimated
    assert waste.usage is not None
    assert waste.usage.input == pytest.approx(5_000, rel=0.01)
    assert waste.usage.output > 0
    assert waste.dollars is not None
    assert waste.dollars > 0
    totals = journal.usage_of("e/")
    assert (totals.unpriced_calls, totals.estimated_calls) == (0, 1)
    assert totals.estimated_dollars == totals.wasted_dollars == waste.dollars


async def test_waste_without_a_price_stays_unknown(standin: Standin, journal: CallJournal) -> None:
    turns = [Turn(text="x" * 900, drop_after=6), HELLO]
    async with client("openai-chat", standin, turns, policy=FakeTime().policy()) as model:
        await journal.call(model, "e/1", ask("go"))
    assert journal.calls("e/")[0].waste[0].dollars is None
    totals = journal.usage_of("e/")
    assert (totals.unpriced_calls, totals.estimated_dollars) == (2, 0.0)


async def test_a_call_that_failed_is_on_record_and_may_be_made_again(
    standin: Standin, journal: CallJournal
) -> None:
    async with client("openai", standin, [Turn(status=404, text="no such model"), HELLO]) as model:
        with pytest.raises(ModelCallFailed):
            await journal.call(model, "e/1", ask("go"))
        (failed,) = journal.calls("e/")
        assert (failed.state, failed.cause) == ("failed", Cause.model_rejected_request.value)
        assert "no such model" in (failed.detail or "")
        assert journal.usage_of("e/").failed == 1
        await journal.call(model, "e/1", ask("go"))
    (made,) = journal.calls("e/")
    assert (made.state, made.tries, made.cause, len(made.waste)) == ("received", 2, None, 1)


CRASH = """
import asyncio, sys
from pathlib import Path
from core import CallJournal, ChatRequest, Database, LLM_MIGRATIONS, Message, Text, open_model

async def main(database, url, key):
    model = open_model("anthropic/claude-opus-5", base_url=url, api_key=key)
    request = ChatRequest(system="s", messages=(Message(role="user", parts=(Text(text="go"),)),))
    journal = CallJournal(Database(Path(database), LLM_MIGRATIONS))
    await journal.call(model, "e/1", request)
    await journal.call(model, "e/2", request)

asyncio.run(main(*sys.argv[1:]))
"""


def killed_at_the_second_call(standin: Standin, arguments: list[str]) -> None:
    worker = subprocess.Popen([sys.executable, "-c", CRASH, *arguments], cwd=Path(__file__).parents[3])
    try:
        standin.wait_for(2)
    finally:
        worker.kill()
        worker.wait()


async def test_a_worker_killed_in_the_middle_of_a_call(
    standin: Standin, database: Database, journal: CallJournal
) -> None:
    standin.script = lambda request: Turn(text="hello", delay=60.0 if request.number == 1 else 0.0)
    arguments = [str(database.path), base_url("anthropic", standin), KEY]
    await asyncio.to_thread(killed_at_the_second_call, standin, arguments)
    assert [call.state for call in journal.calls("e/")] == ["received", "started"]
    assert journal.usage_of("e/").open == 1

    standin.script = lambda _: HELLO
    async with client("anthropic", standin) as model:
        await journal.call(model, "e/1", ask("go"))
        await journal.call(model, "e/2", ask("go"))
    assert len(standin.requests) == 3
    first, second = journal.calls("e/")
    assert (first.tries, first.waste) == (1, ())
    assert (second.state, second.tries) == ("received", 2)
    (lost,) = second.waste
    assert (lost.kind, lost.estimated) == ("in_flight", True)
    # The request was the same as the first, and so is the reply that is thought to have been on its way.
    assert lost.dollars == pytest.approx(first.dollars or 0, rel=0.5)
    totals = journal.usage_of("e/")
    assert (totals.calls, totals.open, totals.wasted_tries, totals.unpriced_calls) == (2, 0, 1, 0)
    assert totals.dollars == pytest.approx((first.dollars or 0) + (second.dollars or 0) + (lost.dollars or 0))


async def test_a_cancelled_call_is_waste(standin: Standin, journal: CallJournal) -> None:
    async with client("openai", standin, [Turn(text="late", delay=30.0)]) as model:
        task = asyncio.create_task(journal.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (call,) = journal.calls("e/")
    assert (call.state, call.cause) == ("failed", None)
    (lost,) = call.waste
    assert (lost.kind, lost.estimated) == ("cancelled", True)
    assert lost.dollars is not None


async def test_one_key_is_not_asked_twice_at_once(standin: Standin, journal: CallJournal) -> None:
    async with client("openai", standin, [Turn(text="late", delay=0.5)]) as model:
        first = asyncio.create_task(journal.call(model, "e/1", ask("go")))
        await asyncio.to_thread(standin.wait_for, 1)
        with pytest.raises(ValueError, match="asked already"):
            await journal.call(model, "e/1", ask("go"))
        await first
    assert len(standin.requests) == 1


async def test_an_unpriced_model_is_said_never_free(standin: Standin, journal: CallJournal) -> None:
    async with client("openai-chat", standin, [HELLO]) as model:
        reply = await journal.call(model, "e/1", ask("go"))
    assert reply.dollars is None
    totals = journal.usage_of("e/")
    assert (totals.calls, totals.unpriced_calls, totals.dollars) == (1, 1, 0.0)


class Unpriced:
    """A model of someone else's, that knows no prices."""

    config = ModelConfig(provider="else", model="where")

    def __init__(self, reply: ChatReply) -> None:
        self._reply = reply

    async def reply(self, request: ChatRequest) -> ChatReply:
        return self._reply

    async def aclose(self) -> None: ...


async def test_the_journal_prices_what_the_model_does_not(database: Database, tmp_path: Path) -> None:
    script = Script.model_validate({"version": 1, "attempts": [[{"say": "word " * 4_000_000}]]})
    reply = (await ScriptedModel(script).reply(ask("go"))).model_copy(update={"dollars": None})
    path = tmp_path / "prices.toml"
    path.write_text('[[prices]]\nmodel = "else/where"\ninput = 1\noutput = 2\n')
    priced = await CallJournal(database, PriceTable.load(path)).call(Unpriced(reply), "e/1", ask("go"))
    assert priced.dollars == pytest.approx(10.0, rel=0.01)


async def test_two_hundred_calls_take_little_room(database: Database, journal: CallJournal) -> None:
    command = "python3 - <<'EOF'\nimport openpyxl\nbook = openpyxl.load_workbook('/job/inputs/a.xlsx')\nEOF"
    turns = [
        {"say": f"Step {n}.", "calls": [{"tool": "bash", "arguments": {"command": command}}]} for n in range(200)
    ]
    script = Script.model_validate({"version": 1, "attempts": [turns]})
    model = ScriptedModel(script)
    for number in range(200):
        await journal.call(model, f"e/{number}", ask("go"))
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    assert pages * size < 200 * 1_500
