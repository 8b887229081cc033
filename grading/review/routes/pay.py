"""The pay ledger for leads: months, what is due, the rule. All of it works without scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from grading.adjudication.bonus import bonuses
from grading.adjudication.pay import DUE, enter_all, ledger, mark_paid, totals
from grading.adjudication.pay_csv import pay_csv
from grading.adjudication.pay_rule import PayRule, money, rule_now, set_rule
from grading.adjudication.periods import months, pay_months, people_of
from grading.overview.grades import names_of
from grading.people.audit import append_audit
from grading.people.person import Role
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.work import SHOWN, sums_said

_LEADS = (Role.lead, Role.admin)
_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_ENTRY = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?", re.ASCII)
_BAND = re.compile(r"\s*(\d{1,3})\s*%?\s*:\s*(\d{1,3})\s*%?\s*", re.ASCII)
_CHANGED = "More has come to what was chosen since the page was made: look again, and mark it then."


def add_pay(app: FastAPI, parts: Parts) -> None:
    """`/pay`, below it what is paid and the rule, and `/pay.csv`; for leads and admins."""
    database = parts.book.database

    @app.get("/pay")
    def pay(request: Request, period: str = "") -> Response:
        allowed(request, *_LEADS)
        return _page(parts, request, period)

    @app.get("/pay.csv")
    def export(request: Request) -> Response:
        allowed(request, *_LEADS)
        enter_all(database)
        with database.read() as connection:
            text = pay_csv(ledger(connection), bonuses(connection))
        headers = {"content-disposition": 'attachment; filename="pay.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    @app.post("/pay/paid")
    def paid(request: Request, entry: Annotated[list[str] | None, Form()] = None) -> Response:
        person = allowed(request, *_LEADS)
        chosen = [(int(m[1]), int(m[2] or 1)) for one in entry or [] if (m := _ENTRY.fullmatch(one))]
        with database.write() as connection:
            if mark_paid(connection, chosen, person.id):
                detail = {"entries": [f"{evaluation}.{number}" for evaluation, number in chosen]}
                append_audit(connection, actor=person.id, action="pay.paid", subject="pay", detail=detail)
        return RedirectResponse("/pay", status_code=303)

    @app.post("/pay/months/{period}")
    def month(request: Request, period: str, whole: Annotated[list[str] | None, Form()] = None) -> Response:
        person = allowed(request, *_LEADS)
        if not _PERIOD.fullmatch(period):
            return _page(parts, request, error="There is no such month.", status=404)
        with database.write() as connection:
            done, others = pay_months(connection, period, whole or [], person.id)
            if done:
                detail = {"people": {one.person: money(one.due, one.currency) for one in done}}
                append_audit(connection, actor=person.id, action="pay.paid", subject=period, detail=detail)
        if others:
            return _page(parts, request, period, error=_CHANGED, status=409)
        return RedirectResponse(f"/pay?period={period}", status_code=303)

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
        bands: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        person = allowed(request, *_LEADS)
        typed = {
            "currency": currency.strip().upper(),
            "hourly": hourly,
            "per_review": per_review or "0",
            "minutes_per_criterion": minutes_per_criterion,
            "most": most,
            "bands": bands_read(bands),
        }
        try:
            made = PayRule.model_validate(typed)
        except ValidationError as error:
            names = ", ".join(sorted({str(one["loc"][0]).replace("_", " ") for one in error.errors()}))
            return _page(parts, request, error=f"Not as it should be: {names}.", status=422)
        with parts.book.database.write() as connection:
            number = set_rule(connection, made, person.id)
            append_audit(
                connection, actor=person.id, action="pay.rule", subject=str(number), detail=made.model_dump()
            )
        return RedirectResponse("/pay", status_code=303)


def bands_read(text: str) -> list[dict[str, Any]] | str:
    """`85: 5, 95: 10` as bands; what cannot be read stays text, which is none."""
    found = [_BAND.fullmatch(one) for one in text.split(",") if one.strip()]
    if not all(found):
        return text
    return [{"accuracy": int(one[1]) / 100, "percent": int(one[2])} for one in found if one is not None]


def bands_said(rule: PayRule | None) -> str:
    """Bands as they are typed."""
    return (
        ", ".join(f"{round(100 * one.accuracy)}: {one.percent}" for one in rule.bands) if rule is not None else ""
    )


def _page(parts: Parts, request: Request, period: str = "", *, error: str = "", status: int = 200) -> Response:
    enter_all(parts.book.database)
    with parts.book.database.read() as connection:
        every, sums, rule = months(connection), totals(connection), rule_now(connection)
        period = _chosen(period, [one.period for one in every], [one.period for one in every if one.due])
        people = people_of(connection, period) if period else []
        due = ledger(connection, state=DUE, most=SHOWN)
        names = names_of(connection, sorted({*(one.person for one in people), *(one.person for one in due)}))
    more = sum(one.count for one in sums if one.state == DUE) - len(due)
    values = {"due": due, "more": more, "rule": rule, "error": error, "money": money, "sums": sums_said(sums)}
    values |= {"months": every, "period": period, "people": people, "names": names, "bands": bands_said(rule)}
    page = parts.page(request, "adjudication/pay.html.j2", **values)
    page.status_code = status
    return page


def _chosen(period: str, every: Sequence[str], due: Sequence[str]) -> str:
    """The month that was asked for; else the oldest of which something is due; else the newest."""
    if period in every:
        return period
    return min(due) if due else max(every, default="")
