"""Signing in at an identity provider that answers over HTTP, and every answer that is not what it seems."""

from __future__ import annotations

import html
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError
from starlette.testclient import TestClient

from core import Blobs, Database
from grading import GRADING_MIGRATIONS, Book, create_review_app
from grading.people.audit import read_audit
from grading.people.oidc import OidcProvider
from grading.people.people import People
from grading.people.person import Role
from grading.people.problems import NotLetIn, TooBusy
from grading.people.settings import OidcSettings
from grading.people.tables import PEOPLE_MIGRATIONS
from grading.review.signing import load_secrets
from tests.grading.people.provider import CLIENT, SECRET, Provider, query, serve, unsigned
from tests.grading.people.support import quick_passwords

APP = "https://review.example.org"
ADA = {"sub": "s-1", "email": "ada@example.org", "email_verified": True, "name": "Ada <script>alert(1)</script>"}


@dataclass
class Place:
    app: FastAPI
    people: People
    provider: Provider

    def client(self) -> TestClient:
        client = TestClient(self.app, base_url=APP, follow_redirects=False)
        client.headers |= {"origin": APP, "sec-fetch-site": "same-origin"}
        return client

    def begin(self, client: TestClient) -> dict[str, str]:
        """Go to the provider and sign in there: the query one comes back with."""
        page = client.post("/oidc/start", data={"following": "/account"})
        assert page.status_code == 200, page.text
        address = re.search(r'<a class="button primary" href="([^"]+)"', page.text)
        assert address is not None
        return self.provider.authorize(html.unescape(address[1]))

    def come(self, client: TestClient, given: dict[str, str]) -> Any:
        """Come back, as a browser does: from another site."""
        return client.get(
            query(given),
            headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        )

    def sign_in(self) -> Any:
        client = self.client()
        return self.come(client, self.begin(client))


