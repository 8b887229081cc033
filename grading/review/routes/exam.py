"""The exam over HTTP. It works without scripts."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from grading.adjudication.exam import EXAM, PAUSES, QUALIFIES
from grading.adjudication.exam_sitting import begin_exam, exam_of
from grading.review.routes.parts import Parts, person_of


def add_exam(app: FastAPI, parts: Parts) -> None:
    """`/exam`, for whoever reviews."""
    database = parts.book.database

    @app.get("/exam")
    def exam(request: Request) -> Response:
        with database.read() as connection:
            found = exam_of(connection, person_of(request))
        values = {"exam": found, "least": EXAM, "qualifies": QUALIFIES, "pauses": PAUSES}
        return parts.page(request, "adjudication/exam.html.j2", **values)

    @app.post("/exam")
    def begun(request: Request) -> Response:
        with database.write() as connection:
            begin_exam(connection, person_of(request))
        return RedirectResponse("/exam", status_code=303)
