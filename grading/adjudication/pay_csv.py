"""The pay ledger as CSV, for whoever transfers the money."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from grading.adjudication.pay import PayItem, money

_COLUMNS = (
    "person",
    "evaluation",
    "stage",
    "criteria",
    "active_seconds",
    "paid_seconds",
    "amount_minor",
    "amount",
    "currency",
    "rule",
    "state",
    "due",
    "paid",
)
# What a spreadsheet takes for a formula when a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet carries out: what would begin a formula is quoted."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def pay_csv(items: Sequence[PayItem]) -> str:
    """One row a piece of work, with a header; RFC 4180, UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for item in items:
        row = item.model_dump() | {
            "amount_minor": item.amount,
            "amount": money(item.amount, item.currency).split(" ")[0],
        }
        writer.writerow([guarded("" if row[name] is None else str(row[name])) for name in _COLUMNS])
    return text.getvalue()
