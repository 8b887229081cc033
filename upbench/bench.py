"""`Bench`: the verbs of the command line for Python, async and sync."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from grading import Basis, EvaluationLine, Figures, PolicyName, compute_figures
from jobs import JobPack, find_job, load_pack
from runs import (
    QUEUE,
    ArmPlan,
    Progress,
    Records,
    RunOptions,
    RunRow,
    Workplace,
    attempt_id,
    evaluation_lines,
    hand_over,
    keep_pack,
    machinery,
    new_run_id,
    own_queue,
    plan_trial,
    plan_trials,
    run_trials,
    submit,
    user,
)
from upbench.counting import uncollected
from upbench.home import Home, open_home
from upbench.keeping import keeping_blobs
from upbench.life import Again, Cancelled, cancel, extend, nothing_again, reopened
from upbench.order import Order, changed_options
from upbench.retry import retry_predicate, was_cancelled
from upbench.reworking import extended_by, reworked
from upbench.settings import Settings, load_settings
from upbench.summary import LISTED, RunSummary, TrialSummary, every_attempt, summarise
from upbench.unblinding import search_reviewed
from upbench.validations import reap_validations
from upbench.wiring import elsewhere_config, jobs_of, open_workplace, plan, price_table

if TYPE_CHECKING:
    from upbench.bundle.take_in import TakenIn
    from upbench.bundle.write import Written

T = TypeVar("T")
TURN_SECONDS = 0.05


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
        """Plan a run and write it down; nothing is executed yet.

        Args:
            order: What is to be run.
            options: How, instead of what `order` and the settings say.
            detached: Workers are to execute it: neither sandboxes nor keys are needed here.

        Raises:
            BadInput: Something of it is wrong, or the bucket of the blobs cannot be used. MissingTool: The sandbox
                cannot be used here.
        """
        config, pack = plan(order, self.home)
        self.home.blobs.check()
        run_id = new_run_id(pack.name)
        place = open_workplace(
            self.home,
            run_id,
            config,
            pack.jobs,
            options=options or order.options(self.settings),
            queue=QUEUE if detached else own_queue(run_id),
            execute=not detached,
            here=not detached,
        )
        trials = list(plan_trials(config, place.jobs, run_id))
        place.records.create_run(
            run_id,
            config,
            pack.root,
            trials,
            place.jobs.values(),
            options=place.options,
            owner=user(),
            queue=place.queue,
            pack=keep_pack(place.jobs.values(), self.home.blobs),
        )
        return place

    def reopen(self, run: str, *, execute: bool = True, detach: bool = False, **changes: Any) -> Workplace:
        """The workplace of a run that was begun before; with `execute`, to go on with it.

        Args:
            run: Its id, the beginning of one, or `last`.
            execute: It is gone on with: here, or by workers where they executed it before.
            detach: By workers, whoever executed it before.
            changes: How it is executed otherwise from now on, see `upbench.order.changed_options`.

        Raises:
            BadInput: No such run, its pack is gone, what its agents could see has changed since, or its budget is
                used up.
        """
        row = Records(self.home.database).run(run)
        if not execute:
            jobs = jobs_of(self.home, row, snapshot=False)
            return open_workplace(
                self.home, row.id, row.config, jobs, options=row.options, queue=row.queue, execute=False
            )
        return reopened(self.home, row, detach=detach, options=changed_options(row.options, **changes))

    def hand_over(self, place: Workplace, *, again: Again = nothing_again) -> RunSummary:
        """Let workers go on with a run, with the ended attempts that `again` names as well.

        Raises:
            BadInput: A process of its own is executing it.
        """
        with machinery(self.home.database, self.home.state) as by:
            hand_over(place, by, again)
        return self.show(place.run_id)

    async def execute(
        self,
        place: Workplace,
        *,
        concurrency: int | None = None,
        watcher: Callable[[Progress], None] | None = None,
        **more: Any,
    ) -> RunSummary:
        """Run what of a run has not ended. Cancelling stops clean; calling again goes on.

        A process executes one run at a time: others of the same process wait for it.
        """
        if watcher is not None:
            more["watcher"] = watcher
        if concurrency is not None:
            place.options = place.options.model_copy(update={"concurrency": concurrency})
        await reap_validations(self.settings.options)
        async with _turn(), keeping_blobs(self.home):
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

    def resume(self, run: str, *, detach: bool = False, **changes: Any) -> RunSummary:
        """Go on with a run that was stopped, cancelled or died; arguments as in `reopen`."""
        return self._go_on(self.reopen(run, detach=detach, **changes), again=was_cancelled)

    def retry(self, run: str, cause: str, *, detach: bool = False, **changes: Any) -> RunSummary:
        """Execute attempts again that ended for `cause`, a fault of harness or infrastructure."""
        again = retry_predicate(cause)
        return self._go_on(self.reopen(run, detach=detach, **changes), again=again)

    def extend(self, run: str, *, protocol: str = "retry", attempts: int | None = None, **more: Any) -> RunSummary:
        """Try again what of a run failed, `attempts` times in all; see `extended`."""
        place, _ = self.extended(run, protocol, attempts, **more)
        return self._go_on(place)

    def extended(
        self,
        run: str,
        protocol: str,
        attempts: int | None,
        *,
        detach: bool = False,
        rework: dict[str, Any] | None = None,
        **changes: Any,
    ) -> tuple[Workplace, ArmPlan]:
        """Add arms to a run, to be gone on with, and what that comes to by now.

        Args:
            run: Its id, the beginning of one, or `last`.
            protocol: Whose arms are added.
            attempts: Of a trial in an arm, the first included.
            detach: By workers.
            rework: Further arguments of `upbench.reworking.reworked`.
            changes: How it is executed otherwise from now on, see `upbench.order.changed_options`.

        Raises:
            BadInput: One of them is wrong, or the run cannot be gone on with.
        """
        known, more = Records(self.home.database).run(run).config, rework or {}
        config = extended_by(known, protocol, attempts, echo=bool(more.get("echo")))
        config = reworked(config, prices=price_table(self.settings), **more)
        place = self.reopen(run, detach=detach, **changes)
        with machinery(self.home.database, self.home.state) as by:
            return place, extend(place, by, config)

    def cancel(self, run: str) -> Cancelled:
        """Stop a run for good, whoever executes it. Raises `BadInput`."""
        return cancel(self.home, run)

    def _go_on(self, place: Workplace, *, again: Again = nothing_again) -> RunSummary:
        if place.queue == QUEUE:
            return self.hand_over(place, again=again)
        return _now(self.execute(place, again=again))

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
        jobs = load_pack(joined.pack_root).jobs if joined else [found]
        options = joined.options if joined else self.settings.run_options
        place = open_workplace(self.home, run_id, config, jobs, options=options, execute=False)

        def begin() -> str:
            same = [a for a in records.attempts(run_id) if (a.agent, a.job) == (agent, found.id)]
            trial = plan_trial(config, config.agent(agent), found, len(same) + 1, run_id)
            if joined is None:
                pack = found.root.parent.parent
                records.create_run(run_id, config, pack, [trial], [found], options=options, owner=user())
                records.set_run_state(run_id, "done")
            else:
                records.add_trial(run_id, config, trial)
            return attempt_id(trial.id, 1, "alone")

        await submit(place, Path(folder), begin, note=note, minutes=minutes, cost=cost)
        return self.show(run_id, listed=None)

    def submit(self, job: str, folder: str | Path, **facts: Any) -> RunSummary:
        """As `submit_async`, from code that is not async."""
        return _now(self.submit_async(job, folder, **facts))

    def show(self, run: str, *, listed: int | None = LISTED) -> RunSummary:
        """The state of a run; of its attempts at most `listed` are named, or all (None)."""
        return summarise(self.home, run, listed=listed)

    def attempts(self, run: str) -> Iterator[TrialSummary]:
        """Every attempt of a run in the order of the plan, however many, read in pieces."""
        return every_attempt(self.home, run)

    def evaluations(self, run: str) -> list[EvaluationLine]:
        """The run's evaluations, one line a verdict."""
        row = Records(self.home.database).run(run)
        search_reviewed(self.home, row.id)
        return list(evaluation_lines(self.home.database, row.id))

    def export_run(self, run: str, to: str | Path | None = None) -> Written:
        """Write everything that a run did into one new file, which `import_run` opens in another project.

        Args:
            run: Its id, the beginning of one, or `last`.
            to: The file; default: `<run>.zip` in the current folder.

        Raises:
            BadInput: No such run, the file is there already, or it cannot be written.
            StoreFault: A blob of the run is missing or damaged.
        """
        from upbench.bundle.write import write_bundle  # few programs export

        return write_bundle(self.home, run, None if to is None else Path(to))

    def export_folder(self, run: str, to: str | Path) -> dict[str, int]:
        """Write a run into a new folder to read in, and count what was written; see `upbench.export`.

        Raises:
            BadInput: No such run, or the folder is not empty or cannot be written.
        """
        from upbench.export import export_run

        return export_run(self, run, Path(to))

    def import_run(self, file: str | Path) -> TakenIn:
        """Take a run that was exported elsewhere into this project, as one's own. Doing so again changes nothing.

        Raises:
            BadInput: The file is damaged, of a newer UpBench, or at odds with what is here.
            StoreFault: It cannot be written; importing it again goes on.
        """
        from upbench.bundle.take_in import take_in

        return take_in(self.home, Path(file), owner=user())

    def report(self, run: str, *, policy: PolicyName | None = None, basis: Basis = "record") -> Figures:
        """Every figure of a run, by its own completion policy unless another is chosen."""
        with uncollected():
            return compute_figures(self.evaluations(run), policy=policy, basis=basis)


_TURN = threading.Lock()


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    """The engine is one a process: within the block it is this run's, in whichever thread."""
    while not _TURN.acquire(blocking=False):  # noqa: ASYNC110 - whoever has it may be on another loop
        await asyncio.sleep(TURN_SECONDS)
    try:
        yield
    finally:
        _TURN.release()


def _now(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
