"""What stands before every route: the right host, the security headers, the session, the origin of a change."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grading.people.person import Person
from grading.review.signing import Secrets, derive, verify

COOKIE = "upbench_review"
OPEN_PATHS = ("/static/", "/enter", "/healthz")
_SAFE = {"GET", "HEAD"}


def host_of(origin: str) -> str:
    """`127.0.0.1:8765` of `http://127.0.0.1:8765`."""
    return urlsplit(origin).netloc


def app_headers(content_origin: str) -> dict[str, str]:
    """Headers of every answer of the app origin."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; "
        f"img-src 'self' {content_origin}; media-src {content_origin}; frame-src 'self' {content_origin}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "cache-control": "no-store",
    }


class HostGuard:
    """Refuses requests for another host (DNS rebinding), and puts fixed headers on every answer."""

    def __init__(self, app: ASGIApp, host: str, headers: dict[str, str]) -> None:
        self._app, self._host, self._headers = app, host, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if Headers(scope=scope).get("host") != self._host:
            await PlainTextResponse("wrong host", status_code=421)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


class SessionGuard:
    """Lets nobody past without a session, and no change past that does not come from the app's own pages."""

    def __init__(self, app: ASGIApp, secrets: Secrets, origin: str) -> None:
        self._app, self._secrets, self._origin = app, secrets, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request; the reviewer's name is left in `request.state.reviewer`."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        session = _cookie(headers.get("cookie", ""))
        body = verify(self._secrets.session, session) if session else None
        if body is None or "reviewer" not in body:
            refusal = PlainTextResponse(
                "Not signed in. Open the address that `upbench review serve` printed.", status_code=401
            )
            await refusal(scope, receive, send)
            return
        token = derive(self._secrets.session, session)
        if scope["method"] not in _SAFE and not self._is_ours(headers, token):
            await PlainTextResponse("this change does not come from the app", status_code=403)(
                scope, receive, send
            )
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["person"], state["csrf"] = Person.local(body["reviewer"]), token
        await self._app(scope, receive, send)

    def _is_ours(self, headers: Headers, token: str) -> bool:
        given = headers.get("x-csrf-token", "")
        same = hmac.compare_digest(given.encode(), token.encode())
        return headers.get("origin") == self._origin and same


def _is_open(path: str) -> bool:
    return any(path == known or (known.endswith("/") and path.startswith(known)) for known in OPEN_PATHS)


def _cookie(header: str) -> str:
    try:
        jar: Iterable[tuple[str, Any]] = SimpleCookie(header).items()
    except CookieError:
        return ""
    return next((str(morsel.value) for name, morsel in jar if name == COOKIE), "")
