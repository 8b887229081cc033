from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import update

from agents import AGENT_MIGRATIONS, SqlTranscript
from agents.tables import EVENTS
from core import Blobs, Database, StoreFault
from tests.agents.support import transcript


def test_events_come_back_whole_and_numbered_without_gaps(tmp_path: Path) -> None:
    story = transcript(tmp_path)
    bodies = [{"text": "a"}, {"text": "ü" * 5000}, {"data": os.urandom(200_000).hex()}, {}]
    written = [story.append("note", body) for body in bodies]
    assert [event.seq for event in written] == [0, 1, 2, 3]
    assert story.events() == written
    again = SqlTranscript(
        Database(tmp_path / "records.db", AGENT_MIGRATIONS), Blobs(tmp_path / "blobs"), "run-trial-1"
    )
    assert again.events() == written


def test_executions_do_not_mix(tmp_path: Path) -> None:
    first = transcript(tmp_path)
    second = transcript(tmp_path, "run/trial/2")
    first.append("note", {"n": 1})
    assert second.events() == []
    assert second.append("note", {"n": 2}).seq == 0
    assert [event.body for event in first.events()] == [{"n": 1}]


def test_what_is_no_json_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    story = transcript(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        story.append("note", {"x": float("nan")})
    assert story.events() == []


def test_a_damaged_body_is_a_store_fault(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db", AGENT_MIGRATIONS)
    story = SqlTranscript(database, Blobs(tmp_path / "blobs"), "x")
    story.append("note", {"text": "a" * 5000})
    with database.write() as connection:
        connection.execute(update(EVENTS).values(body=b"x\x9cnonsense"))
    with pytest.raises(StoreFault, match="damaged"):
        story.events()


def test_large_text_is_compressed_and_huge_bodies_leave_the_database(tmp_path: Path) -> None:
    story = transcript(tmp_path)
    for _ in range(50):
        story.append("note", {"text": "the same line again\n" * 400})
    assert not list((tmp_path / "blobs").rglob("?" * 64))
    story.append("note", {"data": os.urandom(100_000).hex()})
    assert len(list((tmp_path / "blobs").rglob("?" * 64))) == 1
    size = sum(path.stat().st_size for path in tmp_path.glob("records.db"))
    assert size < 100_000
