"""A reviewer's own work, and the pay ledger for leads."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from grading.adjudication.pay import (
    DUE,
    PayRule,
    Total,
    enter_all,
    ledger,
    mark_paid,
    money,
    rule_now,
    set_rule,
    totals,
)
from grading.adjudication.pay_csv import pay_csv
from grading.adjudication.quality import overturned, quality_of, quality_of_all, week_began
from grading.adjudication.tickets import tickets
from grading.people.audit import append_audit
from grading.people.person import Role
from grading.review.routes.adjudication import REASONS, allowed
from grading.review.routes.parts import Parts, person_of

SHOWN = 200
"""Pieces of work that are listed; the CSV has all of them."""
MOST_TICKETS = 50
_SAYS = {reason.value: text.removesuffix(" (opens a rubric ticket)") for reason, text in REASONS.items()}


def add_work(app: FastAPI, parts: Parts) -> None:
    """`/work` for everybody; for leads `/reviewers`, `/pay` and `/pay.csv`."""
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
        weeks = [(week, list(found)) for week, found in groupby(told, key=lambda one: one.week)]
        values = {"quality": quality, "weeks": weeks, "reasons": _SAYS, "items": items, "tickets": asked}
        return parts.page(request, "adjudication/work.html.j2", sums=_sums(sums), money=money, **values)

    @app.get("/reviewers")
    def reviewers(request: Request) -> Response:
        allowed(request, Role.lead)
        with database.read() as connection:
            found = quality_of_all(connection)
        return parts.page(request, "adjudication/reviewers.html.j2", reviewers=found)

    @app.get("/pay")
    def pay(request: Request) -> Response:
        allowed(request, Role.lead, Role.admin)
        return _pay_page(parts, request)

    @app.get("/pay.csv")
    def export(request: Request) -> Response:
        allowed(request, Role.lead, Role.admin)
        enter_all(database)
        with database.read() as connection:
            text = pay_csv(ledger(connection))
        headers = {"content-disposition": 'attachment; filename="pay.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    @app.post("/pay/paid")
    def paid(request: Request, evaluation: Annotated[list[int] | None, Form()] = None) -> Response:
        person = allowed(request, Role.lead, Role.admin)
        chosen = evaluation or []
        with database.write() as connection:
            if mark_paid(connection, chosen, person.id):
                append_audit(
                    connection, actor=person.id, action="pay.paid", subject="pay", detail={"evaluations": chosen}
                )
        return RedirectResponse("/pay", status_code=303)

    _add_rule(app, parts)


def _add_rule(app: FastAPI, parts: Parts) -> None:
    @app.post("/pay/rule")
    def rule(
        request: Request,
        currency: Annotated[str, Form()] = "",
        hourly: Annotated[str, Form()] = "",
        per_review: Annotated[str, Form()] = "0",
        minutes_per_criterion: Annotated[str, Form()] = "",
        most: Annotated[str, Form()] = "",
    ) -> Response:
        person = allowed(request, Role.lead, Role.admin)
        typed = {
            "currency": currency.strip().upper(),
            "hourly": hourly,
            "per_review": per_review or "0",
            "minutes_per_criterion": minutes_per_criterion,
            "most": most,
        }
        try:
            made = PayRule.model_validate(typed)
        except ValidationError as error:
            names = ", ".join(sorted({str(one["loc"][0]).replace("_", " ") for one in error.errors()}))
            return _pay_page(parts, request, f"Not as it should be: {names}.", 422)
        with parts.book.database.write() as connection:
            number = set_rule(connection, made, person.id)
            append_audit(
                connection, actor=person.id, action="pay.rule", subject=str(number), detail=made.model_dump()
            )
        return RedirectResponse("/pay", status_code=303)


def _pay_page(parts: Parts, request: Request, error: str = "", status: int = 200) -> Response:
    enter_all(parts.book.database)
    with parts.book.database.read() as connection:
        due, sums = ledger(connection, state=DUE, most=SHOWN), totals(connection)
        rule = rule_now(connection)
    more = sum(one.count for one in sums if one.state == DUE) - len(due)
    values = {"due": due, "more": more, "rule": rule, "error": error, "money": money}
    page = parts.page(request, "adjudication/pay.html.j2", sums=_sums(sums), **values)
    page.status_code = status
    return page


def _sums(sums: list[Total]) -> list[tuple[str, str]]:
    return [(one.state, money(one.amount, one.currency)) for one in sums]
