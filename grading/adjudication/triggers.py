"""What is due to be adjudicated is opened when all primary reviews of a submission are there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from core import canonical_json, insert_new
from grading.adjudication.disputes import Trigger, disputes, voices_of
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.voids import counting_again
from grading.book import now
from grading.evaluations import Evaluation
from grading.tables import REVIEW_SHEETS
from rubrics import CompletionPolicy, Importance

OPEN, CLOSED, VOID = "open", "closed", "void"

_ADD = insert_new(ADJUDICATIONS)
_UNJUDGED = canonical_json([Trigger.unjudged.value])


def open_due(connection: Connection, item_row: Row[Any], evaluations: Sequence[Evaluation]) -> int:
    """Open what must be adjudicated of a review item, and return how many of its adjudications are open.

    To be called in the transaction that locks the last primary review, and again after whatever changes it: what
    is there already is left as it is, so that an adjudication is opened once. One for want of any verdict ends
    when a reviewer has given theirs.

    Args:
        connection: Of that transaction.
        item_row: Of `review_items`: `alias`, `submission`, `grading_digest`, `sheet`, `policy`.
        evaluations: Of its attempt; what is of another submission or rubric is left out.
    """
    own = of_item(item_row, evaluations)
    voided, again = counting_again(connection, item_row.grading_digest)
    if len(voices_of(own)) < 2 and not again:
        return 0
    policy = CompletionPolicy(item_row.policy or CompletionPolicy.paper)
    due = disputes(importances_of(connection, item_row.sheet), own, voided, again, policy=policy)
    if again:
        lacking = [name for name, why in due.items() if Trigger.unjudged in why]
        _end_unjudged(connection, item_row.alias, lacking)
    if due:
        ts = now()
        rows = [
            {
                "alias": secrets.token_hex(8),
                "item": item_row.alias,
                "criterion": criterion,
                "triggers": canonical_json(list(why)),
                "state": OPEN,
                "opened": ts,
            }
            for criterion, why in due.items()
        ]
        connection.execute(_ADD, rows)
    return still_open(connection, item_row.alias)


def _end_unjudged(connection: Connection, item: str, lacking: Sequence[str]) -> None:
    ended = (ADJUDICATIONS.c.item == item, ADJUDICATIONS.c.state == OPEN, ADJUDICATIONS.c.triggers == _UNJUDGED)
    judged = ADJUDICATIONS.c.criterion.not_in(lacking)
    connection.execute(update(ADJUDICATIONS).where(*ended, judged).values(state=VOID))


def still_open(connection: Connection, item: str) -> int:
    """How many adjudications of an item nobody has closed."""
    mine = (ADJUDICATIONS.c.item == item, ADJUDICATIONS.c.state == OPEN)
    return int(connection.execute(select(func.count()).select_from(ADJUDICATIONS).where(*mine)).scalar_one())


def of_item(item_row: Row[Any], evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Those of the item's own submission, by its rubric."""
    key = (item_row.submission, item_row.grading_digest)
    return [e for e in evaluations if (e.submission, e.grading_digest) == key]


def importances_of(connection: Connection, sheet: str) -> dict[str, Importance]:
    """The criteria on a sheet of reviews, in the order of the rubric."""
    query = select(REVIEW_SHEETS.c.body).where(REVIEW_SHEETS.c.digest == sheet)
    criteria = json.loads(connection.execute(query).scalar_one())["criteria"]
    return {criterion["id"]: Importance(criterion["importance"]) for criterion in criteria}
