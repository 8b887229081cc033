"""A person's own account: password, sessions, tokens of programs. All of it works without scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from grading.people.people import People
from grading.people.problems import PeopleProblem, WrongValue
from grading.people.tokens import Scope
from grading.review.routes.entrance import Entrance
from grading.review.routes.parts import Parts, person_of

_DONE = {
    "password": "The password is changed; every other session of yours has ended.",
    "everywhere": "Every other session of yours has ended.",
    "ended": "The session has ended.",
    "revoked": "The token is revoked.",
}
SCOPES = {
    Scope.read: "look at what you may look at",
    Scope.review: "review for you",
    Scope.export: "export verdicts, and read the audit log where you may",
    Scope.admin: "change people where you may",
}
DAYS = (7, 30, 90, 366)


def add_account(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    """`/account...`, for everybody."""

    @app.get("/account")
    def account(request: Request) -> Response:
        return _page(request, parts, people)

    _add_password(app, parts, entrance, people)
    _add_sessions(app, people)
    _add_tokens(app, parts, people)


def _page(
    request: Request, parts: Parts, people: People, *, problem: str = "", made: str = "", status: int = 200
) -> Response:
    """The account; `made`: the key of a token, which is shown this once."""
    person, key = person_of(request), request.state.session
    answer = parts.page(
        request,
        "people/account.html.j2",
        account=people.find(person.id),
        sessions=people.sessions.list(person.id, key),
        tokens=[token for token in people.tokens.list(person.id) if token.revoked is None],
        scopes=SCOPES,
        days=DAYS,
        made=made,
        problem=problem,
        done=_DONE.get(request.query_params.get("done", ""), ""),
    )
    answer.status_code = status
    return answer


def _to(done: str) -> Response:
    return RedirectResponse(f"/account?done={done}", status_code=303)


def _add_password(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    @app.post("/account/password")
    def password(
        request: Request,
        old: Annotated[str, Form()] = "",
        new: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            if new != again:
                raise WrongValue("the two new passwords are not the same")
            own = people.get(person_of(request).id)
            tried = entrance.tried(request, own.login)
            people.change_password(own.id, old, new, tried, keep=request.state.session)
        except PeopleProblem as problem:
            # Not 401: the session is good, only the old password was not.
            status = 422 if problem.status == 401 else problem.status
            return _page(request, parts, people, problem=f"{problem}.", status=status)
        return _to("password")


def _add_sessions(app: FastAPI, people: People) -> None:
    @app.post("/account/everywhere")
    def everywhere(request: Request) -> Response:
        own = person_of(request).id
        people.sessions.end_all(own, by=own, keep=request.state.session)
        return _to("everywhere")

    @app.post("/account/sessions/{session}/end")
    def end(request: Request, session: str) -> Response:
        own = person_of(request).id
        people.sessions.end_one(session, by=own, person=own)
        return _to("ended")


def _add_tokens(app: FastAPI, parts: Parts, people: People) -> None:
    @app.post("/account/tokens")
    def make(
        request: Request,
        name: Annotated[str, Form()] = "",
        scopes: Annotated[list[str] | None, Form()] = None,
        days: Annotated[str, Form()] = "",
    ) -> Response:
        own = person_of(request).id
        try:
            wanted = [Scope(scope) for scope in scopes or () if scope in set(Scope)]
            key, _ = people.tokens.make(own, by=own, name=name, scopes=wanted, days=_days(days))
        except PeopleProblem as problem:
            return _page(request, parts, people, problem=f"{problem}.", status=problem.status)
        return _page(request, parts, people, made=key)

    @app.post("/account/tokens/{token}/revoke")
    def revoke(request: Request, token: str) -> Response:
        own = person_of(request).id
        people.tokens.revoke(token, by=own, person=own)
        return _to("revoked")


def _days(text: str) -> int:
    """How long a token is to live. Raises `WrongValue`."""
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise WrongValue("say for how many days the token is to live")
    return int(text)
