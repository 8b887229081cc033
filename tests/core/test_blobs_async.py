"""Blobs called beside an event loop: it goes on, and a process that is to stop does not wait for a dead server."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core import Blobs, StoreFault, in_thread
from core.store.aside import side_by_side
from tests.core.blobs_process import PATIENCE, ROOT
from tests.standins.s3.server import S3

HANGS = 30.0
"""Seconds within which nobody waits any more; the server does not answer for longer."""
STUCK = """
import asyncio, signal, sys
from pathlib import Path
from core import Blobs, in_thread

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it

async def main():
    blobs = Blobs(Path(sys.argv[1]), sys.argv[2])
    print("ready", flush=True)
    files = [Path(sys.argv[1]).parent / f"file-{n}" for n in range(5)]
    for file in files:
        file.write_text(file.name)
    await asyncio.gather(in_thread(blobs.put_files, files), in_thread(blobs.put_bytes, b"x"))

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


async def test_the_loop_goes_on_while_a_blob_is_sent(s3: S3, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "here", s3.remote())
    s3.slow(4 << 20)
    sending = asyncio.ensure_future(in_thread(blobs.put_bytes, bytes(4 << 20)))
    ticks = 0
    while not sending.done():
        await asyncio.sleep(0.02)
        ticks += 1
    assert Blobs(tmp_path / "there", s3.remote()).has(await sending) is False, "another bucket"
    assert Blobs(tmp_path / "third", blobs.remote).get_bytes(await sending) == bytes(4 << 20)
    assert ticks >= 10


async def test_faults_and_the_context_come_through(s3: S3, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "here", s3.remote(), patience=PATIENCE)
    with pytest.raises(StoreFault, match="missing"):
        await in_thread(blobs.fetch, "0" * 64)
    told = contextvars.ContextVar("told", default="")
    told.set("run-1")
    assert await in_thread(told.get) == "run-1"


def test_side_by_side_keeps_the_order_and_stops_at_a_failure() -> None:
    assert side_by_side(lambda n: n * n, range(100), 8) == [n * n for n in range(100)]
    assert side_by_side(str, [], 8) == []
    begun: list[int] = []

    def call(n: int) -> None:
        begun.append(n)
        time.sleep(0.01)
        if n == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        side_by_side(call, range(1000), 4)
    assert len(begun) < 50


async def test_what_is_cancelled_holds_nobody_up(s3: S3, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "here", s3.remote(), patience=replace(PATIENCE, silence=60, total=60))
    s3.hang()
    began = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(in_thread(blobs.put_bytes, b"x"), 0.3)
    assert time.monotonic() - began < HANGS


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(s3: S3, tmp_path: Path) -> None:
    remote = s3.remote()
    s3.hang()
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(tmp_path / "here"), remote], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(1)
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < HANGS:
        # Another thread may hear it, and the loop, that has nothing to do here, does not wake: pressed once more.
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    assert process.returncode == 130
    process.stdout.close()
    assert time.monotonic() - began < HANGS
