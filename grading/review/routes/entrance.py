"""How a person comes in."""

from __future__ import annotations

import hmac

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from grading.review.guard import COOKIE
from grading.review.routes.parts import Parts
from grading.review.signing import sign

SESSION_SECONDS = 12 * 3600


class Door:
    """The one-time token that lets the local reviewer in."""

    def __init__(self, token: str) -> None:
        self._token = token

    def opens(self, token: str) -> bool:
        """Whether it is the token; it never opens twice."""
        if not self._token or not hmac.compare_digest(self._token.encode(), token.encode()):
            return False
        self._token = ""
        return True


def add_entrance(app: FastAPI, parts: Parts, door: Door, reviewer: str) -> None:
    """`/enter`, `/healthz`."""

    @app.get("/enter")
    def enter(token: str = "") -> Response:
        if not door.opens(token):
            return PlainTextResponse(
                "This address has been used. Start `upbench review serve` again for another.", status_code=403
            )
        answer = RedirectResponse("/", status_code=303)
        session = sign(parts.secrets.session, {"reviewer": reviewer}, SESSION_SECONDS)
        answer.set_cookie(COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/healthz")
    def healthz() -> Response:
        return PlainTextResponse("ok")
