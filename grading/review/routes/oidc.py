"""Signing in at the identity provider: there, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete

from core import insert_new
from grading.people.accounts import Account
from grading.people.keys import key_hash, stamp, utc_now
from grading.people.oidc import Claims, OidcProvider, Pending
from grading.people.people import People
from grading.people.problems import AccountClosed, NotLetIn, PeopleProblem
from grading.people.refused import NOBODY
from grading.people.tables import SPENT
from grading.review.cookies import cookie_of, oidc_cookie, set_cookie
from grading.review.routes.entrance import Entrance, path_of_ours
from grading.review.signing import sign, verify

_SECONDS = 600


def add_oidc(app: FastAPI, entrance: Entrance, people: People, provider: OidcProvider) -> None:
    """`/oidc/start` (POST), `/oidc/callback` (GET)."""
    name = oidc_cookie(entrance.origin)

    @app.post("/oidc/start")
    def start(following: Annotated[str, Form()] = "/") -> Response:
        try:
            address, pending = provider.begin()
        except PeopleProblem as problem:
            said = str(problem)
            return entrance.refusals.door(problem=f"{said[0].upper()}{said[1:]}.", status=problem.status)
        after = path_of_ours(following)
        # A page and no redirect: the policy of the page lets forms lead nowhere else.
        answer = entrance.refusals.page(
            "people/onward.html.j2", 200, title="To your organisation", address=address
        )
        kept = sign(entrance.secrets.session, {**vars(pending), "following": after}, _SECONDS)
        # Lax: the way back begins at another site.
        set_cookie(answer, name, kept, _SECONDS, origin=entrance.origin, samesite="lax")
        return answer

    @app.get("/oidc/callback")
    def callback(request: Request) -> Response:
        kept = verify(entrance.secrets.session, cookie_of(request.headers, name))
        try:
            if kept is None:
                raise NotLetIn("this sign-in was not begun in this browser, or too long ago; begin again")
            pending = Pending(str(kept["state"]), str(kept["nonce"]), str(kept["verifier"]))
            claims = provider.finish(pending, request.query_params)
            _spend(people, pending.state)
            account = _account(people, provider, claims)
        except PeopleProblem as problem:
            said = str(problem)
            answer = entrance.refusals.door(problem=f"{said[0].upper()}{said[1:]}.", status=problem.status)
        else:
            # A page and no redirect: browsers keep a strict cookie back on a way that began at another site.
            after = path_of_ours(str(kept["following"]))
            page = entrance.refusals.page("people/onward.html.j2", 200, title="Signed in", address=after)
            answer = entrance.let_in(request, page, account, "oidc")
        set_cookie(answer, name, "", 0, origin=entrance.origin, samesite="lax")
        return answer

    @app.get("/oidc/start")
    def not_so() -> Response:
        return RedirectResponse("/login", status_code=303)


def _spend(people: People, state: str) -> None:
    """A sign-in counts once. Raises `NotLetIn`."""
    now = utc_now()
    forgotten = now + timedelta(seconds=2 * _SECONDS)  # by then its cookie is good no more
    with people.database.write() as connection:
        connection.execute(delete(SPENT).where(SPENT.c.expires < stamp(now)))
        values = {"hash": key_hash(state), "expires": stamp(forgotten)}
        if connection.execute(insert_new(SPENT).values(values).returning(SPENT.c.hash)).scalar() is None:
            raise NotLetIn("this answer was used before; begin again")


def _account(people: People, provider: OidcProvider, claims: Claims) -> Account:
    """Whose account it is. Raises `NotLetIn`, `AccountClosed`; both are told in the audit log."""
    told = {"by": "oidc", "issuer": claims.issuer, "subject": claims.subject}
    try:
        account = people.by_subject(
            claims.issuer,
            claims.subject,
            email=claims.email,
            name=claims.name,
            roles=provider.roles_of(claims),
            may_join=provider.may_join(claims),
        )
    except AccountClosed:
        people.note_refused(NOBODY, told | {"why": "closed"})
        raise
    if account is None:
        people.note_refused(NOBODY, told | {"why": "not let in"})
        raise NotLetIn("you are not among the people of this review; ask an administrator")
    return account
