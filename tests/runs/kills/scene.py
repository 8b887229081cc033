"""One kill: a project, who is killed at which point, and who goes on."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from psycopg import sql
from sqlalchemy import select

from core.llm.tables import CALLS
from runs import machinery
from tests.runs.forking import Forked
from tests.runs.kills.model import MODEL, Counting
from tests.runs.kills.points import ENVIRONMENT, FAULT
from tests.runs.support import write_pack
from tests.standins.llm import KEY, Standin
from tests.standins.postgres import Postgres
from upbench.bench import Bench
from upbench.settings import Settings

RUN, WORKER = "tests.runs.kills.process:upbench", "tests.runs.kills.process:upbench"
HAND_OVER = "tests.runs.kills.process:hand_over"
DOWN_SECONDS = 0.4
LAST = ("worker.leave", "run.ended")
"""What a worker passes when no round is left: others may have gone by then."""


@dataclass(frozen=True)
class Case:
    """What is to be done.

    Attributes:
        who: `command` (that executes the run), `worker` (of two), `adopter` (of a killed worker's rounds; there
            is a third), `handing-over` (the command that does), `database` under a command, `database-of-workers`.
        store: `sqlite` or `postgresql`.
        point: Where, see `points`. number: At which passing.
        fault: The first execution of each attempt loses its sandbox.
    """

    who: str
    store: str
    point: str
    number: int = 1
    fault: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.who}-{self.store}-{self.point}@{self.number}{'-again' if self.fault else ''}"


@dataclass
class Scene:
    """A project while things die in it.

    Attributes:
        happened: Whether the point was reached.
        received: Replies that stood in the journal when something died.
        asked: How often each reply had been asked for then.
        seconds: From the kill to the end.
    """

    case: Case
    folder: Path
    standin: Standin
    model: Counting
    server: Postgres | None
    database: str | None
    happened: bool = False
    received: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    processes: list[Forked] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """Of all processes."""
        env = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self.standin.openai_url,
            "UPBENCH_PAUSE_SECONDS": "0",
            "UPBENCH_SNAPSHOTS": "true",
        }
        env |= {FAULT: "1"} if self.case.fault else {}
        return env | ({"UPBENCH_DATABASE": self.database} if self.database else {})

    def start(self, entry: str, *words: str, deed: str | None = None, point: str | None = None) -> Forked:
        """A process; with a deed, that is done at the point (default: the case's)."""
        at = point or f"{self.case.point}@{self.case.number}"
        env = self.env | ({ENVIRONMENT: f"{at}={deed}"} if deed else {})
        process = Forked(entry, *words, folder=self.folder, env=env)
        self.processes.append(process)
        return process

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        """Its records."""
        settings = Settings(project=self.folder, database=self.database, snapshots=True, pause_seconds=0)
        bench = Bench(settings=settings)
        try:
            yield bench
        finally:
            bench.close()

    def died(self) -> None:
        """Something has died: take down what stands in the records now."""
        self.happened, self.seconds = True, time.monotonic()
        with self.bench() as bench, bench.home.database.read() as connection:
            keys = connection.execute(select(CALLS.c.key).where(CALLS.c.state == "received")).scalars()
            self.received = set(keys)
        self.asked = Counter({key: n for key, n in self.model.requests.items() if key in self.received})

    def play(self) -> None:
        """Let it happen, and go on to the end."""
        pack = str(self.folder / "packs" / "small")
        run = ("run", pack, "--agent", "react", "--model", MODEL, "--sandbox", "bwrap", "--concurrency", "2")
        {
            "command": functools.partial(self._command, run),
            "worker": functools.partial(self._worker, pack),
            "adopter": functools.partial(self._adopter, pack),
            "handing-over": functools.partial(self._hand_over, pack),
            "database": functools.partial(self._database, run),
            "database-of-workers": functools.partial(self._database_of_workers, pack),
        }[self.case.who]()
        self.seconds = time.monotonic() - self.seconds if self.happened else 0.0

    def _killed(self, process: Forked) -> bool:
        """Wait for its end; whether it was by the kill."""
        if (code := process.wait()) == -9:
            self.died()
            return True
        assert code == 0, process.said
        return False

    def _command(self, run: tuple[str, ...]) -> None:
        if not self._killed(self.start(RUN, *run, deed="kill")):
            return
        with self.bench() as bench:
            begun = bool(bench.runs())
        if begun:
            self.start(RUN, "runs", "resume", "last").finish()
        else:
            self.start(RUN, *run).finish()

    def _worker(self, pack: str) -> None:
        self.start(HAND_OVER, pack, MODEL).finish()
        first = self.start(WORKER, "worker", "--slots", "2", "--until-idle", deed="kill")
        self._until_at_work(first)
        second = self.start(WORKER, "worker", "--slots", "2", "--until-idle")
        self._killed(first)
        second.finish()
        if self.case.point.startswith(LAST):  # it had nothing left, and perhaps nobody was there any more
            self.start(WORKER, "worker", "--slots", "2", "--until-idle").finish()

    def _adopter(self, pack: str) -> None:
        self.start(HAND_OVER, pack, MODEL).finish()
        words = ("worker", "--slots", "2", "--until-idle")
        assert self._killed(self.start(WORKER, *words, deed="kill", point="tool.within@1"))
        self._killed(self.start(WORKER, *words, deed="kill"))
        self.start(WORKER, *words).finish()

    def _until_at_work(self, worker: Forked) -> None:
        """Until it has both rounds, or has ended."""
        with self.bench() as bench, machinery(bench.home.database, bench.home.state) as by:
            deadline = time.monotonic() + 60
            while worker.alive() and time.monotonic() < deadline:
                taken = [one for one in by.engine.list(queue="workers") if one.worker and one.state != "queued"]
                if len(taken) == 2:
                    return
                time.sleep(0.02)

    def _hand_over(self, pack: str) -> None:
        if self._killed(self.start(HAND_OVER, pack, MODEL, deed="kill")):
            self.start(HAND_OVER, pack, MODEL).finish()
        self.start(WORKER, "worker", "--slots", "2", "--until-idle").finish()

    def _database(self, run: tuple[str, ...]) -> None:
        with self._killer() as deed:
            gave_up = self._gave_up(self.start(RUN, *run, deed=deed))
        if gave_up:
            self.start(RUN, "runs", "resume", "last").finish()

    def _gave_up(self, process: Forked) -> bool:
        """Wait for its end; whether it gave up, in a line, since its records did not answer."""
        if process.wait() == 0:
            return False
        assert "upbench: store_failed: " in process.said, process.said
        return True

    def _database_of_workers(self, pack: str) -> None:
        self.start(HAND_OVER, pack, MODEL).finish()
        with self._killer() as deed:
            words = ("worker", "--slots", "1", "--until-idle")
            both = [self.start(WORKER, *words, deed=deed), self.start(WORKER, *words)]
            gave_up = [self._gave_up(one) for one in both]
        if any(gave_up):  # whoever looks after workers starts another
            self.start(WORKER, *words).finish()

    @contextmanager
    def _killer(self) -> Iterator[str]:
        """Whoever connects to that socket finds the database server killed; a moment later it is started again."""
        assert self.server is not None
        path = str(Path(mkdtemp(prefix="upbench-kills-")) / "deed")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()
            thread = threading.Thread(target=self._kill_server, args=(listening,), daemon=True)
            thread.start()
            yield path
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()
        shutil.rmtree(Path(path).parent)

    def _kill_server(self, listening: socket.socket) -> None:
        assert self.server is not None
        try:
            asked, _ = listening.accept()
        except OSError:
            return
        self.server.kill()
        asked.close()
        time.sleep(DOWN_SECONDS)
        self.server.start()
        self.died()

    def end(self) -> None:
        """End what a failure has left running."""
        for process in self.processes:
            process.kill()


class Projects:
    """Makes projects whose databases are made already: that takes longer than a trial."""

    def __init__(self, folder: Path, server: Postgres | None) -> None:
        self._folder, self.server = folder, server
        self._ready = folder / "ready"
        self._ready.mkdir(parents=True)
        self._made = 0
        write_pack(self._ready / "packs", jobs=2)
        self._prepare(None)
        if server is not None:
            self._template = server.database()
            self._prepare(self._template)

    def _prepare(self, database: str | None) -> None:
        bench = Bench(settings=Settings(project=self._ready, database=database))
        with machinery(bench.home.database, bench.home.state) as by:
            by.engine.prepare()
        bench.close()

    def scene(self, case: Case, standin: Standin) -> Scene:
        """A project for this case."""
        self._made += 1
        folder = self._folder / f"{self._made}"
        shutil.copytree(self._ready, folder)
        database = self._database() if case.store == "postgresql" else None
        standin.reset(model := Counting())
        return Scene(case, folder, standin, model, self.server, database)

    def drop(self, scene: Scene) -> None:
        """Remove a project that is done."""
        if scene.database is not None and self.server is not None:
            self.server.drop(scene.database)
        shutil.rmtree(scene.folder)

    def _database(self) -> str:
        assert self.server is not None
        url = f"{self._template}_{self._made}_{os.getpid()}"
        template, name = (sql.Identifier(one.rsplit("/", 1)[1]) for one in (self._template, url))
        owner = sql.Identifier("upbench")
        with self.server.connect() as connection:
            text = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(name, owner, template)
            connection.execute(text)
        return url
