"""The append-only story of an execution: events in order, large payloads as blobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from core import Frozen


class Event(Frozen):
    """One thing that happened.

    Attributes:
        seq: From 0, without gaps.
        kind: `assignment`, `reply`, `tool_started`, `tool_done`, `note`, `compaction`, `ended` ...
        at: ISO 8601 time in UTC.
        body: Small JSON; anything over 2 kB of text is kept as a blob and put back when read.
    """

    seq: int
    kind: str
    at: str
    body: dict[str, Any]


class Transcript(Protocol):
    """The story of one execution."""

    def append(self, kind: str, body: dict[str, Any]) -> Event:
        """Add an event durably before returning."""
        ...

    def events(self) -> Sequence[Event]:
        """All events so far, in order, with their bodies whole."""
        ...
