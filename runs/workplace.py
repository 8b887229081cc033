"""What the trials of one run share, in the process that executes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agents import Agent
from core import Blobs, CallJournal, ChatModel, Database, PriceTable, StoreFault
from grading import Book
from jobs import Job
from runs.disk import DiskGuard, places_of
from runs.leftovers import snapshot_store
from runs.lock import own_folder, sweep
from runs.options import QUEUE, RunOptions, Stop
from runs.plan import RunConfig
from runs.reaping import Reaper
from runs.records import Records
from sandbox import SandboxProvider


@dataclass
class Workplace:
    """All that the trials of one run share.

    Attributes:
        agents: By name. models: By agent's name; agents without a model are not in it.
        script_model: Makes the scripted model of a job and attempt, for scripted agents.
        scratch: Folder for files on their way, of this process alone (same file system as the blobs).
        queue: Where the run's rounds wait.
        options: How the run is executed.
        reaper: Removes what dead processes left, while the trials run; None: nobody does.
        stop: Why nothing more is begun and what is at work is to end; agents look at it between steps.
        ahead: A position in the run's plan; what comes before it was started, as far as this process knows.
    """

    run_id: str
    config: RunConfig
    database: Database
    blobs: Blobs
    provider: SandboxProvider
    jobs: dict[str, Job]
    agents: dict[str, Agent]
    models: dict[str, ChatModel]
    script_model: Callable[[Job, int], ChatModel]
    scratch: Path
    queue: str = QUEUE
    options: RunOptions = field(default_factory=RunOptions)
    prices: PriceTable | None = None
    reaper: Reaper | None = None
    keep_workspaces: bool = False
    stop: Stop | None = None
    ahead: int = 0
    records: Records = field(init=False)
    book: Book = field(init=False)
    journal: CallJournal = field(init=False)
    guard: DiskGuard = field(init=False)
    no_inputs: Path = field(init=False)

    def __post_init__(self) -> None:
        self.records, self.book = Records(self.database), Book(self.database)
        self.journal = CallJournal(self.database, self.prices, run=self.run_id)
        self.guard = DiskGuard(places_of(self.scratch.parent, self.provider.name), self.options.disk)
        self.no_inputs = self.scratch / "no-inputs"

    def stopped(self) -> bool:
        """Whether the run is to stop."""
        return self.stop is not None

    def snapshots_of(self, execution: str) -> Blobs | None:
        """Where the snapshots of an execution's workspace are kept, apart from all else; None: none are taken."""
        if not self.options.snapshots:
            return None
        return snapshot_store(self.scratch.parent.parent, self.blobs, execution)

    def previous_of(self, attempt: str) -> Path:
        """Where what the previous attempt handed in is laid out for this one."""
        return self.scratch.parent.parent / "previous" / attempt

    def forget_snapshots(self, execution: str) -> None:
        """Remove the snapshots of an execution that has ended."""
        store = self.snapshots_of(execution)
        if store is not None:
            with suppress(StoreFault):  # what cannot be removed now must not change how it ended
                store.remove_all()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Within the block the scratch folder is there, and what dead processes left of this project goes."""
        with own_folder(self.scratch):
            sweep(self.scratch.parent)
            self.no_inputs.mkdir(parents=True, exist_ok=True)
            if self.reaper is None:
                yield
                return
            async with self.reaper.at_work(self.provider):
                yield