ON_BOTH = pytest.mark.parametrize("at", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    shared = getattr(request, "param", "sqlite") == "postgresql"
    place = str(request.getfixturevalue("fresh_database")) if shared else tmp_path / "upbench.db"
    provider = Provider(dict(ADA))
    server = serve(provider)
    database = Database(place, [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    people = People(database, passwords=quick_passwords())
    settings = OidcSettings(
        issuer=provider.issuer,
        client_id=CLIENT,
        groups={"graders": (Role.reviewer,), "heads": (Role.lead, Role.adjudicator)},
        domains=("example.org",),
    )
    app = create_review_app(
        Book(database),
        Blobs(tmp_path / "blobs"),
        load_secrets(tmp_path / "secrets.json"),
        app_origin=APP,
        content_origin="https://files.example.net",
        token="",
        people=people,
        oidc=OidcProvider(settings, SECRET, f"{APP}/oidc/callback"),
    )
    yield Place(app, people, provider)
    server.shutdown()
    server.server_close()
    database.close()


@ON_BOTH
def test_somebody_of_a_known_domain_joins_and_is_known_again(at: Place) -> None:
    client = at.client()
    page = at.come(client, at.begin(client))
    assert page.status_code == 200
    assert 'content="0; url=/account"' in page.text
    own = client.get("/account").text
    assert "Ada &lt;script&gt;" in own
    assert "<script>alert" not in own
    ada = at.people.get("ada@example.org")
    assert ada.person.roles == {Role.reviewer}
    assert (ada.has_password, ada.linked) == (False, True)
    at.provider.person["email"] = "ada.l@example.org"  # the subject stands, whatever else changes
    assert at.sign_in().status_code == 200
    assert [one.id for one in at.people.list()] == [ada.id]


@ON_BOTH
def test_groups_give_roles_at_each_sign_in(at: Place) -> None:
    at.provider.person |= {"email": "bo@other.example", "sub": "s-2", "groups": ["heads", "others"]}
    assert at.sign_in().status_code == 200
    assert at.people.get("bo@other.example").person.roles == {Role.lead, Role.adjudicator}
    at.provider.person["groups"] = ["graders"]
    assert at.sign_in().status_code == 200
    assert at.people.get("bo@other.example").person.roles == {Role.reviewer}
    at.provider.person["groups"] = []
    assert at.sign_in().status_code == 403


def test_roles_that_an_administrator_gave_are_left_alone(at: Place) -> None:
    at.people.add("ada@example.org", by="operator", roles=[Role.admin])
    at.provider.person["groups"] = ["graders"]
    assert at.sign_in().status_code == 200
    ada = at.people.get("ada@example.org")
    assert ada.person.roles == {Role.admin}
    assert ada.linked


@pytest.mark.parametrize(
    "person",
    [
        {"email": "eve@evil.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "ada@example.org@evil.example"},
        {"email": "eve@sub.example.org"},
        {"sub": ""},
        {"sub": 7},
    ],
)
def test_whoever_is_not_vouched_for_stays_outside(at: Place, person: dict[str, Any]) -> None:
    at.people.add("root@example.org", by="operator", roles=[Role.admin])
    at.provider.person |= {"email": "root@example.org"} | person
    answer = at.sign_in()
    assert answer.status_code == 403
    assert "__Host-upbench_review" not in answer.headers.get("set-cookie", "")
    assert [one.login for one in at.people.list()] == ["root@example.org"]


@ON_BOTH
def test_a_closed_account_stays_closed(at: Place) -> None:
    assert at.sign_in().status_code == 200
    at.people.close("ada@example.org", by="operator")
    answer = at.sign_in()
    assert answer.status_code == 403
    assert "account is closed" in answer.text
    told = read_audit(at.people.database, last=1)[0]
    assert (told.action, told.detail["by"], told.detail["why"]) == ("session.refused", "oidc", "closed")
    assert "example.org" not in repr({**told.detail, "issuer": ""})


@ON_BOTH
def test_another_subject_with_the_same_address_gets_no_account(at: Place) -> None:
    assert at.sign_in().status_code == 200
    at.provider.person["sub"] = "s-3"
    assert at.sign_in().status_code == 403


SPOILED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "nonce": lambda c: c | {"nonce": "another"},
    "no nonce": lambda c: {k: v for k, v in c.items() if k != "nonce"},
    "issuer": lambda c: c | {"iss": "https://evil.example"},
    "audience": lambda c: c | {"aud": "another"},
    "two audiences": lambda c: c | {"aud": [CLIENT, "another"]},
    "party": lambda c: c | {"aud": [CLIENT, "another"], "azp": "another"},
    "no audience": lambda c: {k: v for k, v in c.items() if k != "aud"},
    "expired": lambda c: c | {"exp": int(time.time()) - 120},
    "no expiry": lambda c: {k: v for k, v in c.items() if k != "exp"},
    "from the future": lambda c: c | {"iat": int(time.time()) + 3600},
    "not yet": lambda c: c | {"nbf": int(time.time()) + 3600},
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_token_lets_nobody_in(at: Place, how: str) -> None:
    at.provider.spoil = SPOILED[how]
    assert at.sign_in().status_code == 403
    assert at.people.list() == []


def other_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048, {"kid": "one"}))


def shared_secret(claims: dict[str, Any]) -> str:
    return jwt.encode(
        {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(SECRET + " padded to thirty-two bytes")
    )


@pytest.mark.parametrize("sign", [unsigned, other_key, shared_secret, lambda _claims: "no token"])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(
    at: Place, sign: Callable[[dict[str, Any]], str]
) -> None:
    at.provider.sign = sign
    assert at.sign_in().status_code == 403
    assert at.people.list() == []


@ON_BOTH
def test_an_answer_counts_once_in_the_browser_that_began(at: Place) -> None:
    client = at.client()
    given = at.begin(client)
    assert at.come(at.client(), given).status_code == 403  # another browser: somebody was sent a link
    assert at.come(client, given | {"state": "guessed"}).status_code == 403
    assert at.come(client, given).status_code == 403  # a failed answer ends the sign-in, too
    given = at.begin(client)
    cookie = client.cookies["__Host-upbench_oidc"]
    assert at.come(client, given).status_code == 200
    assert at.come(client, given).status_code == 403
    again = at.client()
    again.cookies.set("__Host-upbench_oidc", cookie, domain="review.example.org")
    assert at.come(again, given).status_code == 403  # the provider gives nothing for a code that was used
    at.provider.codes[given["code"]] = {}
    assert at.come(again, {"error": "access_denied", "state": given["state"]}).status_code == 403


def test_another_providers_answer_is_refused(at: Place) -> None:
    client = at.client()
    given = at.begin(client)
    assert at.come(client, given | {"iss": "https://evil.example"}).status_code == 403


def test_new_keys_of_the_provider_are_found(at: Place) -> None:
    assert at.sign_in().status_code == 200
    at.provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert at.sign_in().status_code == 403  # it was asked a moment ago, and is not asked at each bad token
    assert at.provider.asked.count("GET /keys") == 1


def test_a_provider_that_does_not_answer_is_said(at: Place, tmp_path: Path) -> None:
    settings = OidcSettings(issuer="http://127.0.0.1:1", client_id=CLIENT)
    with pytest.raises(NotLetIn, match="cannot be reached"):
        OidcProvider(settings, SECRET, f"{APP}/oidc/callback").begin()
    named = OidcSettings(issuer=f"{at.provider.issuer}/", client_id=CLIENT)
    with pytest.raises(NotLetIn, match="calls itself otherwise"):
        OidcProvider(named, SECRET, f"{APP}/oidc/callback").begin()


def test_a_provider_that_hangs_holds_up_a_few_and_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        issuer = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        provider = OidcProvider(OidcSettings(issuer=issuer, client_id=CLIENT), SECRET, f"{APP}/oidc/callback")
        with ThreadPoolExecutor(20) as strangers:
            tries = [strangers.submit(provider.begin) for _ in range(20)]
            at_once = list(islice(as_completed(tries, timeout=60), 12))
            hanging.close()  # and so it answers those who wait: not at all
    assert [type(one.exception()) for one in at_once] == [TooBusy] * 12
    assert {type(one.exception()) for one in tries} <= {TooBusy, NotLetIn}


def test_settings_take_no_secret_and_no_plain_http() -> None:
    with pytest.raises(ValidationError, match="UPBENCH_OIDC_CLIENT_SECRET"):
        OidcSettings.model_validate({"issuer": "https://id.example.org", "client_id": "x", "client_secret": "y"})
    with pytest.raises(ValidationError, match="no https address"):
        OidcSettings(issuer="http://id.example.org", client_id="x")
