"""Real worker processes that carry sleeping trials, and what they and the database server use."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

from benchmarks.sleeping import workplace_of
from upbench import workers
from upbench.home import open_home
from upbench.settings import Settings
from upbench.workers import WorkerOrder, serve_rounds

AT_ONCE = 5
PRELOAD = [
    "benchmarks.crew",
    "runs.engine.durable",
    "dbos._sys_db_postgres",
    "psycopg",
    "sandbox.bubblewrap.provider",
]
_TICKS = os.sysconf("SC_CLK_TCK")


def carry(parent: int, project: Path, database: str, slots: int, turns: int, seconds: float) -> None:
    """Be a worker (the product's own loop) until SIGTERM, or until process `parent` is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    home = open_home(Settings(project=project, database=database, snapshots=False))

    async def work() -> None:
        serving = asyncio.ensure_future(serve_rounds(home, WorkerOrder(slots=slots)))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving

    def place_of(_home: object, run: str) -> object:
        return workplace_of(home, run, turns=turns, seconds=seconds)

    with patch.object(workers, "place_of", place_of):
        asyncio.run(work())
    home.close()


def _end_with(parent: int) -> None:
    """A thread's work: whoever is killed leaves nobody behind."""
    with suppress(ProcessLookupError):
        while True:
            os.kill(parent, 0)
            time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def crew(number: int, project: Path, database: str, *arguments: object) -> Iterator[list[int]]:
    """`number` workers for the length of the block; their process ids.

    They are begun some at a time: that costs a second of CPU time each, and none may be kept waiting for it.
    """
    context = get_context("forkserver")  # what they import is imported once, and shared
    context.set_forkserver_preload(PRELOAD)
    given = (os.getpid(), project, database, *arguments)
    processes: list[BaseProcess] = [context.Process(target=carry, args=given) for _ in range(number)]
    try:
        for begin in range(0, number, AT_ONCE):
            for process in processes[begin : begin + AT_ONCE]:
                process.start()
            if number > AT_ONCE:
                _until_present(database, [p.pid for p in processes[begin : begin + AT_ONCE]])
        yield [process.pid for process in processes if process.pid is not None]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(60)
            if process.exitcode is None:
                process.kill()


def _until_present(database: str, processes: Sequence[int | None], seconds: float = 120.0) -> None:
    """Wait until these processes are workers."""
    import psycopg

    until = time.monotonic() + seconds
    with psycopg.connect(database, autocommit=True) as connection:
        query = "select count(*) from workers where ended is null and pid = any(%s)"
        while connection.execute(query, (list(processes),)).fetchone() != (len(processes),):
            if time.monotonic() > until:
                raise TimeoutError("workers do not begin")
            time.sleep(0.1)


def cpu_seconds(processes: Sequence[int]) -> float:
    """What these processes used so far."""
    return sum(sum(_times(pid)[:2]) for pid in processes)


def server_cpu_seconds(postmaster: int) -> float:
    """What a database server used so far, its sessions that have ended included."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    living = sum(sum(_times(int(child))[:2]) for child in children)
    return living + sum(_times(postmaster))


def memory_mb(processes: Sequence[int]) -> float:
    """What these processes have to themselves, and their share of what they share, each on average."""
    kilobytes = 0
    for pid in processes:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024 / max(1, len(processes))


def _times(pid: int) -> tuple[float, float, float, float]:
    """User and system time, of the process and of its children that were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return (0.0, 0.0, 0.0, 0.0)
    user, system, ended_user, ended_system = (int(field) / _TICKS for field in fields[11:15])
    return user, system, ended_user, ended_system
