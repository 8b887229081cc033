"""For leads: which submissions name who made them, job by job."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from grading.blinding.kept import flagged, flagged_jobs
from grading.overview.looks import look
from grading.people.person import Person, Role
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.withheld import Asking, withheld

SHOWN = 200
"""Submissions of a job, and jobs, that are listed."""
_HERE = "/lead/unblinded"


def add_unblinded(app: FastAPI, parts: Parts) -> None:
    """`/lead/unblinded`: where something was found so far, and of a job what. Reviewers never see it."""
    database = parts.book.database

    @app.get(_HERE)
    def unblinded(request: Request, job: str = "") -> Response:
        person = _lead(request)
        if not job:
            jobs, more = flagged_jobs(database, SHOWN)
            return parts.page(request, "unblinded.html.j2", jobs=jobs, more=more, flagged=[], number=0)
        found, number = flagged(database, SHOWN, job)
        if not found:
            raise NoSuchReview(job)
        at = f"{_HERE}/look?{urlencode({'job': job})}"
        held = withheld(parts, request, person, job, Asking("who made its submissions", at, _HERE, "the list"))
        if held is not None:
            return held
        return parts.page(request, "unblinded.html.j2", jobs=[], more=0, flagged=found, number=number)

    @app.post(f"{_HERE}/look")
    def look_at(request: Request, job: str = "") -> Response:
        person = _lead(request)
        if not flagged(database, 1, job)[0]:
            raise NoSuchReview(job)
        with database.write() as connection:
            look(connection, person.id, job, "unblinded")
        return RedirectResponse(f"{_HERE}?{urlencode({'job': job})}", status_code=303)


def _lead(request: Request) -> Person:
    person: Person = allowed(request, Role.lead, Role.admin)
    return person
