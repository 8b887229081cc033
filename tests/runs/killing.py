"""Runs as processes of their own, killed without warning, and what must not be left of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs import AttemptRow, Records
from sandbox import owner_of, toolbox_path
from tests.runs.forking import UPBENCH, Forked
from tests.runs.support import script, write_pack
from tests.standins.e2b import E2BCloud, Template, unusable
from tests.support import lacking
from upbench.bench import Bench
from upbench.settings import Settings

HAND_IN = {
    "say": "Done.",
    "calls": [{"tool": "submit", "arguments": {"files": [{"path": "total.csv"}], "summary": "The total."}}],
}


def log(line: str, seconds: float) -> dict[str, Any]:
    """A tool call that leaves a line and the total behind, and then takes a while."""
    command = f"cd /job/deliverables; echo {line} >> log.txt; printf 'total\\n60\\n' > total.csv; sleep {seconds}"
    return {"say": f"Now {line}.", "calls": [{"tool": "shell", "arguments": {"command": command}}]}


def slow_script(steps: int = 3, seconds: float = 0.25) -> str:
    """Leaves a line for each step, and hands in."""
    return script(*(log(f"step-{number}", seconds) for number in range(steps)), HAND_IN)


class Project:
    """A project folder, in which `upbench` runs as a process of its own.

    Attributes:
        killed: Process ids of the killed ones.
    """

    def __init__(self, folder: Path, *, jobs: int, script_text: str, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.env = folder, dict(env or {})
        self.pack = write_pack(folder / "packs", jobs=jobs, script_text=script_text)
        self.state = folder / ".upbench"
        self.killed: list[int] = []
        self._processes: list[Forked] = []

    def start(self, *arguments: str) -> Forked:
        """A process of the command line, in a session of its own."""
        process = Forked(UPBENCH, *arguments, folder=self.folder, env=self.env)
        self._processes.append(process)
        return process

    def run(self, sandbox: str, *more: str) -> Forked:
        """Start a run of the scripted agent."""
        words = ["run", str(self.pack), "--agent", "react", "--model", "scripted/test", "--sandbox", sandbox]
        return self.start(*words, *more)

    def finish(self, process: Forked, seconds: float = 300) -> str:
        """Wait until it has ended well; its standard output."""
        return process.finish(seconds)

    def kill(self, process: Forked) -> None:
        """As `kill -9`."""
        process.kill()
        self.killed.append(process.pid)

    def stop(self, process: Forked) -> None:
        """It lives and holds what it holds, and does nothing more until it is killed."""
        process.send(signal.SIGSTOP)

    def end(self) -> None:
        """End what a failed test has left running."""
        for process in self._processes:
            if process.alive():
                self.kill(process)

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        """Its records, as they are."""
        bench = Bench(settings=Settings(project=self.folder))
        try:
            yield bench
        finally:
            bench.close()

    def wait_for(self, what: str, seconds: float = 60) -> None:
        """Wait until something lies under this pattern below the state folder."""
        deadline = time.monotonic() + seconds
        while not any(self.state.glob(what)):
            assert time.monotonic() < deadline, f"no {what} in {seconds} s"
            time.sleep(0.02)

    def ended(self) -> dict[str, tuple[str | None, str | None]]:
        """The attempts that have ended, and when, and why."""
        return {a.id: (a.finished, a.cause and a.cause.value) for a in self._attempts() if a.finished}

    def unfinished(self) -> list[str]:
        """The runs with attempts that have not ended."""
        return sorted({attempt.run for attempt in self._attempts() if not attempt.finished})

    def _attempts(self) -> list[AttemptRow]:
        with self.bench() as bench:
            records = Records(bench.home.database)
            return [attempt for run in records.runs() for attempt in records.attempts(run.id)]


@contextmanager
def cloud_for(sandbox: str) -> Iterator[dict[str, str]]:
    """The environment in which a provider finds its engine: for e2b, a stand-in on this machine."""
    if sandbox != "e2b":
        yield {}
        return
    problem = unusable()
    if problem is not None:
        lacking("e2b", problem)
    from sandbox.e2b.pack import toolbox_folder  # the SDK is slow to import
    from sandbox.e2b.templates import own_template

    template = Template(own_template(), shown={toolbox_folder(): toolbox_path()})
    with E2BCloud(templates=[template]) as cloud:
        yield cloud.environment | {"UPBENCH_E2B_CREATIONS_PER_SECOND": "50"}


def processes_naming(text: str) -> list[str]:
    """Command lines of living processes in which `text` stands."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def still_naming(text: str, seconds: float = 60) -> list[str]:
    """As `processes_naming`, when none is left or time is up: the kernel takes a moment to end what is killed."""
    deadline = time.monotonic() + seconds
    while (found := processes_naming(text)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def groups_of(state: Path) -> list[Path]:
    """Control groups that were made for sandboxes of this project."""
    owner = owner_of(state)
    return [Path(at, name) for at, names, _ in os.walk("/sys/fs/cgroup") for name in names if owner in name]


def left_below(state: Path) -> list[str]:
    """What sandboxes and runs have left in a project's data: all but records, blobs and where to look."""
    kept = {
        "upbench.db",
        "upbench.db-wal",
        "upbench.db-shm",
        "blobs",
        "owner",
        "cgroups",
        "reports",
        "empty",
        "logs",
        "packs",
    }
    found = [
        path
        for entry in state.iterdir()
        if entry.name not in kept
        for path in (entry.rglob("*") if entry.is_dir() else [entry])
        if not path.is_dir() or path.parent.name == "workspaces"
    ]
    return sorted(str(path.relative_to(state)) for path in found)
