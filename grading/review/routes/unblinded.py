"""For leads: which submissions name who made them."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from grading.blinding.kept import flagged
from grading.people.person import Role
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts

SHOWN = 200
"""Submissions that are listed."""


def add_unblinded(app: FastAPI, parts: Parts) -> None:
    """`/lead/unblinded`: what was found so far, by job. Reviewers never see it."""

    @app.get("/lead/unblinded")
    def unblinded(request: Request) -> Response:
        allowed(request, Role.lead)
        found, number = flagged(parts.book.database, SHOWN)
        return parts.page(request, "unblinded.html.j2", flagged=found, number=number)
