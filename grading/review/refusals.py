"""What is answered to whoever is not let past: a page that says why, JSON to programs and to open pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment
from starlette.responses import Response

from grading.people.person import Person

WHY = {
    "unknown": "You are not signed in.",
    "expired": "Your session has ended: nothing was done for twelve hours, or it was begun a week ago.",
    "signed_out": "You have signed out.",
    "closed": "Your account is closed; an administrator can open it again.",
    "password": "The password of your account was changed, so every session with the old one has ended.",
    "ended": "This session was ended from another place.",
}


@dataclass(frozen=True)
class Refusals:
    """Makes the answers.

    Attributes:
        accounts: Whether people sign in with accounts. oidc: Whether an identity provider vouches for some.
        local: Whether the address that the server printed lets somebody in.
    """

    templates: Environment
    accounts: bool = False
    oidc: bool = False
    local: bool = True

    def signed_out(self, path: str, why: str) -> Response:
        """401: nobody is signed in, and why."""
        if path.startswith("/api/"):
            said = {"error": WHY.get(why, WHY["unknown"]), "signed_out": True, "why": why}
            return JSONResponse(said, status_code=401)
        return self.door(why=why, following=path, status=401)

    def onward(self, address: str) -> Response:
        """A page that leads on at once to another of ours."""
        return self.page("people/onward.html.j2", 200, title="One moment", address=address)

    def door(
        self, *, why: str = "", problem: str = "", login: str = "", following: str = "/", status: int = 200
    ) -> Response:
        """The page with the form for signing in."""
        said = {
            "why": WHY.get(why, ""),
            "problem": problem[:1].upper() + problem[1:],
            "login": login,
            "had": why not in ("", "unknown"),
            "following": following,
        }
        return self.page("people/door.html.j2", status, **said)

    def page(self, template: str, status: int, /, **values: Any) -> Response:
        """A page for whoever is not signed in."""
        known = {"accounts": self.accounts, "oidc": self.oidc, "local": self.local}
        return HTMLResponse(self.templates.get_template(template).render(**known, **values), status_code=status)

    def wrong(self, path: str, status: int, what: str, title: str = "", **more: Any) -> Response:
        """What went wrong: as JSON with `more`, or as a page that leads back."""
        if path.startswith("/api/"):
            return JSONResponse({"error": what} | more, status_code=status)
        said = f"{what[:1].upper()}{what[1:]}".removesuffix(".")
        return self.page("people/refused.html.j2", status, title=title or "This cannot be done", what=f"{said}.")

    def unavailable(self, path: str) -> Response:
        """503: the records cannot be read or written at this moment; whoever waits may ask again."""
        what = "the records cannot be reached now; nothing that you wrote is lost: try again in a moment"
        answer = self.wrong(path, 503, what, "Not now")
        answer.headers["retry-after"] = "5"
        return answer

    def foreign(self, path: str) -> Response:
        """403: not from a page of ours."""
        what = "this change does not come from the app; open its page again, and try once more"
        if path.startswith("/api/"):
            return JSONResponse({"error": what}, status_code=403)
        return self.page("people/refused.html.j2", 403, title="Not from the app", what=f"T{what[1:]}.")

    def forbidden(self, path: str, person: Person) -> Response:
        """403: the person has no role for it."""
        if path.startswith("/api/"):
            return JSONResponse({"error": "your roles or your token do not open this"}, status_code=403)
        roles = ", ".join(sorted(person.roles)) or "none"
        what = f"Your roles do not open this page (they are: {roles}). An administrator can give you others."
        return self.page("people/refused.html.j2", 403, title="Not for your roles", what=what)

    def no_token(self) -> Response:
        """401: the token is none, or none any more."""
        said = {"error": "no such token, or it has expired or was revoked"}
        return JSONResponse(said, status_code=401, headers={"www-authenticate": "Bearer"})
