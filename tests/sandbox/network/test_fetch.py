from __future__ import annotations

import asyncio
import gzip
import json
import time
from pathlib import Path

import pytest

from core import Cause, StoreFault
from sandbox import Cassette, NetworkEvent, NetworkPolicy, NotReached, PageFetcher, SandboxLimits
from sandbox.network import fetch as fetch_module
from sandbox.network.dial import Refused
from sandbox.network.events import unheard
from tests.sandbox.network.support import PUBLIC, Small, answering, serving

OPEN = NetworkPolicy(mode="open")
ALLOW = NetworkPolicy(mode="allow", domains=("example.org",))


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def small(port: int) -> Small:
    found = Small({"example.org": [PUBLIC], "other.org": [PUBLIC], "inside.org": ["10.0.0.1"]})
    found.ports[PUBLIC, 80] = port
    return found


def fetcher(
    outside: Small,
    policy: NetworkPolicy = OPEN,
    told: list[NetworkEvent] | None = None,
    cassette: Cassette | None = None,
    **limits: int,
) -> PageFetcher:
    return PageFetcher(
        policy,
        workspace=f"w{id(outside)}",
        limits=SandboxLimits(**limits),
        audit=unheard if told is None else told.append,
        cassette=cassette,
        outside=outside,
    )


async def test_a_page_and_what_was_asked() -> None:
    heard: list[bytes] = []
    told: list[NetworkEvent] = []
    page_bytes = answer(
        "<p>gr\u00fc\u00df".encode("latin-1"), "Content-Type: Text/HTML; Charset=ISO-8859-1", "Set-Cookie: a=b"
    )
    async with serving(answering(page_bytes, heard)) as port:
        page = await fetcher(small(port), told=told).fetch(" http://Example.org/a?b#c ")
    assert (page.url, page.final_url, page.status) == ("http://example.org/a?b", "http://example.org/a?b", 200)
    assert (page.media_type, page.charset, page.replayed) == ("text/html", "iso-8859-1", False)
    assert page.body.decode(page.charset) == "<p>gr\u00fc\u00df"
    assert heard[0].startswith(b"GET /a?b HTTP/1.1\r\nHost: example.org\r\nUser-Agent: UpBench\r\n")
    assert b"cookie" not in heard[0].lower()
    assert (told[0].via, told[0].verdict, told[0].host, told[0].address) == (
        "fetch",
        "allowed",
        "example.org",
        PUBLIC,
    )
    assert told[0].up_bytes == len(heard[0]) + len("example.org")
    assert told[0].down_bytes == len(page_bytes)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://other.org/", "other.org:80 is not among the allowed domains"),
        ("http://169.254.169.254/latest/meta-data", "not among the allowed domains"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("//user:pw@example.org/", "user name"),
        ("http://example.org:22/", "not among"),
        ("/again", "more than 10 redirects"),
    ],
)
async def test_every_hop_is_checked(location: str, why: str) -> None:
    heard: list[bytes] = []
    told: list[NetworkEvent] = []
    moved = answer(b"", f"Location: {location}", status="302 Found")
    async with serving(answering(moved, heard)) as port:
        with pytest.raises(NotReached, match=why):
            await fetcher(small(port), ALLOW, told).fetch("http://example.org/")
    assert len(heard) == (10 if location == "/again" else 1)
    assert told[0].verdict == "allowed"
    assert len(told) == (10 if location == "/again" else 2)


async def test_a_redirect_is_followed() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        moved = answer(b"", "Location: ../b?c=d", status="301 Moved")
        writer.write(answer(b"there") if b"GET /b?c=d " in head else moved)
        writer.close()

    async with serving(handle) as port:
        page = await fetcher(small(port)).fetch("http://example.org/a/x")
    assert (page.url, page.final_url, page.body) == (
        "http://example.org/a/x",
        "http://example.org/b?c=d",
        b"there",
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://inside.org/", "inside.org is not on the public internet"),
        ("http://[::1]/", "not on the public internet"),
        ("http://10.0.0.1/", "not on the public internet"),
        ("http://0x7f.1/", "not an address in its usual form"),
        ("http://nowhere.org/", "cannot be resolved"),
        ("http://example.org:81/", "cannot be reached"),
        ("ftp://example.org/", "only http"),
    ],
)
async def test_what_is_not_reached(url: str, why: str) -> None:
    told: list[NetworkEvent] = []
    with pytest.raises(NotReached, match=why):
        await fetcher(small(1), told=told).fetch(url)
    assert len(told) == 1
    assert why in told[0].reason
    assert told[0].verdict in ("refused", "failed")


async def test_large_pages_bombs_and_odd_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "MAX_BYTES", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20))
    cases = {
        answer(bytes((1 << 20) + 1)): "larger than 1 MiB",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes((1 << 20) + 1): "larger than 1 MiB",
        answer(bomb, "Content-Encoding: gzip"): "larger than 1 MiB",
        answer(b"not gzip", "Content-Encoding: gzip"): "broke off",
        answer(b"x", "Content-Encoding: br"): "encoding that was not asked for",
        answer(b"x", "Content-Type: video/mp4"): "video/mp4, which is not fetched",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf": "broke off",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000: "broke off",
        b"SSH-2.0-OpenSSH\r\n": "broke off",
        b"": "broke off",
    }
    for said, why in cases.items():
        async with serving(answering(said)) as port:
            with pytest.raises(NotReached, match=why):
                await fetcher(small(port)).fetch("http://example.org/")
    packed = answer(gzip.compress(b"fine" * 1000), "Content-Encoding: gzip")
    async with serving(answering(packed)) as port:
        assert (await fetcher(small(port)).fetch("http://example.org/")).body == b"fine" * 1000


