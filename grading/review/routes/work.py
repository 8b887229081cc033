"""A reviewer's own work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from fastapi import FastAPI, Request, Response

from grading.adjudication.bonus import bonuses
from grading.adjudication.pay import Total, enter_all, ledger, totals
from grading.adjudication.pay_rule import money
from grading.adjudication.quality import Overturned, overturned, quality_of, week_began
from grading.adjudication.tickets import tickets
from grading.review.routes.adjudication import REASONS
from grading.review.routes.parts import Parts, person_of

SHOWN = 200
"""Entries that are listed; the CSV has all of them."""
MOST_TICKETS = 50
SAYS = {reason.value: text.removesuffix(" (opens a rubric ticket)") for reason, text in REASONS.items()}


def add_work(app: FastAPI, parts: Parts) -> None:
    """`/work`, for everybody."""
    database = parts.book.database

    @app.get("/work")
    def work(request: Request) -> Response:
        person = person_of(request)
        enter_all(database)
        with database.read() as connection:
            items, sums = ledger(connection, person.id, most=SHOWN), totals(connection, person.id)
            quality = quality_of(connection, person.id, gold_until=week_began(datetime.now(UTC)))
            told = overturned(connection, person.id)
            asked = tickets(connection, opened_by=person.id, most=MOST_TICKETS)
            on_top = [one for one in bonuses(connection, person.id) if one.amount]
        values: dict[str, Any] = {
            "quality": quality,
            "weeks": weeks_of(told),
            "reasons": SAYS,
            "items": items,
            "tickets": asked,
        }
        values |= {"sums": sums_said(sums), "money": money, "bonuses": on_top}
        return parts.page(request, "adjudication/work.html.j2", **values)


def sums_said(sums: Sequence[Total]) -> list[tuple[str, str]]:
    """State and sum, for people."""
    return [(one.state, money(one.amount, one.currency)) for one in sums]


def weeks_of(told: Sequence[Overturned]) -> list[tuple[str, list[Overturned]]]:
    """What was overturned, by week."""
    return [(week, list(found)) for week, found in groupby(told, key=lambda one: one.week)]
