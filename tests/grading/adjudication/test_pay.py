"""The pay ledger: by time, never by verdict."""

from __future__ import annotations

import csv
import io

import pytest
from pydantic import ValidationError

from core import Database
from grading.adjudication import pay
from grading.adjudication.pay import (
    PayItem,
    PayRule,
    amount_of,
    enter_due,
    ledger,
    mark_paid,
    money,
    paid_seconds,
    rule_now,
    set_rule,
    totals,
)
from grading.adjudication.pay_csv import guarded, pay_csv
from tests.grading.adjudication.support import GOOD, publish, say

RULE = PayRule(currency="EUR", hourly=6000, minutes_per_criterion=2, most=3)


@pytest.mark.parametrize(
    ("criteria", "active", "seconds"),
    [(5, None, 600), (5, 100, 100), (5, 700, 700), (5, 90_000, 1800), (0, None, 120), (5, 0, 0)],
)
def test_active_time_is_paid_up_to_so_many_times_the_estimate(
    criteria: int, active: int | None, seconds: int
) -> None:
    assert paid_seconds(RULE, criteria, active) == seconds


def test_amounts_are_whole_and_rounded_up_and_the_hourly_rate_is_a_floor() -> None:
    assert amount_of(RULE, 600) == 1000
    assert amount_of(RULE, 1) == 2
    piece = RULE.model_copy(update={"per_review": 900})
    assert [amount_of(piece, seconds) for seconds in (0, 540, 600)] == [900, 900, 1000]
    assert [money(1230, "EUR"), money(5, "EUR"), money(1200, "JPY"), money(1, "KWD")] == [
        "12.30 EUR",
        "0.05 EUR",
        "1200 JPY",
        "0.001 KWD",
    ]
    for wrong in ({"hourly": -1}, {"hourly": 1.5}, {"currency": "eur"}, {"most": 0.5}):
        with pytest.raises(ValidationError):
            PayRule.model_validate(RULE.model_dump() | wrong)


def test_what_is_locked_is_owed_once_whatever_was_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as connection:
        row = publish(connection)
        say(connection, row, "early", GOOD, ts="2026-01-01T00:00:00+00:00")
        assert (enter_due(connection), rule_now(connection)) == (0, None)
        monkeypatch.setattr(pay, "now", lambda: "2026-02-01T00:00:00+00:00")
        set_rule(connection, RULE, "lea")
        say(connection, row, "anna", GOOD, minutes=10.0, ts="2026-02-02T00:00:00+00:00")
        fails = dict.fromkeys(GOOD, "fail")
        say(connection, row, "bert", fails, judgement="fail", minutes=10.0, ts="2026-02-02T00:00:00+00:00")
        say(connection, row, "anna", {"rows": "fail"}, revision=2, ts="2026-02-03T00:00:00+00:00")
        say(connection, row, "checks", GOOD, grader_kind="check", ts="2026-02-03T00:00:00+00:00")
        monkeypatch.setattr(pay, "now", lambda: "2026-03-01T00:00:00+00:00")
        set_rule(connection, RULE.model_copy(update={"hourly": 12_000}), "lea")
        for number, criterion in enumerate(("rows", "tone"), start=1):
            more = {"stage": "adjudication", "revision": number, "ts": "2026-03-02T00:00:00+00:00"}
            say(connection, row, "carl", {criterion: "pass"}, judgement=None, **more)
        assert [enter_due(connection), enter_due(connection)] == [4, 0]
        owed = {(item.person, item.stage, item.amount, item.rule) for item in ledger(connection)}
        mine = [item.person for item in ledger(connection, "carl")]
    assert owed == {("anna", "primary", 1000, 1), ("bert", "primary", 1000, 1), ("carl", "adjudication", 400, 2)}
    assert mine == ["carl", "carl"]


def test_what_is_paid_is_paid_once(database: Database) -> None:
    with database.write() as connection:
        row = publish(connection)
        set_rule(connection, RULE, "lea")
        numbers = [say(connection, row, name, GOOD, ts="2999-01-01T00:00:00+00:00") for name in ("anna", "bert")]
        enter_due(connection)
        assert [mark_paid(connection, numbers[:1], "lea"), mark_paid(connection, numbers, "mia")] == [1, 1]
        items = ledger(connection)
        assert [one.model_dump() for one in totals(connection)] == [
            {"currency": "EUR", "state": "paid", "amount": 2000, "count": len(items)}
        ]
        assert {item.person: item.paid_by for item in items} == {"anna": "lea", "bert": "mia"}
        assert (mark_paid(connection, [], "lea"), mark_paid(connection, [99], "lea")) == (0, 0)


def test_the_csv_holds_no_formula() -> None:
    names = ("=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", " =1", 'quo"te, comma')
    items = [
        PayItem(
            evaluation=n,
            person=name,
            stage="primary",
            criteria=1,
            active_seconds=None,
            paid_seconds=120,
            amount=1234,
            currency="EUR",
            rule=1,
            state="due",
            due="2026-02-02T00:00:00+00:00",
        )
        for n, name in enumerate(names)
    ]
    rows = list(csv.DictReader(io.StringIO(pay_csv(items))))
    assert [row["person"] for row in rows] == [f"'{name}" for name in names[:-1]] + [names[-1]]
    assert {(row["amount"], row["amount_minor"], row["active_seconds"]) for row in rows} == {("12.34", "1234", "")}
    assert guarded("plain") == "plain"
