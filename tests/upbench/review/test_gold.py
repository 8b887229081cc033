"""Gold from the command line to the reviewer's screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from grading import Book, Person, create_review_app, load_secrets, read_audit, review_origins
from grading.review.desk import Draft, ReviewDesk
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Verdict
from tests.runs.project import need_sandbox
from tests.upbench.mistakes import Upbench
from upbench.home import Home, open_home
from upbench.settings import Settings

WRONG = "wrong total in total.csv"
AT = review_origins("127.0.0.1", 9000)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    need_sandbox()
    return open_home(Settings(project=tmp_path))


def locked(home: Home, alias: str, person: str, verdict: Verdict = Verdict.passed) -> None:
    """Somebody reviews a submission, whatever is in it."""
    at = ReviewDesk(Book(home.database), Person(id=person))
    at.lease(alias)
    for criterion in at.open(alias).item.criteria:
        at.save(alias, criterion.id, 0, Draft(verdict=verdict, feedback="because"))
    at.judge(alias, 0, "pass")
    at.lock(alias)


def golds(home: Home) -> dict[str, str]:
    """Slot -> item, of gold slots that are open."""
    slot = REVIEW_SLOTS.c
    with home.database.read() as connection:
        rows = connection.execute(select(slot.alias, slot.item).where(slot.kind == "gold", slot.state == "open"))
        return {str(row.alias): str(row.item) for row in rows}


def test_a_run_with_gold_shows_it_to_reviewers_as_any_other_review(
    upbench: Upbench, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "total.csv").write_text("total\n60\n")
    (tmp_path / "work" / "note.txt").write_text("For Birch & Loam\n")
    assert upbench("submit", "packs/small/job-1", "work", "--agent", "somebody", "--json")[0] == 0
    assert "known well enough" in upbench("review", "gold", "candidates")[1]
    assert upbench("review", "assign", "--reviewers", "2")[0] == 0
    with home.database.read() as connection:
        aliases = list(connection.execute(select(REVIEW_SLOTS.c.alias, REVIEW_SLOTS.c.item)))
    for slot, person in zip(aliases, ("ann", "bob"), strict=True):
        locked(home, slot.alias, person)
    (found,) = json.loads(upbench("review", "gold", "candidates", "--json")[1])["items"]
    item, criteria = found["item"], found["criteria"]
    assert (found["job"], found["keys"]) == ("job-1", criteria)

    code, out, err = upbench("review", "gold", "set", item, "--reason", "two people said so", "--json")
    assert code == 0, err
    name = next(iter(json.loads(out)["keys"]))
    flaw = (
        "--flaw",
        "wrong_total",
        "--file",
        "total.csv",
        "--key",
        f"{name}=fail",
        "--reason",
        "a tenth too much",
    )
    code, out, err = upbench("review", "gold", "copy", item, *flaw, "--json")
    assert code == 0, err
    copy = json.loads(out)["item"]
    with home.database.read() as connection:
        row = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == copy)).one()
    (total,) = [file for file in json.loads(row.handed_in)["deliverables"] if file["path"] == "total.csv"]
    assert home.blobs.get_bytes(total["sha256"]) == b"total\n66\n"
    listed = {one["item"]: one for one in json.loads(upbench("review", "gold", "list", "--json")[1])["items"]}
    assert (listed[item]["fails"], listed[copy]["fails"], listed[copy]["made"]) == (
        0,
        1,
        "wrong total in total.csv",
    )
    assert golds(home) == {}

    code, _, err = upbench("run", "packs/small", "--agent", "oracle", "--gold", "1.0", "--json")
    assert code == 0, err
    open_now = golds(home)
    assert sorted(open_now.values()) == sorted([item, copy])
    app = create_review_app(
        Book(home.database),
        home.blobs,
        load_secrets(tmp_path / "secrets.json"),
        app_origin=AT.app,
        content_origin=AT.content,
        token="once",
        reviewer="cem",
    )
    browser = TestClient(app, base_url=AT.app)
    assert browser.get("/enter", params={"token": "once"}).status_code == 200
    queue = browser.get("/").text.partition("<main")[2]  # above, a lead has the way to what is gold
    assert all(alias in queue for alias in open_now)
    assert "gold" not in queue.lower()
    for alias, of_item in open_now.items():
        told = browser.get(f"/api/reviews/{alias}").text
        assert of_item not in told
        assert "gold" not in told.lower()
    (of_copy,) = [alias for alias, of_item in open_now.items() if of_item == copy]
    locked(home, of_copy, "cem")  # passes what is wrong
    (other,) = golds(home)  # of what the copy was made from: not for somebody who has seen the copy
    assert other not in browser.get("/").text
    actions = [row.action for row in read_audit(home.database)]
    assert {"gold.set", "gold.copy"} <= set(actions)
    report = json.loads(upbench("report", "last", "--json")[1])
    assert "gold-" not in json.dumps(report)
    assert upbench("review", "gold", "retire", copy, "--reason", "enough")[0] == 0
    assert [one["item"] for one in json.loads(upbench("review", "gold", "list", "--json")[1])["items"]] == [item]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "nothing", "--key", "a=pass", "--reason", "r"), "no such review"),
        (("set", "nothing", "--key", "a=maybe", "--reason", "r"), "is no key"),
        (("copy", "nothing", "--key", "a=fail", "--reason", "r"), "--flaw"),
        (("copy", "nothing", "--key", "a=fail", "--reason", "r", "--flaw", "missing_file"), "which file"),
        (("copy", "nothing", "--key", "a=fail", "--reason", "r", "--folder", ".", "--file", "a.csv"), "--file"),
        (("retire", "nothing", "--reason", "r"), "no such review"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(upbench: Upbench, home: Home, words: tuple[str, ...], said: str) -> None:
    code, out, err = upbench("review", "gold", *words)
    assert (code, out) == (2, "")
    assert said in err
    home.close()
