"""The migration runner: every room brings its own numbered steps; each is applied once, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, inspect, select
from sqlalchemy.schema import CreateColumn

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
    """The usual first step: create every table of `metadata`. Text is ordered by code points on every database."""

    def apply(connection: Connection) -> None:
        _for_dialect(metadata, connection).create_all(connection)

    return apply


def add_columns(table: Table, *names: str) -> Callable[[Connection], None]:
    """A later step: add columns to a table that is there; they may be null, or have a `server_default`."""

    def apply(connection: Connection) -> None:
        columns = _for_dialect(table.metadata, connection).tables[table.name].c
        quoted = connection.dialect.identifier_preparer.format_table(table)
        for name in names:
            definition = CreateColumn(columns[name]).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {definition}")

    return apply


def add_missing_columns(*tables: Table) -> Callable[[Connection], None]:
    """A later step: add to tables that are there every column that they have not; as `add_columns` each."""

    def apply(connection: Connection) -> None:
        there = inspect(connection)
        for table in tables:
            known = {column["name"] for column in there.get_columns(table.name)}
            add_columns(table, *(name for name in table.columns.keys() if name not in known))(connection)  # noqa: SIM118

    return apply


def drop_table(name: str) -> Callable[[Connection], None]:
    """A later step: drop a table whose rows nobody needs any more."""

    def apply(connection: Connection) -> None:
        Table(name, MetaData()).drop(connection, checkfirst=True)

    return apply


def _for_dialect(metadata: MetaData, connection: Connection) -> MetaData:
    """The tables as this database is to make them.

    PostgreSQL orders text by the language of the database; ranges of keys and `ORDER BY` mean code points here, as
    SQLite has them.
    """
    if connection.dialect.name != "postgresql":
        return metadata
    copied = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(copied)
    for table in copied.tables.values():
        for column in table.c:
            if isinstance(column.type, String):
                text = column.type.copy()
                text.collation = "C"
                column.type = text
    return copied


def apply_migrations(
    connection: Connection, migrations: Sequence[Migration], *, file: Path | str | None = None
) -> None:
    """Apply what has not been applied yet, all in the caller's transaction.

    Raises:
        BadInput: The database belongs to something else, or to a newer UpBench; `file` is named.
        ValueError: A room's numbers are not 1, 2, 3 ...
    """
    present = inspect(connection).get_table_names()
    if present and not _ours(connection, present):
        raise BadInput("a database of something else", file=file, mend="name another folder as `home`")
    _for_dialect(_META, connection).create_all(connection)
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


def _ours(connection: Connection, present: Sequence[str]) -> bool:
    """Others call a table `migrations` too."""
    if _APPLIED.name not in present:
        return False
    return {column["name"] for column in inspect(connection).get_columns(_APPLIED.name)} == set(_APPLIED.c.keys())
