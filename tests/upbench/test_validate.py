from __future__ import annotations

import json
from pathlib import Path

from tests.runs.project import need_sandbox
from tests.runs.support import RUBRIC, write_pack
from tests.upbench.test_cli import upbench

FIVE = RUBRIC + "".join(
    f"""
[[criteria]]
id = "row-{n}"
importance = "important"
text = "File total.csv has exactly one data row, said in way {n}"
check = {{ kind = "row_count", file = "total.csv", min = 1, max = 1 }}
"""
    for n in range(3)
)


def test_a_sound_pack_is_valid_and_unchecked_criteria_are_counted(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", jobs=2, rubric=FIVE)
    result = upbench("jobs", "validate", str(pack), "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr + result.stdout
    found = json.loads(result.stdout)
    assert found["jobs"] == 2
    assert (found["nop"]["completed"], found["nop"]["trials"]) == (0, 2)
    assert (found["oracle"]["completed"], found["oracle"]["trials"]) == (2, 2)
    assert (found["checked"], found["unchecked"]) == (8, 2)
    assert not (tmp_path / ".upbench").exists(), "validation leaves nothing behind"


def test_a_reference_that_misses_its_own_rubric_is_found(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", rubric=FIVE)
    (pack / "jobs" / "job-1" / "private" / "reference" / "total.csv").write_text("total\n61\n")
    result = upbench("jobs", "validate", str(pack), "--json", cwd=tmp_path)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["oracle"]["completed"] == 0
    assert any("job-1/total" in line for line in found["oracle"]["wrong"])


def test_a_lint_error_fails_the_validation(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", rubric=RUBRIC)
    result = upbench("jobs", "validate", str(pack), "--json", cwd=tmp_path)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert any(finding["level"] == "error" and finding["job"] == "job-1" for finding in found["lint"])