async def test_a_slow_page_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()

    monkeypatch.setattr(fetch_module, "FETCH_SECONDS", 0.3)
    told: list[NetworkEvent] = []
    begun = time.monotonic()
    async with serving(drip) as port:
        with pytest.raises(NotReached, match="longer than"):
            await fetcher(small(port), told=told).fetch("http://example.org/")
    assert time.monotonic() - begun < 8
    assert [event.verdict for event in told] == ["failed"]


async def test_caps_hold_over_pages() -> None:
    async with serving(answering(answer(bytes(600)))) as port:
        pages = fetcher(small(port), network_down_bytes=1000)
        await pages.fetch("http://example.org/1")
        with pytest.raises(NotReached, match="may receive 1000 bytes"):
            await pages.fetch("http://example.org/2")
        with pytest.raises(Refused, match="may receive 1000 bytes"):
            await pages.fetch("http://example.org/3")


async def test_names_that_are_looked_up_count_as_sent() -> None:
    outside, told = small(1), list[NetworkEvent]()
    pages = fetcher(outside, told=told, network_up_bytes=25)
    for _ in range(2):
        with pytest.raises(NotReached, match="cannot be resolved"):
            await pages.fetch("http://nowhere.org/")
    with pytest.raises(Refused, match="may send 25 bytes"):
        await pages.fetch("http://nowhere.org/")
    assert outside.resolved == ["nowhere.org", "nowhere.org"]
    assert [event.up_bytes for event in told] == [11, 11, 3]


async def test_what_was_sent_before_a_page_failed_is_told() -> None:
    heard: list[bytes] = []
    told: list[NetworkEvent] = []
    async with serving(answering(b"SSH-2.0-x\r\n", heard)) as port:
        with pytest.raises(NotReached, match="broke off"):
            await fetcher(small(port), told=told).fetch("http://example.org/")
    assert (told[0].up_bytes, told[0].down_bytes) == (len(heard[0]) + len("example.org"), 11)


async def test_what_was_used_before_a_crash_counts() -> None:
    outside = small(1)
    limits = SandboxLimits(network_down_bytes=1000)
    pages = PageFetcher(OPEN, workspace="again", limits=limits, audit=unheard, outside=outside, used=(10, 1000))
    with pytest.raises(Refused, match="may receive 1000 bytes"):
        await pages.fetch("http://example.org/")


async def test_a_cassette_answers_what_it_knows(tmp_path: Path) -> None:
    heard: list[bytes] = []
    tape = Cassette(tmp_path / "tape")
    async with serving(answering(answer(b"first", "Content-Type: text/plain"), heard)) as port:
        page = await fetcher(small(port), cassette=tape).fetch("http://example.org/a")
        again = await fetcher(small(port), cassette=tape).fetch("http://example.org/a#part")
    assert len(heard) == 1
    assert again == page.model_copy(update={"replayed": True})
    replay = Cassette(tmp_path / "tape", replay=True)
    nothing = Small()
    told: list[NetworkEvent] = []
    offline = await fetcher(nothing, told=told, cassette=replay).fetch("http://example.org/a")
    assert offline == again
    assert told[0].reason == "answered from the cassette"
    with pytest.raises(Refused, match="/b is not among the pages kept for this run"):
        await fetcher(nothing, cassette=replay).fetch("http://example.org/b")
    assert nothing.resolved == []
    closed = NetworkPolicy(mode="allow", domains=("other.org",))
    with pytest.raises(Refused, match="not among the allowed domains"):
        await fetcher(nothing, closed, cassette=replay).fetch("http://example.org/a")


async def test_what_a_cassette_keeps(tmp_path: Path) -> None:
    tape = Cassette(tmp_path)
    gone = answer(b"no", "Content-Type: text/plain", "Set-Cookie: secret=1", status="404 Not Found")
    async with serving(answering(gone)) as port:
        await fetcher(small(port), cassette=tape).fetch("http://example.org/gone")
    async with serving(answering(answer(b"wait", status="503 Busy"))) as port:
        assert (await fetcher(small(port), cassette=tape).fetch("http://example.org/busy")).status == 503
    pages = list((tmp_path / "pages").iterdir())
    assert len(pages) == 1
    kept = json.loads(pages[0].read_text())
    assert (kept["url"], kept["status"]) == ("http://example.org/gone", 404)
    assert "secret" not in pages[0].read_text()
    assert (tmp_path / "bodies" / kept["body"]).read_bytes() == b"no"
    (tmp_path / "bodies" / kept["body"]).write_bytes(b"changed")
    with pytest.raises(StoreFault, match="damaged"):
        tape.find("http://example.org/gone")
    pages[0].write_text("{")
    with pytest.raises(StoreFault, match="is damaged") as found:
        tape.find("http://example.org/gone")
    assert found.value.cause is Cause.store_damaged


async def test_the_first_to_keep_a_page_decides(tmp_path: Path) -> None:
    tapes = [Cassette(tmp_path) for _ in range(8)]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        count.append(1)
        writer.write(answer(b"%d" % len(count)))
        writer.close()

    count: list[int] = []
    async with serving(handle) as port:
        pages = await asyncio.gather(
            *(fetcher(small(port), cassette=t).fetch("http://example.org/") for t in tapes)
        )
    assert len(count) == 8
    assert len({page.body for page in pages}) == 1
    assert list(tmp_path.glob("*/.*")) == []  # noqa: ASYNC240
