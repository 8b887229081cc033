"""Transcripts a page at a time: whole, of known and unknown agents, cut where they are endless, damaged or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from agents import AGENT_MIGRATIONS, SqlTranscript
from agents.tables import EVENTS as ROWS
from core import LLM_MIGRATIONS, Blobs, Database
from grading.overview.story import EVENTS, LONGEST, StoryPage, story_page


@dataclass
class World:
    database: Database
    blobs: Blobs

    def story(self, skip: int = 0) -> StoryPage:
        return story_page(self.database, self.blobs, "x.e1", skip)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "a.db", [*LLM_MIGRATIONS, *AGENT_MIGRATIONS])
    yield World(database, Blobs(tmp_path / "blobs"))
    database.close()


def test_pages_follow_one_another_and_hold_every_event(world: World) -> None:
    transcript = SqlTranscript(world.database, world.blobs, "x.e1")
    number = 2 * EVENTS + 3
    for n in range(number):
        transcript.append("note", {"why": "w", "text": f"word {n}"})
    seen: list[int] = []
    skip: int | None = 0
    while skip is not None:
        page = world.story(skip)
        assert page.total == number
        seen += [event.seq for event in page.events]
        skip = page.after
    assert seen == list(range(number))
    assert world.story(10**9).events[-1].seq == number - 1
    assert world.story(-5).before is None
    assert world.story(EVENTS).before == 0
    assert (world.story().events[3].head, world.story().events[3].passages[0].text) == (
        "The model was told besides",
        "word 3",
    )


def test_what_is_long_is_cut_and_what_nobody_knows_is_told_as_it_is(world: World) -> None:
    transcript = SqlTranscript(world.database, world.blobs, "x.e1")
    transcript.append("assignment", {"task": "t" * (LONGEST + 7), "rework": {"remarks": [{"text": "again"}]}})
    transcript.append("tool_done", {"name": "shell", "text": "out", "seconds": 1.0, "facts": {"exit_code": 3}})
    transcript.append("tool_done", {"odd": "as it was written by another version"})
    transcript.append("meditation", {"depth": 3})
    transcript.append("reply", {"n": 1, "key": "x.e1/none", "says": "only its first words", "stop": "end_turn"})
    transcript.append("ended", {"cause": "no such cause"})
    first, shell, odd, other, reply, end = world.story().events
    assert (first.passages[0].cut, len(first.passages[0].text)) == (7, LONGEST)
    assert first.passages[1].text == "again"
    assert (shell.head, shell.failed) == ("shell: exit code 3 in 1.0 s", True)
    assert "another version" in odd.passages[0].text
    assert (other.head, other.passages[0].text) == ("meditation", '{"depth":3}')
    assert reply.passages[0].text == "only its first words"
    assert end.head == "ended"


def test_a_damaged_event_does_not_hide_the_others(world: World) -> None:
    transcript = SqlTranscript(world.database, world.blobs, "x.e1")
    for n in range(3):
        transcript.append("note", {"why": "w", "text": f"word {n}"})
    with world.database.write() as connection:
        connection.execute(update(ROWS).where(ROWS.c.seq == 1).values(body=b"{"))
    page = world.story()
    assert [event.seq for event in page.events] == [0, 2]
    assert len(page.damaged) == 1
    assert "event 1" in page.damaged[0]
