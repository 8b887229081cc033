"""What a trial costs in a project of 100 trials and of 100,000, on PostgreSQL with real workers.

The trials sleep (`benchmarks.sleeping`) and write what real ones write; engine, workers, locks, governor and
records are the product's. Of each size the trials at the beginning of the run are measured, with all the others
still to come, and those at its end, with all the others done. What lies between is executed as well up to
`--executed` trials, and copied beyond that (`benchmarks.copying`). CPU time is told rather than the clock's, which
depends on who else uses the machine.

Run: python -m benchmarks.scale [--sizes 100 1000 10000 100000] [--executed 1000] [--workers 4] [--slots 6]
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.copying import copy_trials
from benchmarks.crew import cpu_seconds, crew, memory_mb, server_cpu_seconds
from benchmarks.sleeping import create_run, workplace_of
from runs import Records, count_attempts, hand_over, machinery
from tests.standins.postgres import Postgres
from upbench.home import Home, open_home
from upbench.settings import Settings
from upbench.snapshot import take_snapshot
from upbench.summary import summarise

WARM = 30
OFTEN = 0.8
"""A statement that is asked so often a trial is one of a trial; others go with the time."""

_SERVER = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "512MB",
    "max_connections": "1500",
    "autovacuum_naptime": "15s",
    "max_wal_size": "4GB",
}
_KINDS = """
select query like '%%dbos%%' as engine, query, calls, total_exec_time,
shared_blks_hit + shared_blks_read
from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = %s order by calls desc
"""


@contextmanager
def server() -> Iterator[Postgres]:
    """A PostgreSQL server that counts its statements."""
    postgres = Postgres()
    try:
        with postgres.connect() as connection:
            for name, value in _SERVER.items():
                connection.execute(f"alter system set {name} = '{value}'")
        postgres.stop()
        postgres.start()
        yield postgres
    finally:
        postgres.close()


class Measurement:
    """One project of one size.

    Args:
        postgres: The server.
        folder: Of the project.
        given: What the command line says.
    """

    def __init__(self, postgres: Postgres, folder: Path, given: argparse.Namespace) -> None:
        self._postgres, self._given = postgres, given
        url = postgres.database()
        self._name = url.rsplit("/", 1)[1]
        self._superuser = postgres.connect(self._name)
        self._superuser.execute("create extension pg_stat_statements")
        self._home: Home = open_home(Settings(project=folder, database=url, snapshots=False))
        self._workers = (folder, url, given.slots, given.turns, given.seconds)
        self.found: dict[str, Any] = {}
        self._idle = (0.0, 0.0)

    def close(self) -> None:
        """End all connections."""
        self._home.close()
        self._superuser.close()

    def run(self, size: int) -> dict[str, Any]:
        """Measure all of it."""
        given, found = self._given, self.found
        found["size"] = size
        window = given.window
        runs = [f"run{number}" for number in range(max(1, window // size))]
        executed = max(given.executed, 2 * window)
        with crew(given.workers, *self._workers) as workers:
            self._begin("warm", WARM)
            self._until("warm", WARM)
            self._idle = self._at_rest(workers)
            for run in runs:
                found |= self._begin(run, size)
            with self._counted(workers) as found["head"]:
                for run in runs:
                    self._until(run, min(self._done(run) + window, size))
            found["tail"] = found["head"]
            if window < size <= executed:
                self._until(runs[-1], size - window)
                with self._counted(workers) as found["tail"]:
                    self._until(runs[-1], size)
        if size > executed:
            self._copy(runs[-1], size - window)
            with crew(given.workers, *self._workers) as workers:
                self._until(runs[-1], size - window + 10)
                with self._counted(workers) as found["tail"]:
                    self._until(runs[-1], size)
        found["copied"] = max(0, size - executed)
        found["bytes"] = self._bytes(len(runs) * size + WARM)
        found["reading"] = self._reading(runs[-1])
        found["latency"] = self._latency(given.single)
        return found

    def _begin(self, run: str, trials: int) -> dict[str, float]:
        """Plan a run and hand it over; milliseconds of this process's time a trial."""
        began = time.process_time()
        create_run(self._home, run, trials)
        planned = time.process_time()
        place = workplace_of(self._home, run, turns=0, seconds=0)
        with machinery(self._home.database, self._home.state) as by:
            by.engine.prepare()
            before = time.process_time()
            hand_over(place, by)
            after = time.process_time()
        return {"plan_ms": (planned - began) * 1000 / trials, "hand_over_seconds": after - before}

    @contextmanager
    def _counted(self, workers: list[int]) -> Iterator[dict[str, Any]]:
        """What the trials cost that end within the block."""
        postmaster, found = self._postgres.process_id, dict[str, Any]()
        self._superuser.execute("select pg_stat_statements_reset()")
        done, began = self._done(), time.perf_counter()
        before = cpu_seconds(workers), server_cpu_seconds(postmaster)
        yield found
        after = cpu_seconds(workers), server_cpu_seconds(postmaster)
        seconds, trials = time.perf_counter() - began, self._done() - done
        used = [(one - other) * 1000 / trials for one, other in zip(after, before, strict=True)]
        resting = [share * 1000 * seconds / trials for share in self._idle]
        kinds = self._superuser.execute(_KINDS, (self._name,)).fetchall()
        mine = [row for row in kinds if "pg_stat" not in row[1] and "filter" not in row[1]]
        often = [row for row in mine if row[2] >= OFTEN * trials]
        found |= {
            "trials": trials,
            "harness_ms": used[0] - resting[0],
            "server_ms": used[1] - resting[1],
            "harness_ms_with_rest": used[0],
            "server_ms_with_rest": used[1],
            "seconds": seconds,
            "per_second": trials / seconds,
            "memory_mb": memory_mb(workers),
            "statements": sum(row[2] for row in often) / trials,
            "statement_ms": sum(row[3] for row in often) / trials,
            "pages": int(sum(row[4] for row in often)) / trials,
            "other_statements_a_second": (sum(row[2] for row in mine) - sum(row[2] for row in often)) / seconds,
            "kinds": [
                {
                    "query": row[1][:3000],
                    "a_trial": row[2] / trials,
                    "ms": row[3] / row[2],
                    "pages": int(row[4]) / row[2],
                }
                for row in mine
            ],
        }

    def _at_rest(self, workers: list[int], seconds: float = 8.0) -> tuple[float, float]:
        """What workers and server use while there is nothing to do: shares of a core."""
        postmaster, began = self._postgres.process_id, time.perf_counter()
        before = cpu_seconds(workers), server_cpu_seconds(postmaster)
        time.sleep(seconds)
        after, taken = (cpu_seconds(workers), server_cpu_seconds(postmaster)), time.perf_counter() - began
        return (after[0] - before[0]) / taken, (after[1] - before[1]) / taken

    def _done(self, run: str | None = None) -> int:
        query = "select count(*) filter (where state = 'done') from attempts where run = coalesce(%s, run)"
        row = self._superuser.execute(query, (run,)).fetchone()
        assert row is not None
        return int(row[0])

    def _until(self, run: str, number: int) -> None:
        while (done := self._done(run)) < number:
            time.sleep(min(2.0, 0.1 + (number - done) / 500))

    def _copy(self, run: str, until: int) -> None:
        began = time.perf_counter()
        copied = copy_trials(self._superuser, run, until)
        print(f"  {copied} trials copied in {time.perf_counter() - began:.0f} s", flush=True)

    def _bytes(self, trials: int) -> dict[str, float]:
        """Bytes a trial of ours, of the engine's, and of the largest tables."""
        self._superuser.execute("vacuum analyze")
        rows = self._superuser.execute(
            "select schemaname, relname, pg_total_relation_size(relid), n_live_tup from pg_stat_user_tables"
        ).fetchall()
        sums: dict[str, float] = {}
        for schema, table, size, number in rows:
            owner = "engine" if schema == "dbos" else "ours"
            sums[owner] = sums.get(owner, 0) + size / trials
            sums[f"{owner}_rows"] = sums.get(f"{owner}_rows", 0) + number / trials
            if size / trials > 100:
                sums[f"{schema}.{table}"] = size / trials
        return sums

    def _reading(self, run: str) -> dict[str, float]:
        """Milliseconds of the commands that read: medians of three, but for `show`."""
        home, records = self._home, Records(self._home.database)
        todo: dict[str, Callable[[], object]] = {
            "list": records.runs,
            "watch": lambda: take_snapshot(home, run),
            "counts": lambda: count_attempts(home.database, run),
            "has_unstarted": lambda: records.has_unstarted(run),
            "has_undone": lambda: records.has_undone(run),
            "show": lambda: summarise(home, run),
        }
        return {name: _milliseconds(call, 1 if name == "show" else 3) for name, call in todo.items()}

    def _latency(self, number: int) -> dict[str, float]:
        """Milliseconds from the start of a round to its beginning, in a queue that is empty otherwise."""
        waits = []
        with crew(2, *self._workers):
            self._begin("first", 1)
            self._until("first", 1)
            for one in range(number):
                self._begin(f"single{one}", 1)
                self._until(f"single{one}", 1)
                row = self._superuser.execute(
                    "select extract(epoch from e.started::timestamptz) * 1000 - w.created_at"
                    " from attempts a join executions e on e.attempt = a.id"
                    " join dbos.workflow_status w on w.workflow_uuid = a.round where a.run = %s",
                    (f"single{one}",),
                ).fetchone()
                assert row is not None
                waits.append(float(row[0]))
        return {"median": statistics.median(waits), "worst": max(waits)}


