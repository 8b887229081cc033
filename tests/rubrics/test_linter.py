from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics import Criterion, Importance, Rubric, lint
from rubrics.checks import Opens
from rubrics.linter import RULES, WORDING_RULES, has_errors

# What the paper's instructions (A.3) praise, and what real criteria of good rubrics look like.
GOOD = """
Deliverable contains analysis of all 12 months of data with one row for each month
Final report includes 5 strategic recommendations with an estimated cost for each
Must contain between 90-120 words
Covers January to March 2026
Sheet `Summary` has one row for each month from 1 January to 31 December 2025
States that the return is due by 15 April 2026
States the application deadline of 31 March 2026
Lists only the invoices that were submitted by 30 June 2025
Timeline names the milestone `Permit submitted` by 12 May 2026
Includes a column named Due date
Column Delivered by holds a date in every row
Chart shows the share of orders delivered on time for each of the 4 regions
Shows the average turnaround time of 3 days for standard orders
Every invoice that was paid before the due date has the discount of 2 %
Gantt sheet contains the 14 tasks with their start and end dates
Letter states that payment was received within 30 days
Lists 8 years of experience at Marlow & Sons under `Experience`
Names the three native speakers who recorded the samples
Section `Professional experience` names all four employers
Resume lists the certified courses of section 3
States that the drawings have to be stamped by a licensed engineer
Recommends that a roofer should look at the flashing
Explains what tenants should do if the heating fails
Contains the sentence "We try to answer within two days"
The agenda lists the session of 14 May with its room
May invoices add up to 4,210.00
Total in cell B12 equals 18,420.50
Translation keeps the product names Good Earth and Great Oak in English
Sheet `Ratings` uses the values Poor, Good and Excellent
Every source in the bibliography is cited at least once in the text
Cell D4 is a formula
Both PNG files are 1080 pixels wide
Names natural gas and heating oil as the two fuels
Column Source says `Both` for the 17 people who came to the webinar and to the show
Report is a PDF of at most 4 pages
Identifies clause 7.2 as the clause on early termination
Price of item 12 is 48.00 as in the supplier's list of 3 March
Says that the shop is open on Friday until 18:00
Sheet `Leads` contains one row for each of the 70 people who may be contacted
"""
DEADLINES = """
Completed by end of the week
Work is completed by the end of the week
Delivered by Friday
Deliverable is submitted within 3 days
Final files are delivered within 48 hours
Report delivered on time
The job is finished before the deadline
Meets the deadline
Submitted no later than 15 March 2026
All work must be handed in by 2026-03-15
Freelancer responds within 24 hours
Translation is returned by Monday
Turnaround time of 24 hours
Done as soon as possible
Delivery within two business days
The final report was sent by tomorrow
Timely delivery of all files
"""
WORKERS = """
Completed by U.S based worker
Completed by a US-based worker
Translated by a native Spanish speaker
Freelancer has at least 5 years of experience in bookkeeping
Work is done by a certified accountant
Writer is located in the United Kingdom
Prepared by a licensed engineer
The translator is a native speaker
Designed by an expert
Worker has a degree in finance
Top Rated freelancer
Written by a human writer
5+ years of experience in SEO
"""
SUBJECTIVE = """
Work is of professional quality
Analysis is thorough
Report is high-quality
Document looks professional
The text is engaging
Formatting is adequate
Uses appropriate colours
Contains a comprehensive overview of the market
The layout is clean and visually appealing: a clean layout with a logo
Spreadsheet is easy to read
Logo has a modern design
Is well-written
The translation reads naturally
Deliverable is of good quality
Contains sufficient detail on each option
Headline is catchy
The site is user-friendly
"""
INDEFINITE = """
Report should include a summary
Tries to explain the drop in sales
Might contain a chart
Ideally includes a table of contents
Contains a summary if possible
Could mention the budget
May include a chart of sales
Attempts to reconcile the two accounts
"""
VAGUE = """
Contains several examples
Lists various competitors
Contains prices, sizes, etc.
Gives a number of reasons
"""
SLOW = """
All sources are verified
Every figure in the report is correct: all figures are correct
The text is error-free
Calculations are 100% accurate
"""
COMPOUND = """
Contains a summary and includes a chart of sales
Sheet `Tax` has a total and is the second tab; it also has a note on each line
The file opens in Excel. The first sheet is named Overview
States the total but has no date
"""
NOT_COMPOUND = """
Sheet has the columns Date, Amount and Category
Names clause 7.2 and clause 9 as the two clauses on notice
Lists the cities and states of the 12 branches
Contains the words No. 4 Street and St. James
"""
NOUNS = """
Good grammar
12 months of data
Summary page with an index
"""
NEGATED_PITFALLS = """
Does not contain placeholder text
No cell shows an error
Avoids a suspense account
The report must not name the client
Contains no invented addresses
Sheet `Leads` has no blank row
Free of placeholder text
"""
NAMED_PITFALLS = """
Contains placeholder text such as lorem ipsum
Sheet `Leads` holds an e-mail address that stands in neither of the two exports
A cell shows an error value
Posts a journal for the bank's own error of 118.00
A claim that is not in the source text
Names a competitor
"""


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
