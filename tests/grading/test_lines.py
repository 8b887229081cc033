"""From what is stored to lines: complete, and readable without anything beside them."""

from __future__ import annotations

from pathlib import Path

from core import Cause, Database
from grading import (
    GRADING_MIGRATIONS,
    AttemptFacts,
    Book,
    CriterionVerdict,
    Evaluation,
    compute_figures,
    dump_lines,
    lines_of,
    read_lines,
)
from rubrics import CompletionPolicy, Rubric, Verdict

RUBRIC = Rubric.model_validate(
    {
        "criteria": [
            {"id": "a", "importance": "critical", "text": "A"},
            {"id": "b", "importance": "important", "text": "B", "weight": 2.0},
        ]
    }
)
FACTS = AttemptFacts(
    run="r", agent="x", job="j", attempt=1, arm="alone", submission="s", cost=0.5, more={"payout": 80.0}
)


def human(*names: str, judgement: str | None = None) -> Evaluation:
    return Evaluation.model_validate(
        {
            "attempt_id": "t",
            "grader": "local",
            "grader_kind": "human",
            "judgement": judgement,
            "minutes": 4.0,
            "verdicts": [{"criterion": name, "verdict": "pass"} for name in names],
        }
    )


def test_what_nobody_judged_has_a_line_without_a_verdict() -> None:
    lines = lines_of(FACTS, RUBRIC, [human("a")])
    assert [(line.criterion, line.verdict) for line in lines] == [("a", Verdict.passed), ("b", None)]
    figures = compute_figures(lines)
    assert figures.missing["x"].first == {"awaiting": 1}


def test_a_verdict_on_a_criterion_that_the_rubric_lacks_is_left_out() -> None:
    assert {line.criterion for line in lines_of(FACTS, RUBRIC, [human("a", "b", "old")])} == {"a", "b"}


def test_a_crash_has_one_line_without_criterion() -> None:
    crash = AttemptFacts(run="r", agent="x", job="j", attempt=1, arm="alone", more={"cause": Cause.disk_full})
    (line,) = lines_of(crash, RUBRIC, [])
    assert line.criterion is None
    assert compute_figures([line]).missing["x"].first == {"disk_full": 1}


def test_an_overall_judgement_alone_is_kept() -> None:
    lines = lines_of(FACTS, RUBRIC, [human(judgement="pass")])
    assert lines[0].criterion is None
    assert compute_figures(lines, policy="judgement").agents["x"].a.value == 1


def test_nothing_handed_in_fails_by_every_policy_without_any_person(tmp_path: Path) -> None:
    database = Database(tmp_path / "book.db", GRADING_MIGRATIONS)
    book = Book(database)
    book.record_empty("t", RUBRIC)
    lines = lines_of(FACTS, RUBRIC, book.verdicts_of("t"))
    database.close()
    failed = [compute_figures(lines, policy=policy).agents["x"].f.value for policy in CompletionPolicy]
    assert failed == [1, 1, 1, 1]


def test_lines_come_back_from_a_file_as_they_went(tmp_path: Path) -> None:
    odd = CriterionVerdict(criterion="a", verdict=Verdict.failed, feedback='two\u2028lines\nand \u0085 a "quote"')
    evaluation = human("b", judgement="fail").model_copy(update={"verdicts": (odd,)})
    lines = lines_of(FACTS, RUBRIC, [evaluation])
    path = tmp_path / "evaluations.jsonl"
    path.write_text(dump_lines(lines), encoding="utf-8")
    assert read_lines(path) == lines
