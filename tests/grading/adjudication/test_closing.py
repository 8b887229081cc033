"""Adjudications are opened once, closed once, and then stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from core import Database
from grading import records_of
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.problems import Decided, NoSuchReview, NotReady, OwnReview
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import tickets
from grading.book import read_evaluations
from grading.record import judgement_of_record
from tests.grading.adjudication.support import GOOD, due, publish, row_of, say, two_who_differ

FAIL = Decision(verdict="fail", reason=Reason.evidence_missed, feedback="Row 9 is empty.", note="See row 9.")


def test_adjudications_are_opened_once_and_only_where_two_reviewed(database: Database) -> None:
    with database.write() as connection:
        row = publish(connection)
        say(connection, row, "anna", GOOD | {"rows": "cannot_judge"})
        assert due(connection, row) == 0
        say(connection, row, "bert", GOOD | {"extra": "fail"}, judgement="fail")
        assert [due(connection, row) for _ in range(3)] == [3, 3, 3]
        rows = connection.execute(select(ADJUDICATIONS).order_by(ADJUDICATIONS.c.criterion)).all()
    assert [(r.item, r.criterion, r.state) for r in rows] == [
        ("item", name, "open") for name in ("", "extra", "rows")
    ]
    assert len({r.alias for r in rows}) == 3


def test_a_closed_adjudication_is_the_verdict_of_record_and_asks_whether_all_is_settled(
    database: Database,
) -> None:
    alias = two_who_differ(database)
    asked: list[tuple[str, int]] = []
    with database.write() as connection:
        settle = lambda connection, item: asked.append((item, due(connection, row_of(connection))))  # noqa: E731
        assert close(connection, alias, "carl", FAIL, settle=settle) == "item"
        (row,) = connection.execute(select(ADJUDICATIONS)).all()
        said = read_evaluations(connection, ["attempt-of-item"])
    assert asked == [("item", 0)]
    assert (row.state, row.adjudicator, row.reason) == ("closed", "carl", "evidence_missed")
    record = records_of(said)["rows"]
    assert (record.verdict, record.source) == ("fail", "adjudication")
    assert said[-1].verdicts[0].feedback == "Row 9 is empty."
    assert [e.grader for e in said] == ["anna", "bert", "carl"], "what reviewers said is kept"


def test_one_adjudicator_decides_several_of_one_submission(database: Database) -> None:
    with database.write() as connection:
        row = publish(connection)
        say(connection, row, "anna", GOOD)
        say(connection, row, "bert", GOOD | {"rows": "fail", "extra": "fail"}, judgement="fail")
        assert due(connection, row) == 3
        for case in connection.execute(select(ADJUDICATIONS)).all():
            decided: dict[str, Any] = {"verdict": "pass"} if case.criterion else {"judgement": "fail"}
            close(connection, case.alias, "carl", Decision(reason=Reason.error, **decided))
        assert due(connection, row) == 0
        said = read_evaluations(connection, [row.attempt_id])
    records = records_of(said)
    assert {name: records[name].source for name in ("rows", "extra", "tone")} == {
        "rows": "adjudication",
        "extra": "adjudication",
        "tone": "reviewers",
    }
    assert judgement_of_record(said) == "fail"


def test_what_is_refused(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        with pytest.raises(NoSuchReview):
            close(connection, "nothing", "carl", FAIL)
        for reviewer in ("anna", "bert"):
            with pytest.raises(OwnReview):
                close(connection, alias, reviewer, FAIL)
        with pytest.raises(NotReady, match="verdict is lacking"):
            close(connection, alias, "carl", Decision(judgement="pass", reason=Reason.error))
        with pytest.raises(NotReady, match="needs feedback"):
            close(connection, alias, "carl", FAIL.model_copy(update={"feedback": "  "}))
        assert len(read_evaluations(connection, ["attempt-of-item"])) == 2
        close(connection, alias, "anna", FAIL, own_reviews=True)
        with pytest.raises(Decided):
            close(connection, alias, "carl", FAIL)


def test_of_many_who_decide_at_one_time_one_is_heard(database: Database) -> None:
    alias = two_who_differ(database)

    def decide(person: str) -> bool:
        try:
            with database.write() as connection:
                close(connection, alias, person, FAIL)
        except Decided:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(decide, [f"judge{n}" for n in range(8)]))
    assert heard.count(True) == 1
    with database.read() as connection:
        said = read_evaluations(connection, ["attempt-of-item"])
    assert [e.stage for e in said] == ["primary", "primary", "adjudication"]


def test_an_ambiguous_criterion_gets_a_ticket(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        decision = FAIL.model_copy(update={"reason": Reason.criterion_ambiguous, "note": "Rows with a header?"})
        close(connection, alias, "carl", decision)
        (ticket,) = tickets(connection)
        assert connection.execute(select(func.count()).select_from(ADJUDICATIONS)).scalar_one() == 1
    assert (ticket.criterion.id, ticket.opened_by, ticket.text) == ("rows", "carl", "Rows with a header?")
