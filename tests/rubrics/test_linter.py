from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics import Criterion, Importance, Rubric, lint
from rubrics.checks import Opens
from rubrics.linter import RULES, WORDING_RULES, has_errors
from tests.rubrics.examples import (
    COMPOUND,
    DEADLINES,
    GOOD,
    INDEFINITE,
    NAMED_PITFALLS,
    NEGATED_PITFALLS,
    NOT_COMPOUND,
    NOUNS,
    SLOW,
    SUBJECTIVE,
    VAGUE,
    WORKERS,
)


def lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


def rules_on(text: str, importance: Importance = Importance.critical) -> set[str]:
    others = [
        Criterion(id=f"x{n}", importance=Importance.critical, text=f"Cell A{n} equals {n}") for n in range(5)
    ]
    rubric = Rubric(criteria=(Criterion(id="it", importance=importance, text=text), *others))
    return {finding.rule for finding in lint(rubric) if finding.criterion == "it"}


@pytest.mark.parametrize("text", lines(GOOD))
def test_good_criteria_are_left_alone(text: str) -> None:
    assert rules_on(text) == set()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rule, text)
        for rule, block in (
            ("deadline", DEADLINES),
            ("worker", WORKERS),
            ("subjective", SUBJECTIVE),
            ("indefinite", INDEFINITE),
            ("vague", VAGUE),
            ("slow", SLOW),
            ("compound", COMPOUND),
            ("definite", NOUNS),
        )
        for text in lines(block)
    ],
)
def test_bad_wording_is_named(rule: str, text: str) -> None:
    assert rule in rules_on(text)


@pytest.mark.parametrize("text", lines(NOT_COMPOUND))
def test_an_enumeration_is_one_fact(text: str) -> None:
    assert "compound" not in rules_on(text)


@pytest.mark.parametrize("text", lines(NEGATED_PITFALLS))
def test_a_pitfall_that_denies_is_named(text: str) -> None:
    assert "pitfall" in rules_on(text, Importance.pitfall)
    assert "pitfall" not in rules_on(text, Importance.critical)


@pytest.mark.parametrize("text", lines(NAMED_PITFALLS))
def test_a_pitfall_that_names_the_bad_thing_is_fine(text: str) -> None:
    assert rules_on(text, Importance.pitfall) == set()


def criteria(count: int, importance: Importance = Importance.critical) -> tuple[Criterion, ...]:
    return tuple(Criterion(id=f"c{n}", importance=importance, text=f"Cell A{n} equals {n}") for n in range(count))


@pytest.mark.parametrize(("count", "wrong"), [(1, True), (4, True), (5, False), (20, False), (21, True)])
def test_a_rubric_has_five_to_twenty_criteria(count: int, wrong: bool) -> None:
    rules = {finding.rule for finding in lint(Rubric(criteria=criteria(count)))}
    assert ("count" in rules) is wrong


def test_something_must_be_critical() -> None:
    findings = lint(Rubric(criteria=criteria(6, Importance.important)))
    assert [(item.rule, item.level, item.criterion) for item in findings] == [("no-critical", "error", None)]
    assert has_errors(findings)


def test_what_is_said_or_checked_twice_is_named() -> None:
    check = Opens(kind="opens", file="a.pdf")
    twice = Criterion(id="d1", importance=Importance.optional, text="cell a1 equals: 1", check=check)
    same = Criterion(id="d2", importance=Importance.optional, text="The report opens", check=check)
    findings = lint(Rubric(criteria=(*criteria(5), twice, same)))
    assert {(item.criterion, item.rule) for item in findings} == {("d1", "duplicate"), ("d2", "duplicate-check")}


def test_half_a_set_of_weights_is_named() -> None:
    weighted = Criterion(id="w", importance=Importance.critical, text="Cell B1 equals 3", weight=2)
    assert [item.rule for item in lint(Rubric(criteria=(*criteria(5), weighted)))] == ["weights"]
    assert not has_errors(lint(Rubric(criteria=(*criteria(5), weighted))))


def test_what_takes_long_to_say_takes_long_to_verify() -> None:
    assert "long" in rules_on("Sheet lists " + " ".join(["name"] * 80))


def test_findings_name_the_job() -> None:
    findings = lint(Rubric(criteria=criteria(2)), job="invoices")
    assert {item.job for item in findings} == {"invoices"}


def test_every_rule_has_a_level() -> None:
    assert {rule.name for rule in WORDING_RULES} < set(RULES)
    assert set(RULES.values()) == {"error", "warning"}


@given(st.text(min_size=1, max_size=400))
def test_no_text_breaks_the_linter(text: str) -> None:
    assert all(
        finding.rule in RULES
        for finding in lint(
            Rubric(
                criteria=(
                    Criterion(id="a", importance=Importance.pitfall, text=text),
                    Criterion(id="b", importance=Importance.optional, text=text),
                )
            )
        )
    )


def test_the_manual_names_every_rule_and_its_level() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "rubrics.md").read_text()
    for name, level in RULES.items():
        assert f"| `{name}` | {level} |" in manual
