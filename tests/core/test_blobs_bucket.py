"""Blobs with a bucket: what is put is there for every machine, and comes from there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from core import BadInput, Blobs, Cause, StoreFault, sha256_bytes
from core.store.bucket import PART, Patience
from tests.core.blobs_process import PATIENCE
from tests.standins.s3.server import S3

SHORT = Patience(connect=1, silence=0.7, total=0.8, longest=0.1)
Machines = Callable[[], Blobs]


@pytest.fixture
def remote(s3: S3) -> str:
    return s3.remote()


@pytest.fixture
def machine(remote: str, tmp_path: Path) -> Machines:
    """Each call is another machine with the same bucket."""
    folders = iter(range(100))
    return lambda: Blobs(tmp_path / f"machine-{next(folders)}", remote, patience=PATIENCE)


def big(megabytes: int = 20) -> bytes:
    return os.urandom(megabytes << 20)


def left_over(blobs: Blobs) -> list[str]:
    return [path.name for path in blobs.root.iterdir() if path.is_file()]


def object_of(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def test_what_one_machine_puts_another_fetches(machine: Machines, tmp_path: Path) -> None:
    here, there = machine(), machine()
    data = big()
    (tmp_path / "big").write_bytes(data)
    large, small = here.put_file(tmp_path / "big"), here.put_bytes(b"small")
    assert there.has(large)
    assert not there.has(sha256_bytes(b"nobody's"))
    assert there.fetch(large).read_bytes() == data
    assert there.get_bytes(small) == b"small"
    assert there.path(small).read_bytes() == b"small"
    assert left_over(here) == left_over(there) == []


def test_a_blob_is_sent_once(machine: Machines, s3: S3) -> None:
    here, there = machine(), machine()
    data = big(1)
    sha256 = here.put_bytes(data)
    sent = s3.proxy.up
    assert here.put_bytes(data) == there.put_bytes(data) == Blobs(here.root, here.remote).put_bytes(data) == sha256
    assert s3.proxy.up - sent < 10_000


def test_many_files_are_sent_together(machine: Machines, tmp_path: Path) -> None:
    files = [tmp_path / str(n) for n in range(40)]
    for n, file in enumerate(files):
        file.write_bytes(b"%d" % (n % 30))
    found = machine().put_files(files)
    other = machine()
    assert [other.get_bytes(sha256) for sha256 in found] == [b"%d" % (n % 30) for n in range(40)]


def test_an_upload_survives_broken_connections_and_an_overloaded_server(machine: Machines, s3: S3) -> None:
    data = big()
    s3.cut(PART // 2, times=2, uploads=True)
    first = machine().put_bytes(data)
    s3.calm()
    s3.fail(503, times=2)
    second = machine().put_bytes(b"second")
    other = machine()
    assert other.get_bytes(first) == data
    assert other.get_bytes(second) == b"second"


def test_an_upload_whose_end_nobody_heard_of_is_done(machine: Machines, s3: S3, remote: str) -> None:
    here, data = machine(), big(9)
    sha256 = sha256_bytes(data)
    s3.lose(f"POST /{remote.removeprefix('s3://')}/{object_of(sha256)}?uploadId=")
    assert here.put_bytes(data) == sha256
    assert machine().get_bytes(sha256) == data
    s3.lose("PUT")
    assert machine().get_bytes(here.put_bytes(b"small")) == b"small"


def test_an_upload_that_somebody_aborted_is_made_again(machine: Machines, s3: S3, remote: str) -> None:
    data = big(9)
    sha256 = sha256_bytes(data)
    s3.fail(404, times=1, kind=f"POST /{remote.removeprefix('s3://')}/{object_of(sha256)}?uploadId=")
    assert machine().put_bytes(data) == sha256
    assert s3.proxy.faults.status_times == 0
    assert machine().get_bytes(sha256) == data


def test_an_upload_that_fails_leaves_nothing_and_is_made_again(machine: Machines, s3: S3, remote: str) -> None:
    here, data = machine(), big()
    s3.cut(PART // 2, uploads=True)
    with pytest.raises(StoreFault) as failed:
        here.put_bytes(data)
    assert failed.value.cause is Cause.store_failed
    s3.calm()
    sha256 = sha256_bytes(data)
    assert s3.unfinished(remote) == []
    assert not machine().has(sha256)
    assert here.put_bytes(data) == sha256
    assert machine().get_bytes(sha256) == data


def test_a_download_goes_on_where_it_broke_off(machine: Machines, s3: S3) -> None:
    data = big()
    sha256 = machine().put_bytes(data)
    other = machine()
    s3.calm()
    s3.cut(9 << 20, times=1)
    assert other.fetch(sha256).read_bytes() == data
    assert s3.proxy.down < len(data) + (8 << 20), "what was on its way is lost, no more"


def test_a_download_that_failed_goes_on_the_next_time(machine: Machines, s3: S3) -> None:
    data = big()
    sha256 = machine().put_bytes(data)
    other = machine()
    part = other.root / f".part.{sha256}"
    part.write_bytes(data[: 15 << 20])
    s3.calm()
    assert other.fetch(sha256).read_bytes() == data
    assert s3.proxy.down < (6 << 20)
    assert not part.exists()
    whole, wrong = machine(), machine()
    (whole.root / part.name).write_bytes(data)
    (wrong.root / part.name).write_bytes(bytes(15 << 20))
    assert whole.fetch(sha256).read_bytes() == wrong.fetch(sha256).read_bytes() == data


@pytest.mark.parametrize("fault", ["down", "hanging", "overloaded"])
def test_a_server_that_does_not_answer_is_given_up(machine: Machines, s3: S3, remote: str, fault: str) -> None:
    sha256 = machine().put_bytes(b"there")
    other = Blobs(machine().root, remote, patience=SHORT)
    {"down": s3.stop, "hanging": s3.hang, "overloaded": s3.fail}[fault]()
    for call in (lambda: other.fetch(sha256), lambda: other.put_bytes(b"new"), lambda: other.has("0" * 64)):
        with pytest.raises(StoreFault) as failed:
            call()
        assert failed.value.cause is Cause.store_failed
    s3.calm()
    other = Blobs(other.root, remote, patience=PATIENCE)
    assert other.get_bytes(sha256) == b"there"
    assert other.put_bytes(b"new") == sha256_bytes(b"new")
    assert machine().get_bytes(sha256_bytes(b"new")) == b"new"
    assert left_over(other) == []


def test_what_is_damaged_or_missing_there_is_a_fault(machine: Machines, s3: S3, remote: str) -> None:
    here = machine()
    sha256 = here.put_bytes(b"right")
    obstore.put(s3.store(remote), object_of(sha256), b"wrong")
    other = machine()
    for what, name in (("damaged", sha256), ("missing", sha256_bytes(b"nobody's"))):
        for read in (other.fetch, other.get_bytes):
            with pytest.raises(StoreFault, match=what) as found:
                read(name)
            assert found.value.cause is Cause.store_damaged
    assert left_over(other) == []
    obstore.put(s3.store(remote), object_of(sha256), b"cut off")
    assert Blobs(here.root, remote).put_bytes(b"right") == sha256
    assert other.get_bytes(sha256) == b"right"


def test_a_store_of_its_own_goes_whole_and_alone(tmp_path: Path, remote: str) -> None:
    stores = [Blobs(tmp_path / name, f"{remote}/{name}") for name in ("e-1", "e-10", "e-2")]
    (sha256,) = {store.put_bytes(b"x") for store in stores}
    Blobs(tmp_path / "whole", remote).put_bytes(b"x")
    stores[0].remove_all()
    found = [Blobs(tmp_path / "far" / name, f"{remote}/{name}").has(sha256) for name in ("e-1", "e-10", "e-2", "")]
    assert found == [False, True, True, True]
    assert not stores[0].has(sha256)


def test_a_damaged_copy_is_fetched_again(machine: Machines) -> None:
    here = machine()
    sha256 = here.put_bytes(b"right")
    here.path(sha256).write_bytes(b"wrong")
    assert here.get_bytes(sha256) == b"right"
    here.path(sha256).write_bytes(b"wrong")
    assert here.fetch(sha256).read_bytes() == b"right"


def test_a_wrong_key_and_a_missing_bucket_are_told(
    machine: Machines, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine().check()
    elsewhere = Blobs(machine().root, "s3://no-such-bucket/x", patience=PATIENCE)
    s3.proxy.requests.clear()
    with pytest.raises(StoreFault, match="no-such-bucket") as failed:
        elsewhere.put_bytes(b"x")
    assert failed.value.cause is Cause.store_refused
    assert len(s3.proxy.requests) == 1
    with pytest.raises(StoreFault, match="cannot look into s3://no-such-bucket") as failed:
        elsewhere.fetch("0" * 64)
    assert failed.value.cause is Cause.store_failed, "no blob of it is missing"
    with pytest.raises(BadInput, match="there is no bucket 'no-such-bucket'"):
        elsewhere.check()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    other = machine()
    for call in (lambda: other.put_bytes(b"x"), lambda: other.fetch("0" * 64), lambda: other.has("0" * 64)):
        with pytest.raises(StoreFault) as failed:
            call()
        assert failed.value.cause is Cause.store_refused
    with pytest.raises(BadInput, match=r"not accepted.*AWS_SECRET_ACCESS_KEY"):
        other.check()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(BadInput, match=r"no key.*AWS_ACCESS_KEY_ID"):
        other.check()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(BadInput, match=r"127.0.0.1:1.*start the server"):
        machine().check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "localhost:9000"),
        ("AWS_ENDPOINT_URL", "nonsense"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:99999"),
        ("AWS_ENDPOINT_URL_S3", "ftp://host"),
        ("AWS_ENDPOINT_URL", "http://[bad"),
        ("AWS_SECRET_ACCESS_KEY", "hidden\n"),
        ("AWS_SESSION_TOKEN", "t\u00f6ken"),
    ],
)
def test_a_wrong_environment_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=name.removesuffix("_S3")) as refused:
        Blobs(tmp_path, "s3://bucket")
    assert "hidden" not in str(refused.value)
    assert Blobs(tmp_path).put_bytes(b"x"), "without a bucket nothing is asked of it"


@pytest.mark.parametrize("address", ["s3://", "s3://Bucket", "s3://ab", "s3://bucket/../x", "s3://bucket/x?y=1"])
def test_a_wrong_address_is_bad_input(tmp_path: Path, address: str) -> None:
    with pytest.raises(BadInput, match="blobs"):
        Blobs(tmp_path, address)
