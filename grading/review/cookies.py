"""The cookies of the app origin: never for scripts, never for other sites; with https under the `__Host-` prefix.

That prefix makes browsers refuse a cookie that another host of the same domain wants to plant.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Literal

from starlette.datastructures import Headers
from starlette.responses import Response

_SESSION, _BROWSER, _OIDC = "upbench_review", "upbench_browser", "upbench_oidc"
COOKIE = _SESSION


def session_cookie(origin: str) -> str:
    """Name of the cookie that holds the session's key."""
    return _name(_SESSION, origin)


def browser_cookie(origin: str) -> str:
    """Name of the cookie by which a browser is known again that somebody has signed in with."""
    return _name(_BROWSER, origin)


def oidc_cookie(origin: str) -> str:
    """Name of the cookie of a sign-in at the identity provider that is under way."""
    return _name(_OIDC, origin)


def cookie_of(headers: Headers, name: str) -> str:
    """The value of a cookie, '' where there is none or two."""
    found: list[str] = []
    try:
        for header in headers.getlist("cookie"):
            found += [morsel.value for key, morsel in SimpleCookie(header).items() if key == name]
    except CookieError:
        return ""
    return found[0] if len(found) == 1 else ""


def set_cookie(
    answer: Response,
    name: str,
    value: str,
    seconds: float,
    *,
    origin: str,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Set one of these cookies; '' removes it."""
    answer.set_cookie(
        name,
        value,
        max_age=int(seconds) if value else 0,
        httponly=True,
        samesite=samesite,
        secure=origin.startswith("https:"),
        path="/",
    )


def _name(name: str, origin: str) -> str:
    return f"__Host-{name}" if origin.startswith("https:") else name
