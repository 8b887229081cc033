"""The bucket of a project's blobs: looked at before anything is begun, its local copies bounded."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from core import Cause, StoreFault
from tests.runs.project import need_sandbox
from tests.standins.s3.fixture import s3, s3_server
from tests.standins.s3.server import S3
from tests.upbench.mistakes import Upbench
from upbench.home import Home, open_home
from upbench.keeping import keep_once, keeping_blobs, local_gigabytes
from upbench.settings import Settings

__all__ = ["s3", "s3_server"]

MEGABYTE = 1_000_000
LONG_AGO = time.time() - 2 * 86400


@pytest.mark.parametrize("command", [("run", "packs/small", "--agent", "nop"), ("worker", "--until-idle")])
def test_a_bucket_that_cannot_be_used_is_said_before_anything_is_begun(
    upbench: Upbench, s3: S3, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    if command[0] == "run":
        need_sandbox()
    monkeypatch.setenv("UPBENCH_BLOBS", s3.remote())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sk-wrong")
    code, out, err = upbench(*command)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert "AWS_SECRET_ACCESS_KEY" in err
    assert "sk-wrong" not in err
    assert json.loads(upbench("runs", "list", "--json")[1]) == [], "nothing is written"
    assert json.loads(upbench("worker", "list", "--json")[1]) == []


def home_with(folder: Path, remote: str | None) -> Home:
    return open_home(Settings(project=folder, blobs=remote, local_blobs_gb=0.01))


def fill(home: Home) -> dict[str, bytes]:
    """Fifteen blobs of a megabyte each, none of which was used of late, and what a dead process left."""
    made = {}
    for number in range(15):
        data = bytes([number]) * MEGABYTE
        made[home.blobs.put_bytes(data)] = data
    left = home.blobs.root / ".12345.left"
    left.write_bytes(b"half")
    for path in (left, *map(home.blobs.path, made)):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return made


def test_local_copies_of_a_bucket_are_bounded(s3: S3, tmp_path: Path) -> None:
    home = home_with(tmp_path, s3.remote())
    made = fill(home)
    recent = next(iter(made))
    os.utime(home.blobs.path(recent))
    assert keep_once(home) == 5 * MEGABYTE
    assert local_gigabytes(home.blobs.root) == pytest.approx(0.01, rel=1e-3)
    assert home.blobs.path(recent).exists(), "what was used of late stays"
    assert not (home.blobs.root / ".12345.left").exists()
    assert {name: home.blobs.get_bytes(name) for name in made} == made, "the bucket has them"
    home.close()


def test_without_a_bucket_only_leftovers_go(tmp_path: Path) -> None:
    home = home_with(tmp_path, None)
    made = fill(home)
    assert keep_once(home) == 0
    assert all(home.blobs.path(name).exists() for name in made)
    assert not (home.blobs.root / ".12345.left").exists()
    home.close()


def test_a_bucket_that_is_away_is_asked_again_later(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_with(tmp_path, s3.remote())
    fill(home)
    tries: list[Home] = []

    def away_at_first(home: Home) -> int:
        tries.append(home)
        if len(tries) == 1:
            raise StoreFault(Cause.store_failed, "the server is away")
        return keep_once(home)

    monkeypatch.setattr("upbench.keeping.keep_once", away_at_first)

    async def work() -> None:
        async with keeping_blobs(home, pause_seconds=0.01):
            async with asyncio.timeout(60):
                while local_gigabytes(home.blobs.root) > 0.0101:  # noqa: ASYNC110 - it is the disk that is asked
                    await asyncio.sleep(0.05)

    asyncio.run(work())
    assert len(tries) > 1
    home.close()
