"""How a person comes in and goes out: the printed address, name and password, an invitation."""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from grading.people.accounts import Account, typed
from grading.people.keys import key_hash, new_key
from grading.people.people import Attempt, People
from grading.people.person import Person
from grading.people.problems import LinkInvalid, NoSuchPerson, PeopleProblem, TooMany
from grading.people.sessions import BOUND
from grading.review.cookies import browser_cookie, cookie_of, session_cookie, set_cookie
from grading.review.refusals import Refusals
from grading.review.signing import Secrets, sign, verify

SESSION_SECONDS = 12 * 3600
_BROWSER_SECONDS = 180 * 24 * 3600


class Door:
    """The one-time token that lets the local reviewer in."""

    def __init__(self, token: str) -> None:
        self._token, self._lock = token, threading.Lock()

    def opens(self, token: str) -> bool:
        """Whether it is the token; it never opens twice."""
        with self._lock:
            if not self._token or not hmac.compare_digest(self._token.encode(), token.encode("utf-8", "replace")):
                return False
            self._token = ""
            return True


@dataclass(frozen=True)
class Entrance:
    """What the routes by which people come in work with.

    Attributes:
        origin: Of the app. refusals: Its pages for whoever is not signed in.
        people: Accounts; None: there are none, and only the local person comes in.
    """

    secrets: Secrets
    origin: str
    refusals: Refusals
    people: People | None = None

    def tried(self, request: Request, login: str) -> Attempt:
        """Where somebody tries to sign in from."""
        body = verify(self.secrets.session, cookie_of(request.headers, browser_cookie(self.origin)))
        known = body is not None and body.get("login") == key_hash(typed(login))
        address = request.client.host if request.client else ""
        return Attempt(address=address, browser=str(body["browser"]) if body is not None and known else "")

    def let_in(self, request: Request, answer: Response, account: Account, how: str) -> Response:
        """Begin a session for a person with an account."""
        assert self.people is not None
        browser = request.headers.get("user-agent", "")
        key = self.people.sessions.begin(account.person, browser=browser, how=how)
        self._set(answer, key, BOUND.total_seconds())
        known = {"login": key_hash(account.login), "browser": new_key()}
        again = sign(self.secrets.session, known, _BROWSER_SECONDS)
        set_cookie(answer, browser_cookie(self.origin), again, _BROWSER_SECONDS, origin=self.origin)
        return answer

    def let_in_local(self, request: Request, answer: Response, reviewer: str) -> Response:
        """Begin a session for whoever started the server on this machine."""
        if self.people is None:
            key = sign(self.secrets.session, {"reviewer": reviewer}, SESSION_SECONDS)
        else:
            browser = request.headers.get("user-agent", "")
            person = Person.local(reviewer)
            key = self.people.sessions.begin(person, browser=browser, local=True, how="address")
        self._set(answer, key, SESSION_SECONDS if self.people is None else BOUND.total_seconds())
        return answer

    def let_out(self, request: Request, answer: Response) -> Response:
        """End the session of a request."""
        if self.people is not None:
            self.people.sessions.end(request.state.session)
        self._set(answer, "", 0)
        return answer

    def _set(self, answer: Response, key: str, seconds: float) -> None:
        set_cookie(answer, session_cookie(self.origin), key, seconds, origin=self.origin)


def path_of_ours(following: str) -> str:
    """Where to go after signing in: a path of the app, and nothing that browsers take for another site."""
    fine = following.startswith("/") and not following.startswith(("//", "/\\")) and following.isprintable()
    return following if fine and "\\" not in following and len(following) < 500 else "/"


def add_entrance(app: FastAPI, entrance: Entrance, door: Door, reviewer: str) -> None:
    """`/enter`, `/healthz`, `/logout`, and where there are accounts `/login`, `/invitation`."""

    @app.get("/enter")
    def enter(request: Request, token: str = "") -> Response:
        if not door.opens(token):
            return PlainTextResponse(
                "This address has been used. Start `upbench review serve` again for another.", status_code=403
            )
        return entrance.let_in_local(request, RedirectResponse("/", status_code=303), reviewer)

    @app.get("/healthz")
    def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.post("/logout")
    def logout(request: Request) -> Response:
        return entrance.let_out(request, RedirectResponse("/login", status_code=303))

    _add_login(app, entrance)
    if entrance.people is not None:
        _add_invitation(app, entrance, entrance.people)


def _add_login(app: FastAPI, entrance: Entrance) -> None:
    refusals, people = entrance.refusals, entrance.people

    @app.get("/login")
    def ask(following: str = "/") -> Response:
        return refusals.door(following=path_of_ours(following))

    if people is None:
        return

    @app.post("/login")
    def sign_in(
        request: Request,
        login: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        following: Annotated[str, Form()] = "/",
    ) -> Response:
        after = path_of_ours(following)
        try:
            account = people.sign_in(login, password, entrance.tried(request, login))
        except PeopleProblem as problem:
            answer = refusals.door(
                problem=f"{problem}.", login=login[:200], following=after, status=problem.status
            )
            if isinstance(problem, TooMany):
                answer.headers["retry-after"] = str(problem.seconds)
            return answer
        return entrance.let_in(request, RedirectResponse(after, status_code=303), account, "password")


def _add_invitation(app: FastAPI, entrance: Entrance, people: People) -> None:
    refusals = entrance.refusals

    def page(key: str, status: int = 200, problem: str = "", login: str = "", name: str = "") -> Response:
        try:
            invitation = people.invitations.open(key)
        except LinkInvalid as invalid:
            what = str(invalid)
            return refusals.page(
                "people/refused.html.j2", 404, title="This link is not good any more", what=f"T{what[1:]}."
            )
        said = {"key": key, "problem": problem, "login": login, "name": name}
        return refusals.page("people/invitation.html.j2", status, invitation=invitation, **said)

    @app.get("/invitation")
    def ask(key: str = "") -> Response:
        return page(key)

    @app.post("/invitation")
    def accept(
        request: Request,
        key: Annotated[str, Form()] = "",
        login: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        if password != again:
            return page(key, 422, "The two passwords are not the same.", login[:200], name[:200])
        try:
            account = people.invitations.accept(key, login=login, name=name, password=password)
        except NoSuchPerson:
            return page("")
        except PeopleProblem as problem:
            said = str(problem)
            return page(key, problem.status, f"{said[0].upper()}{said[1:]}.", login[:200], name[:200])
        return entrance.let_in(request, RedirectResponse("/", status_code=303), account, "invitation")
