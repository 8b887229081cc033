"""Wires the rooms together: from names and flags to a workplace in which trials can run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from agents import AgentConfig, agent_config, open_agent
from core import (
    BadInput,
    ChatModel,
    MissingTool,
    PriceTable,
    ScriptedModel,
    load_script,
    model_config,
    open_model,
)
from jobs import Job, JobPack, load_pack
from rubrics import CompletionPolicy
from runs import (
    ELSEWHERE,
    Reaper,
    Records,
    RunConfig,
    RunOptions,
    RunRow,
    Workplace,
    check_prices,
    check_protocol,
    open_pack,
    own_queue,
)
from sandbox import Network, NetworkPolicy, SandboxProvider, owner_of, provider, toolbox_digest
from upbench.home import Home
from upbench.order import Order, parse_limits
from upbench.reworking import reworked
from upbench.settings import Settings

if TYPE_CHECKING:
    from runs import Protocol

SCRIPTED = "scripted/demo"
MAX_DIGITS = 19
OWNER = "owner"


def plan(order: Order, home: Home) -> tuple[RunConfig, JobPack]:
    """Look everything up and freeze it. Raises `BadInput` for the first thing that is wrong."""
    pack = load_pack(order.pack)
    known = [job.id for job in pack.jobs]
    for job in order.jobs:
        if job not in known:
            raise BadInput(
                f"pack {pack.name} has no job {job!r}", field="--job", mend=f"one of: {', '.join(known)}"
            )
    attempt_limits, sandbox_limits, trial_limits = parse_limits(order.limits)
    attempts = check_protocol(order.protocol, order.attempts)
    agents = _agents(order)
    budget = order.options(home.settings).budget
    prices = price_table(home.settings)
    check_prices(agents, prices, limits=attempt_limits, trial=trial_limits, budget=budget)
    chosen = tuple(job for job in pack.jobs if not order.jobs or job.id in order.jobs)
    _fit_for(agents, chosen)
    config = RunConfig(
        pack=pack.name,
        pack_version=pack.version,
        jobs=tuple(job.id for job in chosen),
        agents=agents,
        repeats=order.repeats,
        policy=_policy(order),
        protocol=cast("Protocol", order.protocol),
        attempts=attempts,
        limits=attempt_limits,
        trial_limits=trial_limits,
        sandbox_limits=sandbox_limits,
        network=_network(order),
        provider=order.sandbox or home.settings.sandbox,
        toolbox=toolbox_digest(),
        rubric_visible=order.rubric_visible,
        cassette=None if order.cassette is None else str(Path(order.cassette).absolute()),
        replay=order.replay,
    )
    config = reworked(
        config,
        echo=order.echo,
        feedback_form=order.feedback_form,
        rework_context=order.rework_context,
        rework_budget=order.rework_budget,
        early_stop=order.early_stop,
        prices=prices,
    )
    _check_cassette(config)
    return config, pack


def _check_cassette(config: RunConfig, *, make: bool = False) -> None:
    """The folder of kept pages can be used; with `make` it is there then. Raises `BadInput`."""
    if config.cassette is None:
        if config.replay:
            raise BadInput("no kept pages are named", field="--replay", mend="add --cassette FOLDER")
        return
    folder = Path(config.cassette)
    if config.network.mode is Network.none:
        mend = "add --network open, or --network allow with --allow-domain"
        raise BadInput("without a network no page is fetched", field="--cassette", mend=mend)
    try:
        if make and not config.replay:
            folder.mkdir(parents=True, exist_ok=True)
        if make or config.replay or folder.exists():
            next(folder.iterdir(), None)
    except OSError as error:
        raise BadInput(f"kept pages: {error.strerror}", file=folder, field="--cassette") from error


def _fit_for(agents: Sequence[AgentConfig], jobs: Sequence[Job]) -> None:
    """What only some agents need of a job is there and right, before anything is begun. Raises `BadInput`."""
    for job in jobs:
        if any(agent.scripted for agent in agents):
            if job.script_file is None:
                raise _no_script(job)
            load_script(Path(job.script_file))
        if any(agent.scaffold == "oracle" for agent in agents) and job.reference_dir is None:
            folder = job.root / "private" / "reference"
            mend = "put deliverables there that satisfy the rubric"
            raise BadInput("no such folder, and the oracle hands in what lies there", file=folder, mend=mend)


def run_jobs(config: RunConfig, available: Iterable[Job]) -> dict[str, Job]:
    """The jobs of a run by id. Raises `BadInput` when one is no longer there."""
    jobs = {job.id: job for job in available if job.id in config.jobs}
    for name in config.jobs:
        if name not in jobs:
            raise BadInput(
                f"job {name!r} of the run is no longer in pack {config.pack}", field="RUN", mend="put it back"
            )
    return jobs


def _policy(order: Order) -> CompletionPolicy:
    try:
        return CompletionPolicy(order.policy or CompletionPolicy.paper)
    except ValueError:
        mend = f"one of: {', '.join(CompletionPolicy)}"
        what = f"no completion policy is called {str(order.policy)[:50]!r}"
        raise BadInput(what, field="--policy", mend=mend) from None


def _network(order: Order) -> NetworkPolicy:
    try:
        mode = Network(order.network)
    except ValueError:
        mend = f"one of: {', '.join(Network)}"
        raise BadInput(f"no network policy is called {order.network!r}", field="--network", mend=mend) from None
    try:
        return NetworkPolicy(mode=mode, domains=order.allow_domains)
    except ValidationError as error:
        said = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise BadInput(said, field="--allow-domain") from error


def _agents(order: Order) -> tuple[AgentConfig, ...]:
    found: dict[str, AgentConfig] = {}
    settings = _agent_settings(order.settings)
    models = [model_config(name, base_url=order.base_url) for name in order.models]
    for name in order.agents:
        for model in models or (None,):
            agent = agent_config(name, model=model, settings=settings)
            found[agent.name] = agent
    if not any(agent.model for agent in found.values()):
        for field, given in (("--model", models), ("--base-url", order.base_url), ("--setting", settings)):
            if given:
                mend = "leave it out, or add --agent react"
                raise BadInput("none of the agents uses a model", field=field, mend=mend)
    return tuple(found.values())


def _agent_settings(pairs: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise BadInput(f"{pair!r} is not NAME=VALUE", field="--setting")
        settings[name] = int(text) if text.isdecimal() and len(text) < MAX_DIGITS else text
    return settings


def price_table(settings: Settings) -> PriceTable | None:
    """The project's own prices, or None for the shipped table alone. Raises `BadInput`."""
    return None if settings.prices is None else PriceTable.load(settings.project / settings.prices)


