"""Adjudications, rubric tickets and voided criteria, as they travel with a run."""

from __future__ import annotations

import json

from core import BundleTable, Row
from grading.adjudication.closing import Decision
from grading.adjudication.disputes import Trigger
from grading.adjudication.tables import ADJUDICATIONS, TICKETS, VOIDS
from grading.adjudication.triggers import CLOSED, OPEN, VOID


def _check_adjudication(row: Row) -> None:
    if row["state"] not in (OPEN, CLOSED, VOID):
        raise ValueError("an adjudication is in no state that there is")
    for trigger in json.loads(row["triggers"]):
        Trigger(trigger)
    if row["state"] == CLOSED:
        Decision.model_validate_json(row["body"])


def _check_ticket(row: Row) -> None:
    if row["state"] not in ("open", "kept", "voided"):
        raise ValueError("a rubric ticket is in no state that there is")


ADJUDICATION_BUNDLE = (
    BundleTable(
        ADJUDICATIONS,
        "parent",
        "item",
        ("item", "criterion"),
        parent=("review_items", "alias"),
        check=_check_adjudication,
    ),
    BundleTable(
        TICKETS, "parent", "item", ("item", "alias"), parent=("review_items", "alias"), check=_check_ticket
    ),
    # What is voided is so for every submission by a rubric, wherever they are taken in: so figures stay the same.
    BundleTable(
        VOIDS,
        "parent",
        "grading_digest",
        ("grading_digest", "ts", "number", "id"),
        parent=("review_items", "grading_digest"),
    ),
)
# By what people are measured, and what they are paid, is nobody else's.
ADJUDICATION_AT_HOME = frozenset({"gold", "gold_items", "gold_known", "gold_standings", "pay", "pay_rules"})
