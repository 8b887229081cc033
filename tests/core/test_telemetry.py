"""Spans, events and gauges: nothing where nobody listens, and every listener hears all where some do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import timeit
from collections.abc import Callable, Mapping
from types import TracebackType

import pytest

from core import Fact, Reading, Span, event, gauge, listening, span, within, work_ids


class Heard(Span):
    def __init__(self, log: list[str], kind: str) -> None:
        self.log, self.kind = log, kind

    def note(self, **facts: Fact) -> None:
        self.log.append(f"note {facts}")

    def content(self, **texts: Callable[[], str]) -> None:
        self.log.append(f"content {[text() for text in texts.values()]}")

    def __enter__(self) -> Span:
        self.log.append(f"begin {self.kind}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.append(f"end {self.kind} {type(error).__name__}")


class Listens:
    def __init__(self) -> None:
        self.log: list[str] = []

    def span(self, kind: str, facts: Mapping[str, Fact]) -> Span:
        self.log.append(f"span {kind} {dict(facts)} {dict(work_ids())}")
        return Heard(self.log, kind)

    def event(self, kind: str, facts: Mapping[str, Fact]) -> None:
        self.log.append(f"event {kind} {dict(facts)}")

    def gauge(self, name: str, read: Reading) -> None:
        self.log.append(f"gauge {name} {list(read())}")


def test_nobody_listens() -> None:
    asked: list[str] = []
    with pytest.raises(ValueError, match="through"), span("step", step="collect"):
        raise ValueError("goes through")
    with span("step", step="collect") as told:
        told.note(files=3)
        told.content(text=lambda: str(asked.append("asked")))  # type: ignore[func-returns-value]
    event("happened", why="so")
    gauge("slots", lambda: [(1.0, {})])
    assert span("a") is span("b"), "one span serves all"
    assert not asked, "what nobody hears is not made"


def test_an_unheard_span_costs_next_to_nothing() -> None:
    def once() -> None:
        with span("step", step="collect", number=1) as told:
            told.note(files=2)

    assert min(timeit.repeat(once, number=2000, repeat=5)) / 2000 < 20e-6


def test_listening_imports_nothing_that_is_not_asked_for() -> None:
    code = "import core; core.span('a'); import sys; print([m for m in sys.modules if m.startswith('opentel')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_listener_hears_all(number: int) -> None:
    listeners = [Listens() for _ in range(number)]
    with listening(*listeners), within(run="r1"), within(trial="t1"), span("step", step="collect") as told:
        told.note(files=3)
        told.content(said=lambda: "words")
        event("happened", why="so")
        gauge("slots", lambda: [(1.0, {"state": "free"})])
        with pytest.raises(KeyError), span("inner"):
            raise KeyError
    event("unheard")
    expected = [
        "span step {'step': 'collect'} {'run': 'r1', 'trial': 't1'}",
        "begin step",
        "note {'files': 3}",
        "content ['words']",
        "event happened {'why': 'so'}",
        "gauge slots [(1.0, {'state': 'free'})]",
        "span inner {} {'run': 'r1', 'trial': 't1'}",
        "begin inner",
        "end inner KeyError",
        "end step NoneType",
    ]
    assert all(listener.log == expected for listener in listeners)
    assert work_ids() == {}


async def test_ids_belong_to_the_task_and_to_what_it_begins() -> None:
    async def trial(name: str) -> list[str]:
        with within(trial=name):
            await asyncio.sleep(0.01)
            inner = await asyncio.create_task(seen())
            return [work_ids()["trial"], inner, await asyncio.to_thread(lambda: work_ids()["trial"])]

    async def seen() -> str:
        return work_ids()["trial"]

    first, second = await asyncio.gather(trial("a"), trial("b"))
    assert (first, second) == (["a"] * 3, ["b"] * 3)
