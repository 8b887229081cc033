"""A Job, a JobPack, and the digests by which their contents are known."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core import BadInput, digest_of, digest_tree, sha256_file
from jobs.facts import Baseline, DeclaredDeliverable, JobFacts, Money, PackInfo
from rubrics import Rubric, RubricTree


@dataclass(frozen=True)
class Attachment:
    """A file that the agent gets.

    Attributes:
        path: POSIX path below `/job/inputs`.
        size: Bytes.
        file: Where it lies on this machine.
    """

    path: str
    size: int
    file: Path

    @cached_property
    def sha256(self) -> str:
        """Of its bytes; read when first asked for."""
        return sha256_file(self.file)


@dataclass(frozen=True)
class Job:
    """One real piece of paid work.

    Attributes:
        id: The name of its folder; unique in its pack.
        pack: The pack it belongs to.
        facts: Its `job.toml`.
        brief: What the client wrote.
        inputs: Attachments, sorted by path.
        rubric: Never shown to the agent, unless the run says so.
        root: The job's folder. The paths after it lie in it, and are None where there is no such file.
        tree_file: The weighted tree of an imported rubric; `tree` is what it holds.
        reference_dir: The oracle's deliverables.
        checks_file: Python checks, run only inside a grading sandbox.
        script_file: The scripted model's turns.
    """

    id: str
    pack: PackInfo
    facts: JobFacts
    brief: str
    inputs: tuple[Attachment, ...]
    rubric: Rubric
    root: Path
    rubric_file: Path
    tree_file: Path | None = None
    tree: RubricTree | None = None
    inputs_dir: Path | None = None
    reference_dir: Path | None = None
    checks_file: Path | None = None
    script_file: Path | None = None
    baseline: Baseline | None = None

    @property
    def key(self) -> str:
        """`PACK/JOB`."""
        return f"{self.pack.name}/{self.id}"

    @property
    def title(self) -> str:
        """The job post's title."""
        return self.facts.title

    @property
    def category(self) -> tuple[str, ...]:
        """One to three levels, the widest first."""
        return self.facts.category

    @property
    def payout(self) -> Money:
        """What the client paid a person for it."""
        return self.facts.payout

    @property
    def deliverables(self) -> tuple[DeclaredDeliverable, ...]:
        """What the client expects to be handed in."""
        return self.facts.deliverables

    @cached_property
    def task_digest(self) -> str:
        """Of all that the agent may see, and of nothing else: title, brief, attachments, declared deliverables.

        Category, payout and dates are for reports; correcting them leaves earlier trials comparable.
        """
        return digest_of(
            {
                "title": self.title,
                "brief": self.brief,
                "inputs": [(item.path, item.sha256) for item in self.inputs],
                "deliverables": [item.model_dump(mode="json") for item in self.deliverables],
            }
        )

    @cached_property
    def grading_digest(self) -> str:
        """Of what decides the grades: rubric (and its tree), `private/checks.py`, `private/reference`."""
        return digest_of(
            {
                "rubric": self.rubric.model_dump(mode="json", exclude_defaults=True),
                "tree": sha256_file(self.tree_file) if self.tree_file else None,
                "checks": sha256_file(self.checks_file) if self.checks_file else None,
                "reference": digest_tree(self.reference_dir) if self.reference_dir else None,
            }
        )

    @cached_property
    def script_digest(self) -> str | None:
        """Of `private/scripted.json`; it belongs to the scripted agent, not to the job."""
        return sha256_file(self.script_file) if self.script_file else None

    def describe(self) -> dict[str, Any]:
        """Everything about the job as JSON values (no paths of this machine)."""
        return {
            "key": self.key,
            "id": self.id,
            "pack": self.pack.name,
            "version": self.pack.version,
            **self.facts.model_dump(mode="json", exclude={"id"}),
            "brief": self.brief,
            "inputs": [{"path": item.path, "size": item.size, "sha256": item.sha256} for item in self.inputs],
            "criteria": [item.model_dump(mode="json", exclude_none=True) for item in self.rubric.criteria],
            "has": {
                "reference": self.reference_dir is not None,
                "checks": self.checks_file is not None,
                "script": self.script_file is not None,
                "tree": self.tree_file is not None,
            },
            "baseline": self.baseline.model_dump(mode="json") if self.baseline else None,
            "task_digest": self.task_digest,
            "grading_digest": self.grading_digest,
        }


@dataclass(frozen=True)
class JobPack:
    """A folder of jobs with a name and a version; jobs are sorted by id."""

    info: PackInfo
    jobs: tuple[Job, ...]
    root: Path

    def __post_init__(self) -> None:
        ids = [job.id for job in self.jobs]
        if ids != sorted(set(ids)):
            raise BadInput("job ids must be unique and sorted", file=self.root)

    @property
    def name(self) -> str:
        """As in `pack.toml`."""
        return self.info.name

    @property
    def version(self) -> str:
        """As in `pack.toml`."""
        return self.info.version

    @cached_property
    def digest(self) -> str:
        """Of every job's digests; reads every attachment and reference once."""
        return digest_of([(job.id, job.task_digest, job.grading_digest) for job in self.jobs])

    def job(self, job_id: str) -> Job:
        """The job of that id. Raises `BadInput` naming the nearest ids."""
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise unknown_job(job_id, [job.id for job in self.jobs], self.root)


def unknown_job(job_id: str, known: list[str], root: Path) -> BadInput:
    """The fault for an id that no job of the pack has."""
    near = difflib.get_close_matches(job_id, known, n=3) or sorted(known)[:5]
    return BadInput(f"no job {job_id!r} in this pack", file=root, mend=f"did you mean {', '.join(near)}?")
