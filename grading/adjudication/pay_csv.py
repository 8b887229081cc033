"""The pay ledger as CSV, for whoever transfers the money."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from grading.adjudication.bonus import Bonus
from grading.adjudication.pay import PayItem
from grading.adjudication.pay_rule import money

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
    "number",
    "period",
    "bonus_percent",
)
# What a spreadsheet takes for a formula when a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet carries out: what would begin a formula is quoted."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def pay_csv(items: Sequence[PayItem], bonuses: Sequence[Bonus] = ()) -> str:
    """One row an entry and one a bonus that is something, with a header; RFC 4180, UTF-8.

    `stage` is `review`, `adjudication` or `bonus`.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for item in items:
        writer.writerow(_row(item.model_dump() | {"stage": item.work, "period": item.due[:7]}))
    for one in bonuses:
        if one.amount:
            writer.writerow(_row(one.model_dump() | {"stage": "bonus", "bonus_percent": one.percent}))
    return text.getvalue()


def _row(values: Mapping[str, Any]) -> list[str]:
    amount, currency = values["amount"], values["currency"]
    row = {**values, "amount_minor": amount, "amount": money(amount, currency).split(" ")[0]}
    return [guarded("" if row.get(name) is None else str(row[name])) for name in _COLUMNS]
