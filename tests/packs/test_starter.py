"""The starter pack's checks decide: a reference passes all of them, an empty submission none that is critical,
and each spoiled variant of a reference fails the criterion that it was spoiled for.
"""

from __future__ import annotations

import asyncio
import collections
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from core import MissingTool
from grading.checks.run import CheckOutcome, run_checks
from jobs import Job, find_job, load_pack
from rubrics import Criterion, Importance, Rubric, Verdict
from sandbox import SandboxProvider, install_toolbox, provider
from tests.packs.spoil import spoiled_of
from tests.support import lacking

ROOT = Path(__file__).parents[2]
JOBS = sorted(path.parent.name for path in (ROOT / "jobs/packs/starter/jobs").glob("*/job.toml"))
AT_ONCE = os.cpu_count() or 2
Outcomes = dict[str, CheckOutcome]


@pytest.fixture(scope="module")
def bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> SandboxProvider:
    """A provider of sandboxes for grading."""
    try:
        install_toolbox(lambda line: None)
        return provider("bwrap", tmp_path_factory.mktemp("state"))
    except MissingTool as error:
        lacking("bwrap", str(error))


def make_variants(job: Job, out: Path) -> None:
    """Spoil copies of the reference, in a process of its own that finds the toolbox."""
    path = os.pathsep.join((str(install_toolbox(lambda line: None)), str(ROOT)))
    argv = [sys.executable, "-m", "tests.packs.spoil", job.id, str(job.reference_dir), str(out)]
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def checked(rubric: Rubric, only: Iterable[str] | None = None) -> Rubric:
    """The part of a rubric that has checks (of `only`, if given)."""
    wanted = None if only is None else set(only)
    kept = [c for c in rubric.criteria if c.check is not None and (wanted is None or c.id in wanted)]
    return Rubric(criteria=tuple(kept))


class Grader:
    """Checks submissions to one job, a few at a time."""

    def __init__(self, job: Job, bubblewrap: SandboxProvider, empty: Path) -> None:
        self.job = job
        self.bubblewrap = bubblewrap
        self.empty = empty
        self.turn = asyncio.Semaphore(AT_ONCE)

    async def check(self, name: str, folder: Path, rubric: Rubric) -> Outcomes:
        """Outcomes by criterion."""
        async with self.turn:
            outcomes = await run_checks(
                self.bubblewrap,
                key=f"{self.job.id}.{name}",
                rubric=rubric,
                deliverables=folder,
                inputs=self.job.inputs_dir or self.empty,
                checks_file=self.job.checks_file,
            )
        return {outcome.criterion: outcome for outcome in outcomes}


def said(outcome: CheckOutcome) -> str:
    """For the message of a failed assertion."""
    return f"{outcome.criterion}: {outcome.verdict} {outcome.feedback} {[one.text for one in outcome.evidence]}"


def deciding(criteria: Iterable[Criterion], *importances: Importance) -> list[str]:
    """Ids of the criteria of these importances whose check decides."""
    return [one.id for one in criteria if one.decides and one.importance in importances]


@pytest.mark.parametrize("name", JOBS)
async def test_reference_passes_and_nothing_fails(name: str, bubblewrap: SandboxProvider, tmp_path: Path) -> None:
    job = find_job(f"starter/{name}")
    grader = Grader(job, bubblewrap, tmp_path)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert job.reference_dir is not None
    rubric = checked(job.rubric)
    good, empty = await asyncio.gather(
        grader.check("reference", job.reference_dir, rubric), grader.check("nothing", nothing, rubric)
    )
    assert not [said(one) for one in good.values() if one.verdict is not Verdict.passed]
    assert not [said(one) for one in empty.values() if one.verdict is Verdict.cannot_judge]
    critical = deciding(job.rubric.criteria, Importance.critical)
    assert critical
    assert not [said(empty[one]) for one in critical if empty[one].verdict is not Verdict.failed]


@pytest.mark.parametrize("name", JOBS)
async def test_each_spoiled_variant_fails_its_criterion(
    name: str, bubblewrap: SandboxProvider, tmp_path: Path
) -> None:
    job = find_job(f"starter/{name}")
    spoiled = spoiled_of(name)
    assert len(spoiled) >= 4
    ids = {criterion.id for criterion in checked(job.rubric).criteria}
    assert {criterion for _, criterion in spoiled.values()} <= ids
    out = tmp_path / "variants"
    make_variants(job, out)
    grader = Grader(job, bubblewrap, tmp_path)
    graded = await asyncio.gather(
        *(
            grader.check(variant.replace("_", "-"), out / variant, checked(job.rubric, [criterion]))
            for variant, (_, criterion) in spoiled.items()
        )
    )
    wrong = [
        f"{variant}: {said(outcomes[criterion])}"
        for (variant, (_, criterion)), outcomes in zip(spoiled.items(), graded, strict=True)
        if outcomes[criterion].verdict is not Verdict.failed
    ]
    assert not wrong


@pytest.mark.parametrize("name", JOBS)
def test_most_of_what_counts_is_decided_by_checks(name: str) -> None:
    criteria = find_job(f"starter/{name}").rubric.criteria
    counting = [one for one in criteria if one.importance in (Importance.critical, Importance.important)]
    decided = deciding(criteria, Importance.critical, Importance.important)
    assert len(decided) >= 2 / 3 * len(counting)


def test_two_jobs_in_each_of_the_eight_categories() -> None:
    counts = collections.Counter(job.category[0] for job in load_pack("starter").jobs)
    assert len(counts) == 8
    assert set(counts.values()) == {2}


@pytest.mark.parametrize("name", JOBS)
def test_job_is_whole(name: str) -> None:
    job = find_job(f"starter/{name}")
    assert job.inputs
    assert None not in (job.script_file, job.checks_file, job.reference_dir, job.baseline)
    assert 120 <= len(job.brief.split()) <= 350
    assert 5 <= len(job.rubric.criteria) <= 20
    assert sum(path.stat().st_size for path in job.root.rglob("*") if path.is_file()) < 1_600_000
