"""Accounts: who is added, found, changed, closed; what may be a password; links and tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from core import Database
from grading.people.audit import read_audit
from grading.people.passwords import Passwords
from grading.people.people import Attempt, People
from grading.people.person import Role
from grading.people.problems import (
    AccountClosed,
    LinkInvalid,
    LoginTaken,
    NoSuchPerson,
    TooMany,
    WeakPassword,
    WrongPassword,
    WrongValue,
)
from grading.people.tables import FAILURES, INVITATIONS, PEOPLE, SESSIONS, TOKENS
from grading.people.tokens import MOST, Scope
from tests.grading.people.support import GOOD, OTHER, Time, quick_passwords

HERE = Attempt(address="192.0.2.1")


def test_a_person_is_added_once_and_found_by_either_name(people: People) -> None:
    ada = people.add(
        "Ada@Example.ORG", by="operator", name=" Ada  <b>\u202e", roles=[Role.lead], skills=["  Legal "]
    )
    assert ada.login == "ada@example.org"
    assert ada.person.name == "Ada <b>"
    assert ada.person.skills == {"legal"}
    assert people.get("ADA@example.org") == people.get(ada.id) == ada
    with pytest.raises(LoginTaken):
        people.add("ada@EXAMPLE.org", by="operator")
    with pytest.raises(NoSuchPerson):
        people.get("nobody")
    assert [one.login for one in people.list()] == ["ada@example.org"]


@pytest.mark.parametrize("login", ["", "  ", "a\0b", "x" * 300, "p-0123456789"])
def test_what_cannot_be_a_login(people: People, login: str) -> None:
    with pytest.raises(WrongValue):
        people.add(login, by="operator")


def test_changes_are_kept_and_conflicts_have_a_form(people: People) -> None:
    ada = people.add("ada", by="operator")
    changed = people.change(ada.id, by="operator", roles=[Role.admin], conflicts=["job:lead-list", "pack:starter"])
    assert changed.person.roles == {Role.admin}
    assert changed.person.conflicts == {"job:lead-list", "pack:starter"}
    with pytest.raises(WrongValue):
        people.change(ada.id, by="operator", conflicts=["lead-list"])
    with pytest.raises(WrongValue):
        people.change(ada.id, by="operator", roles=[])


@pytest.mark.parametrize(
    "password",
    ["short", "aaaaaaaaaaaaaaaa", "password1234", "qwertyuiop12", "ada-lovelace1", "x" * 1001, "0123456789012"],
)
def test_weak_passwords_are_refused(people: People, password: str) -> None:
    with pytest.raises(WeakPassword):
        people.add("ada-lovelace", by="operator", password=password)
    assert people.list() == []


def test_signing_in_takes_the_right_password_in_any_composition(people: People) -> None:
    people.add("ada", by="operator", password="fu\u0308nf alte eichen")
    assert people.sign_in(" ADA ", "f\u00fcnf alte eichen", HERE).login == "ada"
    for login, password in (("ada", GOOD), ("bob", GOOD), ("", ""), ("ada\0", "x" * 100_000)):
        with pytest.raises(WrongPassword):
            people.sign_in(login, password, HERE)


def test_an_account_without_password_cannot_be_signed_in_to(people: People) -> None:
    people.add("ada", by="operator")
    with pytest.raises(WrongPassword):
        people.sign_in("ada", "the password of nobody", HERE)


def test_as_much_is_hashed_for_nobody_as_for_somebody(database: Database, time: Time) -> None:
    looked: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            looked.append(str(hash).split("$")[3])
            return super().verify(hash, password)

    passwords = Passwords(Watched(time_cost=1, memory_cost=8, parallelism=1))
    people = People(database, clock=time, passwords=passwords)
    people.add("ada", by="operator", password=GOOD)
    people.add("bob", by="operator")
    for login in ("ada", "bob", "nobody"):
        with pytest.raises(WrongPassword):
            people.sign_in(login, OTHER, HERE)
    assert looked == ["m=8,t=1,p=1"] * 3


def test_an_outdated_hash_is_made_anew_when_its_password_comes(database: Database, people: People) -> None:
    people.add("ada", by="operator", password=GOOD)
    stronger = People(database, passwords=Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))
    assert stronger.sign_in("ada", GOOD, HERE).login == "ada"
    with database.read() as connection:
        stored = connection.execute(select(PEOPLE.c.password)).scalar_one()
    assert stored.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert stronger.sign_in("ada", GOOD, HERE).login == "ada"


def test_the_default_parameters_are_those_of_the_rfc() -> None:
    stored = Passwords().hash(GOOD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_closing_ends_sessions_and_tokens_and_reopening_brings_none_back(people: People) -> None:
    ada = people.add("ada", by="operator", password=GOOD)
    key = people.sessions.begin(ada.person)
    token, _ = people.tokens.make(ada.id, by=ada.id, name="script", scopes=[Scope.read])
    assert people.sessions.visit(key).person == ada.person
    assert people.close("ada", by="operator").closed is not None
    assert people.sessions.visit(key).person is None
    assert people.sessions.visit(key).why == "closed"
    assert people.tokens.visit(token) is None
    with pytest.raises(AccountClosed):
        people.sign_in("ada", GOOD, HERE)
    with pytest.raises(WrongPassword):
        people.sign_in("ada", OTHER, HERE)
    assert people.reopen("ada", by="operator").closed is None
    assert people.sessions.visit(key).person is None
    assert people.tokens.visit(token) is None
    assert people.sign_in("ada", GOOD, HERE).id == ada.id


def test_sessions_slide_within_a_bound(people: People, time: Time) -> None:
    ada = people.add("ada", by="operator").person
    idle, used = people.sessions.begin(ada), people.sessions.begin(ada)
    for _ in range(16):  # seven days of half days
        time.passes(hours=10)
        assert people.sessions.visit(used).person == ada
    assert people.sessions.visit(idle).why == "expired"
    time.passes(hours=8)
    assert people.sessions.visit(used).why == "expired"
    assert people.sessions.visit("never was one").why == "unknown"


def test_signing_out_ends_one_session_and_a_new_password_all_others(people: People) -> None:
    ada = people.add("ada", by="operator", password=GOOD)
    first, second, third = (people.sessions.begin(ada.person, browser=name) for name in "abc")
    people.sessions.end(first)
    assert people.sessions.visit(first).why == "signed_out"
    listed = people.sessions.list(ada.id, second)
    assert {(one.browser, one.current) for one in listed} == {("b", True), ("c", False)}
    people.change_password(ada.id, GOOD, OTHER, HERE, keep=second)
    assert people.sessions.visit(second).person == ada.person
    assert people.sessions.visit(third).why == "password"
    with pytest.raises(WrongPassword):
        people.change_password(ada.id, GOOD, OTHER, HERE, keep=second)
    assert people.sessions.end_all(ada.id, by=ada.id) == 1
    assert people.sessions.visit(second).person is None


def test_a_session_is_ended_by_its_id_by_its_person_or_an_administrator(
    people: People, database: Database
) -> None:
    ada, bob = (people.add(name, by="operator") for name in ("ada", "bob"))
    keys = {name: people.sessions.begin(ada.person, browser=name) for name in "abc"}
    people.sessions.begin(bob.person, browser="d")
    ids = {one.browser: one.id for one in people.sessions.list()}
    assert set(ids) == {"a", "b", "c", "d"}
    assert not people.sessions.end_one(ids["a"], by=bob.id, person=bob.id)
    assert people.sessions.visit(keys["a"]).person == ada.person
    assert people.sessions.end_one(ids["a"], by=ada.id, person=ada.id)
    assert not people.sessions.end_one(ids["a"], by=ada.id, person=ada.id)
    assert people.sessions.visit(keys["a"]).why == "ended"
    assert people.sessions.end_one(ids["b"], by=bob.id)
    assert people.sessions.visit(keys["c"]).person == ada.person
    assert len(people.sessions.list(most=1)) == 1
    ends = [(row.actor, row.subject, row.detail) for row in read_audit(database) if row.action == "session.end"]
    assert ends == [(bob.id, ids["b"], {"of": ada.id}), (ada.id, ids["a"], {})]


def test_the_local_person_has_sessions_without_an_account(people: People) -> None:
    from grading.people.person import Person

    key = people.sessions.begin(Person.local("local"), local=True)
    assert people.sessions.visit(key).person == Person.local("local")
    assert people.list() == []


def test_an_invitation_makes_one_account_with_its_roles(people: People, time: Time) -> None:
    key, made = people.invitations.make(by="operator", roles=[Role.adjudicator], skills=["law"])
    assert [one.id for one in people.invitations.list()] == [made.id]
    with pytest.raises(WeakPassword):
        people.invitations.accept(key, login="ada", name="Ada", password="short")
    ada = people.invitations.accept(key, login="ada", name="Ada", password=GOOD)
    assert ada.person.roles == {Role.adjudicator}
    assert ada.person.skills == {"law"}
    with pytest.raises(LinkInvalid):
        people.invitations.accept(key, login="eve", name="Eve", password=GOOD)
    late, _ = people.invitations.make(by="operator", days=1)
    time.passes(days=1, seconds=1)
    for bad in (late, "", "guessed"):
        with pytest.raises(LinkInvalid):
            people.invitations.open(bad)
    withdrawn, told = people.invitations.make(by="operator")
    assert people.invitations.withdraw(told.id, by="operator")
    with pytest.raises(LinkInvalid):
        people.invitations.open(withdrawn)
    assert people.invitations.list() == []


def test_an_invitation_to_a_login_that_is_taken_can_still_be_used(people: People) -> None:
    people.add("ada", by="operator")
    key, _ = people.invitations.make(by="operator")
    with pytest.raises(LoginTaken):
        people.invitations.accept(key, login="Ada", name="", password=GOOD)
    assert people.invitations.accept(key, login="ada2", name="", password=GOOD).login == "ada2"


def test_many_who_accept_one_invitation_at_one_time_make_one_account(people: People) -> None:
    key, _ = people.invitations.make(by="operator")

    def accept(number: int) -> bool:
        try:
            people.invitations.accept(key, login=f"racer {number}", name="", password=GOOD)
        except LinkInvalid:
            return False
        return True

    with ThreadPoolExecutor(8) as racers:
        assert sum(racers.map(accept, range(16))) == 1
    assert len(people.list()) == 1


def test_a_link_sets_a_password_and_ends_sessions(people: People) -> None:
    ada = people.add("ada", by="operator", password=GOOD)
    session = people.sessions.begin(ada.person)
    key, _ = people.invitations.make_for(ada.id, by="operator")
    assert people.invitations.accept(key, login="eve", name="Eve", password=OTHER) == ada
    assert people.sessions.visit(session).person is None
    assert people.sign_in("ada", OTHER, HERE) == ada
    asked_twice = [people.invitations.make_for(ada.id, by="operator")[0] for _ in range(2)]
    people.invitations.accept(asked_twice[0], login="", name="", password=GOOD)
    changed, _ = people.invitations.make_for(ada.id, by="operator")
    people.set_password("ada", OTHER, by=ada.id)
    closed, _ = people.invitations.make_for(ada.id, by="operator")
    people.close("ada", by="operator")
    people.reopen("ada", by="operator")
    for useless in (asked_twice[1], changed, closed):
        with pytest.raises(LinkInvalid):
            people.invitations.accept(useless, login="", name="", password=GOOD)


def test_tokens_have_scopes_expire_and_are_revoked(people: People, time: Time) -> None:
    ada = people.add("ada", by="operator")
    key, made = people.tokens.make(ada.id, by="operator", name="ci", scopes=[Scope.read, Scope.export], days=2)
    assert key.startswith("upb_")
    assert people.tokens.visit(key) == (ada.person, frozenset({Scope.read, Scope.export}))
    assert people.tokens.visit(key + "x") is None
    assert not people.tokens.revoke(made.id, by="operator", person="p-somebody")
    assert people.tokens.revoke(made.id, by="operator")
    assert people.tokens.visit(key) is None
    late, _ = people.tokens.make(ada.id, by="operator", name="late", scopes=[Scope.read], days=1)
    time.passes(days=1, seconds=1)
    assert people.tokens.visit(late) is None
    for scopes, days in (((), 1.0), ((Scope.read,), 1000.0), ((Scope.read,), 0.0)):
        with pytest.raises(WrongValue):
            people.tokens.make(ada.id, by="operator", name="bad", scopes=scopes, days=days)


def test_a_person_has_a_bounded_number_of_tokens(people: People, time: Time) -> None:
    ada = people.add("ada", by="operator").id
    for number in range(MOST):
        people.tokens.make(ada, by=ada, name=str(number), scopes=[Scope.read], days=30)
    with pytest.raises(WrongValue, match="at most 50"):
        people.tokens.make(ada, by=ada, name="more", scopes=[Scope.read])
    assert people.tokens.revoke(people.tokens.list(ada)[0].id, by=ada, person=ada)
    people.tokens.make(ada, by=ada, name="more", scopes=[Scope.read])
    time.passes(days=31)
    assert people.tokens.make(ada, by=ada, name="later", scopes=[Scope.read])[1].name == "later"


def test_the_database_holds_nothing_that_lets_anybody_in(people: People, database: Database) -> None:
    ada = people.add("ada", by="operator", password=GOOD)
    keys = [
        people.sessions.begin(ada.person),
        people.tokens.make(ada.id, by="operator", name="t", scopes=[Scope.read])[0],
        people.invitations.make(by="operator")[0],
    ]
    with pytest.raises(WrongPassword):
        people.sign_in("my password typed as a name", OTHER, HERE)
    with database.read() as connection:
        tables = (PEOPLE, SESSIONS, TOKENS, INVITATIONS, FAILURES)
        stored = repr([connection.execute(select(table)).all() for table in tables])
    for secret in (*keys, GOOD, OTHER, "typed as a name"):
        assert secret not in stored
    assert "$argon2id$" in stored


def guess(people: People, tried: Attempt, login: str = "ada") -> bool:
    """Whether a wrong password was looked at."""
    try:
        people.sign_in(login, OTHER, tried)
    except WrongPassword:
        return True
    except TooMany:
        return False
    raise AssertionError("a wrong password let somebody in")


def test_guessing_is_slowed_by_name_and_a_restart_forgets_nothing(
    people: People, database: Database, time: Time
) -> None:
    people.add("ada", by="operator", password=GOOD)
    looked = sum(guess(people, Attempt(address=f"192.0.2.{n}")) for n in range(50))
    assert looked == 6
    again = People(database, clock=time, passwords=quick_passwords())
    with pytest.raises(TooMany) as told:
        again.sign_in("ada", GOOD, Attempt(address="198.51.100.1"))
    assert 1 <= told.value.seconds <= 30
    time.passes(seconds=30)
    assert again.sign_in("ada", GOOD, Attempt(address="198.51.100.1")).login == "ada"


def test_strangers_lock_nobody_out_of_a_browser_that_is_known(people: People, time: Time) -> None:
    people.add("ada", by="operator", password=GOOD)
    for number in range(300):  # a day of failing from everywhere
        guess(people, Attempt(address=f"10.0.{number}.1"))
        time.passes(minutes=4)
    for number in range(9):
        guess(people, Attempt(address=f"10.9.{number}.1"))
    assert not guess(people, Attempt(address="192.0.2.1"))
    assert people.sign_in("ada", GOOD, Attempt(address="192.0.2.1", browser="known")).login == "ada"
    time.passes(seconds=30)  # and everybody else is let in after half a minute at most
    assert people.sign_in("ada", GOOD, Attempt(address="192.0.2.1")).login == "ada"


def test_guessing_at_many_names_is_slowed_by_address(people: People, time: Time) -> None:
    assert sum(guess(people, Attempt(address="2001:db8::1"), f"name {n}") for n in range(40)) == 21
    assert not guess(people, Attempt(address="2001:db8::ffff"), "yet another")
    assert guess(people, Attempt(address="2001:db8:0:1::1"), "yet another")
    people.add("eve", by="operator", password=GOOD)
    time.passes(seconds=2)
    people.sign_in("eve", GOOD, Attempt(address="2001:db8::1"))  # an own account does not wipe the slate
    assert guess(people, Attempt(address="2001:db8::1"), "name 100")
    assert not guess(people, Attempt(address="2001:db8::1"), "name 101")
    time.passes(days=1, seconds=1)
    assert guess(people, Attempt(address="2001:db8::1"), "name 102")


def test_guesses_at_one_time_are_counted_like_those_one_after_another(people: People) -> None:
    people.add("ada", by="operator", password=GOOD)
    with ThreadPoolExecutor(8) as racers:
        looked = sum(racers.map(lambda n: guess(people, Attempt(address=f"10.0.0.{n}")), range(40)))
    assert looked == 6
