"""What goes wrong, as answers: JSON to programs and open pages, a page to whoever follows a link."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from grading.review.problems import AlreadyLocked, Conflict, Lost, NoSuchReview, NotReady
from grading.review.refusals import Refusals

_NONE_HERE = "there is nothing at this address, or it is not yours to see"
_FAILED = (
    "the server failed at this; what you wrote is not lost. Try again in a moment, and tell whoever runs the "
    "server if it stays so"
)


def add_errors(app: FastAPI, refusals: Refusals, headers: Mapping[str, str]) -> None:
    """404, 409 and 422 with what the page needs to go on; `headers`: of an answer that the guards do not see."""
    _add_desk(app, refusals)
    _add_asked_wrongly(app, refusals)

    @app.exception_handler(500)
    def failed(request: Request, _error: Exception) -> Response:
        answer = refusals.wrong(request.url.path, 500, _FAILED, "Something went wrong here")
        answer.headers.update(headers)
        return answer


def _add_desk(app: FastAPI, refusals: Refusals) -> None:
    @app.exception_handler(NoSuchReview)
    def no_such(request: Request, error: Exception) -> Response:
        path = request.url.path
        what = str(error) if path.startswith("/api/") else _NONE_HERE
        return refusals.wrong(path, 404, what, "Not there")

    @app.exception_handler(AlreadyLocked)
    def locked(request: Request, error: Exception) -> Response:
        return refusals.wrong(request.url.path, 409, str(error), locked=True)

    @app.exception_handler(Lost)
    def lost(request: Request, error: Exception) -> Response:
        return refusals.wrong(request.url.path, 409, str(error), lost=True)

    @app.exception_handler(Conflict)
    def conflict(request: Request, error: Exception) -> Response:
        assert isinstance(error, Conflict)
        there: dict[str, Any] = {"revision": error.revision, "there": error.body.model_dump(mode="json")}
        return refusals.wrong(request.url.path, 409, str(error), **there)

    @app.exception_handler(NotReady)
    def not_ready(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotReady)
        problems = [{"criterion": p.criterion, "what": p.what} for p in error.problems]
        return refusals.wrong(request.url.path, 422, str(error), problems=problems)


def _add_asked_wrongly(app: FastAPI, refusals: Refusals) -> None:
    """No such address or method, and what is not as it should be: never with what was sent."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = "Not there" if error.status_code == HTTPStatus.NOT_FOUND else ""
        what = _NONE_HERE if title else str(error.detail)
        answer = refusals.wrong(request.url.path, error.status_code, what, title)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    def misshapen(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        told = (
            f"{'.'.join(str(part) for part in one['loc'][1:]) or 'it'}: {one['msg']}" for one in error.errors()
        )
        return refusals.wrong(request.url.path, 422, "; ".join(list(told)[:5]))

    @app.exception_handler(UnicodeEncodeError)
    @app.exception_handler(DataError)
    def unkept(request: Request, _error: Exception) -> Response:
        return refusals.wrong(request.url.path, 422, "it holds characters that cannot be kept")
