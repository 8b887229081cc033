"""What the engine's library asks all the time is asked seldom, and is known soon enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from runs.engine import calm


def test_what_hardly_ever_changes_is_asked_once_in_a_while() -> None:
    asked = []

    def read(name: str) -> str:
        asked.append(name)
        return f"{name} {len(asked)}"

    remembered = calm._remembering(read)
    with patch("runs.engine.calm.time.monotonic", return_value=100.0) as clock:
        assert [remembered("a"), remembered("a"), remembered("b")] == ["a 1", "a 1", "b 2"]
        clock.return_value += calm.SELDOM_SECONDS
        assert remembered("a") == "a 3"
    assert asked == ["a", "b", "a"]


def test_a_lock_that_was_refused_is_asked_for_again_later_and_one_that_was_had_at_once() -> None:
    free, asked = [False], []

    @contextmanager
    def take(name: str) -> Iterator[bool]:
        asked.append(name)
        yield free[0]

    taken = calm._patient(take)

    def ask() -> bool:
        with taken("jobs") as is_taken:
            return is_taken

    with patch("runs.engine.calm.time.monotonic", return_value=100.0) as clock:
        assert [ask(), ask(), ask()] == [False, False, False]
        assert len(asked) == 1
        free[0] = True
        clock.return_value += calm.REFUSED_SECONDS
        assert [ask(), ask()] == [True, True]
        assert len(asked) == 3
