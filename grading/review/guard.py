"""What stands before every route: the right host, the security headers, who asks, the origin of a change."""

from __future__ import annotations

import hmac
import logging
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import StoreFault
from grading.people.access import SAFE, may_call, may_go
from grading.people.people import People
from grading.people.person import Person
from grading.people.sessions import Visit
from grading.review.cookies import cookie_of, session_cookie
from grading.review.refusals import Refusals
from grading.review.signing import Secrets, derive, verify

OPEN_PATHS = ("/static/", "/enter", "/healthz", "/login", "/invitation", "/oidc/")
MAX_FORM = 64 * 1024
"""Bytes of a form of somebody who is not signed in."""
MAX_BODY = 2 * 1024 * 1024
"""Bytes of anything that somebody sends: as much as the proxy in docs/people.md lets through."""
MAX_UPLOAD = 64 * 1024 * 1024
"""The same below `UPLOADS`, where leads send files."""
UPLOADS = "/lead/gold/"
TOO_LONG = "it is longer than anything that the app asks for; shorten it, and send it again"
_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILES = "multipart/form-data"
_HEAD = 4096
"""Bytes at the beginning of a form with files in which its token stands."""
_TOKEN_FIRST = re.compile(
    rb'--[^\r\n]{1,200}\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n([^\r\n]{1,500})\r\n--',
    re.IGNORECASE,
)
_HSTS = "max-age=31536000"
_LOG = logging.getLogger(__name__)


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
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "cache-control": "no-store",
    }
    return headers | transport_headers(content_origin)


