"""The table of results in the room's README names exactly the attempts that there are."""

from __future__ import annotations

from tests.sandbox.escapes.attempt import LOCAL
from tests.sandbox.escapes.table import README, attempts, block, named


def test_the_table_names_every_attempt() -> None:
    assert named(block(README.read_text(encoding="utf-8"))) == {one.name for one in attempts()}


def test_there_are_enough_and_each_says_what_it_tries() -> None:
    found = attempts()
    assert len(found) >= 80
    for one in found:
        assert one.tries.endswith("."), one
        assert bool(one.control) != bool(one.no_control), one
        assert set(one.held) >= set(LOCAL) or set(one.held) == {"harness"}, one
