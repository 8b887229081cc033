"""A run's plan: agents x jobs x repeats under one set of limits, and the identity of each trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from agents import AgentConfig, AttemptLimits, Remark
from core import Frozen, canonical_json, digest_of
from grading import ReworkContext
from jobs import Job
from rubrics import CompletionPolicy
from runs.limits import ReworkBudget, TrialLimits
from sandbox import NetworkPolicy, SandboxLimits

Arm = Literal["alone", "feedback", "retry", "echo"]
Protocol = Literal["single", "retry", "feedback", "both"]
FeedbackForm = Literal["remarks", "criteria"]
MOST_ATTEMPTS = 10
_ARMS: dict[Protocol, tuple[Arm, ...]] = {
    "single": (),
    "retry": ("retry",),
    "feedback": ("feedback",),
    "both": ("feedback", "retry"),
}
NO_TOOLBOX = "none"
ELSEWHERE = "elsewhere"
"""Scaffold of whoever made deliverables outside this bench."""


class RunConfig(Frozen):
    """Everything that was decided before the first trial.

    Attributes:
        pack: Name and version of the pack. jobs: Ids, in order.
        policy: By which an attempt failed, and so what is tried again; figures are by it, unless others are asked.
        protocol: Which arms are made of what failed. attempts: Of a trial in one arm, the first included.
        echo: What failed at first is also shown to reviewers once more, as it is.
        feedback_form: Agents are told the remarks alone, or the criteria that failed as well; reports say so.
        rework_context: Agents are given what they handed in before alone, or their conversation is carried on.
        rework_budget: What a trial may have cost for another attempt to be made.
        early_stop: An arm ends where an attempt scores no better than the one before it.
        provider: Sandbox provider (provenance, not identity).
        toolbox: Digest of the toolbox's lock.
        rubric_visible: The agents see the rubric (the paper's Algorithm 1); reports say so.
        cassette: Folder in which fetched pages are kept (provenance, not identity).
        replay: Only pages that are kept there are answered.
    """

    pack: str
    pack_version: str
    jobs: tuple[str, ...] = Field(min_length=1)
    agents: tuple[AgentConfig, ...] = Field(min_length=1)
    repeats: int = Field(default=1, ge=1, le=1000)
    policy: CompletionPolicy = CompletionPolicy.paper
    protocol: Protocol = "single"
    attempts: int = Field(default=1, ge=1, le=MOST_ATTEMPTS)
    echo: bool = False
    feedback_form: FeedbackForm = "remarks"
    rework_context: ReworkContext = "submission"
    rework_budget: ReworkBudget = ReworkBudget()
    early_stop: bool = False
    limits: AttemptLimits = AttemptLimits()
    trial_limits: TrialLimits = TrialLimits()
    sandbox_limits: SandboxLimits = SandboxLimits()
    network: NetworkPolicy = NetworkPolicy()
    provider: str = "bwrap"
    toolbox: str = NO_TOOLBOX
    rubric_visible: bool = False
    cassette: str | None = None
    replay: bool = False

    @property
    def executed(self) -> tuple[AgentConfig, ...]:
        """The agents that work here; the others handed in what they made elsewhere."""
        return tuple(agent for agent in self.agents if agent.scaffold != ELSEWHERE)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """What is made of attempts that failed."""
        return _ARMS[self.protocol] + (("echo",) if self.echo else ())

    @property
    def most_tries(self) -> int:
        """How often an agent tries one trial at most, in all arms together."""
        return 1 + len(_ARMS[self.protocol]) * (self.attempts - 1)

    @property
    def most_reviews(self) -> int:
        """How many submissions of one trial reviewers see at most."""
        return self.most_tries + self.echo

    @model_validator(mode="after")
    def _names_differ(self) -> RunConfig:
        names = [agent.name for agent in self.agents]
        if len(set(names)) != len(names):
            raise ValueError("two agents have the same name")
        return self

    def agent(self, name: str) -> AgentConfig:
        """The agent of that name. Raises `KeyError`."""
        return next(agent for agent in self.agents if agent.name == name)


class PlannedTrial(Frozen):
    """One agent on one job, one repeat."""

    id: str
    agent: str
    job: str
    repeat: int
    identity: str


class PlannedAttempt(Frozen):
    """An attempt that is to be made, as a row of `attempts`.

    Attributes:
        remarks: What its agent is to be told. context: What it goes on from; None: no agent works in it.
    """

    id: str
    run: str
    trial: str
    parent: str
    arm: Arm
    k: int
    remarks: tuple[Remark, ...] | None = None
    context: ReworkContext | None = None

    def row(self) -> dict[str, Any]:
        """The values to insert; the id follows from the others, so that inserting again changes nothing."""
        row = {**self.model_dump(exclude={"remarks"}), "state": "planned"}
        if self.remarks is None:
            return row
        return row | {"remarks": canonical_json([remark.model_dump(mode="json") for remark in self.remarks])}


def identity_of(config: RunConfig, agent: AgentConfig, job: Job, repeat: int) -> str:
    """Digest of what the agent is, could see and could do; nothing of paths, hosts, images or grading."""
    trial_limits = config.trial_limits.model_dump(mode="json", exclude_none=True)
    return digest_of(
        {
            "agent": agent.digest,
            "task": job.task_digest,
            "limits": config.limits.model_dump(mode="json"),
            **({"trial_limits": trial_limits} if trial_limits else {}),
            "sandbox_limits": config.sandbox_limits.model_dump(mode="json"),
            "network": config.network.model_dump(mode="json"),
            "toolbox": config.toolbox,
            "script": job.script_digest if agent.scripted else None,
            "rubric": job.rubric.model_dump(mode="json") if config.rubric_visible else None,
            "repeat": repeat,
        }
    )


def plan_trials(config: RunConfig, jobs: dict[str, Job], run_id: str) -> Iterator[PlannedTrial]:
    """The trials that a run executes, jobs outermost, so that agents advance side by side."""
    for repeat in range(1, config.repeats + 1):
        for job_id in config.jobs:
            for agent in config.executed:
                yield plan_trial(config, agent, jobs[job_id], repeat, run_id)


def plan_trial(config: RunConfig, agent: AgentConfig, job: Job, repeat: int, run_id: str) -> PlannedTrial:
    """One trial of a run."""
    identity = identity_of(config, agent, job, repeat)
    name = "t" + digest_of([run_id, identity, job.id, agent.name])[:12]
    return PlannedTrial(id=name, agent=agent.name, job=job.id, repeat=repeat, identity=identity)