def elsewhere_config(agent: str, job: Job, settings: Settings, run: RunConfig | None = None) -> RunConfig:
    """The configuration of a run (a new one, or `run`) with a job that `agent`, whoever that is, did elsewhere.

    Raises:
        BadInput: The name cannot be a name, is that of an agent which the run executes, or the pack is another.
    """
    try:
        config = AgentConfig(name=agent, scaffold=ELSEWHERE)
    except ValidationError as error:
        mend = "at most 100 letters, digits and . _ : / @ + -, beginning with a letter or digit"
        raise BadInput(f"{agent[:100]!r} cannot be a name", field="--agent", mend=mend) from error
    if run is None:
        return RunConfig(
            pack=job.pack.name,
            pack_version=job.pack.version,
            jobs=(job.id,),
            agents=(config,),
            provider=settings.sandbox,
        )
    if (run.pack, run.pack_version) != (job.pack.name, job.pack.version) or job.id not in run.jobs:
        raise BadInput(f"job {job.key} {job.pack.version} is not among the run's jobs", field="--run")
    if any(known.name == agent for known in run.executed):
        raise BadInput(f"the run executes an agent named {agent!r}", field="--agent", mend="choose another name")
    known = any(other.name == agent for other in run.agents)
    return run if known else run.model_copy(update={"agents": (*run.agents, config)})


