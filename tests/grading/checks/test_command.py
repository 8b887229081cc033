"""`python -m grading.checks`: what the author of a job sees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import provider
from tests.grading.checks.support import PROGRAM, ROOT, need_toolbox
from tests.support import lacking

PACK = 'name = "tiny"\nversion = "1.0.0"\nlicence = "CC0-1.0"\ncanary = "tiny-canary"\ndescription = "One job"\n'
JOB = (
    'title = "Add up"\ncategory = ["Data", "Entry", "Sums"]\npayout = { amount = 20, currency = "USD" }\n'
    'expertise_tier = "entry"\ndates = { posted = 2025-01-01, completed = 2025-01-02 }\n'
    'deliverables = [{ path = "*.csv", media_type = "text/csv", required = true }]\n'
)
RUBRIC = """
[[criteria]]
id = "sum"
importance = "critical"
text = "The column Amount adds up to 6"
decides = true
check = { kind = "column_sum", file = "*.csv", column = "Amount", equals = 6 }

[[criteria]]
id = "style"
importance = "optional"
text = "The table has a heading"
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    need_toolbox()
    if problem := provider("bwrap", tmp_path / "state").problem():
        lacking("bwrap", problem[0])
    folder = tmp_path / "tiny" / "jobs" / "add"
    (folder / "private" / "reference").mkdir(parents=True)
    (tmp_path / "tiny" / "pack.toml").write_text(PACK)
    (folder / "job.toml").write_text(JOB)
    (folder / "brief.md").write_text("Add these numbers up, please.\n")
    (folder / "rubric.toml").write_text(RUBRIC)
    (folder / "private" / "reference" / "sums.csv").write_text("Amount\n1\n2\n3\n")
    return folder


def _checks(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grading.checks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_reference_passes(job: Path) -> None:
    done = _checks(job)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pass")
    assert "sums.csv line=1" in done.stdout
    assert "1 of 1 checks pass; 1 criteria have no check" in done.stdout


def test_other_deliverables_fail(job: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sums.csv").write_text("Amount\n1\n2\n4\n")
    done = _checks(job, tmp_path / "other")
    assert done.returncode == 1
    assert done.stdout.startswith("fail")
    assert "wanted 6" in done.stdout


def test_a_wrong_name_is_one_line(job: Path) -> None:
    for arguments in ((job.parent / "none",), (job, job / "nowhere")):
        done = _checks(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_the_program_alone_shows_the_same(job: Path) -> None:
    """For authors on a machine without a sandbox: the same verdicts from the program itself."""
    command = [sys.executable, str(PROGRAM), "try", str(job), "--json"]
    done = subprocess.run(command, env=need_toolbox(), capture_output=True, text=True, timeout=60, check=True)
    (outcome,) = json.loads(done.stdout)
    assert (outcome["id"], outcome["verdict"]) == ("sum", "pass")
    done = subprocess.run(command[:-1], env=need_toolbox(), capture_output=True, text=True, timeout=60, check=True)
    assert "without a check: 1" in done.stdout
