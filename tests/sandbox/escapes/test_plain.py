"""Attempts that are one program inside, on every provider; and that each of them works where nothing isolates."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.sandbox.escapes.attempt import Attempt
from tests.sandbox.escapes.control import on_the_host
from tests.sandbox.escapes.plain import PLAIN
from tests.sandbox.escapes.scene import Scene
from tests.sandbox.escapes.witness import Witness
from tests.support import lacking


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("attempt", PLAIN, ids=lambda one: one.slug)
async def test_is_refused(attempt: Attempt, scene: Scene) -> None:
    scene.attempt = attempt
    scene.refused(await scene.inside(attempt.program))
    await scene.unharmed()


@pytest.mark.parametrize("attempt", [one for one in PLAIN if one.control], ids=lambda one: one.slug)
def test_works_where_nothing_isolates(attempt: Attempt, witness: Witness, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        lacking("root", "only root can show on a root to throw away that an attempt works")
    facts = witness.facts("control")
    report = on_the_host(attempt, facts | {"harness": facts["bystander"]}, tmp_path)
    witness.visitors()
    # What this host's kernel is built without cannot be tried on it.
    lacking_here = report.refused and set(report.refused.values()) <= {"ENOSYS", "EAFNOSUPPORT", "ENOENT"}
    assert report.did or lacking_here, f"{attempt.name} does nothing anywhere: {report.refused}"
    witness.check()
