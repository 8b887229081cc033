"""`SqlTranscript`: the transcript of one execution in the database, its large bodies compressed or as blobs."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select

from agents.tables import EVENTS
from agents.transcript import Event
from core import Blobs, Cause, Database, Overtaken, StoreFault, canonical_json, in_thread, insert_new

PLAIN_BYTES = 2048
"""A body up to this size is kept as it is; compressing it would save next to nothing."""

ROW_BYTES = 64 * 1024
"""A compressed body over this size (an image) goes to the blobs, so that rows stay cheap to read past."""


_ADD = insert_new(EVENTS).returning(EVENTS.c.seq)


class Form(IntEnum):
    """How the body of an event is kept: JSON, JSON packed by zlib, or the name of a blob of packed JSON."""

    plain = 0
    compressed = 1
    blob = 2


class SqlTranscript:
    """Append-only events of one execution. One writer at a time: the worker that runs the execution.

    A worker that was taken for dead and goes on all the same finds out at its next event.
    """

    def __init__(self, database: Database, blobs: Blobs, execution: str) -> None:
        self.execution = execution
        self._database = database
        self._blobs = blobs
        self._next: int | None = None
        self._ready: tuple[dict[str, Any], Form, bytes] | None = None

    def append(self, kind: str, body: dict[str, Any]) -> Event:
        """Add an event; it is committed when this returns. Where the blobs have a bucket this may take minutes.

        Raises:
            StoreFault: It cannot be written.
            Overtaken: Another worker has added events since this one began; nothing is written.
            ValueError: `body` is not JSON (or holds a NaN).
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        form, packed = self._pack(body)
        expected, self._next = self._next, None  # whether a write that breaks was done is not known
        with self._database.write() as connection:
            seq = self._first(connection) if expected is None else expected
            row = {
                "execution": self.execution,
                "seq": seq,
                "kind": kind,
                "at": at,
                "form": int(form),
                "body": packed,
            }
            new = connection.execute(_ADD, row).first() is not None
        self._next = seq + 1 if new else seq
        if not new:
            raise Overtaken(self.execution)
        return Event(seq=seq, kind=kind, at=at, body=body)

    async def add(self, kind: str, body: dict[str, Any]) -> Event:
        """As `append`; a body that goes to the blobs goes there beside the event loop, before the event."""
        form, packed = _packed(body)
        if form is Form.blob:
            packed = (await in_thread(self._blobs.put_bytes, packed)).encode()
        self._ready = body, form, packed
        try:
            return self.append(kind, body)
        finally:
            self._ready = None

    def _first(self, connection: Connection) -> int:
        last = connection.scalar(select(func.max(EVENTS.c.seq)).where(EVENTS.c.execution == self.execution))
        return 0 if last is None else int(last) + 1

    def events(self) -> list[Event]:
        """All events so far, in order, with their bodies whole. It may take minutes, as `append` does.

        Raises:
            StoreFault: The store does not answer; or `store_damaged`, with the number of the event that is.
        """
        return [self._event(row) for row in self._rows()]

    async def read(self) -> list[Event]:
        """As `events`; bodies that lie among the blobs come from there beside the event loop."""
        rows = self._rows()
        if any(row.form == Form.blob for row in rows):
            return await in_thread(lambda: [self._event(row) for row in rows])
        return [self._event(row) for row in rows]

    def count(self) -> int:
        """How many events there are."""
        query = select(func.count()).select_from(EVENTS).where(EVENTS.c.execution == self.execution)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def sound_events(self, *, skip: int = 0, most: int | None = None) -> tuple[list[Event], list[str]]:
        """For people: the events that can be read, and what is wrong with the others.

        Args:
            skip: So many at the beginning are left out.
            most: So many at most; None: all.
        """
        found, wrong = list[Event](), list[str]()
        for row in self._rows(skip, most):
            try:
                found.append(self._event(row))
            except StoreFault as fault:
                wrong.append(fault.detail)
        return found, wrong

    def _rows(self, skip: int = 0, most: int | None = None) -> Sequence[Row[Any]]:
        query = select(EVENTS).where(EVENTS.c.execution == self.execution).order_by(EVENTS.c.seq)
        if skip or most is not None:
            query = query.offset(skip).limit(most)
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _event(self, row: Row[Any]) -> Event:
        what = f"event {row.seq} of {self.execution} is damaged"
        try:
            form, data = Form(row.form), bytes(row.body)
            if form is Form.blob:
                data = self._blobs.get_bytes(data.decode())
            plain = data if form is Form.plain else zlib.decompress(data)
            return Event(seq=row.seq, kind=row.kind, at=row.at, body=json.loads(plain))
        except (zlib.error, ValueError) as error:
            raise StoreFault(Cause.store_damaged, f"{what}: {error}") from error
        except StoreFault as fault:
            if fault.cause is not Cause.store_damaged:
                raise
            raise StoreFault(fault.cause, f"{what}: {fault.detail}") from fault

    def _pack(self, body: dict[str, Any]) -> tuple[Form, bytes]:
        if self._ready is not None and self._ready[0] is body:
            return self._ready[1:]
        form, packed = _packed(body)
        return form, self._blobs.put_bytes(packed).encode() if form is Form.blob else packed


def _packed(body: dict[str, Any]) -> tuple[Form, bytes]:
    """How a body is kept, and the bytes. Raises `ValueError` for what is no JSON."""
    plain = canonical_json(body).encode()
    if len(plain) <= PLAIN_BYTES:
        return Form.plain, plain
    packed = zlib.compress(plain, 6)
    return (Form.compressed if len(packed) <= ROW_BYTES else Form.blob), packed
