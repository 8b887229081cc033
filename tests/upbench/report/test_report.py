"""The report: self-contained, honest about what it lacks, and the same through every door."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core import BadInput
from grading import EvaluationLine, dump_lines
from tests.grading.synthetic import attempt_lines, table
from upbench.cli.main import cli
from upbench.report import write_report

NEEDED = [
    "n",
    "a",
    "f",
    "m",
    "b",
    "p1",
    "p_overall",
    "absolute_lift",
    "relative_lift",
    "rescue_rate",
    "rubric_1",
    "rubric_overall",
    "rubric_lift",
    "rubric_1_given_m",
    "rubric_2_given_m",
    "value_captured",
]
SPITE = '<img src=x onerror=alert(1)>"&'


def lines() -> list[EvaluationLine]:
    crash = EvaluationLine.model_validate(
        {"agent": "one", "job": "lost", "attempt": 1, "arm": "alone", "criterion": None, "cause": "disk_full"}
    )
    more: dict[str, Any] = {"category": ["Writing", "x"], "payout": 40, "currency": "USD", "cost": {"model": 0.25}}
    return list(
        chain(
            table("one", n=6, a=2, m=3, b=1, **more),
            table(SPITE, n=4, a=1, m=0, b=0, scripted=True),
            [crash],
        )
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "evaluations.jsonl"
    path.write_text(dump_lines(lines()))
    return path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["report", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_has_every_figure_with_its_keys(source: Path) -> None:
    document = json.loads(run(str(source), "--json"))
    for key in (
        "agents",
        "categories",
        "importance",
        "agreement",
        "economics",
        "retry_control",
        "missing",
        "warnings",
    ):
        assert key in document
    own = document["agents"]["one"]
    for name in NEEDED:
        assert set(own[name]) == {"value", "low", "high", "n", "missing", "bounds", "why"}
    assert own["p1"]["value"] == pytest.approx(2 / 6)
    assert own["p1"]["missing"] == 1
    assert own["p1"]["bounds"] == [pytest.approx(2 / 7), pytest.approx(3 / 7)]
    assert own["rescue_rate"]["value"] == pytest.approx(1 / 3)
    assert document["missing"]["one"]["first"] == {"disk_full": 1}
    assert {warning["kind"] for warning in document["warnings"]} >= {"scripted"}
    assert all(set(warning) == {"kind", "detail"} for warning in document["warnings"])


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_fetches_nothing_runs_nothing_and_escapes_everything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    figures = write_report(lines(), path, title=SPITE)
    page = path.read_text()
    seen = _Seen()
    seen.feed(page)
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "src"]
    assert all(value and value.startswith("#") for name, value in seen.attributes if name == "href")
    assert not re.search(r"@import|url\(|https?://", page)
    assert figures.agents["one"].n.value == 6


def test_the_page_says_what_one_must_know(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(lines(), path, title="run-1", facts={"Pack": "starter 1.0"})
    page = path.read_text()
    for text in (
        "33.3",
        "disk full",
        "Scripted.",
        "scripted stand-in",
        "policy",
        "starter 1.0",
        "sha256",
        "Rescue rate",
    ):
        assert text in page
    assert "28.6 to 42.9" in page
    assert page.count('class="strip"') > 10


def test_judge_basis_stands_in_the_headline(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    run(str(source), "--basis", "judge", "--out", str(out))
    assert "JUDGE BASIS" in out.read_text().split("<main", 1)[0]


def test_csv_has_one_row_a_figure_and_no_formulas(source: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(str(source), "--format", "csv"))))
    value = next(row for row in rows if (row["agent"], row["cut"], row["figure"]) == ("one", "all", "p1"))
    assert float(value["value"]) == pytest.approx(2 / 6)
    assert {row["cut"] for row in rows} == {"all", "category", "importance", "economics"}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=@" and cell]


def test_a_formula_in_a_name_is_defused(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(dump_lines(attempt_lines("=cmd|x", "j", passes=True)))
    rows = list(csv.DictReader(io.StringIO(run(str(path), "--format", "csv"))))
    assert {row["agent"] for row in rows} == {"'=cmd|x"}


def test_the_page_is_written_where_asked_and_summed_up(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "somewhere" / "r.html"
    said = run(str(source), "--out", str(out))
    assert out.read_text().startswith("<!doctype html>")
    assert "33.3" in said
    document = json.loads(run(str(source), "--json", "--out", str(tmp_path / "r.json")))
    assert document["report"].endswith("r.json")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["agents"] == document["agents"]


def test_several_files_are_taken_together(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(dump_lines(table("one", n=3, a=1, m=0, b=0)))
    second.write_text(dump_lines(table("two", n=3, a=2, m=0, b=0)))
    document = json.loads(run(str(first), str(second), "--json"))
    assert set(document["agents"]) == {"one", "two"}
    assert document["sources"] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(BadInput) as caught:
        CliRunner().invoke(cli, ["report", str(first), str(first), "--json"], catch_exceptions=False)
    assert caught.value.line == 1


@pytest.mark.parametrize("name", ["none.jsonl", "no-such-run", "notes.txt"])
def test_a_wrong_source_is_named(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInput):
        CliRunner().invoke(cli, ["report", name], catch_exceptions=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_nothing_is_written_when_a_line_is_wrong(tmp_path: Path) -> None:
    path, out = tmp_path / "e.jsonl", tmp_path / "r.html"
    path.write_text(dump_lines(table("one", n=2, a=1, m=0, b=0)) + '{"agent": "x"}\n')
    with pytest.raises(BadInput) as caught:
        CliRunner().invoke(cli, ["report", str(path), "--out", str(out)], catch_exceptions=False)
    assert caught.value.line == 15
    assert not out.exists()
