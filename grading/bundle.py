"""Evaluations and reviews, as they travel."""

from __future__ import annotations

import json

from core import BundleTable, Row, digest_of
from grading.blinding.kept import check_findings
from grading.items import ReviewItem
from grading.overview.tables import OVERVIEW_AT_HOME
from grading.people.tables import METADATA as PEOPLE
from grading.queue.layout import make_missing_slots
from grading.queue.slots import KINDS, STATES
from grading.references import blobs_of_item, blobs_of_sheet
from grading.tables import (
    EVALUATIONS,
    REVIEW_ACTIVITY,
    REVIEW_DRAFTS,
    REVIEW_ITEMS,
    REVIEW_SHEETS,
    REVIEW_SLOTS,
    REVIEW_UNBLINDING,
    VERDICTS,
)

_NATURAL = ("attempt_id", "submission", "grading_digest", "grader", "stage", "revision")


def _check_sheet(row: Row) -> None:
    """Sheets are shared between runs by their digests, so none may stand under another's."""
    body = json.loads(row["body"])
    if digest_of(body) != row["digest"]:
        raise ValueError("a sheet of reviews does not have the digest that it is called by")
    ReviewItem.model_validate(body | {"submission": ""})


def _check_item(row: Row) -> None:
    body = json.loads(row["handed_in"])
    ReviewItem.model_validate(body | {"job": "", "title": "", "brief": "", "criteria": _ANY})


def _check_slot(row: Row) -> None:
    if row["kind"] not in KINDS or row["state"] not in STATES:
        raise ValueError("no such kind or state of a review")


def _check_unblinding(row: Row) -> None:
    check_findings(row["findings"])


_ANY = [{"id": "any", "importance": "optional", "text": "any"}]

GRADING_BUNDLE = (
    # The order within an attempt is the order in which it was graded.
    BundleTable(EVALUATIONS, "trial", "attempt_id", ("attempt_id", "id"), number="id", key=_NATURAL),
    BundleTable(
        VERDICTS,
        "parent",
        "evaluation",
        ("evaluation", "position"),
        parent=("evaluations", "id"),
        refers={"evaluation": "evaluations"},
    ),
    BundleTable(
        REVIEW_SHEETS,
        "parent",
        "digest",
        ("digest",),
        parent=("review_items", "sheet"),
        blobs=blobs_of_sheet,
        check=_check_sheet,
    ),
    BundleTable(
        REVIEW_ITEMS, "trial", "attempt_id", ("attempt_id", "alias"), blobs=blobs_of_item, check=_check_item
    ),
    BundleTable(
        REVIEW_SLOTS,
        "parent",
        "item",
        ("item", "kind", "number"),
        parent=("review_items", "alias"),
        check=_check_slot,
        absent=make_missing_slots,
    ),
    BundleTable(
        REVIEW_DRAFTS,
        "parent",
        "alias",
        ("alias", "reviewer", "criterion"),
        parent=("review_slots", "alias"),
    ),
    BundleTable(
        REVIEW_ACTIVITY,
        "parent",
        "slot",
        ("slot", "reviewer", "begin"),
        parent=("review_slots", "alias"),
    ),
    BundleTable(REVIEW_UNBLINDING, "trial", "attempt_id", ("attempt_id", "submission"), check=_check_unblinding),
)
# Who may come in, and what was done to whom, is nobody else's.
GRADING_AT_HOME = frozenset(PEOPLE.tables) | OVERVIEW_AT_HOME
