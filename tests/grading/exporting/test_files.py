"""What an export looks like: aliases, revisions, cells that nothing carries out, and no gathering of it all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from core import Database
from grading import (
    FLAT_COLUMNS,
    Aliases,
    CriterionVerdict,
    Evaluation,
    EvaluationLine,
    ExportForm,
    compute_figures,
    graders_of,
    read_lines,
    write_export,
)
from grading.book import Book
from grading.exporting.write import NAMES, in_chunks
from grading.people.people import People
from grading.people.person import Role
from rubrics import Verdict
from tests.grading.exporting.told import Told

ANNA, BEN = "p-00000000aa", "p-00000000bb"
HOSTILE = ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\uff1d1", 'two "lines"\nand, a comma']


def line(**more: Any) -> EvaluationLine:
    known: dict[str, Any] = {"run": "r", "agent": "zebra", "job": "letter", "attempt": 1, "arm": "alone"}
    verdict = {"criterion": "tone", "importance": "critical", "grader": ANNA, "grader_kind": "human"}
    return EvaluationLine(**known | {"agent_digest": "d" * 64} | verdict | more)


SAID = [
    line(verdict="fail", feedback="No.", judgement="fail"),
    line(verdict="pass", revision=2),
    line(verdict="pass", grader=BEN, judgement="fail"),
    line(verdict="pass", grader=BEN, judgement="fail", criterion="rows", decides=False),
    line(verdict="fail", grader="cora", stage="adjudication"),
    line(verdict="fail", grader="checks", grader_kind="check", decides=True, criterion="rows"),
    line(verdict="pass", grader="f" * 64, grader_kind="judge"),
    line(verdict="fail", grader=BEN, judgement="fail", criterion="old", voided=True),
    line(agent="okapi", grader="", grader_kind=None, agent_digest=None),
]


def text_of(form: ExportForm, told: Sequence[EvaluationLine], **more: Any) -> str:
    return "".join(write_export(Told(told), ["r"], form, Aliases(**({"key": b"k"} | more))))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("form", list(ExportForm))
def test_agents_are_not_named_unless_it_is_asked_for(form: ExportForm) -> None:
    hidden, named = text_of(form, SAID), text_of(form, SAID, reveal=True)
    assert not [word for word in ("zebra", "okapi", "d" * 64, "cora") if word in hidden]
    assert "zebra" in named
    assert "okapi" in named  # nobody has judged that one: it is there all the same
    assert ANNA in hidden
    assert BEN in hidden


def test_aliases_stay_and_are_another_projects_secret() -> None:
    first, again, other = Aliases(b"k"), Aliases(b"k"), Aliases(b"other")
    assert first.agent("zebra") == again.agent("zebra") != other.agent("zebra")
    assert first.agent("zebra") != first.agent("okapi")
    assert first.reviewer(ANNA) == ANNA
    assert first.reviewer("local") == "local"
    assert first.reviewer("ada@example.org").startswith("reviewer-")


def test_lines_can_be_reported_with_every_revision_of_every_verdict(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.jsonl"
    file.write_text(text_of(ExportForm.jsonl, SAID))
    read = list(read_lines(file))
    assert len(read) == len(SAID)
    own, exported = (list(compute_figures(lines).agents.values()) for lines in (SAID, read))
    assert sorted(one.model_dump_json() for one in own) == sorted(one.model_dump_json() for one in exported)
    bodies = [json.loads(one) for one in file.read_text().splitlines()]
    assert [one.get("revision", 1) for one in bodies[:2]] == [1, 2]
    assert len({one["agent"] for one in bodies}) == 2


def test_a_row_of_the_long_table_has_all_of_its_line() -> None:
    said = [
        line(verdict="fail", feedback=feedback, evidence=[{"kind": "quote", "text": "=1"}]) for feedback in HOSTILE
    ]
    rows = rows_of(text_of(ExportForm.csv, said))
    assert tuple(rows[0]) == FLAT_COLUMNS
    assert [row["feedback"].removeprefix("'") for row in rows] == HOSTILE
    assert [row["feedback"][0] == "'" for row in rows] == [True] * 8 + [False]
    assert json.loads(rows[0]["evidence"])[0]["text"] == "=1"
    assert (rows[0]["voided"], rows[0]["cost_model"]) == ("false", "")


def test_the_wide_table_has_a_column_for_each_grader_and_what_stands() -> None:
    table = rows_of(text_of(ExportForm.wide, SAID, reveal=True))
    rows = {row["criterion"]: row for row in table if row["agent"] == "zebra"}
    assert [row["record"] for row in table if row["agent"] == "okapi"] == [""]
    cora = Aliases(b"k").reviewer("cora")
    assert (rows["tone"]["record"], rows["tone"]["record_source"]) == ("fail", "adjudication")
    cells = {name: rows["tone"][name] for name in (ANNA, BEN, cora, "checks", "f" * 64)}
    assert cells == {ANNA: "fail", BEN: "pass", cora: "fail", "checks": "", "f" * 64: "pass"}
    assert (rows["rows"]["record"], rows["rows"]["checks"], rows["rows"][BEN]) == ("pass", "fail", "pass")
    assert (rows["old"]["voided"], rows["old"]["record"], rows["old"][BEN]) == ("true", "", "fail")
    assert (rows[""]["record"], rows[""][ANNA], rows[""][BEN], rows[""]["checks"]) == ("fail", "fail", "fail", "")


def test_people_are_named_where_that_is_asked_for(tmp_path: Path) -> None:
    from grading import GRADING_MIGRATIONS, PEOPLE_MIGRATIONS

    database = Database(tmp_path / "a.db", [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    anna = People(database).add("anna@example.org", by="operator", name="=Anna", roles=[Role.reviewer])
    database.close()
    told = [line(verdict="fail", grader=anna.id), line(verdict="pass", grader=BEN)]
    people = {anna.id: anna}
    for form in ExportForm:
        assert "anna@" not in text_of(form, told)
    jsonl = [json.loads(one) for one in text_of(ExportForm.jsonl, told, people=people).splitlines()]
    assert [one.get("grader_login") for one in jsonl] == ["anna@example.org", None]
    rows = rows_of(text_of(ExportForm.csv, told, people=people))
    assert [tuple(row[name] for name in NAMES) for row in rows] == [("'=Anna", "anna@example.org"), ("", "")]
    assert f"{anna.id} =Anna <anna@example.org>" in text_of(ExportForm.wide, told, people=people)


@pytest.mark.parametrize("form", list(ExportForm))
def test_nothing_is_gathered_of_an_export_without_end(form: ExportForm) -> None:
    class Endless(Told):
        def lines(self, run: str) -> Iterator[EvaluationLine]:
            for number in count():
                self.taken.append(number)
                yield line(run=run, verdict="fail", repeat=number // 10 + 1, criterion=f"c{number % 10}")

    exports = Endless([line(verdict="fail")])
    chunks = list(islice(in_chunks(write_export(exports, ["r"], form, Aliases(b"k"))), 3))
    assert sum(len(chunk) for chunk in chunks) >= 3 * 64 * 1024
    assert len(exports.taken) < 4000


def test_whoever_has_graded_is_found_in_many_attempts(database_place: Path | str) -> None:
    from grading import GRADING_MIGRATIONS

    database = Database(database_place, GRADING_MIGRATIONS)
    book = Book(database)
    for attempt, grader in (("a1", ANNA), ("a2", ANNA), ("a3", BEN)):
        verdict = CriterionVerdict(criterion="tone", verdict=Verdict.passed)
        book.record(Evaluation(attempt_id=attempt, grader=grader, grader_kind="human", verdicts=(verdict,)))
    with database.read() as connection:
        assert graders_of(connection, ["a1", "a2"]) == {(ANNA, "human")}
        many = [f"a{number}" for number in range(1200)]
        assert graders_of(connection, many) == {(ANNA, "human"), (BEN, "human")}
    database.close()
