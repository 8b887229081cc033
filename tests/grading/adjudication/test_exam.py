"""Gold keys, the exam, and what pauses a reviewer."""

from __future__ import annotations

import pytest

from core import Database
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.exam import Answer, Qualification, balanced_accuracy, standing, standing_of
from grading.adjudication.gold import GoldKey, gold_items, keys_from_record, keys_of, retire_gold, set_gold_keys
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tickets import set_voided
from rubrics import Verdict
from tests.grading.adjudication.support import GOOD, publish, say, two_who_differ

P, F, N = Verdict.passed, Verdict.failed, Verdict.cannot_judge


def answers(text: str) -> list[Answer]:
    """Pairs of what was said and what is right, as `pp pf`; `A`: right is a fail for something absent."""
    words = {"p": P, "f": F, "n": N, "A": F}
    return [Answer(words[pair[0]], words[pair[1]], pair[1] == "A") for pair in text.split()]


RIGHT = "pp " * 6 + "ff " * 6


@pytest.mark.parametrize(
    ("text", "accuracy"),
    [
        ("pp ff", 1.0),
        ("pp pp pp pf", 0.5),  # says pass whatever is there
        ("pp pp pf ff", 0.75),
        ("np ff", 0.5),  # not to judge is not right
        ("pp pp", None),
        ("", None),
    ],
)
def test_balanced_accuracy(text: str, accuracy: float | None) -> None:
    assert balanced_accuracy(answers(text)) == accuracy


@pytest.mark.parametrize(
    ("sittings", "state"),
    [
        ([], Qualification.unexamined),
        ([""], Qualification.unexamined),
        (["pp ff"], Qualification.candidate),
        ([RIGHT], Qualification.qualified),
        (["pp " * 6, "ff " * 6], Qualification.qualified),
        (["pp " * 6 + "ff " * 5], Qualification.candidate),  # eleven
        (["pp " * 12], Qualification.candidate),  # of one kind: not defined
        (["pp " * 6 + "ff " * 4 + "pf pf"], Qualification.candidate),
        (["pp " * 6 + "ff " * 10 + "pA"], Qualification.candidate),  # .95, but passed what is not there
        (["pp " * 6 + "fA " * 6], Qualification.qualified),
        ([RIGHT, "pf " * 5], Qualification.qualified),  # (1 + 6/11) / 2 = .77
        ([RIGHT, "pf " * 7], Qualification.paused),
        ([RIGHT, "pf " * 7, "pp ff"], Qualification.paused),
        ([RIGHT, "pf " * 7, RIGHT], Qualification.qualified),
        # What is long past counts no more.
        ([RIGHT, *["pp ff " * 6] * 5, "pf " * 9], Qualification.qualified),
        ([RIGHT, *["pp ff " * 6] * 5, *["pf pp " * 9] * 2], Qualification.paused),
    ],
)
def test_how_somebody_stands(sittings: list[str], state: Qualification) -> None:
    found = standing([answers(one) for one in sittings])
    assert found.state == state
    assert found.answers <= 60


def test_keys_and_what_people_said_of_them(database: Database) -> None:
    with database.write() as connection:
        row = publish(connection)
        other = publish(connection, "plain")
        keys = {name: GoldKey(verdict="pass") for name in ("rows", "tone")} | {
            "ads": GoldKey(verdict="fail", absent=True)
        }
        set_gold_keys(connection, "item", keys, "lea")
        say(connection, row, "anna", GOOD, stage="gold")
        say(connection, row, "anna", GOOD | {"ads": "fail"}, stage="gold", revision=2)
        say(connection, row, "bert", GOOD)  # no gold review, whatever the item is
        say(connection, other, "anna", GOOD, stage="gold")  # no key
        found = standing_of(connection, "anna")
        assert (found.state, found.answers, found.passed_absences) == (Qualification.candidate, 3, 1)
        assert found.accuracy == 0.5, "the first revision counts"
        assert standing_of(connection, "bert").state == Qualification.unexamined
        set_voided(connection, "g", "ads", voided=True, by="lea", reason="unclear")
        assert standing_of(connection, "anna").answers == 2
        set_gold_keys(connection, "item", {"rows": GoldKey(verdict="fail", why="16 rows")}, "lea")
        assert keys_of(connection, "item")["rows"] == GoldKey(verdict="fail", why="16 rows")
        assert gold_items(connection) == ["item"]
        with pytest.raises(NoSuchReview):
            set_gold_keys(connection, "item", {"nothing": GoldKey(verdict="pass")}, "lea")
        retire_gold(connection, "item")
        assert (keys_of(connection, "item"), gold_items(connection)) == ({}, [])
        assert standing_of(connection, "anna").state == Qualification.unexamined


def test_keys_come_from_what_was_adjudicated_or_said_by_all(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        assert set(keys_from_record(connection, "item")) == {*GOOD} - {"rows"}
        close(connection, alias, "carl", Decision(verdict="fail", feedback="16", reason=Reason.error))
        found = keys_from_record(connection, "item")
        assert {name: key.verdict for name, key in found.items()} == GOOD | {"rows": "fail"}
        alone = publish(connection, "alone")
        say(connection, alone, "anna", GOOD)
        assert keys_from_record(connection, "alone") == {}
