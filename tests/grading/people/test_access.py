"""Every route of the app as every role and with every scope: who gets past the doors, and none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

import grading
from core import Database
from grading import (
    Book,
    OidcProvider,
    OidcSettings,
    People,
    Role,
    Scope,
)
from grading.review.cookies import session_cookie
from tests.grading.exporting.told import Told
from tests.grading.overview.told import ToldRuns
from tests.grading.people.support import quick_passwords
from tests.grading.review.apps import app_in

APP, CONTENT = "https://review.example.org", "https://files.example.net"
ALL = frozenset(Role)
REVIEW = frozenset({Role.reviewer, Role.adjudicator})
LEAD, OVERSEE, ADMIN = frozenset({Role.lead}), frozenset({Role.lead, Role.admin}), frozenset({Role.admin})
NOBODY = frozenset[Role]()

# Beginning of the route -> for whom it is, the longest that fits; None: for whoever is not signed in. What is not
# here fails the test: whoever adds a route says here for whom it is.
FOR: dict[str, frozenset[Role] | None] = {
    "/static": None, "/enter": None, "/healthz": None, "/login": None, "/invitation": None, "/oidc/": None,
    "/logout": ALL, "/account": ALL, "/work": ALL, "/api/session": ALL, "/api/snippets": ALL,
    "/review/": REVIEW, "/api/reviews/": REVIEW, "/api/queue/": REVIEW, "/exam": REVIEW,
    "/adjudications": frozenset({Role.lead, Role.adjudicator}),
    "/api/adjudications/": frozenset({Role.lead, Role.adjudicator}),
    "/tickets": LEAD, "/voids": LEAD, "/reviewers": LEAD,
    "/lead": OVERSEE, "/pay": OVERSEE, "/api/export": OVERSEE,
    "/people": ADMIN, "/api/people": ADMIN, "/api/audit": ADMIN,
}  # fmt: skip
# The same of scopes, whose person may do everything: for looking, for changing.
BY: dict[str, tuple[set[Scope], set[Scope]]] = {
    "/api/": ({Scope.read, Scope.review}, {Scope.review}),
    "/api/export": ({Scope.export}, set()),
    "/api/audit": ({Scope.export, Scope.admin}, set()),
    "/api/people": ({Scope.admin}, {Scope.admin}),
}


@dataclass
class Place:
    app: FastAPI
    people: People
    portal: BlockingPortal

    def client(self, *roles: Role) -> TestClient:
        """The browser of somebody with these roles; of nobody without."""
        client = TestClient(self.app, base_url=APP, follow_redirects=False)
        client.portal = self.portal  # or each of a thousand requests starts a thread
        if roles:
            name = "-".join(sorted(roles))
            account = self.people.find(name) or self.people.add(name, by="operator", roles=roles)
            client.cookies.set(session_cookie(APP), self.people.sessions.begin(account.person))
            client.headers |= {"origin": APP, "x-csrf-token": client.get("/api/session").json()["csrf"]}
        return client

    def asks(self) -> Iterator[tuple[str, str, str]]:
        """Every route: its path as it is written, its method, and an address of it."""
        for route in self.app.routes:
            if isinstance(route, APIRoute):
                path = re.sub(r"{\w+(:\w+)?}", "0", route.path.replace("p-{rest}", "p-0123456789"))
                yield from ((route.path, method, path) for method in route.methods or ())


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Place]:
    names = {name for name in dir(grading) if name.endswith("_MIGRATIONS")}
    database = Database(tmp_path / "a.db", [one for name in names for one in getattr(grading, name)])
    people = People(database, passwords=quick_passwords())
    settings = OidcSettings(issuer="http://127.0.0.1:1", client_id="upbench")
    app = app_in(
        tmp_path,
        Book(database),
        app_origin=APP,
        content_origin=CONTENT,
        people=people,
        oidc=OidcProvider(settings, "secret", f"{APP}/oidc/callback"),
        oversight=ToldRuns("run", "agent"),
        exports=Told(()),
    )
    with start_blocking_portal() as portal:
        yield Place(app, people, portal)
    database.close()


def longest(path: str, beginnings: dict[str, object]) -> str | None:
    """The beginning that counts."""
    return max((one for one in beginnings if path.startswith(one)), key=len, default=None)


def test_every_route_is_for_the_roles_that_it_is_meant_for(at: Place) -> None:
    clients = {role: at.client(role) for role in Role}
    stranger, wrong = at.client(), []
    for route, method, path in at.asks():
        key = "/" if route == "/" else longest(route, dict(FOR))
        assert key is not None, f"{route}: say in FOR for whom it is"
        meant = ALL if key == "/" else FOR[key]
        if meant is None or path in ("/logout", "/account/everywhere"):
            continue
        if (status := stranger.request(method, path).status_code) != 401:
            wrong.append(f"nobody {method} {path}: {status}")
        for role, client in clients.items():
            status = client.request(method, path).status_code
            if (status != 403) != (role in meant):
                wrong.append(f"{role} {method} {path}: {status}")
    assert wrong == []


def test_every_route_is_for_the_scopes_that_it_is_meant_for_and_no_page_for_any(at: Place) -> None:
    everybody = at.people.add("every.body", by="operator", roles=list(Role)).id
    only_reviews = at.people.add("rev.iewer", by="operator", roles=[Role.reviewer]).id
    wrong, asked = [], 0
    for scope in Scope:
        keys = [
            at.people.tokens.make(who, by=who, name="n", scopes=[scope])[0] for who in (everybody, only_reviews)
        ]
        client = at.client()
        for route, method, path in at.asks():
            place = longest(route, dict(FOR))
            if place is None or FOR[place] is None:
                continue
            looking, changing = BY[longest(route, dict(BY)) or ""] if path.startswith("/api/") else (set(), set())
            allowed = scope in (looking if method == "GET" else changing)
            for key, roles in zip(keys, (ALL, frozenset({Role.reviewer})), strict=True):
                answer = client.request(method, path, headers={"authorization": f"Bearer {key}"})
                may = allowed and not roles.isdisjoint(FOR[place] or ())
                asked += 1
                if (answer.status_code not in (401, 403)) != may:
                    wrong.append(f"{scope} {sorted(roles)} {method} {path}: {answer.status_code}")
    assert wrong == []
    assert asked > 400
