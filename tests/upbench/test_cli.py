"""The command line as a user meets it: exit codes, one clear line, nothing half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.forking import completed
from tests.runs.project import need_sandbox
from tests.runs.support import write_pack


def without_keys() -> dict[str, str]:
    """The environment of a command."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


def upbench(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder."""
    keys = dict.fromkeys(os.environ.keys() - without_keys().keys())
    return completed(*arguments, cwd=cwd, env=keys | env)


def installed(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("upbench")), *arguments],
        cwd=cwd,
        env=without_keys() | env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_version_and_help_name_every_command(tmp_path: Path) -> None:
    assert installed("--version", cwd=tmp_path).stdout.startswith("upbench ")
    text = installed("--help", cwd=tmp_path).stdout
    for name in ("demo", "doctor", "jobs", "report", "review", "rubrics", "run", "runs", "submit"):
        assert f"  {name}" in text
    for arguments in (
        ["run"],
        ["runs", "why"],
        ["submit"],
        ["jobs", "validate"],
        ["rubrics", "score"],
        ["report"],
    ):
        found = upbench(*arguments, "--help", cwd=tmp_path)
        assert found.returncode == 0, found.stderr
        assert "Example" in found.stdout, arguments
    assert not (tmp_path / ".upbench").exists()


WRONG: list[tuple[list[str], str]] = [
    (["run", "nowhere"], "nowhere"),
    (["run", "{pack}", "--agent", "zzz"], "unknown agent `zzz`"),
    (["run", "{pack}", "--agent", "react"], "--model"),
    (["run", "{pack}", "--model", "nobody/x"], "nobody"),
    (["run", "{pack}", "--model", "openai/x"], "OPENAI_API_KEY"),
    (["run", "{pack}", "--agent", "nop", "--limit", "steps=many"], "steps"),
    (["run", "{pack}", "--agent", "nop", "--limit", "speed=3"], "speed"),
    (["run", "{pack}", "--agent", "nop", "--limit", "steps"], "NAME=VALUE"),
    (["run", "{pack}", "--agent", "nop", "--job", "job-9"], "job-9"),
    (["run", "{pack}", "--agent", "nop", "--sandbox", "vm"], "vm"),
    (["run", "{pack}", "--agent", "nop", "--network", "some"], "none, allow, open"),
    (["run", "{pack}", "--agent", "nop", "--network", "allow"], "at least one domain"),
    (["run", "{pack}", "--agent", "nop", "--network", "open", "--allow-domain", "a.example"], "takes no domains"),
    (["run", "{pack}", "--agent", "nop", "--allow-domain", "a.example"], "takes no domains"),
    (["run", "{pack}", "--agent", "nop", "--network", "allow", "--allow-domain", "10.0.0.1"], "10.0.0.1"),
    (["run", "{pack}", "--agent", "nop", "--network", "allow", "--allow-domain", "http://a.example/"], "http://"),
    (["run", "{pack}", "--agent", "nop", "--network", "allow", "--allow-domain", "localhost"], "localhost"),
    (["run", "{pack}", "--agent", "nop", "--network", "allow", "--allow-domain", "a.example:0"], "a.example:0"),
    (["run", "{pack}", "--agent", "nop", "--repeats", "0"], "--repeats"),
    (["run", "{pack}", "--agent", "nop", "--model", "scripted/x"], "--model"),
    (["runs", "show", "gone"], "gone"),
    (["runs", "why", "t000"], "t000"),
    (["runs", "resume", "last"], "last"),
    (["runs", "retry", "last", "--cause", "bad luck"], "bad luck"),
    (["submit", "{pack}/job-1", "nothing-here", "--agent", "me"], "nothing-here"),
    (["submit", "{pack}/job-9", ".", "--agent", "me"], "job-9"),
    (["report", "gone.jsonl"], "gone.jsonl"),
    (["--project", "no-folder", "runs", "list"], "no-folder"),
    (["frobnicate"], "frobnicate"),
    (["run"], "PACK"),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG, ids=[" ".join(case[0]) for case in WRONG])
def test_wrong_usage_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], named: str) -> None:
    pack = write_pack(tmp_path / "packs")
    work = tmp_path / "work"
    work.mkdir()
    result = upbench(*[part.format(pack=pack) for part in arguments], cwd=work)
    assert result.returncode == 2, result.stderr
    assert named in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    rows = upbench("runs", "list", "--json", cwd=work)
    assert json.loads(rows.stdout) == [], "nothing half written"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("concurrency = 0", "field `concurrency`"),
        ("colour = 'red'", "field `colour`"),
        ("concurrency = = 1", "line 1"),
        ("project = '.'", "field `project`"),
    ],
)
def test_a_wrong_settings_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "upbench.toml").write_text(text)
    result = upbench("runs", "list", cwd=tmp_path)
    assert result.returncode == 2
    assert "upbench.toml" in result.stderr
    assert named in result.stderr
    assert not (tmp_path / ".upbench").exists()


def test_settings_come_from_file_then_environment_then_flags(tmp_path: Path) -> None:
    (tmp_path / "upbench.toml").write_text('home = "from-file"\n')
    upbench("runs", "list", cwd=tmp_path)
    assert (tmp_path / "from-file" / "upbench.db").exists()
    upbench("runs", "list", cwd=tmp_path, UPBENCH_HOME="from-environment")
    assert (tmp_path / "from-environment" / "upbench.db").exists()
    wrong = upbench("runs", "list", cwd=tmp_path, UPBENCH_CONCURRENCY="many")
    assert wrong.returncode == 2
    assert "UPBENCH_CONCURRENCY" in wrong.stderr


def test_a_run_from_the_command_line(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", jobs=2)
    dry = upbench("run", str(pack), "--agent", "nop", "--agent", "oracle", "--dry-run", "--json", cwd=tmp_path)
    assert json.loads(dry.stdout)["trials"]["total"] == 4
    done = upbench("run", str(pack), "--agent", "oracle", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["trials"] == {"total": 2, "planned": 0, "running": 0, "done": 2}
    assert summary["causes"] == {"submitted": 2}
    for key in ("id", "state", "cost", "tokens", "seconds", "store", "report"):
        assert key in summary
    trial = summary["attempts"][0]["trial"]
    why = upbench("runs", "why", trial, cwd=tmp_path)
    assert "total.csv" in why.stdout
    assert "pass" in why.stdout
    shown = json.loads(upbench("runs", "show", "last", "--json", cwd=tmp_path).stdout)
    assert shown["id"] == summary["id"]
    exported = upbench("runs", "export", "last", "--to", "out", "--json", cwd=tmp_path)
    assert json.loads(exported.stdout) == {"evaluations": 4, "deliverables": 4}
    assert (tmp_path / "out" / "deliverables" / "oracle" / "job-1" / "1" / "k1" / "total.csv").exists()
    again = upbench("runs", "export", "last", "--to", "out", cwd=tmp_path)
    assert again.returncode == 2
    report = json.loads(upbench("report", "out/evaluations.jsonl", "--json", cwd=tmp_path).stdout)
    direct = json.loads(upbench("report", "last", "--json", cwd=tmp_path).stdout)
    assert report["agents"] == direct["agents"]


def test_deliverables_made_elsewhere_enter_like_any_attempt(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    work = tmp_path / "mine"
    work.mkdir()
    (work / "total.csv").write_text("total\n60\n")
    (work / "link").symlink_to("/etc/passwd")
    done = upbench(
        "submit", f"{pack}/job-1", str(work), "--agent", "person-a", "--minutes", "12", "--cost", "9.5", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    upbench("runs", "export", "last", "--to", "out", cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "out" / "evaluations.jsonl").read_text().splitlines()]
    assert {line["criterion"]: line.get("verdict") for line in lines} == {"total": "pass", "note": None}
    assert lines[0]["minutes"]["work"] == 12
    assert lines[0]["cost"]["model"] == 9.5
    assert "/etc/passwd" not in (tmp_path / "out" / "run.json").read_text()


def test_what_is_missing_or_left_out_is_said_and_a_submission_can_join_a_run(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    work = tmp_path / "mine"
    work.mkdir()
    (work / "other.txt").write_text("not what was asked for\n")
    (work / "link").symlink_to("/etc/passwd")
    first = upbench("submit", f"{pack}/job-1", str(work), "--agent", "person-a", "--cost", "7", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "missing: total.csv" in first.stdout
    assert "not collected: link" in first.stdout
    shown = json.loads(upbench("runs", "show", "last", "--json", cwd=tmp_path).stdout)
    assert shown["attempts"][0]["missing"] == ["total.csv"]
    assert shown["cost"]["dollars"] == 7
    done = json.loads(upbench("run", str(pack), "--agent", "oracle", "--json", cwd=tmp_path).stdout)
    join = ["submit", f"{pack}/job-1", str(work), "--run", done["id"], "--json"]
    joined = json.loads(upbench(*join, "--agent", "person-b", cwd=tmp_path).stdout)
    again = json.loads(upbench(*join, "--agent", "person-b", cwd=tmp_path).stdout)
    assert joined["id"] == again["id"] == done["id"]
    assert [(a["agent"], a["repeat"]) for a in again["attempts"]] == [
        ("oracle", 1),
        ("person-b", 1),
        ("person-b", 2),
    ]
    assert upbench(*join, "--agent", "oracle", cwd=tmp_path).returncode == 2, "the name is taken"
    report = json.loads(upbench("report", done["id"], "--json", cwd=tmp_path).stdout)
    assert report["agents"]["person-b"]["n"]["value"] == 2
    assert upbench("runs", "resume", done["id"], cwd=tmp_path).returncode == 0
