"""What a job's own functions may do, and what happens when they do what they should not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.grading.checks.support import carry_out

JOB_CHECKS = Path(__file__).parent / "job_checks.py"
VERDICTS = {
    "passes": "pass",
    "fails": "fail",
    "abstains": "cannot_judge",
    "everything": "pass",
    "missing": "fail",
    "broken_file": "fail",
    "missing_column": "fail",
    "missing_sheet": "fail",
    "wrong_value": "fail",
    "unknown_function": "cannot_judge",
    "unknown_elsewhere": "pass",
    "programming_error": "cannot_judge",
    "returns_true": "cannot_judge",
    "returns_nothing": "cannot_judge",
    "leaves": "cannot_judge",
    "dies": "cannot_judge",
    "endless": "cannot_judge",
    "sleeps_in_children": "cannot_judge",
    "eats_memory": "cannot_judge",
    "talks": "pass",
    "no_such_function": "cannot_judge",
}


@pytest.fixture(scope="module")
def outcomes(samples: Path) -> dict[str, dict[str, Any]]:
    checks = {name: {"kind": "python", "function": name} for name in VERDICTS}
    return carry_out(checks, samples, file=JOB_CHECKS, python_seconds=4.0)


@pytest.mark.parametrize("name", list(VERDICTS))
def test_verdict(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    assert outcomes[name]["verdict"] == VERDICTS[name], outcomes[name]


def test_what_was_seen_is_kept(outcomes: dict[str, dict[str, Any]]) -> None:
    seen = outcomes["fails"]["evidence"][0]
    assert (seen["file"], seen["anchor"], seen["text"]) == ("order.xlsx", "Summary!D5", "the total is wrong")
    assert outcomes["fails"]["feedback"] == "the total is wrong"
    assert outcomes["passes"]["evidence"][0]["file"] == "bomb.xlsx"
    assert len(outcomes["talks"]["evidence"][0]["text"]) == 500


def test_a_programming_error_names_its_line(outcomes: dict[str, dict[str, Any]]) -> None:
    line = next(
        number for number, text in enumerate(JOB_CHECKS.read_text().splitlines(), 1) if "no_such_name" in text
    )
    assert f"line {line}" in outcomes["programming_error"]["feedback"]


def test_a_module_that_cannot_be_imported_judges_nothing(samples: Path, tmp_path: Path) -> None:
    broken = tmp_path / "checks.py"
    broken.write_text("import no_such_package\n\ndef passes(ctx):\n    return ctx.passed()\n")
    found = carry_out({"a": {"kind": "python", "function": "passes"}}, samples, file=broken)
    assert found["a"]["verdict"] == "cannot_judge"
    broken.write_text("def passes(ctx:\n")
    found = carry_out({"a": {"kind": "python", "function": "passes"}}, samples, file=broken)
    assert found["a"]["verdict"] == "cannot_judge"


def test_the_deliverables_are_no_modules(samples: Path, tmp_path: Path) -> None:
    """A deliverable called like a module of ours or of the library is not what gets imported."""
    folder = tmp_path / "deliverables"
    folder.mkdir()
    for name in ("json.py", "openpyxl.py", "checks.py", "values.py"):
        (folder / name).write_text("raise SystemExit(3)\n")
    (folder / "a.csv").write_text("x\n1\n")
    found = carry_out({"a": {"kind": "column_sum", "file": "*.csv", "column": "x", "equals": 1}}, folder)
    assert found["a"]["verdict"] == "pass"
