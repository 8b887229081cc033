"""What goes wrong, as answers."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from grading.review.problems import AlreadyLocked, Conflict, Lost, NoSuchReview, NotReady


def add_errors(app: FastAPI) -> None:
    """404, 409 and 422, with what the page needs to go on."""

    @app.exception_handler(NoSuchReview)
    def no_such(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=404)

    @app.exception_handler(AlreadyLocked)
    def locked(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error), "locked": True}, status_code=409)

    @app.exception_handler(Lost)
    def lost(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error), "lost": True}, status_code=409)

    @app.exception_handler(Conflict)
    def conflict(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Conflict)
        there = {"revision": error.revision, "there": error.body.model_dump(mode="json")}
        return JSONResponse({"error": str(error), **there}, status_code=409)

    @app.exception_handler(NotReady)
    def not_ready(_request: Request, error: Exception) -> Response:
        assert isinstance(error, NotReady)
        problems = [{"criterion": p.criterion, "what": p.what} for p in error.problems]
        return JSONResponse({"error": str(error), "problems": problems}, status_code=422)
