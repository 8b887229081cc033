"""The pay ledger: by time, never by verdict."""

from __future__ import annotations

import csv
import io

import pytest
from pydantic import ValidationError

from core import Database
from grading.adjudication import bonus, pay_rule
from grading.adjudication.bonus import bonuses, end_of
from grading.adjudication.gold import GoldKey, set_gold_keys
from grading.adjudication.pay import PayItem, enter_all, enter_due, ledger, mark_paid, totals
from grading.adjudication.pay_csv import guarded, pay_csv
from grading.adjudication.pay_rule import PayRule, amount_of, money, paid_seconds, rule_now, set_rule
from grading.adjudication.periods import months, pay_months, people_of
from grading.adjudication.tables import ADJUDICATION_MIGRATIONS
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
        monkeypatch.setattr(pay_rule, "now", lambda: "2026-02-01T00:00:00+00:00")
        set_rule(connection, RULE, "lea")
        say(connection, row, "anna", GOOD, minutes=10.0, ts="2026-02-02T00:00:00+00:00")
        fails = dict.fromkeys(GOOD, "fail")
        say(connection, row, "bert", fails, judgement="fail", minutes=10.0, ts="2026-02-02T00:00:00+00:00")
        say(connection, row, "anna", {"rows": "fail"}, revision=2, ts="2026-02-03T00:00:00+00:00")
        say(connection, row, "checks", GOOD, grader_kind="check", ts="2026-02-03T00:00:00+00:00")
        monkeypatch.setattr(pay_rule, "now", lambda: "2026-03-01T00:00:00+00:00")
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
        said = [say(connection, row, name, GOOD, ts="2999-01-01T00:00:00+00:00") for name in ("anna", "bert")]
        numbers = [(number, 1) for number in said]
        enter_due(connection)
        assert [mark_paid(connection, numbers[:1], "lea"), mark_paid(connection, numbers, "mia")] == [1, 1]
        items = ledger(connection)
        assert [one.model_dump() for one in totals(connection)] == [
            {"currency": "EUR", "state": "paid", "amount": 2000, "count": len(items)}
        ]
        assert {item.person: item.paid_by for item in items} == {"anna": "lea", "bert": "mia"}
        assert (mark_paid(connection, [], "lea"), mark_paid(connection, [(99, 1), (said[0], 2)], "lea")) == (0, 0)


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


def test_a_bonus_comes_in_bands_on_a_month_that_is_over_and_months_are_paid_as_they_were_shown(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = GOOD | {"rows": "fail", "tone": "fail"}
    keys = {name: GoldKey(verdict="fail" if word == "fail" else "pass") for name, word in right.items()}
    bands = [{"accuracy": 0.95, "percent": 10}, {"accuracy": 0.85, "percent": 5}]
    monkeypatch.setattr(pay_rule, "now", lambda: "2026-01-01T00:00:00+00:00")
    monkeypatch.setattr(bonus, "now", lambda: "2026-02-28T00:00:00+00:00")
    with database.write() as connection:
        set_rule(connection, PayRule.model_validate(RULE.model_dump() | {"bands": bands}), "lea")
        for number in range(3):
            row = publish(connection, f"item-{number}")
            set_gold_keys(connection, row.alias, keys, "x")
            one_wrong = right | ({"rows": "pass"} if number == 0 else {})
            for person, said in (("anna", right), ("bert", one_wrong), ("carl", GOOD)):
                more = {"stage": "gold", "minutes": 10.0, "ts": f"2026-02-0{number + 1}T00:00:00+00:00"}
                say(connection, row, person, said, **more)
        say(connection, publish(connection, "other"), "dora", GOOD, minutes=10.0, ts="2026-02-05T00:00:00+00:00")
    assert enter_all(database) == 10
    assert enter_all(database) == 0, "the month is not over"
    monkeypatch.setattr(bonus, "now", lambda: "2026-03-01T00:00:00+00:00")
    assert [enter_all(database), enter_all(database)] == [4, 0]
    with database.write() as connection:
        assert {one.person: (one.percent, one.amount) for one in bonuses(connection)} == {
            "anna": (10, 300),
            "bert": (5, 150),
            "carl": (0, 0),
            "dora": (0, 0),
        }
        assert [month.model_dump() for month in months(connection)] == [
            {"period": "2026-02", "currency": "EUR", "due": 10_450, "paid": 0}
        ]
        shown = {one.person: one for one in people_of(connection, "2026-02")}
        assert (shown["anna"].reviews, shown["anna"].whole, shown["bert"].due) == (3, 3300, 3150)
        mark_paid(connection, [(one.evaluation, 1) for one in ledger(connection, "bert")][:1], "lea")
        done, others = pay_months(connection, "2026-02", [shown["anna"].key, shown["bert"].key], "lea")
        assert ([one.person for one in done], others) == (["anna"], 1), "bert's is not what was shown"
        assert [(one.due, one.paid) for one in months(connection)] == [(6150, 4300)]
        assert [one.person for one in people_of(connection, "2026-02") if not one.due] == ["anna"]
        rows = list(csv.DictReader(io.StringIO(pay_csv(ledger(connection), bonuses(connection)))))
    on_top = [(row["person"], row["amount"], row["bonus_percent"]) for row in rows if row["stage"] == "bonus"]
    assert on_top == [("anna", "3.00", "10"), ("bert", "1.50", "5")]
    assert end_of("2026-12") == "2027-01-01T00:00:00+00:00"


def test_a_ledger_of_one_entry_a_piece_of_work_is_taken_over(database: Database) -> None:
    with database.write() as connection:
        set_rule(connection, RULE, "lea")
        number = say(connection, publish(connection), "anna", GOOD, ts="2999-01-01T00:00:00+00:00")
        enter_due(connection)
        before = ledger(connection)
        names = ", ".join(name for name in PayItem.model_fields if name != "number")
        connection.exec_driver_sql(f"CREATE TABLE old AS SELECT {names} FROM pay")
        connection.exec_driver_sql("DROP TABLE pay")
        connection.exec_driver_sql("ALTER TABLE old RENAME TO pay")
        ADJUDICATION_MIGRATIONS[-1].apply(connection)
        assert (ledger(connection), mark_paid(connection, [(number, 1)], "lea")) == (before, 1)
        ADJUDICATION_MIGRATIONS[-1].apply(connection)
        assert [one.state for one in ledger(connection)] == ["paid"]
