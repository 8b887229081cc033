"""A person's own account, and the register of people for administrators. All of it works without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from grading.people.audit import read_audit, verify_audit
from grading.people.people import People
from grading.people.person import Role
from grading.people.problems import NoSuchPerson, PeopleProblem, WrongValue
from grading.review.routes.entrance import Entrance
from grading.review.routes.parts import Parts, person_of

_DONE = {
    "saved": "Saved.",
    "closed": "The account is closed; its sessions and tokens have ended.",
    "reopened": "The account is open again.",
    "withdrawn": "The invitation is withdrawn.",
    "password": "The password is changed; every other session of yours has ended.",
    "everywhere": "Every other session of yours has ended.",
    "revoked": "The token is revoked.",
}
_AUDIT_ROWS = 200


def add_people(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    """`/account...` for everybody, `/people...`, `/api/people`, `/api/audit` for administrators."""
    _add_problems(app, parts)
    _add_account(app, parts, entrance, people)
    _add_register(app, parts, people)
    _add_person(app, parts, people)
    _add_invitations(app, parts, entrance, people)
    _add_audit(app, parts, people)

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


def _add_account(app: FastAPI, parts: Parts, entrance: Entrance, people: People) -> None:
    def page(request: Request, problem: str = "", status: int = 200) -> Response:
        person, key = person_of(request), request.state.session
        tokens = [token for token in people.tokens.list(person.id) if token.revoked is None]
        answer = parts.page(
            request,
            "people/account.html.j2",
            account=people.find(person.id),
            sessions=people.sessions.list(person.id, key),
            tokens=tokens,
            problem=problem,
            done=_done(request),
        )
        answer.status_code = status
        return answer

    @app.get("/account")
    def account(request: Request) -> Response:
        return page(request)

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
            return page(request, f"{problem}.", 422 if problem.status == 401 else problem.status)
        return _to("/account", "password")

    @app.post("/account/everywhere")
    def everywhere(request: Request) -> Response:
        own = person_of(request).id
        people.sessions.end_all(own, by=own, keep=request.state.session)
        return _to("/account", "everywhere")

    @app.post("/account/tokens/{token}/revoke")
    def revoke(request: Request, token: str) -> Response:
        own = person_of(request).id
        people.tokens.revoke(token, by=own, person=own)
        return _to("/account", "revoked")


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


def _add_person(app: FastAPI, parts: Parts, people: People) -> None:
    def page(request: Request, who: str, problem: str = "", status: int = 200) -> Response:
        values = {"account": people.get(who), "roles": list(Role), "problem": problem, "done": _done(request)}
        answer = parts.page(request, "people/person.html.j2", **values)
        answer.status_code = status
        return answer

    def attempt(request: Request, who: str, do: Callable[[str], Any], done: str) -> Response:
        """Do something to somebody; what cannot be done is said on their page."""
        try:
            do(person_of(request).id)
        except NoSuchPerson:
            raise
        except PeopleProblem as problem:
            return page(request, who, f"{problem}.", problem.status)
        return _to(f"/people/{who}", done)

    @app.get("/people/p-{rest}")
    def person(request: Request, rest: str) -> Response:
        return page(request, f"p-{rest}")

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

        return attempt(request, f"p-{rest}", do, "saved")

    @app.post("/people/p-{rest}/close")
    def close(request: Request, rest: str) -> Response:
        def do(by: str) -> None:
            if by == f"p-{rest}":
                raise WrongValue("another administrator closes your account, not you")
            people.close(f"p-{rest}", by=by)

        return attempt(request, f"p-{rest}", do, "closed")

    @app.post("/people/p-{rest}/reopen")
    def reopen(request: Request, rest: str) -> Response:
        return attempt(request, f"p-{rest}", lambda by: people.reopen(f"p-{rest}", by=by), "reopened")


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


def _add_audit(app: FastAPI, parts: Parts, people: People) -> None:
    @app.get("/people/audit")
    def audit(request: Request, before: int | None = None) -> Response:
        rows = read_audit(people.database, last=_AUDIT_ROWS, before=before)
        logins = {account.id: account.login for account in people.list()}
        older = rows[-1].number if rows and rows[-1].number > 1 else None
        values = {"rows": rows, "state": verify_audit(people.database), "logins": logins, "older": older}
        return parts.page(request, "people/audit.html.j2", **values)

    @app.get("/api/audit")
    def audit_rows(before: int | None = None, last: int = _AUDIT_ROWS) -> Response:
        rows = read_audit(people.database, last=max(1, min(last, 1000)), before=before)
        state = verify_audit(people.database)
        return JSONResponse({"rows": [vars(row) for row in rows], "state": vars(state)})
