"""Who is signed in at this moment: an open page asks when its own session may have ended or changed hands."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from grading.review.routes.parts import Parts, person_of


def add_session(app: FastAPI, _parts: Parts) -> None:
    """`GET /api/session`: the person's own id, and what proves that a change comes from the app's pages."""

    @app.get("/api/session")
    def session(request: Request) -> Response:
        return JSONResponse({"person": person_of(request).id, "csrf": request.state.csrf})
