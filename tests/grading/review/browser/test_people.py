"""People's pages in a browser: all of it without scripts, by everybody, from sign-in to signing out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core import Database
from grading import PEOPLE_MIGRATIONS, EvaluationLine, OidcProvider, OidcSettings, People, Role, Scope
from tests.browser import complaints
from tests.grading.exporting.told import Told
from tests.grading.people.provider import CLIENT, SECRET, Provider, serve
from tests.grading.people.support import GOOD, OTHER, quick_passwords
from tests.grading.review.browser.served import WAIT, Served, migrations

MS = WAIT * 1000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Served]:
    """The app, with an administrator."""
    expect.set_options(timeout=MS)
    database = Database(tmp_path / "upbench.db", [*migrations(), *PEOPLE_MIGRATIONS])
    people = People(database, passwords=quick_passwords())
    people.add("ada", by="operator", name="Ada", roles=[Role.admin, Role.reviewer], password=GOOD)
    exports = Told(
        [EvaluationLine(run="run-a", agent="zebra", job="letter", attempt=1, arm="alone", criterion=None)]
    )
    one = Served(tmp_path, database, people=people, exports=exports)
    one.start()
    yield one
    one.stop()
    database.close()


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """A tab in which no script runs."""
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(MS)
    said = complaints(context)
    yield context.new_page()
    context.close()
    assert not said, said


def sign_in(tab: Page, login: str, password: str) -> None:
    tab.get_by_label("Name or e-mail address").fill(login)
    tab.get_by_label("Password", exact=True).fill(password)
    tab.get_by_role("button", name="Sign in").click()


def test_from_invitation_to_signing_out_without_scripts(place: Served, plain: Page, chromium: Browser) -> None:
    plain.goto(f"{place.app}/people")
    expect(plain.get_by_role("heading", name="Not signed in")).to_be_visible()
    sign_in(plain, "ada", OTHER)
    expect(plain.get_by_role("alert")).to_contain_text("Name or password is wrong")
    sign_in(plain, "ada", GOOD)
    expect(plain).to_have_url(f"{place.app}/people")
    plain.get_by_label("Skills, one a line").fill("law")
    plain.get_by_role("button", name="Make a link").click()
    link = plain.locator(".link").inner_text()
    context = chromium.new_context(java_script_enabled=False)
    guest = context.new_page()
    guest.goto(link)
    guest.get_by_label("Your name").fill("Bob")
    guest.get_by_label("Name or e-mail address").fill("bob")
    guest.get_by_label("Password", exact=True).fill(OTHER)
    guest.get_by_label("The password again").fill(OTHER)
    guest.get_by_role("button", name="Make the account").click()
    expect(guest).to_have_url(f"{place.app}/")
    guest.goto(f"{place.app}/people")
    expect(guest.get_by_role("heading", name="Not for your roles")).to_be_visible()
    plain.goto(f"{place.app}/people")
    plain.get_by_role("link", name="Bob").click()
    plain.get_by_label("Never to review").fill("job:a-list-of-farms")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("status")).to_have_text("Saved.")
    plain.get_by_role("button", name="Close the account").click()
    expect(plain.get_by_text("Closed since")).to_be_visible()
    guest.goto(f"{place.app}/")
    expect(guest.get_by_text("Your account is closed")).to_be_visible()
    context.close()
    assert place.people is not None
    assert place.people.get("bob").person.conflicts == {"job:a-list-of-farms"}
    plain.get_by_role("button", name="Sign out").click()
    plain.goto(f"{place.app}/account")
    expect(plain.get_by_role("heading", name="Not signed in")).to_be_visible()


def test_tokens_sessions_and_exports_without_scripts(place: Served, plain: Page) -> None:
    plain.goto(f"{place.app}/account")
    sign_in(plain, "ada", GOOD)
    plain.get_by_label("What it is for").fill("nightly")
    plain.get_by_role("checkbox", name="export").check()
    plain.get_by_role("button", name="Make a token").click()
    key = plain.locator(".link").inner_text()
    assert place.people is not None
    found = place.people.tokens.visit(key)
    assert found is not None
    assert found[1] == {Scope.read, Scope.export}
    plain.get_by_role("button", name="Revoke nightly").click()
    expect(plain.get_by_role("status")).to_have_text("The token is revoked.")
    assert place.people.tokens.visit(key) is None
    plain.get_by_role("link", name="Export").click()
    plain.get_by_label("Run").select_option("run-a")
    plain.get_by_label("CSV, one row a verdict").check()
    plain.get_by_role("checkbox", name="I take no more reviews").check()
    with plain.expect_download() as download:
        plain.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "verdicts.csv"
    assert "run-a" in Path(download.value.path()).read_text()
    plain.goto(f"{place.app}/people/sessions")
    plain.get_by_role("button", name="End this session").click()
    expect(plain.get_by_text("ended from another place")).to_be_visible()


def test_there_and_back_to_an_identity_provider_of_another_site(place: Served, plain: Page) -> None:
    person = {"sub": "s-1", "email": "bo@example.org", "email_verified": True, "name": "Bo <img src=x>"}
    provider = Provider(person)
    server = serve(provider, "localhost")  # another site than 127.0.0.1: strict cookies stay here on the way back
    settings = OidcSettings(issuer=provider.issuer, client_id=CLIENT, domains=("example.org",))
    place.stop()
    place.oidc = OidcProvider(settings, SECRET, f"{place.app}/oidc/callback")
    place.start()
    plain.goto(f"{place.app}/account")
    plain.get_by_role("button", name="Sign in with your organisation").click()
    expect(plain).to_have_url(f"{place.app}/account")
    expect(plain.get_by_text("signing in as bo@example.org")).to_contain_text("Bo <img src=x>")
    cookies = plain.context.cookies(place.app)
    assert {cookie["name"]: cookie["sameSite"] for cookie in cookies} == {
        "upbench_review": "Strict",
        "upbench_browser": "Strict",
    }
    server.shutdown()
    server.server_close()
