"""Samples made once, checks written short, and the program run outside a sandbox (for tables of cases)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rubrics import Check, Criterion, Rubric
from sandbox import toolbox_installed, toolbox_path
from tests.support import lacking

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROGRAM = ROOT / "grading" / "inside"
CHECK: TypeAdapter[Any] = TypeAdapter(Check)


def need_toolbox() -> dict[str, str]:
    """The environment in which the program finds the toolbox."""
    if not toolbox_installed():
        lacking("toolbox", "upbench toolbox install")
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(toolbox_path()), "PYTHONDONTWRITEBYTECODE": "1"}


def make_samples(root: Path) -> Path:
    """A submission with good, spoiled and hostile files."""
    command = [sys.executable, str(HERE / "samples.py"), str(root)]
    subprocess.run(command, env=need_toolbox(), check=True, timeout=120)
    return root


def carry_out(
    checks: dict[str, dict[str, Any]], deliverables: Path, *, file: Path | None = None, **bounds: float
) -> dict[str, dict[str, Any]]:
    """The program's outcomes by id, outside a sandbox; every check is validated as in a rubric first."""
    criteria = [
        {"id": name, "check": CHECK.validate_python(check).model_dump(mode="json")}
        for name, check in checks.items()
    ]
    command = [sys.executable, str(PROGRAM), "check", "--deliverables", str(deliverables)]
    command += ["--inputs", str(deliverables), "--checks", str(file or deliverables / "no-such-checks.py")]
    done = subprocess.run(
        command,
        input=json.dumps({"criteria": criteria} | bounds),
        env=need_toolbox(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)["outcomes"]
    assert [outcome["id"] for outcome in outcomes] == list(checks)
    return {outcome["id"]: outcome for outcome in outcomes}


def rubric_of(checks: dict[str, dict[str, Any]]) -> Rubric:
    """A rubric of these checks."""
    return Rubric(
        criteria=tuple(
            Criterion.model_validate({"id": name, "importance": "critical", "text": name, "check": check})
            for name, check in checks.items()
        )
    )
