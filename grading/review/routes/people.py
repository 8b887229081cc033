"""The register of people, for administrators. All of it works without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from grading.people.people import People
from grading.people.person import Role
from grading.people.problems import NoSuchPerson, PeopleProblem, WrongValue
from grading.people.sessions import MOST
from grading.review.routes.entrance import Entrance
from grading.review.routes.parts import Parts, person_of

_ID = re.compile(r"p-[0-9a-f]{10}")
_DONE = {
    "saved": "Saved.",
    "closed": "The account is closed; its sessions and tokens have ended.",
    "reopened": "The account is open again.",
    "withdrawn": "The invitation is withdrawn.",
    "ended": "The session has ended.",
    "revoked": "The token is revoked.",
}


def add_people(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    """`/people...` and `/api/people`, for administrators."""
    _add_problems(app, parts)
    _add_register(app, parts, people)
    _add_person(app, parts, people)
    _add_ends(app, parts, people)
    _add_invitations(app, parts, entrance, people)

    @app.get("/api/people")
    def everybody() -> Response:
        return JSONResponse({"people": [account.body() for account in people.list()]})


def _add_problems(app: FastAPI, parts: Parts) -> None:
    @app.exception_handler(PeopleProblem)
    def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, PeopleProblem)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": str(error)}, status_code=error.status)
        template = parts.templates.get_template("people/refused.html.j2")
        said = str(error)
        page = template.render(title="This cannot be done", what=f"{said[:1].upper()}{said[1:]}.")
        return Response(page, status_code=error.status, media_type="text/html")


def _done(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")


def _to(path: str, done: str) -> Response:
    return RedirectResponse(f"{path}?done={done}", status_code=303)


def _add_register(app: FastAPI, parts: Parts, people: People) -> None:
    @app.get("/people")
    def register(request: Request) -> Response:
        return register_page(request, parts, people)


def register_page(
    request: Request, parts: Parts, people: People, *, problem: str = "", link: str = "", status: int = 200
) -> Response:
    """Everybody, invitations that can still be used, and the form for another; `link`: of one just made."""
    answer = parts.page(
        request,
        "people/people.html.j2",
        accounts=people.list(),
        invitations=people.invitations.list(),
        roles=list(Role),
        problem=problem,
        link=link,
        done=_done(request),
    )
    answer.status_code = status
    return answer


class _PersonPage:
    """The page of somebody's account, and what is done there."""

    def __init__(self, parts: Parts, people: People) -> None:
        self._parts, self._people = parts, people

    def show(self, request: Request, who: str, problem: str = "", status: int = 200) -> Response:
        people, account = self._people, self._people.get(who)
        values = {
            "account": account,
            "roles": list(Role),
            "sessions": people.sessions.list(account.id, request.state.session),
            "tokens": [token for token in people.tokens.list(account.id) if token.revoked is None],
            "problem": problem,
            "done": _done(request),
        }
        answer = self._parts.page(request, "people/person.html.j2", **values)
        answer.status_code = status
        return answer

    def attempt(self, request: Request, who: str, do: Callable[[str], Any], done: str) -> Response:
        """Do something to somebody; what cannot be done is said on their page."""
        try:
            do(person_of(request).id)
        except NoSuchPerson:
            raise
        except PeopleProblem as problem:
            return self.show(request, who, f"{problem}.", problem.status)
        return _to(f"/people/{who}", done)


def _add_person(app: FastAPI, parts: Parts, people: People) -> None:
    page = _PersonPage(parts, people)

    @app.get("/people/p-{rest}")
    def person(request: Request, rest: str) -> Response:
        return page.show(request, f"p-{rest}")

    @app.post("/people/p-{rest}")
    def change(
        request: Request,
        rest: str,
        name: Annotated[str, Form()] = "",
        roles: Annotated[list[str] | None, Form()] = None,
        skills: Annotated[str, Form()] = "",
        conflicts: Annotated[str, Form()] = "",
    ) -> Response:
        def do(by: str) -> None:
            wanted = roles_named(roles or [])
            if by == f"p-{rest}" and Role.admin not in wanted:
                raise WrongValue("another administrator takes your role of administrator away, not you")
            people.change(
                f"p-{rest}",
                by=by,
                name=name,
                roles=wanted,
                skills=skills.splitlines(),
                conflicts=conflicts.splitlines(),
            )

        return page.attempt(request, f"p-{rest}", do, "saved")

    @app.post("/people/p-{rest}/close")
    def close(request: Request, rest: str) -> Response:
        def do(by: str) -> None:
            if by == f"p-{rest}":
                raise WrongValue("another administrator closes your account, not you")
            people.close(f"p-{rest}", by=by)

        return page.attempt(request, f"p-{rest}", do, "closed")

    @app.post("/people/p-{rest}/reopen")
    def reopen(request: Request, rest: str) -> Response:
        return page.attempt(request, f"p-{rest}", lambda by: people.reopen(f"p-{rest}", by=by), "reopened")


def _add_ends(app: FastAPI, parts: Parts, people: People) -> None:
    """Everybody's sessions, and the ends of sessions and tokens."""

    @app.get("/people/sessions")
    def sessions(request: Request) -> Response:
        found = people.sessions.list(key=request.state.session)
        names = {account.id: account.login for account in people.list()}
        values = {"sessions": found, "names": names, "most": MOST, "done": _done(request)}
        return parts.page(request, "people/sessions.html.j2", **values)

    @app.post("/people/sessions/{session}/end")
    def end(request: Request, session: str, back: Annotated[str, Form()] = "") -> Response:
        people.sessions.end_one(session, by=person_of(request).id)
        return _to(_back(back, "/people/sessions"), "ended")

    @app.post("/people/tokens/{token}/revoke")
    def revoke(request: Request, token: str, back: Annotated[str, Form()] = "") -> Response:
        people.tokens.revoke(token, by=person_of(request).id)
        return _to(_back(back, "/people"), "revoked")


def _back(person: str, other: str) -> str:
    """The page of the person whose it was, where it was done from there."""
    return f"/people/{person}" if _ID.fullmatch(person) else other


def roles_named(names: list[str]) -> list[Role]:
    """Roles by their names. Raises `WrongValue`."""
    try:
        return [Role(name) for name in names]
    except ValueError as error:
        raise WrongValue(f"no such role: {', '.join(names)[:100]}") from error


def _add_invitations(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    def link(key: str) -> str:
        return f"{entrance.origin}/invitation?key={key}"

    @app.post("/people/invitations")
    def invite(
        request: Request,
        login: Annotated[str, Form()] = "",
        roles: Annotated[list[str] | None, Form()] = None,
        skills: Annotated[str, Form()] = "",
    ) -> Response:
        by = person_of(request).id
        try:
            key, _ = people.invitations.make(
                by=by, login=login.strip() or None, roles=roles_named(roles or []), skills=skills.splitlines()
            )
        except PeopleProblem as problem:
            return register_page(request, parts, people, problem=f"{problem}.", status=problem.status)
        return register_page(request, parts, people, link=link(key))

    @app.post("/people/p-{rest}/link")
    def password_link(request: Request, rest: str) -> Response:
        key, _ = people.invitations.make_for(f"p-{rest}", by=person_of(request).id)
        return register_page(request, parts, people, link=link(key))

    @app.post("/people/invitations/{invitation}/withdraw")
    def withdraw(request: Request, invitation: str) -> Response:
        people.invitations.withdraw(invitation, by=person_of(request).id)
        return _to("/people", "withdrawn")
