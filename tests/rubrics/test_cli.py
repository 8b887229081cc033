from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from upbench.cli.main import main

RUBRIC = """\
[[criteria]]
id = "total"
importance = "critical"
text = "Cell B4 equals 120.00"

[[criteria]]
id = "months"
importance = "important"
text = "Sheet has one row for each of the 3 months"

[[criteria]]
id = "chart"
importance = "optional"
text = "Contains a chart"

[[criteria]]
id = "invented"
importance = "pitfall"
text = "Holds an invoice that is not among the inputs"

[[criteria]]
id = "note"
importance = "important"
text = "Note names the 2 missing receipts"
"""
TREE: dict[str, Any] = {
    "id": "top",
    "requirements": "All",
    "weight": 1,
    "sub_tasks": [
        {"id": "a", "requirements": "First", "weight": 3, "sub_tasks": [], "task_category": "Code"},
        {"id": "b", "requirements": "Second", "weight": 1, "sub_tasks": []},
    ],
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    path = tmp_path / "rubric.toml"
    path.write_text(RUBRIC)
    return path


def graded(*scores: float) -> dict[str, Any]:
    leaves = [leaf | {"score": score} for leaf, score in zip(TREE["sub_tasks"], scores, strict=True)]
    return TREE | {"sub_tasks": leaves, "score": 0.0}


def test_score_has_the_keys_that_others_build_on(run: Run, rubric: Path) -> None:
    verdicts = {"total": "pass", "months": "cannot_judge", "chart": "fail", "invented": "pass", "note": None}
    Path("verdicts.json").write_text(json.dumps(verdicts))
    code, out, err = run("rubrics", "score", "rubric.toml", "verdicts.json", "--json")
    assert (code, err) == (0, "")
    body = json.loads(out)
    assert body["rubric_score"] == pytest.approx(2 / 3)
    assert (body["weighted_score"], body["tree_score"]) == (None, None)
    assert body["completed"] == {"paper": None, "strict": None, "all": False}
    assert body["counts"] == {"pass": 2, "fail": 1, "cannot_judge": 1, "awaiting": 1}
    assert body["rule"] == "unjudged-is-missing"


def test_score_for_people(run: Run, rubric: Path) -> None:
    Path("v.json").write_text('{"total": "fail"}')
    code, out, _ = run("rubrics", "score", "rubric.toml", "v.json", "--judgement", "pass")
    assert code == 0
    assert "rubric score    0.0000  (between 0.0000 and 0.8000 once all is judged)" in out
    assert "by policy paper  not completed" in out
    assert "judgement       pass" in out


def line(criterion: str | None, verdict: str | None, **more: Any) -> str:
    body = {
        "agent": "one",
        "job": "invoices",
        "attempt": 1,
        "arm": "alone",
        "criterion": criterion,
        "importance": "critical" if criterion else None,
        "grader": "r1",
        "grader_kind": "human",
        "verdict": verdict,
    }
    return json.dumps(body | more) + "\n"


def test_score_takes_the_verdicts_of_record_of_an_evaluations_file(run: Run, rubric: Path) -> None:
    check: dict[str, Any] = {"grader": "checks", "grader_kind": "check", "decides": True}
    lines = [
        line("total", "fail", **check),
        line("total", "pass"),
        line("months", "pass", importance="important", **check),
        line("note", "pass", importance="important", grader="judge", grader_kind="judge"),
        line("invented", "fail", importance="pitfall"),
    ]
    Path("evaluations.jsonl").write_text("".join(lines))
    code, out, _ = run("rubrics", "score", "rubric.toml", "evaluations.jsonl", "--json")
    assert code == 0
    body = json.loads(out)
    assert body["counts"] == {"pass": 2, "fail": 1, "cannot_judge": 0, "awaiting": 2}
    assert body["completed"] == {"paper": None, "strict": False, "all": False}


def test_of_several_attempts_one_is_chosen(run: Run, rubric: Path) -> None:
    lines = [line("total", "fail"), line("total", "pass", attempt=2, arm="feedback")]
    Path("e.jsonl").write_text("".join(lines))
    code, _, err = run("rubrics", "score", "rubric.toml", "e.jsonl")
    assert code == 2
    assert "2 attempts (choose one, for instance by --where attempt=1 --where arm=alone)" in err
    code, out, _ = run("rubrics", "score", "rubric.toml", "e.jsonl", "--where", "attempt=2", "--json")
    assert (code, json.loads(out)["rubric_score"]) == (0, 1.0)
    assert run("rubrics", "score", "rubric.toml", "e.jsonl", "--where", "attempt=3")[0] == 2
    assert "is not FIELD=VALUE" in run("rubrics", "score", "rubric.toml", "e.jsonl", "--where", "tries=3")[2]


@pytest.mark.parametrize("source", ["tree.json", "rubric.toml"])
def test_a_graded_tree_scores_by_its_weights(run: Run, source: str) -> None:
    Path("tree.json").write_text(json.dumps(TREE))
    Path("graded.json").write_text(json.dumps(graded(1, 0)))
    assert run("rubrics", "import", "--from", "paperbench", "tree.json", "--to", "rubric.toml")[0] == 0
    code, out, err = run("rubrics", "score", source, "graded.json", "--json")
    assert (code, err) == (0, "")
    body = json.loads(out)
    assert (body["rubric_score"], body["weighted_score"], body["tree_score"]) == (0.5, 0.75, 0.75)


def test_other_weights_in_the_graded_tree_are_said(run: Run) -> None:
    Path("tree.json").write_text(json.dumps(TREE))
    other = graded(1, 0)
    other["sub_tasks"][0]["weight"] = 1
    Path("graded.json").write_text(json.dumps(other))
    code, out, err = run("rubrics", "score", "tree.json", "graded.json", "--json")
    assert (code, json.loads(out)["tree_score"]) == (0, 0.5)
    assert "not weighted as the rubric's" in err


def test_import_says_what_was_not_carried_over(run: Run) -> None:
    Path("tree.json").write_text(json.dumps(TREE))
    code, out, err = run(
        "rubrics", "import", "--from", "paperbench", "tree.json", "--to", "out/rubric.toml", "--json"
    )
    assert code == 0
    body = json.loads(out)
    assert body["written"] == ["out/rubric.toml", "out/rubric.tree.json"]
    assert body["not_carried"] == [
        {"line": None, "field": "task_category", "why": "has no place in a rubric", "count": 1}
    ]
    assert "not carried over: tree.json `task_category`" in err


def test_import_of_lines_names_the_lost_ones(run: Run) -> None:
    Path("r.txt").write_text("critical - Contains 3 pages\nthanks\n")
    code, _, err = run("rubrics", "import", "--from", "text", "r.txt", "--to", "r.toml")
    assert code == 0
    assert "not carried over: r.txt:2: no label" in err
    assert run("rubrics", "lint", "r.toml")[0] == 1


def test_a_table_of_many_rubrics_fills_a_folder(run: Run) -> None:
    rows = "1,7,Hurdle,Names the breaker\n2,8,Not,States a cause\n"
    Path("ace.csv").write_text("Criterion ID,Task ID,Hurdle Tag,Description\n" + rows)
    code, _, err = run("rubrics", "import", "--from", "ace", "ace.csv", "--to", "one.toml")
    assert (code, Path("one.toml").exists()) == (2, False)
    assert "2 rubrics do not fit in one file" in err
    assert run("rubrics", "import", "--from", "ace", "ace.csv", "--to", "all")[0] == 0
    assert sorted(path.name for path in Path("all").iterdir()) == ["ace-7.toml", "ace-8.toml"]
    assert run("rubrics", "import", "--from", "ace", "ace.csv", "--to", "one.toml", "--only", "ace-8")[0] == 0
    assert "States a cause" in Path("one.toml").read_text()


def test_a_failed_import_writes_nothing(run: Run) -> None:
    Path("r.txt").write_text("nothing here\n")
    assert run("rubrics", "import", "--from", "text", "r.txt", "--to", "r.toml")[0] == 2
    assert not Path("r.toml").exists()


def test_a_place_that_cannot_be_written_is_named(run: Run) -> None:
    Path("r.txt").write_text("critical - Contains 3 pages\n")
    code, _, err = run("rubrics", "import", "--from", "text", "r.txt", "--to", "r.txt/rubric.toml")
    assert code == 2
    assert "r.txt/rubric.toml: cannot be written" in err


def test_lint_ends_with_one_for_an_error_and_zero_for_a_warning(run: Run, rubric: Path) -> None:
    assert run("rubrics", "lint", "rubric.toml")[0] == 0
    rubric.write_text(RUBRIC.replace("Contains a chart", "Contains several charts"))
    code, out, _ = run("rubrics", "lint", "rubric.toml")
    assert code == 0
    assert "warning: chart: vague" in out
    rubric.write_text(RUBRIC.replace("Contains a chart", "Work is of professional quality"))
    code, out, _ = run("rubrics", "lint", "rubric.toml", "--json")
    assert code == 1
    body = json.loads(out)
    assert (body["rubrics"], body["errors"]) == (1, 1)
    found = body["findings"][0]
    assert (found["criterion"], found["rule"], found["level"]) == ("chart", "subjective", "error")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ('{"totl": "pass"}', "field `totl`: the rubric has no such criterion (did you mean 'total'?)"),
        ('{"total": "passed"}', "field `total`: 'passed' is not a verdict"),
        ('{"total": ["pass"]}', "field `total`: ['pass'] is not a verdict"),
        ('{"total": true}', "field `total`: True is not a verdict"),
        ('{"total": "pass", "total": "fail"}', "field `total`: is there twice"),
        ('["pass"]', "not verdicts"),
        ('{"total":\n "pass",}', "v.json:2: not valid JSON"),
        ("[" * 20000, "nested too deeply"),
        ('{"total": ' + "9" * 5000 + "}", "a number is too long"),
        ("", "v.json:1: not valid JSON"),
    ],
)
def test_wrong_verdicts_are_named(run: Run, rubric: Path, verdicts: str, said: str) -> None:
    Path("v.json").write_text(verdicts)
    code, out, err = run("rubrics", "score", "rubric.toml", "v.json", "--json")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("score", "rubric.toml", "none.json"), "none.json: no such file"),
        (("score", "none.toml", "v.json"), "none.toml: no such file"),
        (("score", "rubric.docx", "v.json"), "rubric.docx: not a rubric file"),
        (("score", "v.json", "v.json"), "v.json: not a PaperBench tree"),
        (("score", "rubric.toml", "v.json", "--where", "job=a"), "is for evaluations.jsonl only"),
        (("import", "--from", "word", "v.json", "--to", "a.toml"), "no importer 'word'"),
        (("import", "--from", "text", "v.json"), "--to"),
        (("lint",), "PATH"),
        (("lint", "nothing-here"), "nothing-here: not a rubric file"),
    ],
)
def test_wrong_usage_is_named(run: Run, rubric: Path, arguments: tuple[str, ...], said: str) -> None:
    Path("v.json").write_text("{}")
    code, _, err = run("rubrics", *arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["lint", "import", "score"])
def test_help_has_an_example(run: Run, name: str) -> None:
    code, out, _ = run("rubrics", name, "--help")
    assert code == 0
    assert f"Example: upbench rubrics {name}" in " ".join(out.split())
