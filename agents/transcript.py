"""The append-only story of an execution: events in order, large payloads as blobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from core import Frozen


class Event(Frozen):
    """One thing that happened.

    Attributes:
        seq: From 0, without gaps.
        kind: Of the react agent: `assignment` (the task as it was told, and the `rework` in it), `reply` (where
            the journal keeps it, and its first words), `tool_started` and `tool_done`, `note` (something the
            model was told besides), `compaction`, `overflow` (the model refused the conversation for its
            length), `cancelled`, `resumed`, and last of all `ended`. `snapshot` is how `/job` differs from the
            snapshot before it, as `sandbox.Kept.body` tells it; `restored`, that another workspace took the
            place of one that was lost (also after `ended`). Other agents write at least `ended`, with the
            `cause`. Whatever the agent, `network` is a connection that a program in the sandbox, or
            `fetch_page`, asked for, as `sandbox.NetworkEvent` tells it; it may come between any two, and after
            `ended`.
        at: ISO 8601 time in UTC.
        body: JSON. What is large is kept compressed or as a blob and put back when read.
    """

    seq: int
    kind: str
    at: str
    body: dict[str, Any]


class Transcript(Protocol):
    """The story of one execution."""

    def append(self, kind: str, body: dict[str, Any]) -> Event:
        """Add a small event durably before returning."""
        ...

    async def add(self, kind: str, body: dict[str, Any]) -> Event:
        """Add an event of any size durably before returning."""
        ...

    def events(self) -> Sequence[Event]:
        """All events so far, in order, with their bodies whole. Blocks: beside an event loop, `read`."""
        ...

    async def read(self) -> Sequence[Event]:
        """All events so far, in order, with their bodies whole."""
        ...
