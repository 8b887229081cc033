"""The app's doors: who is let in, who is told what, which changes count as our own pages'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from core import Database
from grading import GRADING_MIGRATIONS, Book
from grading.people.audit import append_audit, read_audit, verify_audit
from grading.people.people import People
from grading.people.person import Role
from grading.people.tables import PEOPLE_MIGRATIONS
from grading.people.tokens import Scope
from tests.grading.people.support import GOOD, OTHER, Time, quick_passwords
from tests.grading.review.apps import app_in

APP, CONTENT = "https://review.example.org", "https://files.example.net"
HOSTILE = "<script>alert(1)</script>"


@dataclass
class Place:
    """The app as it is served to others, and its people."""

    app: FastAPI
    people: People
    time: Time

    def client(self, login: str = "", password: str = GOOD) -> TestClient:
        """A browser, signed in with a login."""
        client = TestClient(self.app, base_url=APP, follow_redirects=False, client=("192.0.2.7", 50000))
        client.headers |= {"origin": APP, "sec-fetch-site": "same-origin"}
        if login:
            answer = client.post("/login", data={"login": login, "password": password, "following": "/account"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/account"), answer.text
        return client


ON_BOTH = pytest.mark.parametrize("at", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    shared = getattr(request, "param", "sqlite") == "postgresql"
    place = str(request.getfixturevalue("fresh_database")) if shared else tmp_path / "upbench.db"
    database = Database(place, [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    time = Time()
    people = People(database, clock=time, passwords=quick_passwords())
    for login, role in (("ada", Role.admin), ("rob", Role.reviewer)):
        people.add(login, by="operator", name=f"{login} {HOSTILE}", roles=[role], password=GOOD)
    app = app_in(
        tmp_path,
        Book(database),
        app_origin=APP,
        content_origin=CONTENT,
        people=people,
    )
    yield Place(app, people, time)
    database.close()


def csrf_of(client: TestClient, path: str = "/account") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_signing_in_sets_cookies_that_no_script_and_no_other_host_gets(at: Place) -> None:
    answer = at.client().post("/login", data={"login": "Rob", "password": GOOD})
    assert answer.headers["location"] == "/"
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-upbench_review", "__Host-upbench_browser"}
    for cookie in cookies:
        words = {word.strip().lower() for word in cookie.split(";")}
        assert {"httponly", "secure", "samesite=strict", "path=/"} <= words
        assert not any(word.startswith("domain") for word in words)
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_wrong_password_is_told_like_an_unknown_name(at: Place) -> None:
    client = at.client()
    pages = [client.post("/login", data={"login": name, "password": OTHER}) for name in ("rob", "nix")]
    assert [page.status_code for page in pages] == [401, 401]
    assert "ame or password is wrong" in pages[0].text
    assert pages[0].text.replace('value="rob"', 'value="nix"') == pages[1].text


@ON_BOTH
def test_guesses_are_slowed_and_the_browser_that_is_known_is_not(at: Place) -> None:
    known, stranger = at.client("rob"), at.client()
    answers = [stranger.post("/login", data={"login": "rob", "password": OTHER}) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 6 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert stranger.post("/login", data={"login": "rob", "password": GOOD}).status_code == 429
    assert known.post("/login", data={"login": "rob", "password": GOOD}).status_code == 303


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "/a\nb"]
)
def test_after_signing_in_nobody_is_sent_elsewhere(at: Place, where: str) -> None:
    answer = at.client().post("/login", data={"login": "rob", "password": GOOD, "following": where})
    assert answer.headers["location"] == "/"


def test_whoever_is_not_signed_in_gets_a_page_or_json(at: Place) -> None:
    client = at.client()
    page = client.get("/account")
    assert page.status_code == 401
    assert 'name="following" value="/account"' in page.text
    assert client.get("/api/people").json() == {
        "error": "You are not signed in.",
        "signed_out": True,
        "why": "unknown",
    }
    assert "review serve" not in page.text  # there is no printed address here


@ON_BOTH
def test_a_closed_account_an_ended_session_and_an_expired_one_say_so(at: Place) -> None:
    closed, ended, expired = (at.client("rob") for _ in range(3))
    at.time.passes(hours=13)
    assert expired.get("/api/session").json()["why"] == "expired"
    ended = at.client("rob")
    at.people.sessions.end_all(at.people.get("rob").id, by="operator")
    assert ended.get("/api/session").json()["why"] == "ended"
    closed = at.client("rob")
    at.people.close("rob", by="operator")
    answer = closed.get("/account")
    assert answer.status_code == 401
    assert "Your account is closed" in answer.text
    assert "Nothing is lost" in answer.text
    refused = at.client().post("/login", data={"login": "rob", "password": GOOD})
    assert refused.status_code == 403
    assert "This account is closed" in refused.text


def test_a_change_needs_the_token_the_origin_and_the_browsers_word(at: Place) -> None:
    client = at.client("rob")
    token = csrf_of(client)
    wrong: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"csrf": "guessed"}, {}),
        ({"csrf": token}, {"origin": "https://evil.example"}),
        ({"csrf": token}, {"origin": CONTENT}),
        ({"csrf": token}, {"sec-fetch-site": "same-site"}),
        ({"csrf": token}, {"sec-fetch-site": "cross-site"}),
        ({"csrf": token}, {"origin": "null", "sec-fetch-site": "none"}),
    ]
    for fields, headers in wrong:
        assert client.post("/account/everywhere", data=fields, headers=headers).status_code == 403
    del client.headers["origin"]
    assert client.post("/account/everywhere", data={"csrf": token}).status_code == 403
    client.headers["origin"] = "null"  # as browsers send it with a form under `no-referrer`
    assert client.post("/account/everywhere", data={"csrf": token}).status_code == 303
    other = at.client("ada")
    assert other.post("/account/everywhere", data={"csrf": token}).status_code == 403


def test_signing_in_from_another_site_is_refused(at: Place) -> None:
    form = {"login": "rob", "password": GOOD}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": CONTENT}):
        answer = at.client().post("/login", data=form, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert (
        at.client().post("/login", content=b"x" * 100_000, headers={"content-type": "text/plain"}).status_code
        == 413
    )


def test_whoever_follows_a_link_of_another_site_comes_as_who_they_are(at: Place) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    client = at.client()
    for path, leads in (("/work", "/work"), ('/review/a%22b?x=1&y="', "/review/a%22b?x=1&amp;y=%22")):
        page = client.get(path, headers=link)  # the browser keeps the cookie back
        assert (page.status_code, f'content="0; url={leads}"' in page.text) == (200, True), page.text
    for path, more in (("/work", {"sec-fetch-site": "none"}), ("/api/session", {}), ("//evil.example/x", {})):
        assert client.get(APP + path, headers=link | more).status_code == 401
    client.cookies.set("__Host-upbench_review", "ended", domain="review.example.org")
    assert client.get("/work", headers=link).status_code == 401  # it came, and is good no more


def test_other_sites_may_link_here_and_embed_nothing(at: Place) -> None:
    client = at.client("rob")
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/account", headers=link).status_code == 200
    for mode, dest in (("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
        planted = link | {"sec-fetch-mode": mode, "sec-fetch-dest": dest}
        assert client.get("/account", headers=planted).status_code == 403


@ON_BOTH
def test_roles_open_paths(at: Place) -> None:
    reviewer, admin = at.client("rob"), at.client("ada")
    for path in ("/people", "/people/audit", f"/people/{at.people.get('ada').id}"):
        assert reviewer.get(path).status_code == 403
        assert admin.get(path).status_code == 200
    assert reviewer.get("/api/people").status_code == 403
    assert admin.get("/review/none").status_code == 403
    assert reviewer.get("/review/none").status_code == 404
    assert "You do not review" in admin.get("/").text
    assert "Nothing is up for review" in reviewer.get("/").text
    at.people.change("rob", by="operator", roles=[Role.admin])  # counts from the next request on
    assert reviewer.get("/people").status_code == 200


def test_signing_out_ends_the_session_itself(at: Place) -> None:
    client = at.client("rob")
    key = client.cookies["__Host-upbench_review"]
    assert client.post("/logout", data={"csrf": csrf_of(client)}).status_code == 303
    client.cookies.set("__Host-upbench_review", key, domain="review.example.org")
    assert client.get("/api/session").json()["why"] == "signed_out"


def test_a_cookie_that_is_there_twice_is_none(at: Place) -> None:
    key = at.client("rob").cookies["__Host-upbench_review"]
    name = "__Host-upbench_review"
    client = at.client()
    assert client.get("/account", headers={"cookie": f"{name}={key}"}).status_code == 200
    assert (
        client.get("/account", headers=[("cookie", f"{name}={key}"), ("cookie", f"{name}=other")]).status_code
        == 401
    )


@ON_BOTH
def test_an_invitation_is_accepted_in_the_browser_once(at: Place) -> None:
    admin = at.client("ada")
    form = {"csrf": csrf_of(admin), "roles": ["reviewer", "adjudicator"], "skills": "law\n\nmaps", "login": ""}
    page = admin.post("/people/invitations", data=form)
    link = re.search(r"https://review\.example\.org/invitation\?key=[\w-]+", page.text)
    assert link is not None
    key = link[0].partition("=")[2]
    guest = at.client()
    assert "adjudicator, reviewer" in guest.get(link[0]).text
    filled = {"key": key, "login": "eve", "name": HOSTILE, "password": GOOD, "again": OTHER}
    unlike = guest.post("/invitation", data=filled)
    assert unlike.status_code == 422
    assert 'value="eve"' in unlike.text
    assert guest.post("/invitation", data=filled | {"again": "short", "password": "short"}).status_code == 422
    assert guest.post("/invitation", data=filled | {"again": GOOD}).status_code == 303
    own = guest.get("/account").text
    assert "&lt;script&gt;" in own
    assert "<script>" not in own
    assert at.people.get("eve").person.skills == {"law", "maps"}
    assert at.client().get(link[0]).status_code == 404
    assert at.client().post("/invitation", data=filled | {"again": GOOD}).status_code == 404


@ON_BOTH
def test_the_own_password_is_changed_by_whoever_knows_it(at: Place) -> None:
    client, elsewhere = at.client("rob"), at.client("rob")
    form = {"csrf": csrf_of(client), "old": OTHER, "new": "seven green hats", "again": "seven green hats"}
    assert client.post("/account/password", data=form).status_code == 422
    assert client.post("/account/password", data=form | {"old": GOOD, "again": "x"}).status_code == 422
    assert client.post("/account/password", data=form | {"old": GOOD}).status_code == 303
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/api/session").json()["why"] == "password"
    assert at.client("rob", "seven green hats").get("/account").status_code == 200


@ON_BOTH
def test_an_administrator_changes_people_and_every_change_is_in_the_log(at: Place) -> None:
    admin, rob = at.client("ada"), at.people.get("rob").id
    token = csrf_of(admin)
    form = {"csrf": token, "name": "Rob", "roles": ["lead"], "skills": "Law", "conflicts": "job:x\npack:y"}
    assert admin.post(f"/people/{rob}", data=form).status_code == 303
    assert at.people.get("rob").person.conflicts == {"job:x", "pack:y"}
    assert admin.post(f"/people/{rob}", data=form | {"conflicts": "y"}).status_code == 422
    assert admin.post(f"/people/{rob}", data=form | {"roles": ["king"]}).status_code == 422
    assert admin.post("/people/p-none", data=form).status_code == 404
    assert "/invitation?key=" in admin.post(f"/people/{rob}/link", data={"csrf": token}).text
    assert admin.post(f"/people/{rob}/close", data={"csrf": token}).status_code == 303
    assert at.people.get("rob").closed is not None
    assert admin.post(f"/people/{rob}/reopen", data={"csrf": token}).status_code == 303
    own = at.people.get("ada").id
    assert admin.post(f"/people/{own}/close", data={"csrf": token}).status_code == 422
    assert admin.post(f"/people/{own}", data=form).status_code == 422
    told = [row.action for row in reversed(read_audit(at.people.database)) if row.actor == own]
    assert told == ["session.begin", "person.change", "invitation.password", "person.close", "person.reopen"]
    page = admin.get("/people/audit").text
    assert "is whole" in page
    assert verify_audit(at.people.database).broken is None


@ON_BOTH
def test_a_token_is_made_in_the_browser_shown_once_and_revoked(at: Place) -> None:
    client = at.client("rob")
    form = {"csrf": csrf_of(client), "name": HOSTILE, "scopes": ["read", "king"], "days": "7"}
    page = client.post("/account/tokens", data=form)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    key = re.search(r"upb_[\w-]+", page.text)
    assert key is not None
    assert "upb_" not in client.get("/account").text
    rob = at.people.get("rob").id
    (token,) = at.people.tokens.list(rob)
    assert token.scopes == {Scope.read}
    assert token.expires.startswith("2026-03-08")
    program = TestClient(at.app, base_url=APP, headers={"authorization": f"Bearer {key[0]}"})
    assert program.get("/api/session").json()["person"] == rob
    assert program.post("/account/tokens", data=form).status_code == 401  # a token makes no other
    mistakes: list[dict[str, Any]] = [
        {"days": "400"},
        {"days": "x"},
        {"days": "-1"},
        {"scopes": []},
        {"name": " "},
    ]
    for wrong in mistakes:
        assert client.post("/account/tokens", data=form | wrong).status_code == 422
    ada = at.client("ada")
    assert ada.post(f"/account/tokens/{token.id}/revoke", data={"csrf": csrf_of(ada)}).status_code == 303
    assert program.get("/api/session").status_code == 200  # it was not hers
    assert client.post(f"/account/tokens/{token.id}/revoke", data={"csrf": form["csrf"]}).status_code == 303
    assert program.get("/api/session").status_code == 401
    again, other = at.people.tokens.make(rob, by=rob, name="again", scopes=[Scope.read])
    answer = ada.post(f"/people/tokens/{other.id}/revoke", data={"csrf": csrf_of(ada), "back": rob})
    assert answer.headers["location"] == f"/people/{rob}?done=revoked"
    assert at.people.tokens.visit(again) is None


@ON_BOTH
def test_sessions_are_ended_one_by_one_ones_own_and_by_an_administrator_everybodys(at: Place) -> None:
    first, second, third, ada = at.client("rob"), at.client("rob"), at.client("rob"), at.client("ada")
    rob = at.people.get("rob").id
    listed = re.findall(r"/account/sessions/(s-\w+)/end", first.get("/account").text)
    assert len(listed) == 3
    ids = {
        client: at.people.sessions.list(rob, client.cookies["__Host-upbench_review"]) for client in (second, third)
    }
    own = {client: next(one.id for one in found if one.current) for client, found in ids.items()}
    form = {"csrf": csrf_of(first)}
    adas = next(one.id for one in at.people.sessions.list(at.people.get("ada").id))
    for session in (own[second], adas):  # the other is not his
        assert first.post(f"/account/sessions/{session}/end", data=form).status_code == 303
    assert second.get("/api/session").json()["why"] == "ended"
    assert ada.get("/people/sessions").status_code == 200
    assert own[third] in ada.get("/people/sessions").text
    assert own[third] in ada.get(f"/people/{rob}").text
    assert own[second] not in ada.get("/people/sessions").text
    by_admin = {"csrf": csrf_of(ada), "back": "//evil.example"}
    answer = ada.post(f"/people/sessions/{own[third]}/end", data=by_admin)
    assert answer.headers["location"] == "/people/sessions?done=ended"
    assert third.get("/api/session").json()["why"] == "ended"
    assert first.get("/people/sessions").status_code == 403
    assert first.post(f"/people/sessions/{adas}/end", data=form).status_code == 403
    assert ada.get("/api/session").status_code == 200


def test_the_audit_log_is_read_in_pages_there_and_back(at: Place) -> None:
    admin = at.client("ada")
    with at.people.database.write() as connection:
        for number in range(450):
            append_audit(connection, actor="operator", action="test", subject=f"s-{number}")
    page, seen, pages = admin.get("/people/audit").text, [], 0
    assert "Its head" in page
    while True:
        pages += 1
        seen += re.findall(r"<tr><td>(\d+)</td>", page)
        older = re.search(r'href="(/people/audit\?before=\d+)">Older', page)
        if older is None:
            break
        page = admin.get(older[1]).text
        assert "Its head" not in page
    assert pages == 3
    assert [int(number) for number in seen] == list(range(len(seen), 0, -1))
    newer = re.search(r'href="(/people/audit\?before=\d+)">Newer', page)
    assert newer is not None
    assert seen[200] in admin.get(newer[1]).text
    token, _ = at.people.tokens.make(at.people.get("ada").id, by="operator", name="t", scopes=[Scope.export])
    program = TestClient(at.app, base_url=APP, headers={"authorization": f"Bearer {token}"})
    newest = program.get("/api/audit", params={"last": 2}).json()
    assert newest["state"]["broken"] is None
    rest = program.get("/api/audit", params={"before": newest["rows"][-1]["number"], "last": 1000}).json()
    assert len(rest["rows"]) == newest["rows"][-1]["number"] - 1
    assert "state" not in rest
    assert program.get("/api/audit", params={"before": 0}).status_code == 422


@ON_BOTH
def test_tokens_open_the_interface_by_their_scopes_and_no_page(at: Place) -> None:
    ada, rob = at.people.get("ada").id, at.people.get("rob").id
    made = {
        (who, scope): at.people.tokens.make(who, by="operator", name=scope, scopes=[scope])[0]
        for who in (ada, rob)
        for scope in Scope
    }

    def status(who: str, scope: Scope, path: str, method: str = "GET") -> int:
        bearer = {"authorization": f"Bearer {made[who, scope]}"}
        client = TestClient(at.app, base_url=APP, follow_redirects=False)
        return client.request(method, path, headers=bearer).status_code

    assert status(rob, Scope.read, "/api/session") == 200
    assert status(rob, Scope.read, "/api/reviews/none/lock", "POST") == 403
    assert status(rob, Scope.review, "/api/reviews/none/lock", "POST") == 404
    assert status(rob, Scope.admin, "/api/people") == 403
    assert status(ada, Scope.admin, "/api/people") == 200
    assert status(ada, Scope.read, "/api/people") == 403
    assert status(ada, Scope.export, "/api/audit") == 200
    assert status(ada, Scope.admin, "/people") == 401
    at.people.close("rob", by="operator")
    assert status(rob, Scope.read, "/api/session") == 401
    bad = TestClient(at.app, base_url=APP).get("/api/session", headers={"authorization": "Bearer upb_no"})
    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, "Bearer")


def test_no_page_of_people_holds_script_or_style_of_its_own(at: Place) -> None:
    admin = at.client("ada")
    pages = [at.client().get("/login"), admin.get("/people/audit"), admin.get("/account"), admin.get("/people")]
    pages += [admin.get(f"/people/{at.people.get('rob').id}"), admin.get("/people/sessions")]
    for page in pages:
        assert page.status_code == 200
        assert not re.search(r"\son\w+=|\sstyle=|<script(?! type=\"module\" src)|<style", page.text)
        assert "default-src 'none'" in page.headers["content-security-policy"]
