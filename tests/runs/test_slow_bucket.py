"""A bucket that answers slowly holds up the attempt that waits for it, and no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import obstore
import pytest

from agents import AgentConfig, AgentResult, Assignment, Desk, SqlTranscript
from core import Blobs, Cause, SandboxFault, sha256_bytes
from runs import Workplace
from runs.leftovers import SNAPSHOTS
from sandbox import Command
from tests.runs.killing import HAND_IN
from tests.runs.project import bench_in, order, run_it
from tests.runs.support import script, write_pack
from tests.standins.s3.fixture import s3, s3_server
from tests.standins.s3.server import S3

__all__ = ["s3", "s3_server"]

CHUNK = 64 * 1024
DEADLINE = 60.0


class OnThisLoop:
    """Between the run and its bucket, on the run's own event loop: who blocks that gets no answer, ever.

    Attributes:
        asked: First words of all requests.
        ready: Requests to delete something wait until this is true.
    """

    def __init__(self, port: int, ready: Callable[[], bool]) -> None:
        self._port, self.ready = port, ready
        self.asked: list[str] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", self._port)
        with suppress(OSError):
            await asyncio.gather(self._up(reader, asks), self._pass(answers, writer))
        asks.close()
        writer.close()

    async def _up(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            line = data.split(b"\r\n", 1)[0].decode(errors="replace")
            if line.endswith(" HTTP/1.1"):
                self.asked.append(line)
            if line.startswith(("POST", "DELETE")) and "delete" in line.lower():
                while not self.ready():  # noqa: ASYNC110 - others write it into the database
                    await asyncio.sleep(0.02)
            to.write(data)
            await to.drain()
        to.write_eof()

    async def _pass(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            to.write(data)
            await to.drain()


class Failing:
    """Leaves something to salvage, and loses its sandbox."""

    config = AgentConfig(name="nop", scaffold="nop")

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        await desk.sandbox.run(Command(argv=("sh", "-c", f"echo {assignment.key} > /job/deliverables/total.csv")))
        raise SandboxFault(Cause.sandbox_lost, "gone")


def lying_there(s3: S3, place: Workplace) -> list[str]:
    """Names of the objects of snapshots."""
    assert place.blobs.remote is not None
    return [one["path"] for one in obstore.list(s3.store(place.blobs.remote), SNAPSHOTS).collect()]


async def test_the_others_go_on_while_a_bucket_is_slow(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = "head -c 300000 /dev/urandom > large; printf 'total\\n60\\n' > deliverables/total.csv"
    turns = ({"say": "Now.", "calls": [{"tool": "shell", "arguments": {"command": large}}]}, HAND_IN)
    pack = write_pack(tmp_path, jobs=2, script_text=script(*turns))
    for brief in pack.glob("jobs/*/brief.md"):
        brief.write_text(f"Add up the amounts. {os.urandom(90_000).hex()}\n")
    with bench_in(tmp_path, blobs=s3.remote()) as bench:
        place = bench.begin(order(pack, "react", "nop"))
        place.agents["nop"] = Failing()
        place.options = place.options.model_copy(update={"snapshots": True, "crashes": None})
        attempts = place.records.attempts(place.run_id)
        resumed = next(one for one in attempts if one.agent != "nop")
        before = set(place.blobs.root.glob("??/*"))
        told = SqlTranscript(place.database, place.blobs, f"{resumed.id}.e1")
        told.append("assignment", {"task": os.urandom(90_000).hex()})
        (blob,) = set(place.blobs.root.glob("??/*")) - before
        blob.unlink()  # another machine wrote it

        relay = OnThisLoop(s3.proxy.port, lambda: not place.records.has_undone(place.run_id))
        async with relay.listening() as address, asyncio.timeout(DEADLINE):
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            place.blobs = Blobs(place.blobs.root, place.blobs.remote)
            await run_it(place, concurrency=len(attempts), executions=1)

        ended = {one.id: one for one in place.records.attempts(place.run_id)}
        for one in attempts:
            agent, now = one.agent, ended[one.id]
            assert now.cause is (Cause.sandbox_lost if agent == "nop" else Cause.submitted)
            assert now.submission is not None
        salvaged = sha256_bytes(f"{next(one.id for one in attempts if one.agent == 'nop')}.e1\n".encode())
        asked = [line.split("/", 1) for line in relay.asked]
        for method, name in (("GET ", blob.name), ("PUT ", salvaged), ("PUT ", f"/{SNAPSHOTS}/")):
            assert any(asking == method and name in path for asking, path in asked), (method, name)
        assert lying_there(s3, place) == []
