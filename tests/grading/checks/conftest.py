from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxProvider, provider
from tests.grading.checks.cases import CASES
from tests.grading.checks.support import carry_out, need_toolbox
from tests.support import lacking


@pytest.fixture
def bwrap(tmp_path: Path) -> SandboxProvider:
    need_toolbox()
    found = provider("bwrap", tmp_path / "state")
    if problem := found.problem():
        lacking("bwrap", problem[0])
    return found


@pytest.fixture(scope="session")
def outcomes(samples: Path) -> dict[str, dict[str, Any]]:
    return carry_out({name: check for name, (_, check) in CASES.items()}, samples)
