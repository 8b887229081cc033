"""The starter pack's checks decide: a reference passes all of them, an empty submission none that is critical,
and each spoiled variant of a reference fails the criterion that it was spoiled for.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from core import MissingTool
from grading.checks.program import LIMITS, PROGRAM
from grading.checks.run import CheckOutcome, run_checks
from jobs import Job, find_job, load_pack
from rubrics import Criterion, Importance, Rubric, Verdict
from sandbox import Command, Mount, SandboxProvider, SandboxSpec, install_toolbox, provider
from tests.packs.spoil import spoiled_of
from tests.support import lacking

ROOT = Path(__file__).parents[2]
JOBS = sorted(path.parent.name for path in (ROOT / "jobs/packs/starter/jobs").glob("*/job.toml"))
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


def checked(rubric: Rubric) -> Rubric:
    """The part of a rubric that has checks."""
    return Rubric(criteria=tuple(one for one in rubric.criteria if one.check is not None))


async def check(bubblewrap: SandboxProvider, job: Job, folder: Path, empty: Path) -> Outcomes:
    """Outcomes of all checks of a job, by criterion, carried out as in a run."""
    outcomes = await run_checks(
        bubblewrap,
        key=f"{job.id}.{folder.name}",
        rubric=checked(job.rubric),
        deliverables=folder,
        inputs=job.inputs_dir or empty,
        checks_file=job.checks_file,
    )
    return {outcome.criterion: outcome for outcome in outcomes}


# The grading program again and again in one interpreter: its imports are most of what a check takes.
MANY = """
import json, pathlib, sys
sys.path.append("/grading")
from program.main import main
answers = {}
for name, request in json.load(sys.stdin).items():
    pathlib.Path("/job/request.json").write_text(json.dumps(request))
    main(["check", "--deliverables", f"/grading/variants/{name}", "--request", "/job/request.json",
          "--out", "/job/answer.json"])
    answers[name] = json.loads(pathlib.Path("/job/answer.json").read_text())["outcomes"][0]
pathlib.Path("/job/answers.json").write_text(json.dumps(answers))
"""


async def check_variants(bubblewrap: SandboxProvider, job: Job, variants: Path) -> dict[str, dict[str, str]]:
    """What the check of the criterion that each variant was spoiled for says, in one sandbox."""
    by_id = {criterion.id: criterion.check for criterion in checked(job.rubric).criteria}
    asked: dict[str, object] = {}
    for name, (_, criterion) in spoiled_of(job.id).items():
        one = by_id[criterion]
        assert one is not None
        asked[name] = {"criteria": [{"id": criterion, "check": one.model_dump(mode="json")}]}
    shown = {"program": PROGRAM, "variants": variants, "inputs": job.inputs_dir, "checks.py": job.checks_file}
    mounts = tuple(Mount(source=path, target=f"/grading/{name}") for name, path in shown.items() if path)
    key = f"{job.id}.variants"
    sandbox = await bubblewrap.open(SandboxSpec(workspace=key, mounts=mounts, limits=LIMITS))
    try:
        command = Command(argv=("python3", "-c", MANY), stdin=json.dumps(asked).encode(), timeout_seconds=300)
        result = await sandbox.run(command)
        assert result.exit_code == 0, result.stderr.text
        answers: dict[str, dict[str, str]] = json.loads(await sandbox.read("/job/answers.json", max_bytes=1 << 22))
        return answers
    finally:
        await sandbox.close()
        await bubblewrap.discard(key)


def said(outcome: CheckOutcome) -> str:
    """For the message of a failed assertion."""
    return f"{outcome.criterion}: {outcome.verdict} {outcome.feedback} {[one.text for one in outcome.evidence]}"


def deciding(criteria: Iterable[Criterion], *importances: Importance) -> list[str]:
    """Ids of the criteria of these importances whose check decides."""
    return [one.id for one in criteria if one.decides and one.importance in importances]


@pytest.mark.parametrize("name", JOBS)
async def test_reference_passes_and_nothing_fails(name: str, bubblewrap: SandboxProvider, tmp_path: Path) -> None:
    job = find_job(f"starter/{name}")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert job.reference_dir is not None
    good, empty = await asyncio.gather(
        check(bubblewrap, job, job.reference_dir, tmp_path), check(bubblewrap, job, nothing, tmp_path)
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
    answers = await check_variants(bubblewrap, job, out)
    assert answers.keys() == spoiled.keys()
    assert not {name: answer for name, answer in answers.items() if answer["verdict"] != "fail"}


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
