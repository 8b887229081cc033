"""An adjudication by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from core import Database
from grading import GRADING_MIGRATIONS, PEOPLE_MIGRATIONS, Evaluation, records_of
from grading.adjudication.due import adjudications_due
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import open_ticket, set_voided
from grading.book import insert_evaluation, read_evaluations
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from tests.grading.review.browser.served import CRITERIA, WAIT, Served

MS = WAIT * 1000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    migrations = [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS]
    served = Served(tmp_path, Database(tmp_path / "upbench.db", migrations))
    served.start()
    yield served
    served.stop()
    served.database.close()


@pytest.fixture
def alias(served: Served) -> str:
    """Two reviewers have locked and differ on `rows`; a ticket is open, a criterion voided, work is paid."""
    slot = served.publish()
    with served.database.write() as connection:
        set_rule(connection, PayRule(currency="EUR", hourly=4500), "lead")
        item = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == slot)).one()
        connection.execute(REVIEW_SLOTS.update().values(state="locked", reviewer="anna"))
        for grader, word in (("local", "pass"), ("anna", "pass"), ("bert", "fail")):
            stage = "gold" if grader == "local" else "primary"
            place = {"kind": "region", "file": "notes.md", "anchor": "line=3"}
            verdicts: list[dict[str, object]] = [
                {"criterion": name, "verdict": word if name == "rows" else "pass", "feedback": "Two rows, not 17."}
                for name, _, _ in CRITERIA
            ]
            if word == "fail":
                verdicts[0]["evidence"] = [place]
            said = {"grader": grader, "grader_kind": "human", "judgement": "pass", "minutes": 12.0, "stage": stage}
            of = {"attempt_id": item.attempt_id, "submission": item.submission}
            if grader == "local":
                of["attempt_id"] = "another-attempt"
            said |= {**of, "grading_digest": item.grading_digest, "verdicts": verdicts}
            insert_evaluation(connection, Evaluation.model_validate(said))
        assert adjudications_due(connection, item.alias) == 1
        open_ticket(connection, item.alias, "tone", "anna", "Plain to whom?")
        open_ticket(connection, item.alias, "summary", "bert", "Five lines of what length?")
        set_voided(connection, item.grading_digest, "summary", voided=True, by="lead", reason="Of no length.")
        return str(connection.execute(select(ADJUDICATIONS.c.alias)).scalar_one())


def test_an_adjudication_by_keyboard_alone(served: Served, tab: Page, alias: str) -> None:
    expect.set_options(timeout=MS)
    tab.set_default_timeout(MS)
    served.sign_in(tab)
    tab.goto(f"{served.app}/adjudications")
    tab.get_by_role("link", name="Holds 17 rows").focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Reviewer A")).to_be_visible()
    # What a reviewer points at is looked at where it is.
    expect(tab.locator(".pane-name").first).to_have_text("leads.csv")
    tab.get_by_role("button", name="notes.md · line=3").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(".pane-name").first).to_have_text("notes.md")
    expect(tab.locator(".v-marked")).to_contain_text("The list holds two farms.")
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_role("alert")).to_have_text("Choose a verdict.")
    tab.keyboard.press("2")
    expect(tab.get_by_role("radio", name="Fail")).to_be_checked()
    expect(tab.get_by_label("Feedback for whoever made it")).to_be_focused()
    tab.keyboard.type("There are 2 rows, and 17 were asked for.")
    tab.keyboard.press("Escape")
    tab.keyboard.press("e")
    expect(tab.get_by_role("list", name="Your evidence").get_by_role("listitem")).to_have_count(1)
    tab.keyboard.press("e")  # the same place again
    tab.get_by_role("radio", name="Somebody missed something").focus()
    tab.keyboard.press("Space")
    tab.reload()  # nothing that was put down is lost
    expect(tab.get_by_role("radio", name="Fail")).to_be_checked()
    expect(tab.get_by_role("radio", name="Somebody missed something")).to_be_checked()
    expect(tab.get_by_label("Feedback for whoever made it")).to_have_value(re.compile("17 were asked for"))
    expect(tab.get_by_role("list", name="Your evidence").get_by_role("listitem")).to_have_count(1)
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_role("status")).to_contain_text("verdict of record")
    with served.database.read() as connection:
        attempt = connection.execute(select(REVIEW_ITEMS.c.attempt_id)).scalar_one()
        said = read_evaluations(connection, [attempt])
    assert records_of(said)["rows"].verdict == "fail"
    (decided,) = said[-1].verdicts
    assert decided.feedback == "There are 2 rows, and 17 were asked for."
    assert [(one.file, one.anchor) for one in decided.evidence] == [("notes.md", "line=3")]
    assert said[-1].minutes is not None, "the time at it was sent before the decision"
    assert served.settled == [attempt]
