"""Transcripts, as they travel."""

from __future__ import annotations

from collections.abc import Iterable

from agents.store import Form
from agents.tables import EVENTS
from core import BundleTable, Row, is_sha256


def _blobs(row: Row) -> Iterable[str]:
    if row["form"] == Form.blob:
        yield row["body"].decode()


def _check(row: Row) -> None:
    if row["form"] == Form.blob and not is_sha256(row["body"].decode("ascii", "replace")):
        raise ValueError("the body of an event is neither there nor a blob's name")


AGENT_BUNDLE = (
    BundleTable(
        EVENTS, "trial", "execution", ("execution", "seq"), early=True, blobs=_blobs, packed=_blobs, check=_check
    ),
)
AGENT_AT_HOME: frozenset[str] = frozenset()
