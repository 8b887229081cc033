"""Where records name blobs: each room lists its own tables, and whoever sweeps the blobs asks all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import ColumnElement, Table, select

from core.bundle import Row
from core.causes import Cause
from core.errors import StoreFault
from core.store.aside import side_by_side
from core.store.blobs import Blobs
from core.store.database import Database

ROWS_AT_ONCE = 500
READ_AT_ONCE = 8


@dataclass(frozen=True)
class References:
    """How the rows of a table name blobs.

    Attributes:
        columns: Those in which they are named, and what else `blobs` needs of a row.
        blobs: The sha256 of the blobs that a row names.
        where: The rows that may name any; None: all.
        inside: The blobs that are named by one of those blobs themselves, from its bytes.
        made_anew: What such a blob names can be made again: one that cannot be read names nothing.
    """

    table: Table
    columns: tuple[str, ...]
    blobs: Callable[[Row], Iterable[str]]
    where: ColumnElement[bool] | None = None
    inside: Callable[[bytes], Iterable[str]] | None = None
    made_anew: bool = False


def named_blobs(database: Database, blobs: Blobs, rooms: Iterable[References]) -> Iterator[str]:
    """The sha256 of every blob that is named, some of them more than once.

    Args:
        database: The records.
        blobs: Where those lie that name others.
        rooms: Of all rooms.

    Raises:
        StoreFault: Something cannot be read, so that what it names is not known.
    """
    for one in rooms:
        named = _in_rows(database, one)
        yield from map(bytes.hex, named)
        if one.inside is not None:
            yield from _inside(blobs, one, one.inside, iter(named))


def _in_rows(database: Database, one: References) -> set[bytes]:
    """All at once: nothing slow is done while the transaction is open."""
    query = select(*(one.table.c[name] for name in one.columns))
    if one.where is not None:
        query = query.where(one.where)
    with database.read() as connection:
        rows = connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)).mappings()
        try:
            return {bytes.fromhex(sha256) for row in rows for sha256 in one.blobs(dict(row))}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"a row of `{one.table.name}` is damaged, so that it is not known which files it names"
            raise StoreFault(Cause.store_damaged, what) from error


def _inside(
    blobs: Blobs, one: References, inside: Callable[[bytes], Iterable[str]], named: Iterator[bytes]
) -> Iterator[str]:
    def read(sha256: bytes) -> list[str]:
        try:
            return list(inside(blobs.get_bytes(sha256.hex())))
        except ValueError as error:
            fault = StoreFault(Cause.store_damaged, f"blob {sha256.hex()} does not tell which files it names")
            if one.made_anew:
                return []
            raise fault from error
        except StoreFault as fault:
            if one.made_anew and fault.cause is Cause.store_damaged:
                return []
            raise

    while some := list(islice(named, ROWS_AT_ONCE)):
        for found in side_by_side(read, some, READ_AT_ONCE):
            yield from found
