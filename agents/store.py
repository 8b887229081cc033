"""`SqlTranscript`: the transcript of one execution in the database, its large bodies compressed or as blobs."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, func, select

from agents.tables import EVENTS
from agents.transcript import Event
from core import Blobs, Cause, Database, Overtaken, StoreFault, canonical_json, insert_new

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

    def append(self, kind: str, body: dict[str, Any]) -> Event:
        """Add an event; it is committed when this returns.

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

    def _first(self, connection: Connection) -> int:
        last = connection.scalar(select(func.max(EVENTS.c.seq)).where(EVENTS.c.execution == self.execution))
        return 0 if last is None else int(last) + 1

    def events(self) -> list[Event]:
        """All events so far, in order, with their bodies whole. Raises `StoreFault` for a damaged one."""
        query = select(EVENTS).where(EVENTS.c.execution == self.execution).order_by(EVENTS.c.seq)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Event(seq=row.seq, kind=row.kind, at=row.at, body=self._unpack(Form(row.form), bytes(row.body)))
            for row in rows
        ]

    def _pack(self, body: dict[str, Any]) -> tuple[Form, bytes]:
        plain = canonical_json(body).encode()
        if len(plain) <= PLAIN_BYTES:
            return Form.plain, plain
        packed = zlib.compress(plain, 6)
        if len(packed) <= ROW_BYTES:
            return Form.compressed, packed
        return Form.blob, self._blobs.put_bytes(packed).encode()

    def _unpack(self, form: Form, data: bytes) -> dict[str, Any]:
        if form is Form.blob:
            data = self._blobs.get_bytes(data.decode())
        try:
            plain = data if form is Form.plain else zlib.decompress(data)
            body: dict[str, Any] = json.loads(plain)
        except (zlib.error, ValueError) as error:
            raise StoreFault(Cause.store_failed, f"transcript {self.execution} is damaged: {error}") from error
        return body
