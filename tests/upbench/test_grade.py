"""`upbench grade`: a judge through the real SDK against the loopback stand-in, and checks of a changed rubric."""

from __future__ import annotations

import json
from pathlib import Path

from core import model_config
from core.llm.lane_shelf import SharedShelf
from core.llm.lanes import account_of
from tests.runs.project import need_sandbox
from tests.runs.support import RUBRIC, write_pack
from tests.standins.llm import KEY, Incoming, Turn, serve
from tests.upbench.test_cli import upbench
from upbench.home import open_home
from upbench.settings import load_settings


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
        words = ("grade", "last", "--judge", "openai/gpt-standin", "--pages", "4", "--json")
        first = upbench(*words, cwd=tmp_path, **env)
        assert first.returncode == 0, first.stderr
        asked = len(standin.requests)
        again = upbench(*words, cwd=tmp_path, **env)
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


def test_a_judge_keeps_to_the_rate_of_its_account(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    upbench("run", str(pack), "--agent", "oracle", cwd=tmp_path)

    def refuses_once(request: Incoming) -> Turn:
        return Turn(status=429, code="slow_down", retry_after="0.1") if request.number == 0 else judge(request)

    with serve(refuses_once) as standin:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": standin.openai_url}
        graded = upbench("grade", "last", "--judge", "openai/gpt-standin", cwd=tmp_path, **env)
        assert graded.returncode == 0, graded.stderr
        account = account_of(model_config("openai/gpt-standin", base_url=standin.openai_url), KEY)
    home = open_home(load_settings(tmp_path))
    state, _ = SharedShelf(home.database, account, "an agent at work").look()
    home.close()
    assert state.narrowed_at > 0, "what the judge was told holds for all who use the account"


def verdicts_of(folder: Path, name: str) -> dict[object, object]:
    return {line["criterion"]: line.get("verdict") for line in lines_of(folder, name)}


def test_a_changed_rubric_counts_only_once_the_run_is_graded_by_it(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    upbench("run", str(pack), "--agent", "oracle", cwd=tmp_path)
    own = {"total": "pass", "note": None}
    assert verdicts_of(tmp_path, "own") == own
    (pack / "jobs" / "job-1" / "rubric.toml").write_text(RUBRIC.replace("equals = 60", "equals = 61"))
    assert verdicts_of(tmp_path, "changed-pack") == own, "a report does not change with the pack on disk"
    resumed = upbench("runs", "resume", "last", cwd=tmp_path)
    assert resumed.returncode == 2
    assert "--checks" in resumed.stderr
    graded = upbench("grade", "last", "--checks", "--json", cwd=tmp_path)
    assert graded.returncode == 0, graded.stderr
    assert verdicts_of(tmp_path, "graded") == {"total": "fail", "note": None}
    pack.rename(tmp_path / "moved-away")
    assert verdicts_of(tmp_path, "without-pack") == {"total": "fail", "note": None}


def test_a_rubric_file_regrades_one_job(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", jobs=2)
    upbench("run", str(pack), "--agent", "oracle", cwd=tmp_path)
    other = tmp_path / "other.toml"
    other.write_text(RUBRIC.replace("equals = 60", "equals = 61").replace('id = "note"', 'id = "naming"'))
    vague = upbench("grade", "last", "--rubric", str(other), cwd=tmp_path)
    assert vague.returncode == 2
    assert "--job" in vague.stderr
    graded = upbench("grade", "last", "--rubric", str(other), "--job", "job-2", cwd=tmp_path)
    assert graded.returncode == 0, graded.stderr
    lines = {(line["job"], line["criterion"]): line.get("verdict") for line in lines_of(tmp_path, "out")}
    assert lines == {
        ("job-1", "total"): "pass",
        ("job-1", "note"): None,
        ("job-2", "total"): "fail",
        ("job-2", "naming"): None,
    }


def test_grade_needs_to_know_by_whom(tmp_path: Path) -> None:
    for arguments in (["grade", "last"], ["grade", "last", "--checks", "--judge", "openai/x"]):
        result = upbench(*arguments, cwd=tmp_path)
        assert result.returncode == 2
        assert "--judge" in result.stderr
