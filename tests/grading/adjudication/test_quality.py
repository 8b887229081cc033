"""What is known of how well somebody reviews."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from core import Database
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.gold import GoldKey, set_gold_keys
from grading.adjudication.heeded import heeded
from grading.adjudication.leniency import leniency
from grading.adjudication.quality import overturned, quality_of, quality_of_all, week_began
from grading.adjudication.tallies import residual_sums
from grading.evaluations import CriterionVerdict, Evidence
from grading.tables import REVIEW_ITEMS
from tests.grading.adjudication.support import GOOD, publish, residuals, row_of, say, two_who_differ


def test_leniency_finds_who_passes_more_than_the_others_and_shrinks_who_said_little() -> None:
    drawn = random.Random(5)
    said = []
    for _ in range(400):
        easy = drawn.random()
        readily = {"mild": easy + 0.25, "strict": easy - 0.25, "fair": easy, "also-fair": easy}
        said.append({name: drawn.random() < chance for name, chance in readily.items()})
    said += [{"rare": True, "fair": False}]
    found = leniency(residuals(said))
    assert found["mild"] > 0.15
    assert found["strict"] < -0.15
    assert abs(found["fair"]) < 0.1
    assert 0 < found["rare"] < 0.6, "one verdict is worth little"


def test_leniency_of_people_who_do_not_differ_or_hardly_met_is_nothing_or_unknown() -> None:
    drawn = random.Random(6)
    alike = [{name: drawn.random() < 0.5 for name in "abc"} for _ in range(300)]
    assert all(abs(value) < 0.08 for value in leniency(residuals(alike)).values())
    same = [dict.fromkeys("ab", number % 2 == 0) for number in range(20)]
    assert leniency(residuals(same)) == {"a": 0.0, "b": 0.0}
    assert leniency(residuals([{"a": True, "b": False}])) == {}
    assert residuals([{"a": True}]) == {}


def test_the_database_sums_residuals_as_one_does_by_hand(database: Database) -> None:
    drawn = random.Random(7)
    said: dict[str, dict[str, bool]] = {}
    with database.write() as connection:
        for number in range(4):
            row = publish(connection, f"item-{number}")
            for grader in drawn.sample("abcd", 3):
                words = {name: drawn.choice(["pass", "fail", "cannot_judge"]) for name in GOOD}
                stage = drawn.choice(["primary", "overlap"])
                say(connection, row, grader, words, stage=stage)
                for name, word in words.items():
                    if word != "cannot_judge":
                        said.setdefault(f"{number}/{name}", {})[grader] = word == "pass"
            say(connection, row, "e", GOOD, stage="gold")
            say(connection, row, "a", dict.fromkeys(GOOD, "pass"), stage="primary", revision=2)
        found = residual_sums(connection)
    by_hand = residuals(list(said.values()))
    assert set(found) == set(by_hand) > {"a"}
    for reviewer, sums in by_hand.items():
        assert found[reviewer].n == sums.n
        assert found[reviewer].total == pytest.approx(sums.total)
        assert found[reviewer].squares == pytest.approx(sums.squares)


def test_quality_counts_what_was_adjudicated_what_is_shown_and_how_long_it_took(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        decision = Decision(verdict="fail", feedback="16 rows", reason=Reason.evidence_missed, note="Count them.")
        close(connection, alias, "carl", decision)
        other = publish(connection, "other")
        shown = CriterionVerdict(
            criterion="rows", verdict="fail", feedback="why", evidence=(Evidence(kind="fact", text="16"),)
        )
        say(connection, other, "bert", {}, said=(shown,), minutes=3.0)
        found = quality_of_all(connection)
        assert set(found) == {"anna", "bert"}, "who only adjudicates is not among the reviewers"
        anna, bert = found["anna"], found["bert"]
        assert (anna.agrees.value, bert.agrees.value) == (0.0, 1.0)
        assert (anna.agrees.n, bert.reviews) == (1, 2)
        assert bert.evidence_of_fails.value == 0.5
        assert (anna.evidence_of_fails.value, anna.evidence_of_fails.why) == (None, "nothing was failed")
        assert (bert.minutes, bert.minutes_per_criterion.value) == (3.0, 3.0)
        assert anna.minutes_per_criterion.why == "no active time is known"
        assert anna.leniency.value is not None
        assert anna.leniency.value >= 0
        assert quality_of(connection, "carl") is None


def test_what_a_reviewer_is_told_of_gold_moves_with_no_lock(database: Database) -> None:
    with database.write() as connection:
        row, other = publish(connection), publish(connection, "other")
        set_gold_keys(connection, "item", {"rows": GoldKey(verdict="fail")}, "lea")
        say(connection, row, "anna", GOOD, stage="gold", ts="2026-11-18T10:00:00+00:00")
        say(connection, other, "anna", GOOD, ts="2026-11-18T11:00:00+00:00")
        began = week_began(datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
        assert began == "2026-11-16T00:00:00+00:00"
        told, known = quality_of(connection, "anna", gold_until=began), quality_of(connection, "anna")
        assert told is not None
        assert known is not None
        assert (told.gold.n, known.gold.n, known.gold.value) == (0, 1, 0.0)
        assert told.standing.answers == 0
        assert (told.reviews, told.evidence.n) == (2, 10), "gold counts like any other review"
        later = quality_of(connection, "anna", gold_until=week_began(datetime(2026, 11, 23, tzinfo=UTC)))
        assert later is not None
        assert later.gold.n == 1


def test_who_was_overturned_is_told_where_and_why_and_by_nobodys_name(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        decision = Decision(verdict="fail", feedback="16 rows", reason=Reason.evidence_missed, note="Count them.")
        close(connection, alias, "carl", decision)
        (told,) = overturned(connection, "anna")
        assert (told.said, told.decided, told.reason, told.note) == (
            "pass",
            "fail",
            "evidence_missed",
            "Count them.",
        )
        assert told.criterion is not None
        assert (told.criterion.id, told.title) == ("rows", "A lead list")
        assert told.week.startswith("20")
        assert not {"carl", "bert", row_of(connection).attempt_id} & set(told.model_dump_json().split('"'))
        assert overturned(connection, "bert") == []
        assert overturned(connection, "carl") == []
        assert GOOD


@pytest.mark.parametrize("judgement", ["pass", "fail"])
def test_an_overturned_judgement_is_told_as_well(database: Database, judgement: str) -> None:
    from sqlalchemy import select

    from grading.adjudication.tables import ADJUDICATIONS
    from tests.grading.adjudication.support import due

    with database.write() as connection:
        row = publish(connection)
        say(connection, row, "anna", GOOD, judgement="pass")
        say(connection, row, "bert", GOOD, judgement="fail")
        assert due(connection, row) == 1
        (case,) = connection.execute(select(ADJUDICATIONS)).all()
        decision = Decision.model_validate({"judgement": judgement, "reason": "legitimately_subjective"})
        close(connection, case.alias, "carl", decision)
        told = {person: overturned(connection, person) for person in ("anna", "bert")}
    wrong = "bert" if judgement == "pass" else "anna"
    assert [person for person, found in told.items() if found] == [wrong]
    assert told[wrong][0].criterion is None


def test_feedback_is_heeded_where_what_was_failed_passes_after_it(database: Database) -> None:
    with database.write() as connection:
        rows = {name: publish(connection, name) for name in ("first", "after", "echo", "waits")}
        for name in ("after", "echo", "waits"):
            settled = None if name == "waits" else "2026-01-01"
            chosen = update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == name)
            connection.execute(chosen.values(previous="first", settled=settled))
        failed = dict.fromkeys(("rows", "tone", "style", "extra"), "fail")
        say(connection, rows["first"], "anna", GOOD | failed)
        say(connection, rows["first"], "bert", GOOD | {"tone": "fail"})
        say(connection, rows["first"], "carl", GOOD | failed, stage="overlap")
        for name in ("echo", "waits"):
            say(connection, rows[name], "anna", GOOD)
        for grader, word in (("anna", "pass"), ("bert", "pass"), ("carl", "fail")):
            said = {"rows": word, "tone": "fail", "extra": "cannot_judge"}
            say(connection, rows["after"], grader, GOOD | said)
        say(connection, rows["after"], "carl", {"extra": "fail"}, revision=2)
        say(connection, rows["after"], "dora", {"tone": "pass"}, judgement=None, stage="adjudication")
        say(connection, rows["after"], "dora", {"style": "fail"}, judgement=None, stage="adjudication", revision=2)
        reworked = select(REVIEW_ITEMS.c.attempt_id).where(REVIEW_ITEMS.c.alias.in_(("after", "waits")))
        found = heeded(connection, reworked, ["anna", "bert", "carl", "dora"])
    # rows: two of three; tone: the adjudicator; style: not, by the adjudicator; extra: nobody could judge.
    assert {name: (figure.value, figure.n) for name, figure in found.items()} == {
        "anna": (pytest.approx(2 / 3), 3),
        "bert": (1.0, 1),
    }
