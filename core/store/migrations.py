"""The migration runner: every room brings its own numbered steps; each is applied once, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, inspect, select

from core.errors import BadInput

_META = MetaData()
_APPLIED = Table(
    "migrations",
    _META,
    Column("room", String, primary_key=True),
    Column("number", Integer, primary_key=True),
)


@dataclass(frozen=True)
class Migration:
    """Step `number` (from 1) of `room`'s tables. `apply` gets the open transaction."""

    room: str
    number: int
    apply: Callable[[Connection], None]


def create_all(metadata: MetaData) -> Callable[[Connection], None]:
    """The usual first step: create every table of `metadata`."""

    def apply(connection: Connection) -> None:
        metadata.create_all(connection)

    return apply


def apply_migrations(connection: Connection, migrations: Sequence[Migration], *, file: Path | None = None) -> None:
    """Apply what has not been applied yet, all in the caller's transaction.

    Raises:
        BadInput: The database belongs to something else, or to a newer UpBench; `file` is named.
        ValueError: A room's numbers are not 1, 2, 3 ...
    """
    present = inspect(connection).get_table_names()
    if present and _APPLIED.name not in present:
        raise BadInput("a database of something else", file=file, mend="name another folder as `home`")
    _META.create_all(connection)
    done = {(row.room, row.number) for row in connection.execute(select(_APPLIED))}
    for room in dict.fromkeys(migration.room for migration in migrations):
        steps = sorted((m for m in migrations if m.room == room), key=lambda m: m.number)
        if [step.number for step in steps] != list(range(1, len(steps) + 1)):
            raise ValueError(f"the migrations of room {room} are not numbered 1..n")
        if any(known == room and number > len(steps) for known, number in done):
            raise BadInput(f"its tables of `{room}` are of a newer UpBench", file=file, mend="update UpBench")
        for step in steps:
            if (room, step.number) not in done:
                step.apply(connection)
                connection.execute(insert(_APPLIED).values(room=room, number=step.number))
