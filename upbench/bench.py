"""`Bench`: the verbs of the command line for Python, async and sync."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from core import BadInput
from grading import Basis, EvaluationLine, Figures, PolicyName, compute_figures
from jobs import JobPack, find_job, load_pack
from runs import (
    QUEUE,
    Progress,
    Records,
    RunOptions,
    RunRow,
    Workplace,
    attempt_id,
    evaluation_lines,
    keep_pack,
    machinery,
    new_run_id,
    own_queue,
    plan_trial,
    plan_trials,
    run_trials,
    sheets_of,
    start_rest,
    submit,
)
from upbench.home import Home, open_home
from upbench.settings import Settings, load_settings
from upbench.summary import RunSummary, summarise
from upbench.validations import reap_validations
from upbench.wiring import Order, elsewhere_config, open_workplace, plan

T = TypeVar("T")


class Bench:
    """A project: its settings, its store, and what one does with them.

    Example:
        >>> bench = Bench(project="study")
        >>> run = bench.run("starter", agents=["react"], models=["openai/some-model"])
        >>> bench.report(run.id).agents

    Args:
        project: Folder with `upbench.toml` and `.upbench/`; default: the current one.
        settings: Ready settings instead.
    """

    def __init__(self, project: str | Path | None = None, *, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings(project)
        self._home: Home | None = None

    @property
    def home(self) -> Home:
        """The project's store, opened when first used."""
        if self._home is None:
            self._home = open_home(self.settings)
        return self._home

    def close(self) -> None:
        """Close the store."""
        if self._home is not None:
            self._home.close()
            self._home = None

    def jobs(self, pack: str) -> JobPack:
        """A job pack by name or path. Raises `BadInput`."""
        return load_pack(pack)

    def runs(self) -> list[RunRow]:
        """All runs, newest first."""
        return Records(self.home.database).runs()

    def begin(self, order: Order, options: RunOptions | None = None, *, detached: bool = False) -> Workplace:
        """Plan a run and write it down; nothing is executed yet. Raises `BadInput`, `MissingTool`."""
        config, pack = plan(order, self.home)
        run_id = new_run_id(pack.name)
        place = open_workplace(
            self.home,
            run_id,
            config,
            pack.jobs,
            options=options or self.settings.run_options,
            queue=QUEUE if detached else own_queue(run_id),
            execute=not detached,
        )
        trials = list(plan_trials(config, place.jobs, run_id))
        place.records.create_run(
            run_id,
            config,
            pack.root,
            trials,
            place.jobs.values(),
            options=place.options,
            owner=getpass.getuser(),
            queue=place.queue,
            pack=keep_pack(place.jobs.values(), self.home.blobs),
        )
        return place

    def hand_over(self, place: Workplace) -> RunSummary:
        """Start the rounds of a detached run: workers execute it."""
        place.records.set_run_state(place.run_id, "running")
        with machinery(self.home.database, self.home.state) as by:
            start_rest(place, by)
        return self.show(place.run_id)

    def reopen(self, run: str, *, execute: bool = True) -> Workplace:
        """The workplace of a run that was begun before; with `execute`, to go on with it.

        Raises:
            BadInput: No such run, its pack is gone, or what its agents could see has changed since.
        """
        row = Records(self.home.database).run(run)
        available = load_pack(row.pack_root).jobs
        place = open_workplace(
            self.home, row.id, row.config, available, options=row.options, queue=row.queue, execute=execute
        )
        if execute:
            planned = {trial.id for trial in plan_trials(row.config, place.jobs, row.id)}
            executed = {agent.name for agent in row.config.executed}
            there = {a.trial for a in place.records.attempts(row.id) if a.agent in executed}
            self._same_rubrics(place)
            if planned != there:
                raise BadInput(
                    "its jobs or agents have changed since it was begun", file=row.pack_root, field="RUN"
                )
        return place

    def _same_rubrics(self, place: Workplace) -> None:
        for name, sheet in sheets_of(self.home.database, place.run_id).items():
            if sheet.grading_digest != place.jobs[name].grading_digest:
                mend = f"first grade what is there by it: upbench grade {place.run_id} --checks"
                raise BadInput(f"the rubric of job {name} has changed since the run was begun", mend=mend)

    async def execute(
        self,
        place: Workplace,
        *,
        concurrency: int | None = None,
        watcher: Callable[[Progress], None] | None = None,
        **more: Any,
    ) -> RunSummary:
        """Run what of a run has not ended. Cancelling stops clean; calling again goes on."""
        if watcher is not None:
            more["watcher"] = watcher
        if concurrency is not None:
            place.options = place.options.model_copy(update={"concurrency": concurrency})
        await reap_validations(self.settings.options)
        with machinery(self.home.database, self.home.state) as by:
            await run_trials(place, by, **more)
        return self.show(place.run_id)

    async def run_async(self, pack: str, **order: Any) -> RunSummary:
        """Run agents on a pack; arguments as in `Order` (sequences allowed)."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in order.items()
        }
        return await self.execute(self.begin(Order(pack=pack, **fields)))

    def run(self, pack: str, **order: Any) -> RunSummary:
        """As `run_async`, from code that is not async."""
        return _now(self.run_async(pack, **order))

    def resume(self, run: str) -> RunSummary:
        """Go on with a run that was stopped or died."""
        return _now(self.execute(self.reopen(run)))

    async def submit_async(
        self,
        job: str,
        folder: str | Path,
        *,
        agent: str,
        minutes: float | None = None,
        cost: float | None = None,
        note: str = "",
        run: str | None = None,
    ) -> RunSummary:
        """Take in deliverables made elsewhere for `PACK/JOB`, as a run of their own or into `run`.

        Raises:
            BadInput: No such job, folder or run, or they do not go together.
        """
        found, records = find_job(job), Records(self.home.database)
        joined = records.run(run) if run is not None else None
        config = elsewhere_config(agent, found, self.settings, joined.config if joined else None)
        run_id = joined.id if joined else new_run_id(found.id)
        place = open_workplace(
            self.home, run_id, config, load_pack(joined.pack_root).jobs if joined else [found], execute=False
        )

        def begin() -> str:
            same = [a for a in records.attempts(run_id) if (a.agent, a.job) == (agent, found.id)]
            trial = plan_trial(config, config.agent(agent), found, len(same) + 1, run_id)
            if joined is None:
                records.create_run(run_id, config, found.root.parent.parent, [trial], [found])
                records.set_run_state(run_id, "done")
            else:
                records.add_trial(run_id, config, trial)
            return attempt_id(trial.id, 1, "alone")

        await submit(place, Path(folder), begin, note=note, minutes=minutes, cost=cost)
        return self.show(run_id)

    def submit(self, job: str, folder: str | Path, **facts: Any) -> RunSummary:
        """As `submit_async`, from code that is not async."""
        return _now(self.submit_async(job, folder, **facts))

    def show(self, run: str) -> RunSummary:
        """The state of a run."""
        return summarise(self.home, run)

    def evaluations(self, run: str) -> list[EvaluationLine]:
        """The run's evaluations, one line a verdict."""
        row = Records(self.home.database).run(run)
        return list(evaluation_lines(self.home.database, row.id))

    def report(self, run: str, *, policy: PolicyName = "paper", basis: Basis = "record") -> Figures:
        """Every figure of a run."""
        return compute_figures(self.evaluations(run), policy=policy, basis=basis)


def _now(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
