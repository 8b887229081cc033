"""Runs whose attempts have ended and await the word of people, made as rows; and reviewers who give it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from core import Deliverable, Submission
from grading import Book, ReviewDesk, Settled
from grading.book import AWAITING
from grading.queue.layout import make_missing_slots
from grading.review.desk import Draft
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Verdict
from runs import QUEUE, Engine, Round, Workplace, review_item
from runs.engine.durable import DurableEngine
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS
from tests.runs.support import write_pack
from upbench import Bench
from upbench.deciding import deciding
from upbench.home import Home
from upbench.order import Order
from upbench.settings import Settings
from upbench.workers import WorkerOrder, serve_rounds

BY_PEOPLE = """
[[criteria]]
id = "note"
importance = "critical"
text = "File note.txt names the client"
"""
REPEATS = 1000
"""Of a run at most."""


def bench_at(place: Path | str, folder: Path) -> Bench:
    """A project in `folder` with its records at `place`."""
    chosen = {} if isinstance(place, Path) else {"database": place}
    return Bench(settings=Settings(project=folder, pause_seconds=0.0, **chosen))


def awaiting(bench: Bench, folder: Path, trials: int = 1, *, detached: bool = True, **more: Any) -> Workplace:
    """A run that is done under protocol `retry`; each of its attempts was handed in and awaits its review.

    Args:
        bench: The project.
        folder: Where its pack is made.
        trials: At most 1000, or thousands.
        detached: Workers executed it.
        more: Of its order.
    """
    pack = write_pack(folder / "packs", jobs=max(1, trials // REPEATS), rubric=BY_PEOPLE)
    fields: dict[str, Any] = {"agents": ("nop",), "repeats": min(trials, REPEATS), "protocol": "retry"}
    wanted = Order(pack=str(pack), **(fields | more))
    place = bench.begin(wanted, detached=detached)
    place.records.go_on(place.run_id, place.options, place.queue)
    hand_in(bench.home, place)
    place.records.set_run_state(place.run_id, "done")
    return place


def hand_in(home: Home, place: Workplace) -> None:
    """Every attempt of a run that has not begun ends, as if its agent had handed something in."""
    data = b"For Birch & Loam"
    file = Deliverable(path="note.txt", size=len(data), media_type="text/plain", sha256=home.blobs.put_bytes(data))
    submission = Submission(files=(file,))
    waiting = (ATTEMPTS.c.run == place.run_id, ATTEMPTS.c.state == "planned")
    ended = {
        "state": "done",
        "cause": "submitted",
        "finished": "2026-01-02T03:04:05.000+00:00",
        "submission": submission.model_dump_json(exclude_defaults=True),
        "rounds": 1,
        "round": ATTEMPTS.c.id + ".e1.r1",
    }
    rows = [row for row in place.records.attempts(place.run_id) if row.state == "planned"]
    items = {name: review_item(job, submission, home.blobs) for name, job in place.jobs.items()}
    execution = {"e": 1, "started": "2026-01-02T03:00:00.000+00:00", "cause": "submitted", "collected": 1}
    for item in items.values():
        Book(home.database).publish(f"sheet of {item.job}", item)
    with home.database.write() as connection:
        sheets = {
            name: connection.execute(
                select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.attempt_id == f"sheet of {name}")
            ).one()
            for name in items
        }
        of_sheets = select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.attempt_id.startswith("sheet of "))
        connection.execute(REVIEW_SLOTS.delete().where(REVIEW_SLOTS.c.item.in_(of_sheets)))
        connection.execute(REVIEW_ITEMS.delete().where(REVIEW_ITEMS.c.attempt_id.startswith("sheet of ")))
        connection.execute(
            insert(REVIEW_ITEMS),
            [
                {**sheets[row.job]._mapping, "alias": f"{row.id}", "attempt_id": row.id, "state": AWAITING}
                for row in rows
            ],
        )
        make_missing_slots(connection)
        connection.execute(update(ATTEMPTS).where(*waiting).values(**ended))
        connection.execute(
            insert(EXECUTIONS), [{"id": f"{row.id}.e1", "attempt": row.id, **execution} for row in rows]
        )


def ended_rounds(engine: Engine, number: int) -> None:
    """So many rounds that came to their end, as the engine keeps them: one that was, and its copies."""
    assert isinstance(engine, DurableEngine)
    engine.start([Round("attempt", "past.e1.r1", {"execution": "past.e1"}, QUEUE, share="past")])
    engine.cancel(["past.e1.r1"])
    tables = engine._client._sys_db
    status = tables.tables.workflow_status
    with tables.engine.begin() as connection:
        connection.execute(update(status).where(status.c.workflow_uuid == "past.e1.r1").values(status="SUCCESS"))
        row = dict(connection.execute(select(status)).one()._mapping)
        copies = [row | {"workflow_uuid": f"past{n}.e1.r1"} for n in range(1, number)]
        connection.execute(insert(status), copies)


def judge(
    home: Home,
    attempt: str,
    verdict: Verdict,
    settled: Settled | None,
    *,
    reviewer: str = "ann",
    lock: bool = True,
) -> ReviewDesk:
    """A reviewer says that of every criterion of an attempt (whose alias `hand_in` made of its id)."""
    desk = ReviewDesk(Book(home.database), reviewer, settled)
    said = Draft(verdict=verdict, feedback="" if verdict is Verdict.passed else "Names nobody.")
    desk.save(attempt, "note", 0, said)
    desk.judge(attempt, 0, "pass" if verdict is Verdict.passed else "fail")
    if lock:
        desk.lock(attempt)
    return desk


def run_state(home: Home, run: str) -> tuple[str, str | None]:
    """State and queue of a run."""
    with home.database.read() as connection:
        row = connection.execute(select(RUNS.c.state, RUNS.c.queue).where(RUNS.c.id == run)).one()
    return row.state, row.queue


def count_attempts(home: Home, run: str) -> int:
    """How many attempts of a run are written down."""
    with home.database.read() as connection:
        query = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.run == run)
        return int(connection.execute(query).scalar_one())


def lock_and_die(place: str, folder: str, attempt: str, when: str) -> int:
    """A process that locks a review and is killed: `before` its transaction is committed, or right `after`."""
    bench = bench_at(place if "://" in place else Path(place), Path(folder))
    with deciding(bench.home, print) as settled:

        def told(connection: Connection, name: str) -> None:
            settled(connection, name)
            if when == "before":
                os.kill(os.getpid(), signal.SIGKILL)

        ReviewDesk(Book(bench.home.database), "ann", told).lock(attempt)
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def serve_until_told(place: str, folder: str) -> int:
    """A process that is a worker, until SIGTERM."""
    bench = bench_at(place if "://" in place else Path(place), Path(folder))

    async def work() -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        await serve_rounds(bench.home, WorkerOrder(slots=2), told)

    asyncio.run(work())
    bench.close()
    return 0
