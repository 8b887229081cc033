"""envd's files, through the real SDK."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio
from e2b import (
    AsyncSandbox,
    FileNotFoundException,
    FileType,
    InvalidArgumentException,
    NotEnoughSpaceException,
    Sandbox,
)

from tests.standins.e2b import E2BCloud, Template

TOP = "/tmp/top"


@pytest_asyncio.fixture
async def box(e2b_cloud: E2BCloud) -> AsyncIterator[AsyncSandbox]:
    yield await AsyncSandbox.create(**e2b_cloud.options)


async def test_written_and_read_with_folders_made(box: AsyncSandbox) -> None:
    info = await box.files.write(f"{TOP}/a/b.txt", "héllo")
    assert (info.name, info.path, info.type) == ("b.txt", f"{TOP}/a/b.txt", FileType.FILE)
    assert await box.files.read(f"{TOP}/a/b.txt") == "héllo"
    assert await box.files.exists(f"{TOP}/a")
    assert not await box.files.exists(f"{TOP}/q")


async def test_relative_paths_begin_at_home(box: AsyncSandbox) -> None:
    assert (await box.files.write("note", "x")).path == "/home/user/note"
    assert (await box.files.write("~/note", "x", user="root")).path == "/root/note"
    assert await box.files.read("/home/user/note") == "x"


async def test_what_is_told_of_a_file(box: AsyncSandbox) -> None:
    await box.files.write(f"{TOP}/b", "héllo")
    info = await box.files.get_info(f"{TOP}/b")
    assert (info.name, info.type, info.size, oct(info.mode)) == ("b", FileType.FILE, 6, "0o644")
    assert (info.permissions, info.owner, info.group, info.path) == ("-rw-r--r--", "user", "user", f"{TOP}/b")
    await box.files.write(f"{TOP}/r", "x", user="root")
    assert (await box.files.get_info(f"{TOP}/r")).owner == "root"


async def test_folders(box: AsyncSandbox) -> None:
    assert await box.files.make_dir(f"{TOP}/n/m")
    assert not await box.files.make_dir(f"{TOP}/n/m")
    await box.files.write(f"{TOP}/a/b.txt", "x")
    await box.commands.run(f"ln -s a/b.txt {TOP}/link")
    rows = {one.path: one for one in await box.files.list(TOP)}
    assert sorted(rows) == [f"{TOP}/a", f"{TOP}/link", f"{TOP}/n"]
    assert rows[f"{TOP}/link"].type == FileType.FILE
    assert rows[f"{TOP}/link"].symlink_target == f"{TOP}/a/b.txt"
    deeper = [one.path for one in await box.files.list(TOP, depth=2)]
    assert sorted(deeper) == [f"{TOP}/a", f"{TOP}/a/b.txt", f"{TOP}/link", f"{TOP}/n", f"{TOP}/n/m"]


async def test_renamed_and_removed(box: AsyncSandbox) -> None:
    await box.files.write(f"{TOP}/a/b", "x")
    assert (await box.files.rename(f"{TOP}/a/b", f"{TOP}/a/c")).path == f"{TOP}/a/c"
    await box.files.remove(f"{TOP}/a")
    await box.files.remove(f"{TOP}/a")
    assert not await box.files.exists(f"{TOP}/a")


async def test_what_is_not_there_or_not_what_it_should_be(box: AsyncSandbox) -> None:
    await box.files.write(f"{TOP}/file", "x")
    for work in (
        box.files.read(f"{TOP}/none"),
        box.files.list(f"{TOP}/none"),
        box.files.get_info(f"{TOP}/none"),
        box.files.rename(f"{TOP}/none", f"{TOP}/other"),
    ):
        with pytest.raises(FileNotFoundException):
            await work
    for wrong in (box.files.read(TOP), box.files.list(f"{TOP}/file"), box.files.make_dir(f"{TOP}/file")):
        with pytest.raises(InvalidArgumentException):
            await wrong


async def test_many_bytes_both_ways(box: AsyncSandbox) -> None:
    blob = os.urandom(1 << 20) * 12
    await box.files.write(f"{TOP}/big", blob)
    got = await box.files.read(f"{TOP}/big", format="bytes")
    assert hashlib.sha256(got).digest() == hashlib.sha256(blob).digest()
    digest = hashlib.sha256()
    async for part in await box.files.read(f"{TOP}/big", format="stream"):
        digest.update(part)
    assert digest.digest() == hashlib.sha256(blob).digest()


@pytest.mark.parametrize("octets", [True, False])
async def test_both_kinds_of_upload(box: AsyncSandbox, octets: bool) -> None:
    await box.files.write(f"{TOP}/up", os.urandom(10) + b"x" * 200_000, use_octet_stream=octets)
    assert (await box.files.get_info(f"{TOP}/up")).size == 200_010
    await box.files.write(f"{TOP}/streamed", io.BytesIO(b"y" * 100_000), use_octet_stream=octets)
    assert await box.files.read(f"{TOP}/streamed") == "y" * 100_000


async def test_compressed_both_ways(box: AsyncSandbox) -> None:
    await box.files.write(f"{TOP}/z", b"z" * 500_000, gzip=True)
    assert (await box.files.get_info(f"{TOP}/z")).size == 500_000
    assert await box.files.read(f"{TOP}/z", format="bytes", gzip=True) == b"z" * 500_000


async def test_several_at_once(box: AsyncSandbox) -> None:
    infos = await box.files.write_files([{"path": f"{TOP}/m1", "data": "1"}, {"path": f"{TOP}/m2", "data": b"2"}])
    assert [info.name for info in infos] == ["m1", "m2"]
    assert await box.files.read(f"{TOP}/m2") == "2"


async def test_metadata_of_files(box: AsyncSandbox) -> None:
    await box.files.write("/home/user/m", "x", metadata={"job": "one"})
    assert (await box.files.get_info("/home/user/m")).metadata == {"job": "one"}
    await box.files.write("/home/user/m", "x")
    assert not (await box.files.get_info("/home/user/m")).metadata


async def test_a_full_disk(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.register(Template("small", disk_bytes=8 << 20))
    box = await AsyncSandbox.create("small", **e2b_cloud.options)
    await box.commands.run("head -c 20M /dev/zero > /tmp/all || true")
    with pytest.raises(NotEnoughSpaceException):
        await box.files.write("/tmp/more", b"x" * 1_000_000)
    await box.files.remove("/tmp/all")
    assert (await box.files.write("/tmp/more", b"x" * 1_000_000)).name == "more"


async def until(true: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_watching_a_folder(box: AsyncSandbox) -> None:
    seen: list[tuple[str, str]] = []
    await box.files.make_dir(TOP)
    watch = await box.files.watch_dir(TOP, on_event=lambda event: seen.append((event.name, event.type.value)))
    await box.files.write(f"{TOP}/w", "x")
    await until(lambda: len(seen) == 2)
    await box.files.remove(f"{TOP}/w")
    await until(lambda: len(seen) == 3)
    await watch.stop()  # type: ignore[no-untyped-call]
    assert seen == [("w", "create"), ("w", "write"), ("w", "remove")]


def test_watching_by_asking(e2b_cloud: E2BCloud) -> None:
    box = Sandbox.create(**e2b_cloud.options)
    watch = box.files.watch_dir("/home/user")
    box.files.write("w", "x")
    assert [event.name for event in watch.get_new_events()] == ["w", "w"]
    assert watch.get_new_events() == []


async def test_signed_addresses(box: AsyncSandbox) -> None:
    await box.files.write("/home/user/s", b"signed")
    async with httpx2.AsyncClient(trust_env=False) as web:
        reading = box.download_url("/home/user/s", use_signature_expiration=100)
        assert (await web.get(reading)).content == b"signed"
        writing = box.upload_url("/home/user/t")
        assert (await web.post(writing, files={"file": ("t", b"uploaded")})).status_code == 200
        assert await box.files.read("/home/user/t") == "uploaded"
        for_ever = box.download_url("/home/user/s")
        refused = {
            "another file": for_ever.replace("user%2Fs", "user%2Ft").replace("user/s", "user/t"),
            "unsigned": for_ever.split("&signature")[0],
            "expired": box.download_url("/home/user/s", use_signature_expiration=-10),
            "another user": for_ever + "&username=root",
        }
        for why, address in refused.items():
            assert (await web.get(address)).status_code == 401, why
        assert (await web.post(for_ever, files={"file": ("s", b"x")})).status_code == 401
    assert await box.files.read("/home/user/s") == "signed"


async def test_the_token_is_asked_for(box: AsyncSandbox, e2b_cloud: E2BCloud) -> None:
    name = {"e2b-sandbox-id": box.sandbox_id}
    async with httpx2.AsyncClient(base_url=e2b_cloud.sandbox_url, trust_env=False) as web:
        for given in ({}, {"x-access-token": "wrong"}):
            for path in ("/process.Process/List", "/filesystem.Filesystem/Stat"):
                reply = await web.post(path, json={}, headers={**name, **given})
                assert reply.status_code == 401
            assert (await web.get("/files?path=/etc/passwd", headers={**name, **given})).status_code == 401
        assert (await web.get("/health", headers=name)).status_code == 204
