"""What names its maker is kept beside the submission, stands on the lines of people, and is told in a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Blobs, Database, Deliverable
from grading import (
    GRADING_MIGRATIONS,
    RENDER_MIGRATIONS,
    AttemptFacts,
    Book,
    CriterionVerdict,
    Evaluation,
    EvaluationLine,
    Maker,
    ReviewDesk,
    ReviewItem,
    compute_figures,
    findings_of,
    lines_of,
    search_names,
    unblinded_in,
)
from grading.blinding.kept import flagged, flagged_jobs
from grading.render.model import Rendered
from grading.render.shelf import Shelf
from rubrics import Rubric, Verdict
from tests.grading.synthetic import attempt_lines

RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})
MAKER: Maker = {"agent": ["planner-v2"], "model": ["tiny-9"]}


@pytest.fixture
def database(tmp_path: Path, database_place: Path | str) -> Iterator[Database]:
    opened = Database(database_place, [*GRADING_MIGRATIONS, *RENDER_MIGRATIONS])
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def publish(database: Database, blobs: Blobs, attempt: str, *paths: str, begun: bool = True) -> list[Deliverable]:
    files = [
        Deliverable(path=path, size=1, media_type="", sha256=blobs.put_bytes(f"{attempt}/{path}".encode()))
        for path in paths
    ]
    item = ReviewItem(
        job="letter",
        title="A letter",
        brief="Write of Gemini 2.5 Pro",
        deliverables=tuple(files),
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission=f"of {attempt}",
        grading_digest="g",
    )
    alias = Book(database).publish(attempt, item)
    if begun:
        ReviewDesk(Book(database), "r1").lease(alias)
    return files


def render(database: Database, blobs: Blobs, file: Deliverable, text: str) -> None:
    shelf = Shelf(database, blobs)
    assert shelf.claim(file.sha256, ".txt", "any", "me")
    facts = {"properties": {"author": "Planner v2"}} if "meta" in file.path else {}
    rendered = Rendered(sha256=file.sha256, suffix=".txt", kind="text", segments=(("line=1", text),), facts=facts)
    shelf.keep(rendered, "any", "me", 0.1)


def names(database: Database, attempt: str) -> set[tuple[str, str, bool]]:
    return {(found.name, found.where, found.own) for found in findings_of(database, attempt)}


def test_what_was_begun_to_be_reviewed_is_searched_once_and_again_when_more_of_it_is_rendered(
    database: Database, blobs: Blobs
) -> None:
    (letter, meta) = publish(database, blobs, "a1", "letter.txt", "meta.txt")
    publish(database, blobs, "a2", "by ChatGPT.txt", begun=False)
    makers = {"a1": MAKER, "a2": MAKER}
    render(database, blobs, letter, "Gemini 2.5 Pro is compared with Claude")
    assert search_names(database, blobs, makers) == 1
    assert names(database, "a1") == {("Claude", "text", False)}  # of Gemini the brief speaks itself
    assert names(database, "a2") == set()
    render(database, blobs, meta, "nothing")
    assert search_names(database, blobs, makers) == 1
    assert names(database, "a1") == {("Claude", "text", False), ("planner-v2", "metadata", True)}
    assert search_names(database, blobs, makers) == 0
    with database.read() as connection:
        assert unblinded_in(connection, ["a1", "a2"]) == {("a1", "of a1")}
    (shown,), number = flagged(database, 5, "letter")
    assert (shown.title, number, len(shown.findings)) == ("A letter", 1, 2)
    assert (flagged(database, 0, "letter"), flagged(database, 5, "other")) == (([], 1), ([], 0))
    (job,), more = flagged_jobs(database, 5)
    assert (job.job, job.title, job.submissions, more) == ("letter", "A letter", 1, 0)


def test_a_submission_that_names_nobody_is_no_finding(database: Database, blobs: Blobs) -> None:
    (letter,) = publish(database, blobs, "a1", "letter.txt")
    render(database, blobs, letter, "Claude Monet painted")
    assert search_names(database, blobs, {"a1": MAKER}) == 1
    assert findings_of(database, "a1") == ()
    with database.read() as connection:
        assert unblinded_in(connection, ["a1"]) == set()


def test_lines_of_people_say_it_and_lines_of_checks_do_not() -> None:
    facts = AttemptFacts(run="r", agent="a", job="j", attempt=1, arm="alone", submission="s", unblinded=True)
    verdict = CriterionVerdict(criterion="tone", verdict=Verdict.passed)
    said = [
        Evaluation(attempt_id="a1", grader="r1", grader_kind="human", verdicts=(verdict,)),
        Evaluation(attempt_id="a1", grader="checks", grader_kind="check", verdicts=(verdict,)),
    ]
    assert {line.grader_kind: line.unblinded for line in lines_of(facts, RUBRIC, said)} == {
        "human": True,
        "check": False,
    }


def warned(lines: list[EvaluationLine]) -> list[str]:
    return [warning.detail for warning in compute_figures(lines).warnings if warning.kind == "unblinded"]


def test_a_report_says_how_many_and_how_often_they_pass_beside_the_others() -> None:
    lines = [line for n in range(4) for line in attempt_lines("a", f"j{n}", passes=n > 0)]
    assert warned(lines) == []
    named = [line.model_copy(update={"unblinded": True}) if line.job in ("j0", "j1") else line for line in lines]
    (said,) = warned(named)
    assert "2 of 4 attempts; of these 1 of 2 pass (50%), of the others 2 of 2 pass (100%)" in said
    every = [line.model_copy(update={"unblinded": True}) for line in lines]
    assert "of the others none is scored" in warned(every)[0]
