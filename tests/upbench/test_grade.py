"""`upbench grade`: a judge through the real SDK against the loopback stand-in, and checks of a changed rubric."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runs.project import need_sandbox
from tests.runs.support import RUBRIC, write_pack
from tests.standins.llm import KEY, Incoming, Turn, serve
from tests.upbench.test_cli import upbench


def answer(quote: str) -> str:
    return json.dumps(
        {
            "expectation": "The client's name stands in the note.",
            "evidence": [{"kind": "quote", "file": "note.txt", "anchor": "", "text": quote}],
            "requirements": [{"requirement": "names the client", "met": True}],
            "verdict": "pass",
            "abstain_reason": "",
            "feedback": "",
        }
    )


def judge(request: Incoming) -> Turn:
    """Quotes what is there for one criterion, and what is not there for the other."""
    asked = json.dumps(request.body["input"])
    return Turn(text=answer("Birch & Loam" if "names the client" in asked else "what nobody wrote"))


def lines_of(folder: Path, name: str) -> list[dict[str, object]]:
    upbench("runs", "export", "last", "--to", name, cwd=folder)
    return [json.loads(line) for line in (folder / name / "evaluations.jsonl").read_text().splitlines()]


def test_a_judge_grades_once_and_counts_only_where_the_report_says_so(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    upbench("run", str(pack), "--agent", "oracle", "--agent", "nop", cwd=tmp_path)
    with serve(judge) as standin:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": standin.openai_url}
        first = upbench("grade", "last", "--judge", "openai/gpt-standin", "--json", cwd=tmp_path, **env)
        assert first.returncode == 0, first.stderr
        asked = len(standin.requests)
        again = upbench("grade", "last", "--judge", "openai/gpt-standin", "--json", cwd=tmp_path, **env)
        assert len(standin.requests) == asked, "what was graded is not paid again"
    graded = json.loads(first.stdout)
    assert (graded["attempts"], graded["skipped"]) == (1, 1), "an empty hand-in is not judged"
    assert graded["verdicts"] == {"pass": 1, "cannot_judge": 1}
    assert json.loads(again.stdout)["attempts"] == 0
    judged = {line["criterion"]: line for line in lines_of(tmp_path, "out") if line.get("grader_kind") == "judge"}
    assert judged["note"]["verdict"] == "pass"
    assert judged["total"]["verdict"] == "cannot_judge", "its quotation is not in the deliverables"
    record = json.loads(upbench("report", "last", "--json", cwd=tmp_path).stdout)
    by_judge = json.loads(upbench("report", "last", "--basis", "judge", "--json", cwd=tmp_path).stdout)
    assert record["agents"]["oracle"]["n"]["missing"] == 1
    assert by_judge["agents"]["oracle"]["p1"]["value"] == 1.0


def test_a_changed_rubric_is_graded_without_a_run(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    upbench("run", str(pack), "--agent", "oracle", cwd=tmp_path)
    changed = RUBRIC.replace("equals = 60", "equals = 61")
    (pack / "jobs" / "job-1" / "rubric.toml").write_text(changed)
    before = {line["criterion"]: line.get("verdict") for line in lines_of(tmp_path, "before")}
    assert before == {"total": None, "note": None}, "another rubric has no verdicts yet"
    graded = upbench("grade", "last", "--checks", "--json", cwd=tmp_path)
    assert graded.returncode == 0, graded.stderr
    after = {line["criterion"]: line.get("verdict") for line in lines_of(tmp_path, "after")}
    assert after == {"total": "fail", "note": None}


def test_grade_needs_to_know_by_whom(tmp_path: Path) -> None:
    for arguments in (["grade", "last"], ["grade", "last", "--checks", "--judge", "openai/x"]):
        result = upbench(*arguments, cwd=tmp_path)
        assert result.returncode == 2
        assert "--judge" in result.stderr
