"""Trials that cost next to nothing and write what real ones write: agents that sleep, in sandboxes of thin air.

The product's own seams are used (`SandboxProvider`, `Agent`, `ChatModel`); everything else is the product's:
records, journal, transcripts, submissions, review, the durable engine and its workers.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import shutil
from pathlib import Path

from agents import AgentConfig, AgentResult, Assignment, Desk
from benchmarks.trials import write_pack
from core import Cause, ChatReply, ChatRequest, Message, ModelConfig, Stop, Text, Usage
from jobs import Job, load_pack
from runs import QUEUE, Records, RunConfig, RunOptions, Workplace, plan_trials
from sandbox import (
    Audit,
    Command,
    CommandResult,
    Kept,
    NetworkPolicy,
    Output,
    Resource,
    SandboxInfo,
    SandboxSpec,
    Taken,
    Tree,
    TreeLimits,
    unheard,
)
from upbench.home import Home

EVENT_BYTES = 700
JOBS, REPEATS = 200, 500
_MODEL = ModelConfig(provider="openai", model="sleeper")
CONFIG = AgentConfig(name="sleeper", scaffold="sleeper", model=_MODEL)


def _text(seed: str, length: int) -> str:
    """Words nobody has said before, so that no compression makes them cheaper than a model's."""
    return (hashlib.sha512(seed.encode()).hexdigest() * (length // 128 + 1))[:length]


class SleepingSandbox:
    """Every command succeeds at once and says a few hundred bytes."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        limits = {name: "not" for name in ("memory_bytes", "processes", "workspace", "network", "syscalls")}
        self.info = SandboxInfo(
            provider="sleeping", version="1", image=None, toolbox="none", enforced=limits, workspace=workspace
        )

    async def run(self, command: Command) -> CommandResult:
        """Nothing is run."""
        said = _text(f"{self._workspace} {command.argv}", EVENT_BYTES).encode()
        return CommandResult(
            exit_code=0, timed_out=False, seconds=0.0, stdout=Output(head=said, total=len(said)), stderr=Output()
        )

    async def write(self, path: str, data: bytes) -> None:
        """Nothing is kept."""

    async def read(self, path: str, *, max_bytes: int) -> bytes:
        """There is nothing."""
        raise FileNotFoundError(path)

    async def upload(self, source: Path, target: str) -> None:
        """Nothing is kept."""

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """There is nothing."""
        return Taken()

    async def snapshot(self, before: Tree, store: object) -> Kept:
        """Nothing is kept."""
        raise NotImplementedError

    async def restore(self, tree: Tree, store: object) -> Kept:
        """Nothing is kept."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""


class SleepingProvider:
    """Opens sandboxes without any cost; each hands in one file of 1 kB."""

    name = "sleeping"

    def problem(self) -> tuple[str, str] | None:
        """None."""
        return None

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Nothing."""
        return None

    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> SleepingSandbox:
        """At once."""
        return SleepingSandbox(spec.workspace)

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """One file."""
        (target / "out.txt").write_text(_text(workspace, 1024))
        return Taken(files=("out.txt",))

    async def discard(self, workspace: str) -> None:
        """There is nothing."""

    async def resources(self) -> tuple[Resource, ...]:
        """None."""
        return ()

    async def remove(self, resource: Resource) -> None:
        """There is nothing."""


class SleepingModel:
    """Answers after `seconds`, with some hundred bytes, at a price."""

    config = _MODEL

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def reply(self, request: ChatRequest) -> ChatReply:
        """After a nap."""
        await asyncio.sleep(self._seconds)
        return ChatReply(
            message=Message(role="assistant", parts=(Text(text=_text(request.system, EVENT_BYTES)),)),
            stop=Stop.end_turn,
            usage=Usage(input=900, cache_read=4000, output=200),
            model="sleeper",
            dollars=0.01,
        )

    async def aclose(self) -> None:
        """There are no connections."""


class SleepingAgent:
    """Asks its model `turns` times, and uses a tool after each reply; writes the events that `react` writes."""

    config = CONFIG

    def __init__(self, turns: int) -> None:
        self._turns = turns

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Sleep, mostly."""
        desk.transcript.append("task", {"text": assignment.brief, "tools": ["bash", "submit"]})
        for turn in range(1, self._turns + 1):
            asked = Message(role="user", parts=(Text(text=f"turn {turn}"),))
            request = ChatRequest(system=f"{assignment.key} {turn}", messages=(asked,))
            reply = await desk.call(f"{assignment.key}/{turn}", request)
            desk.transcript.append("reply", {"call": turn, "message": reply.message.model_dump(mode="json")})
            started = {"id": f"call-{turn}", "name": "bash", "arguments": {"n": turn}}
            desk.transcript.append("tool_started", started)
            result = await desk.sandbox.run(Command(argv=("true", str(turn))))
            desk.transcript.append("tool_done", {"id": f"call-{turn}", "text": result.stdout.text})
        return AgentResult(cause=Cause.submitted, steps=self._turns, note="done", seconds=1.0, working_seconds=1.0)


@functools.cache
def jobs_of(folder: Path) -> list[Job]:
    """As many trivial jobs without checks as the largest run needs."""
    pack = folder / "pack"
    if not pack.exists():
        first = write_pack(folder) / "jobs" / "trivial"
        for number in range(1, JOBS):
            shutil.copytree(first, first.with_name(f"trivial-{number}"))
    return list(load_pack(pack).jobs)


def workplace_of(home: Home, run: str, *, turns: int, seconds: float) -> Workplace:
    """The workplace of a run of sleeping agents, in a process that executes it."""
    row = Records(home.database).run(run)
    return Workplace(
        run_id=row.id,
        config=row.config,
        database=home.database,
        blobs=home.blobs,
        provider=SleepingProvider(),
        jobs={job.id: job for job in jobs_of(home.state.parent)},
        agents={CONFIG.name: SleepingAgent(turns)},
        models={CONFIG.name: SleepingModel(seconds)},
        script_model=lambda _job, _k: SleepingModel(seconds),
        scratch=home.state / "scratch" / f"{row.id}-{os.getpid()}",
        queue=row.queue or QUEUE,
        options=row.options,
    )


def create_run(home: Home, run: str, trials: int, queue: str = QUEUE) -> None:
    """Plan a run of `trials` trials, and write it down."""
    jobs = jobs_of(home.state.parent)[: max(1, trials // REPEATS)]
    config = RunConfig(
        pack=jobs[0].pack.name,
        pack_version=jobs[0].pack.version,
        jobs=tuple(job.id for job in jobs),
        agents=(CONFIG,),
        repeats=-(-trials // len(jobs)),  # at least so many
        provider=SleepingProvider.name,
    )
    planned = list(plan_trials(config, {job.id: job for job in jobs}, run))
    options = RunOptions(preflight=0)
    Records(home.database).create_run(
        run, config, home.state.parent / "pack", planned, jobs, options=options, queue=queue
    )
