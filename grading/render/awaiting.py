"""Which files somebody will look at next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import or_, select

from core import Database, Deliverable
from grading.queue.gold import DRAWN as GOLD_SLOTS
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS


def files_awaiting(database: Database, limit: int) -> list[Deliverable]:
    """The files of submissions that are not wholly reviewed, deliverables before inputs. Raises `StoreFault`."""
    with database.read() as connection:
        items, sheets = REVIEW_ITEMS.c, REVIEW_SHEETS.c
        # What is settled and reviewed once more must not be slower to open than everything else.
        golden = select(REVIEW_SLOTS.c.item).where(*GOLD_SLOTS, REVIEW_SLOTS.c.state == "open")
        asked = (
            select(items.handed_in, sheets.body)
            .join(REVIEW_SHEETS, items.sheet == sheets.digest)
            .where(or_(items.state != "locked", items.alias.in_(golden)))
            .order_by(items.changed)
            .limit(limit)
        )
        rows = connection.execute(asked).all()
    found: dict[tuple[str, str], Deliverable] = {}
    for row in rows:
        for file in (*_files(row.handed_in, "deliverables"), *_files(row.body, "inputs")):
            found.setdefault((file.sha256, file.path), file)
            if len(found) >= limit:
                return list(found.values())
    return list(found.values())


def _files(text: str, name: str) -> Iterator[Deliverable]:
    body: dict[str, Any] = json.loads(text)
    yield from (Deliverable.model_validate(one) for one in body.get(name, ()))
