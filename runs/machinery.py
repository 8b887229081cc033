"""What executes the runs of a project: the durable engine, the workers' locks and their registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import Database
from runs.engine.port import Engine
from runs.workers.locks import Locks, open_locks
from runs.workers.registry import Registry


@dataclass(frozen=True)
class Machinery:
    """What executes runs.

    Attributes:
        engine: Carries rounds.
        locks: By which workers prove that they live.
        workers: Who they are.
    """

    engine: Engine
    locks: Locks
    workers: Registry


@contextmanager
def machinery(database: Database, state: Path) -> Iterator[Machinery]:
    """The machinery of the project whose data folder is `state`, for the length of the block."""
    from runs.engine.durable import DurableEngine  # its library takes half a second to import

    with ExitStack() as left:
        engine = DurableEngine(database)
        left.callback(engine.close)
        locks = open_locks(database, state / "workers")
        left.callback(locks.close)
        yield Machinery(engine, locks, Registry(database))
