"""Transcripts, as they travel."""

from __future__ import annotations

from agents.references import blobs_of_event
from agents.store import Form
from agents.tables import EVENTS
from core import BundleTable, Row, is_sha256


def _check(row: Row) -> None:
    if row["form"] == Form.blob and not is_sha256(row["body"].decode("ascii", "replace")):
        raise ValueError("the body of an event is neither there nor a blob's name")


AGENT_BUNDLE = (
    BundleTable(
        EVENTS,
        "trial",
        "execution",
        ("execution", "seq"),
        early=True,
        blobs=blobs_of_event,
        packed=blobs_of_event,
        check=_check,
    ),
)
AGENT_AT_HOME: frozenset[str] = frozenset()