def transport_headers(origin: str) -> dict[str, str]:
    """What an origin with TLS tells browsers besides: never to come without."""
    return {"strict-transport-security": _HSTS} if origin.startswith("https:") else {}


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
    """Lets nobody past without a session or a token, and no change that does not come from the app's own pages.

    Args:
        app: What is guarded.
        secrets: Keys of sessions.
        origin: Of the app.
        refusals: What is answered to whoever is not let past.
        people: Whose sessions and tokens count; None: no accounts, and the local person's signed sessions do.
    """

    def __init__(
        self, app: ASGIApp, secrets: Secrets, origin: str, refusals: Refusals, people: People | None = None
    ) -> None:
        self._app, self._secrets, self._origin = app, secrets, origin
        self._refusals, self._people = refusals, people
        self._cookie = session_cookie(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request; who asks is left in `request.state.person`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            most = MAX_UPLOAD if scope["path"].startswith(UPLOADS) else MAX_BODY
            await self._guarded(scope, _bounded(receive, most), noted)
        except StoreFault as fault:
            if begun:
                raise
            _LOG.warning("%s %r: %s", scope["method"], scope["path"], fault)
            await self._refusals.unavailable(scope["path"])(scope, receive, send)
        except HTTPException as error:  # what is sent is too long, and was not for a route to read
            if begun:
                raise
            await self._refusals.wrong(scope["path"], error.status_code, error.detail)(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        answer: Response | None
        if _is_planted(scope["method"], headers):
            answer = self._refusals.foreign(scope["path"])
        elif _is_open(scope["path"]):
            answer, receive = await self._at_the_door(scope, headers, receive)
        elif "authorization" in headers:
            answer = await self._with_token(scope, headers)
        else:
            answer, receive = await self._with_session(scope, headers, receive)
        await (answer or self._app)(scope, receive, send)

    async def _at_the_door(
        self, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[Response | None, Receive]:
        """Forms of people who are not signed in yet: from our own pages, and short."""
        if scope["method"] in SAFE:
            return None, receive
        if not self._is_ours(headers):
            return self._refusals.foreign(scope["path"]), receive
        body = await _body(receive, MAX_FORM)
        return None, _replaying(body, receive)

    async def _with_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Programs: no cookie, so that nobody's browser can be made to send it, and no token of a page."""
        kind, _, key = headers["authorization"].partition(" ")
        path = scope["path"]
        if self._people is None or kind.lower() != "bearer" or not path.startswith("/api/"):
            return self._refusals.no_token()
        found = await run_in_threadpool(self._people.tokens.visit, key.strip())
        if found is None:
            return self._refusals.no_token()
        person, scopes = found
        if not may_call(scopes, scope["method"], path) or not may_go(person, path):
            return self._refusals.forbidden(path, person)
        _leave(scope, person=person, csrf="", session="")
        return None

    async def _with_session(
        self, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[Response | None, Receive]:
        path, key = scope["path"], cookie_of(headers, self._cookie)
        visit = await run_in_threadpool(self._visit, key)
        if visit.person is None:
            # Browsers keep a strict cookie back from a link of another site: a page of ours leads on.
            onward = _linked(scope, headers) if not key else ""
            return self._refusals.onward(onward) if onward else self._refusals.signed_out(path, visit.why), receive
        token = derive(self._secrets.session, key)
        if scope["method"] not in SAFE:
            given, receive = await _given_token(headers, receive)
            if not self._is_ours(headers) or not hmac.compare_digest(given.encode(), token.encode()):
                return self._refusals.foreign(path), receive
        if not may_go(visit.person, path):
            return self._refusals.forbidden(path, visit.person), receive
        _leave(scope, person=visit.person, csrf=token, session=key)
        return None, receive

    def _visit(self, key: str) -> Visit:
        if self._people is not None:
            return self._people.sessions.visit(key)
        body = verify(self._secrets.session, key) if key else None
        if body is None or "reviewer" not in body:
            return Visit(None, "expired" if key else "unknown")
        return Visit(Person.local(body["reviewer"]))

    def _is_ours(self, headers: Headers) -> bool:
        """A change that our own pages asked for.

        Forms of a page under `no-referrer` name the origin `null`; then the browser's own word is needed.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        return origin == self._origin or (origin == "null" and site == "same-origin")


def _leave(scope: Scope, **values: Any) -> None:
    scope.setdefault("state", {}).update(values)


def _is_planted(method: str, headers: Headers) -> bool:
    """Something that another site's page put there: a picture, a script, a frame; but not a link to us."""
    return _is_foreign(headers) and not (method in SAFE and _is_link(headers))


def _is_foreign(headers: Headers) -> bool:
    return headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _is_link(headers: Headers) -> bool:
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _linked(scope: Scope, headers: Headers) -> str:
    """The page of ours that a link of another site leads to, with its query; '' where it was no such link."""
    path = scope.get("raw_path", b"").decode("ascii", "replace")
    ours = path.startswith("/") and not path.startswith(("//", "/api/"))
    if not ours or scope["method"] != "GET" or not (_is_foreign(headers) and _is_link(headers)):
        return ""
    query = scope["query_string"].decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def _is_open(path: str) -> bool:
    return any(path == known or (known.endswith("/") and path.startswith(known)) for known in OPEN_PATHS)


async def _given_token(headers: Headers, receive: Receive) -> tuple[str, Receive]:
    """What proves that a change comes from a page of ours: a header, or the field `csrf` of a form."""
    given = headers.get("x-csrf-token", "")
    if not given and headers.get("content-type", "").startswith(_FORM_WITH_FILES):
        return await _first_field(receive)
    if given or not headers.get("content-type", "").startswith(_FORM):
        return given, receive
    body = await _body(receive, MAX_BODY)
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("csrf", [""])[0], _replaying(body, receive)


async def _first_field(receive: Receive) -> tuple[str, Receive]:
    """The field `csrf`, where it is the first of a form with files; only the beginning of that is read."""
    messages, head, more = list[Message](), b"", True
    while more and len(head) < _HEAD:
        messages.append(await receive())
        head += messages[-1].get("body", b"")
        more = messages[-1].get("more_body", False)
    found = _TOKEN_FIRST.match(head)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return found[1].decode("ascii", "replace") if found else "", again


async def _body(receive: Receive, most: int) -> bytes:
    """The whole body. Raises `HTTPException` (413): it is longer."""
    parts, length, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException(400, "it was not sent to its end")
        parts.append(message.get("body", b""))
        length, more = length + len(parts[-1]), message.get("more_body", False)
        if length > most:
            raise HTTPException(413, TOO_LONG)
    return b"".join(parts)


def _bounded(receive: Receive, most: int) -> Receive:
    """What is sent, up to so many bytes; nobody holds more of it than that."""
    length = 0

    async def some() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > most:
            raise HTTPException(413, TOO_LONG)
        return message

    return some


def _replaying(body: bytes, receive: Receive) -> Receive:
    """The body once more, for whoever comes next."""
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again