def open_workplace(
    home: Home,
    run_id: str,
    config: RunConfig,
    available: Iterable[Job],
    *,
    options: RunOptions | None = None,
    queue: str | None = None,
    execute: bool = True,
    here: bool = True,
) -> Workplace:
    """Everything that the trials of a run share.

    Args:
        home: The project.
        run_id: The run's whole id.
        config: Of the run.
        available: Jobs of its pack.
        options: How it is executed.
        queue: Where its rounds wait.
        execute: Its models are opened: their keys must be there.
        here: Its sandboxes are opened in this process, and not only by workers elsewhere.

    Raises:
        BadInput: A job of the run is not there, or a key is missing. MissingTool: No such sandbox works here.
    """
    jobs = run_jobs(config, available)
    chosen = provider(config.provider, home.state, home.settings.options)
    if here:
        _usable(chosen, config, home)
        _check_cassette(config, make=True)
    prices = price_table(home.settings)
    working = config.executed if execute else ()
    return Workplace(
        run_id=run_id,
        config=config,
        database=home.database,
        blobs=home.blobs,
        provider=chosen,
        jobs=jobs,
        agents={agent.name: open_agent(agent) for agent in working},
        models=_models(working, prices, home),
        script_model=_script_model,
        scratch=home.state / "scratch" / f"{run_id}-{os.getpid()}",
        queue=queue or own_queue(run_id),
        options=options or RunOptions(),
        prices=prices,
        reaper=open_reaper(home),
        keep_workspaces=home.settings.keep_workspaces,
    )


def _models(agents: Iterable[AgentConfig], prices: PriceTable | None, home: Home) -> dict[str, ChatModel]:
    """The model of each agent that asks one, by the agent's name. Raises `BadInput`: a key is missing."""
    return {
        agent.name: open_model(
            agent.model.name,
            base_url=agent.model.base_url,
            settings=agent.model.settings,
            prices=prices,
            lanes=home.lanes,
        )
        for agent in agents
        if agent.model is not None and not agent.scripted
    }


def _usable(chosen: SandboxProvider, config: RunConfig, home: Home) -> None:
    if os.path.lexists(home.state / OWNER):
        owner_of(home.state)  # it can be read: without it nothing could be opened
    problem = chosen.problem()
    if problem is not None:
        raise MissingTool(problem[0], mend=problem[1])
    refusal = chosen.refuses(config.network)
    if refusal is not None:
        raise BadInput(refusal, field="--network", mend="choose another --sandbox, or --network none")


def jobs_of(home: Home, row: RunRow, *, snapshot: bool) -> tuple[Job, ...]:
    """The jobs of a run's pack, as they lie on disk or (the run's alone) as they were when it was begun.

    Raises:
        BadInput: The pack is not there, or wrong.
    """
    if row.pack is None or (not snapshot and os.path.lexists(row.pack_root)):
        return tuple(load_pack(row.pack_root).jobs)
    return tuple(load_pack(open_pack(row.pack, home.blobs, home.state / "packs")).jobs)


def open_reaper(home: Home) -> Reaper:
    """What removes the sandboxes, and all that belongs to them, that dead processes of this project left."""
    settings = home.settings
    return Reaper(
        home.state,
        Records(home.database),
        lambda name: provider(name, home.state, settings.options),
        keep_workspaces=settings.keep_workspaces,
    )


def _script_model(job: Job, attempt: int) -> ChatModel:
    if job.script_file is None:
        raise _no_script(job)
    return ScriptedModel(load_script(Path(job.script_file)), attempt=attempt)


def _no_script(job: Job) -> BadInput:
    file = job.root / "private" / "scripted.json"
    return BadInput("the job has no script for the scripted model", file=file, mend="choose another --model")
