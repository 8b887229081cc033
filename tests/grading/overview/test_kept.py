"""What takes long is counted beside whoever looks, and nobody is told something old as if it were new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from core import Cause, StoreFault
from grading.overview import kept
from grading.overview.kept import Kept


def soon(true: Callable[[], bool]) -> bool:
    """Whether that becomes true."""
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def test_what_is_quick_is_counted_while_one_waits_and_once() -> None:
    shelf, made = Kept[int](), list[int]()

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [shelf.get("run", mark, make).value for mark in ("a", "a", "b", "b")] == [0, 0, 1, 1]
    assert not shelf.get("run", "b", make).behind
    assert shelf.get("other", "b", make).value == 2


def test_what_is_slow_is_told_as_of_when_and_counted_anew_by_one_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "QUICK_SECONDS", -1.0)
    shelf, go_on, made = Kept[str](), threading.Event(), list[str]()

    def slow() -> str:
        made.append("begun")
        go_on.wait(60)
        return "new"

    first = shelf.get("run", "a", lambda: "old")
    seen = [shelf.get("run", "b", slow) for _ in range(5)]
    assert [(one.value, one.at, one.behind) for one in seen] == [("old", first.at, True)] * 5
    go_on.set()
    assert soon(lambda: not shelf.get("run", "b", slow).behind)
    found = shelf.get("run", "b", slow)
    assert (found.value, found.behind, made) == ("new", False, ["begun"])
    assert found.at >= first.at


def test_what_could_not_be_counted_anew_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "QUICK_SECONDS", -1.0)
    shelf, tries = Kept[str](), list[str]()

    def fails() -> str:
        tries.append("once")
        raise StoreFault(Cause.store_failed, "the server is restarting")

    shelf.get("run", "a", lambda: "old")
    assert soon(lambda: shelf.get("run", "b", fails).behind and len(tries) >= 2)
    assert shelf.get("run", "b", lambda: "new").value == "old"
    assert soon(lambda: shelf.get("run", "b", lambda: "new").value == "new")
