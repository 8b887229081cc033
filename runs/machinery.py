"""What executes the runs of a project: the durable engine, the workers' locks and their registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import Database
from runs.engine.port import Engine
from runs.workers.locks import Locks, held_by_somebody, open_locks
from runs.workers.registry import Registry, WorkerRow

LOCKS = "workers"
"""In a project's data folder: where locks lie that are files."""


@dataclass(frozen=True)
class Machinery:
    """What executes runs.

    Attributes:
        engine: Carries rounds.
        locks: By which workers prove that they live.
        workers: Who they are.
        sever: Breaks off, from any thread, whatever waits for the database; see `core.Database.sever`.
    """

    engine: Engine
    locks: Locks
    workers: Registry
    sever: Callable[[], None]

    def alive(self) -> list[WorkerRow]:
        """The workers that live, oldest first. Raises `StoreFault`."""
        present = self.workers.present()
        held = self.locks.known_held([one.id for one in present])
        return [one for one in present if one.id in held]


def workers_alive(database: Database, state: Path) -> list[WorkerRow]:
    """The workers of a project that live, oldest first, for processes that execute nothing: one or two statements.

    Args:
        database: The project's.
        state: Its data folder.

    Raises:
        StoreFault: The records cannot be reached.
    """
    present = Registry(database).present()
    held = held_by_somebody(database, state / LOCKS, [one.id for one in present])
    return [one for one in present if one.id in held]


@contextmanager
def machinery(database: Database, state: Path) -> Iterator[Machinery]:
    """The machinery of the project whose data folder is `state`, for the length of the block."""
    from runs.engine.durable import DurableEngine  # its library takes half a second to import

    with ExitStack() as left:
        engine = DurableEngine(database)
        left.callback(engine.close)
        locks = open_locks(database, state / LOCKS)
        left.callback(locks.close)
        yield Machinery(engine, locks, Registry(database), database.sever)
