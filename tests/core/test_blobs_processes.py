"""Blobs with a bucket among many processes: shared folders, kills in the middle, a full disk, left-overs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from core import Blobs, sha256_bytes
from core.store.bucket import Bucket
from core.store.unfinished import Signer, query_string
from tests.core.blobs_process import PATIENCE, begin, said
from tests.standins.s3.server import S3
from tests.support import lacking

MIB = 1 << 20


@pytest.fixture
def remote(s3: S3) -> str:
    return s3.remote()


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def made(path: Path, megabytes: int) -> tuple[Path, str]:
    data = os.urandom(megabytes * MIB)
    path.write_bytes(data)
    return path, sha256_bytes(data)


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


def test_processes_that_want_one_blob_fetch_it_once(s3: S3, remote: str, tmp_path: Path) -> None:
    file, sha256 = made(tmp_path / "file", 8)
    Blobs(tmp_path / "there", remote).put_file(file)
    s3.calm()
    folder = tmp_path / "shared"
    found = [said(one) for one in [begin(folder, remote, "fetch", sha256) for _ in range(4)]]
    assert found == [[str(folder / sha256[:2] / sha256)]] * 4
    assert 8 * MIB <= s3.proxy.down < 9 * MIB
    assert Path(found[0][0]).read_bytes() == file.read_bytes()
    assert left_over(folder) == []


def test_processes_put_the_same_at_the_same_time(remote: str, s3: S3, tmp_path: Path) -> None:
    file, sha256 = made(tmp_path / "file", 12)
    folders = [tmp_path / name for name in ("shared", "shared", "other", "third")]
    assert [said(one) for one in [begin(folder, remote, "put", str(file)) for folder in folders]] == [[sha256]] * 4
    assert Blobs(tmp_path / "reader", remote).get_bytes(sha256) == file.read_bytes()
    assert s3.unfinished(remote) == []
    assert left_over(tmp_path / "shared") == []


def test_a_killed_download_is_gone_on_with(s3: S3, remote: str, tmp_path: Path) -> None:
    file, sha256 = made(tmp_path / "file", 16)
    Blobs(tmp_path / "there", remote).put_file(file)
    s3.slow(8 * MIB)
    folder = tmp_path / "here"
    part = folder / f".part.{sha256}"
    process = begin(folder, remote, "fetch", sha256)
    wait_for(lambda: part.exists() and part.stat().st_size >= 4 * MIB)
    process.kill()
    process.communicate()
    s3.calm()
    assert said(begin(folder, remote, "fetch", sha256)) == [str(folder / sha256[:2] / sha256)]
    assert s3.proxy.down < 13 * MIB
    assert left_over(folder) == []


def test_a_killed_upload_leaves_nothing_for_long(s3: S3, remote: str, tmp_path: Path) -> None:
    file, sha256 = made(tmp_path / "file", 24)
    s3.slow(4 * MIB)
    process = begin(tmp_path / "here", remote, "put", str(file))
    wait_for(lambda: s3.unfinished(remote) != [])
    process.kill()
    process.communicate()
    s3.calm()
    assert not Blobs(tmp_path / "reader", remote).has(sha256)
    # The server says of every upload that it was begun in 2010.
    assert Bucket(remote).abort_unfinished(100 * 365 * 86400) == 0, "so young, it may still be going on"
    assert Bucket(f"{remote}/elsewhere").abort_unfinished(0) == 0
    assert len(s3.unfinished(remote)) == 1
    assert Blobs(tmp_path / "here", remote).clean() == 1
    assert s3.unfinished(remote) == []
    assert said(begin(tmp_path / "here", remote, "put", str(file))) == [sha256]
    assert Blobs(tmp_path / "reader", remote).get_bytes(sha256) == file.read_bytes()


def test_a_server_that_is_down_for_seconds_is_waited_for(s3: S3, remote: str, tmp_path: Path) -> None:
    file, sha256 = made(tmp_path / "file", 12)
    s3.slow(8 * MIB)
    process = begin(tmp_path / "here", remote, "put", str(file))
    wait_for(lambda: s3.proxy.up > 2 * MIB)
    s3.kill()
    time.sleep(1)
    s3.calm()
    assert said(process) == [sha256]
    s3.slow(8 * MIB)
    process = begin(tmp_path / "there", remote, "fetch", sha256)
    wait_for(lambda: s3.proxy.down > 2 * MIB)
    s3.kill()
    time.sleep(1)
    s3.calm()
    assert Path(said(process)[0]).read_bytes() == file.read_bytes()


def test_a_full_disk_is_told_and_given_its_room_back(remote: str, tmp_path: Path) -> None:
    file, large = made(tmp_path / "file", 12)
    _, small = made(tmp_path / "small", 1)
    Blobs(tmp_path / "there", remote).put_files([file, tmp_path / "small"])
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=4m none "{disk}" && "$@"', "sh")
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], check=False).returncode:
        lacking("unshare", "a file system of its own cannot be mounted")
    fetched = said(begin(disk / "blobs", remote, "fetch", large, small, wrap=mounted))
    assert fetched == ["fault disk_full", str(disk / "blobs" / small[:2] / small)]
    put = said(begin(disk / "blobs", remote, "put", str(file), str(tmp_path / "small"), wrap=mounted))
    assert put == ["fault disk_full", small]


def test_the_folder_is_kept_small(s3: S3, remote: str, tmp_path: Path) -> None:
    here = Blobs(tmp_path / "here", remote, patience=PATIENCE)
    old, lost, new = (here.put_bytes(bytes([n]) * MIB) for n in range(3))
    for n, sha256 in enumerate((old, lost)):
        os.utime(here.path(sha256), (n, n))
    s3.store(remote).delete(f"{lost[:2]}/{lost}")
    assert here.trim(3 * MIB) == 0
    assert here.trim(0) == MIB
    assert [here.path(sha256).exists() for sha256 in (old, lost, new)] == [False, True, True]
    assert not here.forget_local(lost)
    assert here.forget_local(new)
    assert here.get_bytes(old) == bytes(MIB)
    assert Blobs(tmp_path / "here", remote).trim(0) == 0, (
        "it was asked for just now, and nobody else has the other"
    )
    alone = Blobs(tmp_path / "alone")
    assert not alone.forget_local(alone.put_bytes(b"x"))


def test_what_was_there_before_the_bucket_is_sent(remote: str, tmp_path: Path) -> None:
    before = Blobs(tmp_path / "here")
    found = [before.put_bytes(b"%d" % n) for n in range(20)]
    after = Blobs(tmp_path / "here", remote)
    assert (before.upload_all(), after.upload_all(), after.upload_all()) == (0, 20, 0)
    there = Blobs(tmp_path / "there", remote)
    assert [there.get_bytes(sha256) for sha256 in found] == [b"%d" % n for n in range(20)]


def test_what_the_dead_left_in_the_folder_goes(remote: str, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "here", remote)
    kept = blobs.put_bytes(b"kept")
    for name in (".123.abc", f".part.{'0' * 64}", f".part.{'1' * 64}"):
        (blobs.root / name).write_bytes(b"half")
        if "1" * 64 not in name:
            os.utime(blobs.root / name, (0, 0))
    os.utime(blobs.path(kept), (0, 0))
    assert blobs.clean() == 2
    assert left_over(blobs.root) == [f".part.{'1' * 64}"]
    assert blobs.get_bytes(kept) == b"kept"


@pytest.mark.parametrize("token", [None, "a/token+="])
def test_requests_are_signed_as_amazon_signs_them(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    signer = Signer("key", "secret", "eu-central-1", token)
    url, query = "http://example.org:9000/bucket/a%20b", {"uploads": "", "prefix": "some folder/é&=+"}
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ours = signer.headers("GET", url, query, at)
    request = AWSRequest(
        "GET", f"{url}?{query_string(query)}", headers={"x-amz-content-sha256": sha256_bytes(b"")}
    )
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: at.replace(tzinfo=None))
    S3SigV4Auth(Credentials("key", "secret", token), "s3", "eu-central-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
