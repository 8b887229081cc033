"""Where transcripts name blobs: an event whose body is large."""

from __future__ import annotations

from collections.abc import Iterable

from agents.store import Form
from agents.tables import EVENTS
from core import References, Row


def blobs_of_event(row: Row) -> Iterable[str]:
    """Its body, where that lies among the blobs."""
    if row["form"] == Form.blob:
        yield bytes(row["body"]).decode()


AGENT_REFERENCES = (References(EVENTS, ("form", "body"), blobs_of_event, where=EVENTS.c.form == int(Form.blob)),)
