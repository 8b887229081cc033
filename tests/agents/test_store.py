from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from agents import AGENT_MIGRATIONS, SqlTranscript
from agents.tables import EVENTS
from core import Blobs, Database, Overtaken, StoreFault
from tests.agents.support import transcript
from tests.standins.postgres import Postgres


def test_events_come_back_whole_and_numbered_without_gaps(tmp_path: Path, database_place: Path | str) -> None:
    story = transcript(tmp_path, place=database_place)
    bodies = [{"text": "a"}, {"text": "ü" * 5000}, {"data": os.urandom(200_000).hex()}, {}]
    written = [story.append("note", body) for body in bodies]
    assert [event.seq for event in written] == [0, 1, 2, 3]
    assert story.events() == written
    again = SqlTranscript(Database(database_place, AGENT_MIGRATIONS), Blobs(tmp_path / "blobs"), "run-trial-1")
    assert again.events() == written


def test_executions_do_not_mix(tmp_path: Path, database_place: Path | str) -> None:
    first = transcript(tmp_path, place=database_place)
    second = transcript(tmp_path, "run/trial/2", database_place)
    first.append("note", {"n": 1})
    assert second.events() == []
    assert second.append("note", {"n": 2}).seq == 0
    assert [event.body for event in first.events()] == [{"n": 1}]


def test_a_worker_that_was_overtaken_writes_no_more(tmp_path: Path, database_place: Path | str) -> None:
    stopped = transcript(tmp_path, place=database_place)
    stopped.append("note", {"by": "the first"})
    other = transcript(tmp_path, place=database_place)
    other.append("note", {"by": "the second"})
    for _ in range(2):
        with pytest.raises(Overtaken):
            stopped.append("note", {"by": "the first"})
    other.append("note", {"by": "the second"})
    assert [event.body["by"] for event in other.events()] == ["the first", "the second", "the second"]


def test_of_two_workers_that_begin_at_one_time_each_event_is_one_row(
    tmp_path: Path, database_place: Path | str
) -> None:
    ready = threading.Barrier(2)

    def write() -> int:
        story = transcript(tmp_path, place=database_place)
        ready.wait(10)
        try:
            return sum(story.append("note", {}).seq >= 0 for _ in range(20))
        except Overtaken:
            return 0

    with ThreadPoolExecutor(2) as threads:
        written = [future.result() for future in [threads.submit(write) for _ in range(2)]]
    events = transcript(tmp_path, place=database_place).events()
    assert [event.seq for event in events] == list(range(len(events)))
    assert len(events) >= max(written)


def test_an_event_that_could_not_be_written_leaves_no_gap(
    tmp_path: Path, postgres: Postgres, fresh_database: str
) -> None:
    story = transcript(tmp_path, place=fresh_database)
    story.append("note", {"n": 0})
    with story._database.write() as connection, pytest.raises(StoreFault):  # noqa: PT012
        connection.exec_driver_sql("LOCK TABLE transcript_events")
        with postgres.connect() as server:
            threading.Timer(
                0.2, server.execute, ["SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"]
            ).start()
            story.append("note", {"n": "lost"})
    assert story.append("note", {"n": 1}).seq == 1
    assert [event.body["n"] for event in story.events()] == [0, 1]


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
