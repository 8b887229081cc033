"""A criterion at fault: tickets, and what is voided for all."""

from __future__ import annotations

import pytest

from core import Database
from grading.adjudication.problems import Decided, NoSuchReview, NotReady
from grading.adjudication.tickets import decide, open_ticket, set_voided, tickets
from grading.adjudication.triggers import still_open
from grading.adjudication.voids import history_of, voided_in
from tests.grading.adjudication.support import due, publish, row_of, two_who_differ


def test_a_ticket_that_is_kept_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        publish(connection)
        alias = open_ticket(connection, "item", "tone", "anna", " What is plain? ")
        assert open_ticket(connection, "item", "tone", "anna", "What is plain?") == alias
        assert decide(connection, alias, "lea", "keep", "As the style guide says.") == []
        (ticket,) = tickets(connection)
        assert voided_in(connection, ["g"]) == {}
        with pytest.raises(Decided):
            decide(connection, alias, "lea", "void", "No.")
    assert (ticket.state, ticket.answer, ticket.decided_by) == ("kept", "As the style guide says.", "lea")
    assert (ticket.title, ticket.criterion.text, ticket.submissions) == ("A lead list", "Speaks plainly", 1)


def test_a_voided_criterion_is_so_for_every_submission_of_its_rubric_and_ends_its_adjudications(
    database: Database,
) -> None:
    two_who_differ(database)
    two_who_differ(database, "other")
    with database.write() as connection:
        publish(connection, "elsewhere", rubric="another")
        first = open_ticket(connection, "item", "rows", "anna", "17 or 18?")
        open_ticket(connection, "other", "rows", "bert", "Nobody can know.")
        assert decide(connection, first, "lea", "void", "It cannot be judged.") == ["item", "other"]
        assert voided_in(connection, ["g", "another"]) == {"g": {"rows"}}
        assert {ticket.state for ticket in tickets(connection)} == {"voided"}
        assert [still_open(connection, alias) for alias in ("item", "other")] == [0, 0]
        assert due(connection, row_of(connection)) == 0, "and none is opened again"


def test_a_criterion_counts_again_and_every_decision_is_kept(database: Database) -> None:
    two_who_differ(database)
    with database.write() as connection:
        for voided in (True, True, False, False, True, False):
            set_voided(connection, "g", "rows", voided=voided, by="lea", reason=f"now {voided}")
        assert voided_in(connection, ["g"]) == {}
        assert still_open(connection, "item") == 1
        history = history_of(connection, "g")
    assert [(one.number, one.voided) for one in history] == [(1, True), (2, False), (3, True), (4, False)]
    assert {one.decided_by for one in history} == {"lea"}


def test_what_is_refused(database: Database) -> None:
    with database.write() as connection:
        publish(connection)
        for item, criterion in (("nothing", "rows"), ("item", "nothing")):
            with pytest.raises(NoSuchReview):
                open_ticket(connection, item, criterion, "anna", "why")
        with pytest.raises(NotReady, match="say what is wrong"):
            open_ticket(connection, "item", "rows", "anna", "  ")
        with pytest.raises(NotReady, match="characters"):
            open_ticket(connection, "item", "rows", "anna", "x" * 5000)
        long = open_ticket(connection, "item", "rows", "anna", "x" * 4000)
        with pytest.raises(NotReady, match="say why"):
            decide(connection, long, "lea", "void", " ")
        with pytest.raises(NoSuchReview):
            decide(connection, "nothing", "lea", "void", "why")
        for digest, criterion in (("nothing", "rows"), ("g", "nothing")):
            with pytest.raises(NoSuchReview):
                set_voided(connection, digest, criterion, voided=True, by="lea", reason="why")
        with pytest.raises(NotReady):
            set_voided(connection, "g", "rows", voided=True, by="lea", reason="")
        assert voided_in(connection, ["g"]) == {}
