"""Rubric tickets over HTTP: opened from the grading page, decided by leads."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import Field
from sqlalchemy import Connection, select

from core import Frozen
from grading.adjudication.problems import Decided, NotReady
from grading.adjudication.tickets import MAX_TEXT, decide, open_ticket, set_voided, tickets
from grading.adjudication.voids import history_of, voided_in
from grading.people.audit import append_audit
from grading.people.person import Role
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts, person_of
from grading.tables import REVIEW_SLOTS


class NewTicket(Frozen):
    """What a reviewer finds wrong with a criterion."""

    criterion: str
    text: str = Field(min_length=1, max_length=MAX_TEXT)


def add_tickets(app: FastAPI, parts: Parts) -> None:
    """`POST /api/reviews/ALIAS/tickets`, and for leads `/tickets...`."""
    database = parts.book.database

    @app.post("/api/reviews/{alias}/tickets")
    def opened(request: Request, alias: str, body: NewTicket) -> Response:
        parts.desk(request).open(alias)  # theirs, or none
        with database.write() as connection:
            slot = select(REVIEW_SLOTS.c.item).where(REVIEW_SLOTS.c.alias == alias)
            item = connection.execute(slot).scalar_one()
            ticket = open_ticket(connection, item, body.criterion, person_of(request).id, body.text)
        return JSONResponse({"ticket": ticket})

    @app.get("/tickets")
    def listed(request: Request) -> Response:
        allowed(request, Role.lead)
        return _page(parts, request)

    @app.post("/tickets/{alias}")
    def decided(
        request: Request,
        alias: str,
        outcome: Annotated[str, Form()] = "",
        answer: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    ) -> Response:
        person = allowed(request, Role.lead)
        if outcome not in ("keep", "void"):
            return _page(parts, request, "Choose what is to become of the criterion.", 422)
        try:
            with database.write() as connection:
                touched = decide(connection, alias, person.id, "void" if outcome == "void" else "keep", answer)
                for item in touched:
                    parts.settling(connection, item)
                _audit(connection, person.id, f"ticket.{outcome}", alias, answer)
        except NotReady:
            return _page(parts, request, "Say why: whoever opened the ticket will read it.", 422)
        except Decided as error:
            return _page(parts, request, f"{error}".capitalize(), 409)
        return RedirectResponse("/tickets", status_code=303)

    @app.post("/voids")
    def changed(
        request: Request,
        digest: Annotated[str, Form()] = "",
        criterion: Annotated[str, Form()] = "",
        reason: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    ) -> Response:
        person = allowed(request, Role.lead)
        try:
            with database.write() as connection:
                set_voided(connection, digest, criterion, voided=False, by=person.id, reason=reason)
                _audit(connection, person.id, "criterion.counts_again", f"{digest}/{criterion}", reason)
        except NotReady:
            return _page(parts, request, "Say why the criterion is to count again.", 422)
        return RedirectResponse("/tickets", status_code=303)


def _audit(connection: Connection, actor: str, action: str, subject: str, why: str) -> None:
    append_audit(connection, actor=actor, action=action, subject=subject, detail={"why": why.strip()})


def _page(parts: Parts, request: Request, error: str = "", status: int = 200) -> Response:
    with parts.book.database.read() as connection:
        found = tickets(connection)
        digests = {ticket.grading_digest: ticket for ticket in found}
        out = voided_in(connection, digests)
        history = {digest: history_of(connection, digest) for digest in out}
    voided = [(digests[digest].title, digest, name) for digest, names in out.items() for name in sorted(names)]
    values = {"tickets": found, "voided": sorted(voided), "history": history, "error": error}
    page = parts.page(request, "adjudication/tickets.html.j2", **values)
    page.status_code = status
    return page
