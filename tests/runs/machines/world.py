"""Two machines, the database, the bucket and the model that they share, and a run that was handed over."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import Blobs
from tests.runs.machines.network import Machine, network
from tests.runs.support import TOTAL_CODE, write_pack
from tests.standins.llm import KEY, Call, Incoming, Standin, Turn, serve
from tests.standins.postgres import Postgres
from tests.standins.s3.proxy import Proxy
from tests.standins.s3.server import S3

APPEND = "echo once >> /job/count.txt; sleep 0.5"
COPY = "cp /job/count.txt /job/deliverables/count.txt"
SECONDS = 200.0


def turn(name: str, delay: float = 0.3, **arguments: Any) -> Turn:
    return Turn(text="Next.", calls=(Call(name, arguments),), delay=delay)


TURNS = (
    turn("shell", command=APPEND),
    turn("shell", command="sleep 0.5"),
    turn("python", code=TOTAL_CODE),
    turn("shell", command=COPY),
    turn("submit", files=[{"path": "total.csv"}, {"path": "count.txt"}], summary="The total."),
)


HELD = turn("shell", command="sleep 1; echo not yet")


def _done(request: Incoming) -> int:
    """How many turns came to their end; one that was interrupted is made again."""
    outputs = [str(item["output"]) for item in request.body["input"] if item.get("type") == "function_call_output"]
    return sum("interrupted" not in output and "not yet" not in output for output in outputs)


def answer(request: Incoming) -> Turn:
    """The next turn."""
    return TURNS[min(_done(request), len(TURNS) - 1)]


def first_only(request: Incoming) -> Turn:
    """The first turn, and then it bides its time."""
    return HELD if _done(request) else TURNS[0]


@dataclass
class World:
    """All of it.

    Attributes:
        home: The folder of the one who handed the run over, on the machine of the servers.
    """

    first: Machine
    second: Machine
    postgres: Postgres
    s3: S3
    model: Standin
    url: str
    remote: str
    home: Path
    env: dict[str, str]
    jobs: int

    def upbench(self, *arguments: str) -> Any:
        """A command of the one who handed the run over; what it says as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "upbench", *arguments, "--json"],
            cwd=self.home,
            env=os.environ | self.env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def hand_over(self) -> str:
        """Begin the run; nobody works on it yet."""
        model = ("--agent", "react", "--model", "openai/gpt-standin")
        return str(self.upbench("run", str(self.home / "packs" / "small"), *model, "--detach")["id"])

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement gives."""
        with self.postgres.connect(self.url.rsplit("/", 1)[1]) as connection:
            return connection.execute(statement.encode()).fetchall()

    def done(self) -> int:
        """Attempts that have ended."""
        return int(self.sql("select count(*) from attempts where state = 'done'")[0][0])

    def carried_by(self, machine: Machine) -> int:
        """Rounds that are under way there."""
        host = machine.name.rpartition("-")[2]
        status = f"status = 'PENDING' and executor_id like '{host}-%'"
        return int(self.sql(f"select count(*) from dbos.workflow_status where {status}")[0][0])

    def kept(self, kind: str) -> int:
        """Events of that kind in all transcripts."""
        return int(self.sql(f"select count(*) from transcript_events where kind = '{kind}'")[0][0])

    def with_snapshot(self) -> int:
        """Attempts of which a snapshot was kept."""
        return int(
            self.sql("select count(distinct execution) from transcript_events where kind = 'snapshot'")[0][0]
        )

    def hold(self) -> None:
        """No attempt gets further than its first turn."""
        self.model.script = first_only

    def go_on(self) -> None:
        """All get on."""
        self.model.script = answer

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Until something holds."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"{what}: not within {seconds} s"
            time.sleep(0.1)

    def verify(self, run: str) -> None:
        """All attempts ended once, nothing that was received was paid again, and all that was kept is there."""
        shown = self.upbench("runs", "show", run)
        assert shown["causes"] == {"submitted": self.jobs}
        assert {one["executions"] for one in shown["attempts"]} == {1}
        graded = self.sql("select attempt_id, count(*) from evaluations group by 1")
        assert [count for _, count in graded] == [1] * self.jobs
        assert self.sql("select distinct verdict from verdicts") == [("pass",)]
        assert not self.model.rejected
        asked = Counter(map(_step, self.model.requests))
        repeats = sum(asked.values()) - len(asked)
        assert repeats <= shown["cost"]["wasted_calls"], "a reply that was received was paid again"
        self._verify_blobs()

    def _verify_blobs(self) -> None:
        """Each file handed in comes whole out of the bucket, into a folder that has never seen it."""
        fresh = Blobs(self.home / "fresh", self.remote)
        for (text,) in self.sql("select submission from attempts"):
            files = {one["path"]: one["sha256"] for one in json.loads(text)["files"]}
            assert {"total.csv", "count.txt"} <= set(files)
            lines = fresh.fetch(files["count.txt"]).read_text().split()
            assert set(lines) == {"once"}
            assert fresh.fetch(files["total.csv"]).read_text().split() == ["total", "60"]


def _step(request: Incoming) -> tuple[str, int]:
    """The conversation, and how many calls were made in it so far."""
    text = json.dumps(request.body["input"])
    found = re.search(r"Reference number (\d+)", text)
    assert found is not None
    calls = [item for item in request.body["input"] if item.get("type") == "function_call"]
    return found[1], len(calls)


@contextmanager
def world(folder: Path, jobs: int = 4) -> Iterator[World]:
    """Everything, up and running, but for the workers."""
    with network() as net, serve(answer) as model, S3(folder / "s3.log", net.address) as s3:
        postgres = Postgres(listen="*")
        port = int(model.url.rpartition(":")[2])
        try:
            with Proxy(port, net.address) as line:
                url = postgres.database()
                env = s3.environment | {
                    "UPBENCH_DATABASE": url.replace("127.0.0.1", net.address),
                    "UPBENCH_BLOBS": s3.remote(),
                    "OPENAI_API_KEY": KEY,
                    "OPENAI_BASE_URL": f"http://{net.address}:{line.port}/v1",
                }
                home = folder / "home"
                pack = write_pack(home / "packs", jobs=jobs)
                for number, brief in enumerate(sorted(pack.glob("jobs/*/brief.md"))):
                    brief.write_text(f"{brief.read_text()}\nReference number {number}.\n")
                first, second = (net.machine(name, folder / name, env) for name in ("first", "second"))
                yield World(first, second, postgres, s3, model, url, env["UPBENCH_BLOBS"], home, env, jobs)
        finally:
            for machine in net.machines:
                machine.kill()
            postgres.close()
