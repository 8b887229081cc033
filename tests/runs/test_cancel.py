"""A user who cancels a run waits for nothing that is under way; a run that stops in another way loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core import Cause, Fault, Overtaken, StoreFault
from grading import CheckOutcome, run_checks
from runs import Workplace
from runs.cutting import UnlessCancelled
from runs.options import Stop
from tests.runs.killing import processes_naming
from tests.runs.project import bench_in, order, run_it
from tests.runs.support import good_script, write_pack
from tests.standins.llm import KEY, Call, Incoming, Standin, Turn, serve
from upbench.life import cancel
from upbench.order import Order

MODEL = "openai/gpt-5-mini"
"""One with a price."""

DEADLINE = 60.0
HOURS = 3 * 3600.0
MARK = "5904711"
"""So many seconds a command sleeps, and is known by it."""
CANCEL = Stop(reason="user_cancelled", detail="by somebody")


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    with serve() as running:
        yield running


@pytest.fixture
def standin(server: Standin, monkeypatch: pytest.MonkeyPatch) -> Standin:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.reset()
    return server


async def until(there: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(DEADLINE):
        while not there():  # noqa: ASYNC110 - what is waited for happens in threads and processes
            await asyncio.sleep(0.02)


async def ended(running: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        await running


def asking(standin: Standin, pack: Path) -> Order:
    return Order(pack=str(pack), agents=("react",), models=(MODEL,), base_url=standin.openai_url)


async def test_a_cancel_ends_a_model_call_and_a_command_that_are_under_way(
    standin: Standin, tmp_path: Path
) -> None:
    keys: list[str] = []

    def answer(request: Incoming) -> Turn:
        if (key := request.body["prompt_cache_key"]) not in keys:
            keys.append(key)
        if key == keys[0]:
            return Turn(text="never", delay=HOURS)
        line = f"sleep {MARK} & sleep {MARK}; true"
        return Turn(text="Now.", calls=(Call("shell", {"command": line, "timeout_seconds": 600}),))

    standin.script = answer
    with bench_in(tmp_path) as bench:
        place = bench.begin(asking(standin, write_pack(tmp_path, jobs=3)))
        running = asyncio.create_task(run_it(place))
        await until(lambda: len(keys) == 2 and processes_naming(MARK))
        said = await asyncio.to_thread(cancel, bench.home, place.run_id)
        assert (said.at_work, said.executed) == (2, True)
        await ended(running)

        assert processes_naming(MARK) == []
        assert [one for one in await place.provider.resources() if one.workspace] == []
        summary = bench.show(place.run_id)
        assert (summary.state, summary.causes) == ("stopped", {"user_cancelled": 2})
        assert (summary.not_done, len(standin.requests)) == ({"user_cancelled": 1}, 2)
        (lost,) = place.journal.calls(f"{keys[0]}/")
        assert (lost.state, [one.kind for one in lost.waste]) == ("failed", ["cancelled"])
        cost = lost.waste[0].dollars
        assert cost is not None
        assert cost > 0
        paid = place.journal.usage_of(f"{keys[1]}/")
        assert (paid.calls, paid.wasted_tries) == (1, 0), "a call that was answered is no waste"
        assert place.journal.spent(place.run_id).dollars == pytest.approx(cost + paid.dollars)
        attempts = [attempt.id for attempt in place.records.attempts(place.run_id)]
        told = {row.id: row.dollars for row in place.records.executions(attempts)}
        assert told == {keys[0]: pytest.approx(cost), keys[1]: pytest.approx(paid.dollars)}


async def test_a_budget_stop_waits_for_the_call_under_way_and_keeps_it(standin: Standin, tmp_path: Path) -> None:
    standin.script = lambda _request: Turn(text="Next.", calls=(Call("todo", {"items": ["x"]}),), delay=1.0)
    with bench_in(tmp_path) as bench:
        place = bench.begin(asking(standin, write_pack(tmp_path)))
        running = asyncio.create_task(run_it(place))
        await until(lambda: standin.requests)
        place.records.stop(place.run_id, Stop(reason="run_budget", detail="dollars"))
        await ended(running)
        (attempt,) = place.records.attempts(place.run_id)
        assert (attempt.cause, bench.show(place.run_id).state) == (None, "stopped")
        used = place.journal.usage_of(f"{attempt.id}.e1/")
        assert (used.calls, used.wasted_tries) == (len(standin.requests), 0)


async def test_a_cancel_waits_for_no_check_and_a_resume_makes_them_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking = asyncio.Event()

    async def slow(*args: Any, **more: Any) -> list[CheckOutcome]:
        checking.set()
        await asyncio.sleep(HOURS)
        raise AssertionError(args, more)

    monkeypatch.setattr("runs.stages.run_checks", slow)
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, script_text=good_script()), "react"))
        running = asyncio.create_task(run_it(place))
        await until(checking.is_set)
        await asyncio.to_thread(cancel, bench.home, place.run_id)
        await ended(running)
        (attempt,) = place.records.attempts(place.run_id)
        assert (attempt.cause, attempt.submission is not None) == (Cause.user_cancelled, True)
        kept = place.journal.usage_of(f"{attempt.id}.e1/").calls

        monkeypatch.setattr("runs.stages.run_checks", run_checks)
        again = bench.reopen(place.run_id)
        await run_it(again, again=lambda one: one.cause is Cause.user_cancelled)
        (attempt,) = again.records.attempts(place.run_id)
        assert attempt.cause is Cause.submitted
        assert [one.e for one in again.records.executions([attempt.id])] == [1]
        assert again.journal.usage_of(f"{attempt.id}.e1/").calls == kept, "the agent did not work again"
        verdicts = [v for e in again.book.verdicts_of(attempt.id) for v in e.verdicts]
        assert [(v.criterion, v.verdict.value) for v in verdicts] == [("total", "pass")]


def stoppable(stop: Stop | None = None) -> Workplace:
    return cast(Workplace, SimpleNamespace(stop=stop))


async def cut(place: Workplace, error: BaseException | None = None) -> None:
    """Wait for hours; cut off, raise `error`, or end quietly."""
    async with UnlessCancelled(place):
        try:
            await asyncio.sleep(HOURS)
        except asyncio.CancelledError:
            if error is not None:
                raise error from None


@pytest.mark.parametrize("error", [asyncio.CancelledError(), OSError("not empty"), Fault(Cause.sandbox_lost)])
async def test_what_is_cut_off_ends_for_the_stop(error: BaseException) -> None:
    place = stoppable()
    task = asyncio.create_task(cut(place, error))
    await asyncio.sleep(0)
    place.stop = CANCEL
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(Fault, match="by somebody") as found:
            await task
    assert found.value.cause is Cause.user_cancelled
    assert task.cancelling() == 0


@pytest.mark.parametrize("error", [StoreFault(Cause.store_failed), Overtaken("e1"), None])
async def test_what_the_records_say_is_said_though_it_is_cut_off(error: Exception | None) -> None:
    (told,) = await asyncio.gather(cut(stoppable(CANCEL), error), return_exceptions=True)
    assert told is error


async def test_a_process_that_ends_is_no_cancelled_run() -> None:
    place = stoppable()
    task = asyncio.create_task(cut(place, asyncio.CancelledError()))
    await asyncio.sleep(0)
    place.stop = CANCEL
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("reason", ["run_budget", "crash_rate", "preflight", "disk", "cannot_open"])
async def test_no_other_stop_cuts_anything_off(reason: Any) -> None:
    async with UnlessCancelled(stoppable(Stop(reason=reason))) as _:
        await asyncio.sleep(0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
