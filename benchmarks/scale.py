"""What a trial costs in runs of 100 trials and of 100,000: a hundred workers on PostgreSQL, and sleeping agents.

The workers are real processes (forked from one that has imported what they need) and carry `upbench worker`'s own
loop; their agents sleep (`benchmarks.sleeping`) and write what real ones write; engine, queue, locks, governor,
records and journal are the product's. Every trial is executed, unless `--executed` says that a run is to be filled
with copies (`benchmarks.copying`) after so many, and measured on.

Of each size there is a project of its own; what is measured begins when every slot has carried a trial and ends
while all are still at work, so that the beginning and the end of a run are no part of it. CPU time is told rather
than the clock's, which depends on who else uses the machine; it is all the CPU time of all workers and of the
server, what they use for looking and waiting included.

Run: python -m benchmarks.scale --to FIGURES.json [--sizes 100 1000 10000 100000] [--workers 100] [--slots 2]
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import threading
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
from runs.starting import AHEAD
from tests.standins.postgres import Postgres
from upbench.home import Home, open_home
from upbench.settings import Settings
from upbench.snapshot import take_snapshot
from upbench.summary import summarise

MARKS = 100
"""Of one run, at equal distances."""

LONGEST_SECONDS = 300.0
"""Without a single trial coming to its end: something is wrong then."""

_SERVER = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "512MB",
    "max_connections": "1500",
    "autovacuum_naptime": "15s",
    "max_wal_size": "4GB",
}
_KINDS = """
select query, calls, total_exec_time, shared_blks_hit + shared_blks_read, rows
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = %s and query !~ 'pg_stat|select sum.calls' order by calls desc
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
    """One project.

    Args:
        postgres: The server.
        folder: Of the project.
        given: What the command line says.
    """

    def __init__(self, postgres: Postgres, folder: Path, given: argparse.Namespace) -> None:
        self._postgres, self._given, self._folder = postgres, given, folder
        self._url = postgres.database()
        self._name = self._url.rsplit("/", 1)[1]
        self._superuser = postgres.connect(self._name)
        self._superuser.execute("create extension pg_stat_statements")
        self._home: Home = open_home(Settings(project=folder, database=self._url, snapshots=False))
        self._lead = given.workers * given.slots
        self._ends = time.monotonic() + given.minutes * 60

    def close(self) -> None:
        """End all connections."""
        self._home.close()
        self._superuser.close()

    def run(self, size: int, times: int) -> dict[str, Any]:
        """Execute runs of that size one after the other: what each cost, at its marks.

        Beyond its `size`, each run has as many trials as there are slots before them, twice, and three times as
        many after them: they are executed as well, and are no part of what is measured.
        """
        found: dict[str, Any] = {"size": size, "runs": []}
        given = self._given
        with crew(given.workers, self._folder, self._url, given.slots, given.turns, given.seconds) as workers:
            for number in range(times):
                found["runs"].append(self._one(f"run{number}", size, workers))
            found["sessions"] = self._number(
                "select count(*) from pg_stat_activity where datname = %s", self._name
            )
            found["memory_mb"] = memory_mb(workers)
            found["rest"] = self._at_rest(workers)
        found["executed"] = self._number("select count(*) from executions where cause = 'submitted'")
        found["not_submitted"] = self._number("select count(*) from executions where cause <> 'submitted'")
        found["executions_again"] = self._number("select count(*) from executions where e > 1")
        found["rounds_again"] = self._number("select count(*) from attempts where rounds > 1")
        found["deadlocks"] = self._number("select deadlocks from pg_stat_database where datname = %s", self._name)
        found["bytes"] = self._bytes(found["executed"])
        found["reading"] = self._reading(f"run{times - 1}")
        return found

    def _one(self, run: str, size: int, workers: list[int]) -> dict[str, Any]:
        found: dict[str, Any] = {"plan_ms": self._plan(run, size + 5 * self._lead)}
        # Beside the measuring: the first are carried, in a small run all, while the last are handed over.
        handing = threading.Thread(target=self._hand_over, args=(run, found))
        handing.start()
        self._until(run, 2 * self._lead)
        self._superuser.execute("select pg_stat_statements_reset()")
        executed = min(size, self._given.executed or size)
        found["marks"] = self._marks(run, workers, executed)
        found["kinds"] = self._kinds(found["marks"][-1]["trials"])
        if executed < size and time.monotonic() < self._ends:
            found["copied"] = self._fill(run, size)
            self._superuser.execute("select pg_stat_statements_reset()")
            found["after"] = self._marks(run, workers, self._given.last)
            found["kinds_after"] = self._kinds(found["after"][-1]["trials"])
        if time.monotonic() < self._ends:
            self._until_over(run)
        handing.join()
        return found

    def _marks(self, run: str, workers: list[int], number: int) -> list[dict[str, float]]:
        """What was used at some marks while so many trials of a run are carried, counted from now on."""
        marks = [self._mark(run, workers)]
        begin = marks[0]["trials"]
        while (done := marks[-1]["trials"] - begin) < number and time.monotonic() < self._ends:
            step = 100 if done < 1000 else max(100, number // MARKS)
            self._until(run, int(begin + min(number, step * (done // step + 1))))
            marks.append(self._mark(run, workers))
        return [{name: mark[name] - marks[0][name] for name in mark} for mark in marks]

    def _fill(self, run: str, size: int) -> int:
        """Fill the run with copies of a trial, but for what is in the queue and what is measured after it."""
        started = self._number(
            "select max(t.position) from trials t join attempts a on a.trial = t.id"
            " where t.run = %s and a.rounds > 0",
            run,
        )
        begin = started + 2 * AHEAD  # workers go on meanwhile
        return copy_trials(self._superuser, run, size + self._lead - self._given.last, begin=begin)

    def _plan(self, run: str, trials: int) -> float:
        """Plan a run; milliseconds of this process's time for each trial."""
        began = time.process_time()
        create_run(self._home, run, trials)
        return (time.process_time() - began) * 1000 / trials

    def _hand_over(self, run: str, found: dict[str, Any]) -> None:
        place = workplace_of(self._home, run, turns=0, seconds=0)
        with machinery(self._home.database, self._home.state) as by:
            by.engine.prepare()
            before = time.thread_time()
            hand_over(place, by)
            found["hand_over_seconds"] = time.thread_time() - before

    def _mark(self, run: str, workers: list[int]) -> dict[str, float]:
        """All that was used until now."""
        calls, took, pages = self._superuser.execute(
            "select sum(calls), sum(total_exec_time), sum(shared_blks_hit + shared_blks_read)"
            " from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = %s",
            (self._name,),
        ).fetchone() or (0, 0, 0)
        return {
            "trials": self._carried(run),
            "harness_ms": cpu_seconds(workers) * 1000,
            "server_ms": server_cpu_seconds(self._postgres.process_id) * 1000,
            "seconds": time.perf_counter(),
            "statements": float(calls or 0),
            "statement_ms": float(took or 0),
            "pages": float(pages or 0),
        }

    def _kinds(self, trials: float) -> list[dict[str, Any]]:
        rows = self._superuser.execute(_KINDS, (self._name,)).fetchall()
        return [
            {
                "query": row[0][:3000],
                "a_trial": row[1] / max(1, trials),
                "ms": row[2] / row[1],
                "pages": int(row[3]) / row[1],
            }
            for row in rows
        ]

    def _carried(self, run: str) -> int:
        """Trials of a run whose model has answered for the last time: cheap to know, however many there are."""
        query = "select coalesce(sum(calls), 0) from run_spend where run = %s"
        return self._number(query, run) // int(self._given.turns)

    def _number(self, query: str, *values: object) -> int:
        row = self._superuser.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])

    def _until(self, run: str, number: int) -> None:
        """Wait until so many trials of a run were carried."""
        last, since = -1, time.monotonic()
        while (carried := self._carried(run)) < number:
            if carried > last:
                last, since = carried, time.monotonic()
            if time.monotonic() - since > LONGEST_SECONDS:
                raise TimeoutError(f"{run}: {carried} trials, and no more")
            if last >= 0 and time.monotonic() > self._ends:
                return
            time.sleep(min(5.0, 0.05 + (number - carried) / 200))

    def _until_over(self, run: str) -> None:
        until = time.monotonic() + LONGEST_SECONDS
        while Records(self._home.database).has_undone(run):
            if time.monotonic() > until:
                raise TimeoutError(f"{run} does not end")
            time.sleep(0.5)

    def _at_rest(self, workers: list[int], seconds: float = 15.0) -> dict[str, float]:
        """What each worker, and the server for it, uses while there is nothing to do; statements a second."""
        postmaster, began = self._postgres.process_id, time.perf_counter()
        time.sleep(5)
        self._superuser.execute("select pg_stat_statements_reset()")
        before = cpu_seconds(workers), server_cpu_seconds(postmaster)
        began = time.perf_counter()
        time.sleep(seconds)
        after, taken = (cpu_seconds(workers), server_cpu_seconds(postmaster)), time.perf_counter() - began
        statements = self._number("select coalesce(sum(calls), 0) from pg_stat_statements")
        shares = [(one - other) / taken / len(workers) for one, other in zip(after, before, strict=True)]
        return {"harness": shares[0], "server": shares[1], "statements": statements / taken / len(workers)}

    def _bytes(self, trials: int) -> dict[str, float]:
        """Bytes a trial of ours, of the engine's, and of the largest tables."""
        rows = self._superuser.execute(
            "select schemaname, relname, pg_total_relation_size(relid) from pg_stat_user_tables"
        ).fetchall()
        sums: dict[str, float] = {"all": self._number("select pg_database_size(%s)", self._name) / trials}
        for schema, table, size in rows:
            owner = "engine" if schema == "dbos" else "ours"
            sums[owner] = sums.get(owner, 0) + size / trials
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
            "show": lambda: summarise(home, run),
        }
        return {name: _milliseconds(call, 1 if name == "show" else 3) for name, call in todo.items()}


def _milliseconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Print each size as it is known, and write all of it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--slots", type=int, default=2, help="of each worker")
    parser.add_argument("--turns", type=int, default=1, help="calls of a model in a trial")
    parser.add_argument("--seconds", type=float, default=2.0, help="that a model takes for a reply")
    parser.add_argument("--times", type=int, default=5, help="runs of the smallest size")
    parser.add_argument(
        "--minutes", type=float, default=240, help="for a project, after which it is left as it is"
    )
    parser.add_argument(
        "--executed", type=int, help="trials after which a run is filled with copies; default: never"
    )
    parser.add_argument("--last", type=int, default=2000, help="trials that are measured after that")
    parser.add_argument("--to", type=Path, help="file for the figures (JSON)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # workers are ended on the way out
    found: dict[str, Any] = {"given": {k: str(v) for k, v in vars(given).items()}, "sizes": []}
    with server() as postgres:
        for size in given.sizes:
            with TemporaryDirectory(prefix="upbench-scale-") as folder:
                measurement = Measurement(postgres, Path(folder), given)
                try:
                    found["sizes"].append(measurement.run(size, given.times if size <= 100 else 1))
                finally:
                    measurement.close()
            show(found["sizes"][-1])
            if given.to is not None:
                given.to.write_text(json.dumps(found, indent=1, default=float))


def show(found: dict[str, Any]) -> None:
    """Print what matters of a size."""
    for run in found["runs"]:
        end = run["marks"][-1]
        each = {name: end[name] / end["trials"] for name in end if name not in ("trials", "seconds")}
        line = "  ".join(f"{name} {value:.2f}" for name, value in each.items())
        print(f"{found['size']:>7,}: {line}  {end['trials'] / end['seconds']:.1f}/s", flush=True)
    rest = {k: v for k, v in found.items() if k not in ("runs", "size")}
    print("        ", json.dumps(rest, default=float), flush=True)


if __name__ == "__main__":
    main()
