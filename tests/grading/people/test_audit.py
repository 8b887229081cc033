"""The audit log: there with what it tells of or not at all, in a chain that shows where somebody changed it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, insert, select, update

from core import Database
from grading.people.audit import append_audit, read_audit, verify_audit
from grading.people.people import Attempt, People
from grading.people.person import Role
from grading.people.problems import PeopleProblem
from grading.people.refused import ACTION, IN_AN_HOUR, NOBODY
from grading.people.tables import AUDIT, AUDIT_HEAD
from tests.grading.people.support import Time


@pytest.fixture
def filled(database: Database) -> Database:
    for number in range(1, 8):
        with database.write() as connection:
            append_audit(connection, actor="p-1", action="test", subject=f"s{number}", detail={"n": number})
    assert verify_audit(database).broken is None
    return database


def test_every_change_of_people_is_told(people: People, database: Database) -> None:
    ada = people.add("ada", by="operator")
    people.change("ada", by="p-lead", roles=[Role.lead])
    people.change("ada", by="p-lead", roles=[Role.lead])  # changes nothing
    people.close("ada", by="p-lead")
    people.reopen("ada", by="p-lead")
    people.set_password("ada", "five oak trees", by="operator")
    key, _ = people.invitations.make(by="p-lead")
    people.invitations.accept(key, login="bob", name="", password="five oak trees")
    told = [(row.actor, row.action) for row in reversed(read_audit(database))]
    bob = people.get("bob").id
    assert told == [
        ("operator", "person.add"),
        ("p-lead", "person.change"),
        ("p-lead", "person.close"),
        ("p-lead", "person.reopen"),
        ("operator", "person.password"),
        ("p-lead", "invitation.make"),
        (bob, "invitation.accept"),
    ]
    change = read_audit(database, before=3, last=1)[0]
    assert change.subject == ada.id
    assert change.detail == {"before": {"roles": '["reviewer"]'}, "after": {"roles": '["lead"]'}}
    assert "oak" not in repr(read_audit(database))
    assert verify_audit(database).rows == 7


def test_what_is_rolled_back_leaves_no_row(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            append_audit(connection, actor="p-1", action="test", subject="s")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert verify_audit(database).rows == 0


@pytest.mark.parametrize("column", ["ts", "actor", "action", "subject", "detail", "previous", "digest"])
def test_a_changed_row_is_named(filled: Database, column: str) -> None:
    with filled.write() as connection:
        connection.execute(update(AUDIT).where(AUDIT.c.number == 4).values({column: "forged"}))
    assert verify_audit(filled).broken == 4
    assert [row.number for row in read_audit(filled)] == [7, 6, 5, 4, 3, 2, 1]  # and all of it can be looked at


def test_a_removed_row_is_named(filled: Database) -> None:
    with filled.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.number == 3))
    assert verify_audit(filled).broken == 3


def test_a_removed_end_is_named(filled: Database) -> None:
    with filled.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.number > 5))
    assert verify_audit(filled).broken == 6


def test_a_row_put_in_at_the_end_is_named(filled: Database) -> None:
    with filled.write() as connection:
        last = connection.execute(select(AUDIT).where(AUDIT.c.number == 7)).one()._asdict()
        connection.execute(insert(AUDIT).values(last | {"number": 8}))
    assert verify_audit(filled).broken == 8


def test_all_rows_removed_with_the_head_left(filled: Database) -> None:
    with filled.write() as connection:
        connection.execute(delete(AUDIT))
    assert verify_audit(filled).broken == 1
    with filled.write() as connection:
        connection.execute(delete(AUDIT_HEAD))
    assert verify_audit(filled).broken == 1


def test_many_who_append_at_one_time_make_one_chain(database: Database) -> None:
    def append(number: int) -> int:
        with database.write() as connection:
            return append_audit(connection, actor=f"p-{number}", action="test", subject="s")

    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(append, range(80)))
    assert sorted(numbers) == list(range(1, 81))
    state = verify_audit(database)
    assert (state.rows, state.broken) == (80, None)
    assert len(state.head) == 64


def refused(people: People, login: str, password: str = "nine tall ships") -> None:
    with pytest.raises(PeopleProblem):
        people.sign_in(login, password, Attempt(address="192.0.2.7"))


def test_a_refused_sign_in_is_told_more_and_more_rarely_and_without_what_was_typed(
    people: People, database: Database, time: Time
) -> None:
    ada = people.add("ada", by="operator", password="five oak trees").id
    for _ in range(9):
        refused(people, "ada")
        refused(people, "typed by mistake")
        time.passes(hours=1)
    told = [row for row in reversed(read_audit(database)) if row.action == ACTION]
    assert [(row.subject, row.detail["failures"]) for row in told if row.subject == ada] == [
        (ada, 1), (ada, 2), (ada, 4), (ada, 8),
    ]  # fmt: skip
    assert [row.detail["failures"] for row in told if row.subject == NOBODY] == [1, 2, 4, 8]
    assert told[0].detail == {"by": "password", "address": "192.0.2.7", "failures": 1, "why": "wrong"}
    assert {row.actor for row in told} == {NOBODY}
    assert "ships" not in repr(told)
    assert "mistake" not in repr(told)
    people.close("ada", by="operator")
    refused(people, "ada", "five oak trees")
    assert (read_audit(database)[0].subject, read_audit(database)[0].detail["why"]) == (ada, "closed")
    assert verify_audit(database).broken is None


def test_refused_sign_ins_of_an_hour_do_not_fill_the_log(people: People, database: Database, time: Time) -> None:
    for number in range(IN_AN_HOUR + 5):
        people.note_refused(NOBODY, {"number": number})
    people.add("ada", by="operator")  # what is done goes on being told
    assert [row.action for row in read_audit(database, last=1000)].count(ACTION) == IN_AN_HOUR
    time.passes(hours=1, seconds=1)
    people.note_refused(NOBODY, {"number": "later"})
    assert read_audit(database)[0].detail == {"number": "later"}
