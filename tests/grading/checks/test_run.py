"""Checks through the real sandbox: the same verdicts, and an answer that is never trusted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core import Cause, Fault
from grading import CheckOutcome, run_checks
from grading.checks import program
from rubrics import Criterion, Rubric
from sandbox import Sandbox, SandboxProvider, SandboxSpec
from tests.grading.checks.cases import CASES
from tests.grading.checks.support import rubric_of
from tests.grading.checks.test_python_checks import JOB_CHECKS


async def _run(bwrap: SandboxProvider, rubric: Rubric, deliverables: Path, checks: Path | None = None) -> Any:
    found = await run_checks(
        bwrap, key="check", rubric=rubric, deliverables=deliverables, inputs=deliverables, checks_file=checks
    )
    return {outcome.criterion: outcome for outcome in found}


async def test_every_case_has_its_verdict_in_a_sandbox_too(bwrap: SandboxProvider, samples: Path) -> None:
    found = await _run(bwrap, rubric_of({name: check for name, (_, check) in CASES.items()}), samples)
    assert {name: outcome.verdict.value for name, outcome in found.items()} == {
        name: verdict for name, (verdict, _) in CASES.items()
    }
    assert all(isinstance(outcome, CheckOutcome) for outcome in found.values())


async def test_python_checks_cannot_write_what_they_grade(
    bwrap: SandboxProvider, samples: Path, tmp_path: Path
) -> None:
    names = ("passes", "everything", "writes", "talks")
    found = await _run(
        bwrap, rubric_of({name: {"kind": "python", "function": name} for name in names}), samples, JOB_CHECKS
    )
    assert found["passes"].verdict == "pass"
    assert found["everything"].verdict == "pass", found["everything"]
    assert found["writes"].verdict == "cannot_judge"
    assert found["talks"].verdict == "pass"
    assert not (samples / "forged.txt").exists()
    assert not any((tmp_path / "state" / "workspaces").iterdir())


async def test_a_small_submission_is_quick(bwrap: SandboxProvider, samples: Path) -> None:
    rubric = rubric_of(
        {
            "total": {"kind": "cell", "file": "order.xlsx", "cell": "D5", "equals": 411.85},
            "text": {"kind": "text_contains", "file": "report.docx", "phrases": ["Growth"]},
        }
    )
    await _run(bwrap, rubric, samples)
    started = time.monotonic()
    found = await _run(bwrap, rubric, samples)
    assert [outcome.verdict for outcome in found.values()] == ["pass", "pass"]
    assert time.monotonic() - started < 60


class _Unopened:
    """A provider that must not be used."""

    name = "unopened"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


async def test_without_checks_no_sandbox_is_opened(tmp_path: Path) -> None:
    rubric = Rubric(criteria=(Criterion.model_validate({"id": "a", "importance": "critical", "text": "t"}),))
    none: Any = _Unopened()
    assert (
        await run_checks(none, key="k", rubric=rubric, deliverables=tmp_path, inputs=tmp_path, checks_file=None)
        == []
    )


GOOD = {"id": "a", "verdict": "pass", "feedback": "", "evidence": [], "seconds": 0.1}
ANSWERS = [
    "",
    "[",
    "[]",
    json.dumps({"outcomes": []}),
    json.dumps({"outcomes": [GOOD, GOOD]}),
    json.dumps({"outcomes": [GOOD | {"id": "b"}]}),
    json.dumps({"outcomes": [GOOD | {"verdict": "excellent"}]}),
    json.dumps({"outcomes": [GOOD | {"feedback": "x" * 10_000}]}),
    json.dumps({"outcomes": [GOOD | {"more": 1}]}),
    json.dumps({"outcomes": [GOOD | {"seconds": -1}]}),
    json.dumps({"outcomes": [GOOD | {"evidence": [{"kind": "fact", "text": "x"}] * 50}]}),
    "[" * 200_000,
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
async def test_an_answer_that_is_nonsense_is_a_fault(
    answer: str, bwrap: SandboxProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever runs in the sandbox may answer anything: here another program does."""
    forged = tmp_path / "program"
    forged.mkdir()
    (forged / "__main__.py").write_text(
        f"import sys\nopen(sys.argv[sys.argv.index('--out') + 1], 'w').write({answer!r})\n"
    )
    monkeypatch.setattr(program, "PROGRAM", forged)
    rubric = rubric_of({"a": {"kind": "file_count", "file": "*", "min": 1}})
    with pytest.raises(Fault) as caught:
        await _run(bwrap, rubric, forged)
    assert caught.value.cause is Cause.check_failed_to_run


@pytest.mark.parametrize("source", ["raise SystemExit(7)", "import os; os.kill(os.getpid(), 9)", "pass"])
async def test_a_program_that_dies_is_a_fault(
    source: str, bwrap: SandboxProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = tmp_path / "program"
    forged.mkdir()
    (forged / "__main__.py").write_text(source)
    monkeypatch.setattr(program, "PROGRAM", forged)
    with pytest.raises(Fault) as caught:
        await _run(bwrap, rubric_of({"a": {"kind": "file_count", "file": "*", "min": 1}}), forged)
    assert caught.value.cause is Cause.check_failed_to_run
    assert not any((tmp_path / "state" / "workspaces").iterdir())


async def test_a_grading_sandbox_says_whose_work_is_graded(
    bwrap: SandboxProvider, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    opened = bwrap.open

    async def watched(spec: SandboxSpec, **more: Any) -> Sandbox:
        found = await opened(spec, **more)
        seen.extend({"run": one.run, "trial": one.trial} for one in await bwrap.resources())
        return found

    monkeypatch.setattr(bwrap, "open", watched)
    labels = {"run": "r1", "trial": "t1"}
    rubric = rubric_of({"there": {"kind": "file_count", "file": "*.docx", "min": 1}})
    await run_checks(
        bwrap, key="check", rubric=rubric, deliverables=samples, inputs=samples, checks_file=None, labels=labels
    )
    assert labels in seen
    assert all(one in (labels, {"run": "", "trial": ""}) for one in seen)