def _milliseconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def idle(postgres: Postgres, folder: Path, number: int, seconds: float = 20.0) -> dict[str, float]:
    """What `number` real workers cost that have nothing to do: of a core, and statements a second."""
    url = postgres.database()
    home = open_home(Settings(project=folder, database=url, snapshots=False))
    create_run(home, "nothing", 1)
    with machinery(home.database, home.state) as by:
        by.engine.prepare()
    home.close()
    name = url.rsplit("/", 1)[1]
    with postgres.connect(name) as superuser, crew(number, folder, url, 4, 1, 0.0) as workers:
        superuser.execute("create extension pg_stat_statements")
        count = "select count(*) from workers where ended is null"
        until = time.monotonic() + 300
        while superuser.execute(count).fetchone() != (number,) and time.monotonic() < until:
            time.sleep(1)
        time.sleep(5)
        superuser.execute("select pg_stat_statements_reset()")
        began, before = time.perf_counter(), (cpu_seconds(workers), server_cpu_seconds(postgres.process_id))
        time.sleep(seconds)
        taken = time.perf_counter() - began
        used = cpu_seconds(workers) - before[0], server_cpu_seconds(postgres.process_id) - before[1]
        kinds = superuser.execute(_KINDS, (name,)).fetchall()
        count = "select count(*) from pg_stat_activity where datname = %s"
        sessions = superuser.execute(count, (name,)).fetchone()
        assert sessions is not None
        return {
            "workers": number,
            "harness_share": used[0] / taken / number,
            "server_share": used[1] / taken / number,
            "statements": sum(row[2] for row in kinds) / taken / number,
            "sessions": sessions[0] / number,
            "memory_mb": memory_mb(workers),
            "kinds": [{"query": row[1][:300], "a_second": row[2] / taken / number, "ms": row[3] / row[2]}
                      for row in kinds[:25]],
        }  # fmt: skip


