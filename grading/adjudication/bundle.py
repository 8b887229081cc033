"""Adjudications, rubric tickets, voided criteria and keys of gold, as they travel with a run."""

from __future__ import annotations

import json

from core import BundleTable, Row
from grading.adjudication.closing import Decision
from grading.adjudication.disputes import Trigger
from grading.adjudication.gold import GoldKey, void_keyless_gold
from grading.adjudication.tables import ADJUDICATIONS, GOLD, GOLD_ITEMS, GOLD_KNOWN, TICKETS, VOIDS
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


def _check_gold_item(row: Row) -> None:
    if row["origin"] != row["item"]:
        raise ValueError("a changed copy is of no run")


def _check_gold(row: Row) -> None:
    GoldKey(verdict=row["verdict"], absent=row["absent"], why=row["why"])


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
    # Gold reviews travel with their submission, and so do the keys by which they are judged. Changed copies are of
    # no run: they stay, with all that is theirs.
    BundleTable(GOLD_ITEMS, "parent", "item", ("item",), parent=("review_items", "alias"), check=_check_gold_item),
    BundleTable(
        GOLD,
        "parent",
        "item",
        ("item", "criterion"),
        parent=("review_items", "alias"),
        check=_check_gold,
        absent=void_keyless_gold,
    ),
    BundleTable(GOLD_KNOWN, "parent", "item", ("item", "person"), parent=("review_items", "alias")),
)
# As what people are taken, and what they are paid, is nobody else's.
ADJUDICATION_AT_HOME = frozenset({"gold_standings", "pay", "pay_bonuses", "pay_late", "pay_rules"})
