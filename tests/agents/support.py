"""What this room's tests share: a transcript in a fresh database, an assignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents import AGENT_MIGRATIONS, Assignment, Expected, SqlTranscript
from core import Blobs, Database


def transcript(folder: Path, execution: str = "run/trial/1") -> SqlTranscript:
    return SqlTranscript(Database(folder / "records.db", AGENT_MIGRATIONS), Blobs(folder / "blobs"), execution)


def assignment(**changes: Any) -> Assignment:
    values: dict[str, Any] = {
        "key": "run/trial/1",
        "title": "Tidy the price list",
        "brief": "Please make report.txt with the word done in it.",
        "inputs": ("prices.csv",),
        "expected": (Expected(path="*.txt", media_type="text/plain"),),
    }
    return Assignment(**{**values, **changes})