def main() -> None:
    """Print each size as it is known, and write all of it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--executed", type=int, default=1_000, help="trials of a size that are not copied")
    parser.add_argument("--window", type=int, default=500, help="trials that are measured, at either end of a run")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--slots", type=int, default=6)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.2, help="that a model takes for a reply")
    parser.add_argument("--single", type=int, default=10, help="rounds whose waiting is measured")
    parser.add_argument("--idle", type=int, nargs="*", default=[], help="workers that have nothing to do")
    parser.add_argument("--to", type=Path, help="file for the figures (JSON)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # workers are ended on the way out
    found: dict[str, Any] = {"given": {k: str(v) for k, v in vars(given).items()}, "sizes": [], "idle": []}
    with server() as postgres:
        for size in given.sizes:
            with TemporaryDirectory(prefix="upbench-scale-") as folder:
                measurement = Measurement(postgres, Path(folder), given)
                try:
                    found["sizes"].append(measurement.run(size))
                finally:
                    measurement.close()
            show(found["sizes"][-1])
            _write(given.to, found)
        for number in given.idle:
            with TemporaryDirectory(prefix="upbench-scale-") as folder:
                found["idle"].append(idle(postgres, Path(folder), number))
            print({k: v for k, v in found["idle"][-1].items() if k != "kinds"}, flush=True)
            _write(given.to, found)


def show(found: dict[str, Any]) -> None:
    """A size, in some lines."""
    for part in ("head", "tail"):
        numbers = {k: round(v, 2) for k, v in found[part].items() if k != "kinds"}
        print(f"{found['size']:7} {part}: {numbers}", flush=True)
    rest = {k: found[k] for k in ("plan_ms", "hand_over_seconds", "bytes", "reading", "latency")}
    print("       ", json.dumps(rest, default=float), flush=True)


def _write(file: Path | None, found: dict[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps(found, indent=1, default=float))


if __name__ == "__main__":
    main()
