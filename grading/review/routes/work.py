"""A reviewer's own work, as they see it and as leads do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from fastapi import FastAPI, Request, Response

from grading.adjudication.bonus import bonuses
from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.hasty import Haste, haste_of_all
from grading.adjudication.pay import Total, enter_all, ledger, totals
from grading.adjudication.pay_rule import money
from grading.adjudication.quality import Overturned, overturned, quality_of, quality_of_all, week_began
from grading.adjudication.tickets import tickets
from grading.overview.grades import names_of
from grading.people.person import Person, Role
from grading.queue.open_to import may_review
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import REASONS, allowed
from grading.review.routes.parts import Parts, person_of

SHOWN = 200
"""Entries that are listed; the CSV has all of them."""
MOST_TICKETS = 50
_SAYS = {reason.value: text.removesuffix(" (opens a rubric ticket)") for reason, text in REASONS.items()}


def add_work(app: FastAPI, parts: Parts) -> None:
    """`/work` for everybody; for leads `/reviewers` and `/reviewers/PERSON`."""
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
            "weeks": _weeks(told),
            "reasons": _SAYS,
            "items": items,
            "tickets": asked,
        }
        values |= {"sums": sums_said(sums), "money": money, "bonuses": on_top}
        return parts.page(request, "adjudication/work.html.j2", **values)

    @app.get("/reviewers")
    def reviewers(request: Request) -> Response:
        person = allowed(request, Role.lead)
        with database.read() as connection:
            found = quality_of_all(connection, gold_until=_gold_until(person))
            names = names_of(connection, sorted(found))
        return parts.page(request, "adjudication/reviewers.html.j2", reviewers=found, names=names)

    @app.get("/reviewers/{person}")
    def reviewer(request: Request, person: str) -> Response:
        until = _gold_until(allowed(request, Role.lead))
        with database.read() as connection:
            quality = quality_of(connection, person, gold_until=until)
            if quality is None:
                raise NoSuchReview(person)
            values = {
                "quality": quality,
                "standing": quality.standing.state if until else standing_in_force(connection, person),
                "haste": None if until else haste_of_all(connection).get(person, Haste()),
                "weeks": _weeks(overturned(connection, person)),
                "called": names_of(connection, [person]).get(person, person),
            }
        return parts.page(request, "adjudication/reviewer.html.j2", who=person, reasons=_SAYS, **values)


def _gold_until(person: Person) -> str | None:
    """Leads who review are told of gold as reviewers are: what moved with a lock would tell which it was."""
    return week_began(datetime.now(UTC)) if may_review(person) else None


def sums_said(sums: Sequence[Total]) -> list[tuple[str, str]]:
    """State and sum, for people."""
    return [(one.state, money(one.amount, one.currency)) for one in sums]


def _weeks(told: Sequence[Overturned]) -> list[tuple[str, list[Overturned]]]:
    return [(week, list(found)) for week, found in groupby(told, key=lambda one: one.week)]
