"""From the last verdict to the next round: thousands of attempts that await review, and what they cost meanwhile.

A project is written with so many attempts that were handed in and await their review, beside as many rounds that
are over. `upbench review serve` with its worker is started over it. What the two use while nobody reviews is read
from the kernel. Then verdicts are given through the app's own interface, one after the other; the time is taken
from the last request of each review until the next attempt at its job has begun.
"""

from __future__ import annotations

import argparse
import signal
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import select

from benchmarks.crew import cpu_seconds, memory_mb
from runs import machinery
from runs.tables import ATTEMPTS, EXECUTIONS
from tests.standins.postgres import Postgres
from tests.upbench.judging import awaiting, bench_at, ended_rounds
from tests.upbench.life import until
from tests.upbench.review.reviewer import Reviewer, served
from upbench.home import Home

SETTLE_SECONDS, IDLE_SECONDS = 3.0, 10.0


def begun(home: Home, attempt: str) -> float:
    """When the attempt that follows was begun, seconds of the epoch."""
    query = (
        select(EXECUTIONS.c.started)
        .join(ATTEMPTS, ATTEMPTS.c.id == EXECUTIONS.c.attempt)
        .where(ATTEMPTS.c.parent == attempt)
    )
    while True:
        with home.database.read() as connection:
            started = connection.execute(query).scalar_one_or_none()
        if started is not None:
            return datetime.fromisoformat(started).timestamp()
        time.sleep(0.02)


def measure(folder: Path, database: str | None, waiting: int, verdicts: int) -> None:
    """Print one row of the table."""
    folder.mkdir()
    place = database if database is not None else folder / ".upbench" / "upbench.db"
    bench = bench_at(place, folder)
    run = awaiting(bench, folder, waiting)
    with machinery(bench.home.database, bench.home.state) as by:
        by.engine.prepare()
        ended_rounds(by.engine, waiting)
    attempts = [row.id for row in run.records.attempts(run.run_id)[:verdicts]]
    with served(folder, database=database) as app:
        worker = until(app.worker)
        time.sleep(SETTLE_SECONDS)
        before = cpu_seconds([worker]), cpu_seconds([app.process.pid])
        time.sleep(IDLE_SECONDS)
        used = cpu_seconds([worker]) - before[0], cpu_seconds([app.process.pid]) - before[1]
        cpu = [1000 * seconds / IDLE_SECONDS for seconds in used]
        memory, threads = memory_mb([worker]), len(list(Path(f"/proc/{worker}/task").iterdir()))
        reviewer, taken, locks = Reviewer(app.said), list[float](), list[float]()
        for attempt in attempts:
            reviewer.draft_fail(attempt)
            sent, began = time.time(), time.monotonic()
            reviewer.lock(attempt)
            locks.append(1000 * (time.monotonic() - began))
            taken.append(begun(bench.home, attempt) - sent)
            time.sleep(0.37 * len(taken) % 1)  # not in step with whoever looks
        app.process.send_signal(signal.SIGINT)
        app.process.wait(60)
    kind = "SQLite" if database is None else "PostgreSQL"
    print(
        f"| {kind} | {waiting} | {memory:.0f} | {threads} | {cpu[0]:.1f} | {cpu[1]:.1f} | {median(locks):.0f} "
        f"| {taken[0]:.2f} | {median(taken[1:]):.2f} | {max(taken[1:]):.2f} |",
        flush=True,
    )
    bench.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="+", default=[10, 10_000], help="attempts that await review")
    parser.add_argument("--verdicts", type=int, default=8)
    parser.add_argument("--postgresql", action="store_true", help="also there")
    asked = parser.parse_args()
    print(
        "| | await review | worker: MB | threads | idle CPU, ms/s | app: idle CPU, ms/s | lock, ms "
        "| s to the first round | median of the next | longest |\n" + "|---|" + "---:|" * 9
    )
    with TemporaryDirectory() as folder:
        for waiting in asked.waiting:
            measure(Path(folder) / f"sqlite-{waiting}", None, waiting, asked.verdicts)
        if asked.postgresql:
            server = Postgres()
            try:
                for waiting in asked.waiting:
                    measure(Path(folder) / f"postgresql-{waiting}", server.database(), waiting, asked.verdicts)
            finally:
                server.close()


if __name__ == "__main__":
    main()
