"""Whatever bytes a sandbox sends, the gate answers or hangs up, tells of it once, and leaves no task behind."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import NetworkEvent, NetworkPolicy, NotReached, PageFetcher, SandboxLimits
from tests.sandbox.network.support import PUBLIC, Small, answering, connect, opened, serving

OPEN = NetworkPolicy(mode="open")
ALLOW = NetworkPolicy(mode="allow", domains=("example.org", "*.example.com:8443"))
PIECES = (
    *(
        b"GET ",
        b"CONNECT ",
        b"POST ",
        b"HEAD ",
        b"http://",
        b"https://",
        b"example.org",
        b"EXAMPLE.ORG.",
        b":80",
        b":443",
    ),
    *(
        b"/",
        b"?a=b",
        b"@",
        b"\\",
        b"[::1]",
        b"127.0.0.1",
        b"0x7f.1",
        b"169.254.169.254",
        b" HTTP/1.1",
        b" HTTP/1.0",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"Host: ",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"5\r\nhello\r\n",
    ),
    *(
        b"0\r\n\r\n",
        b"Connection: host",
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"hello",
        b" ",
        b"\0",
        b"\xff",
        b"%",
    ),
)
SANE = st.sampled_from(
    [
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
)
REQUESTS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.tuples(SANE, st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join)).map(b"".join),
)
ANSWERS = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            (
                *(
                    b"HTTP/1.1 ",
                    b"200 OK",
                    b"100 Continue",
                    b"101 Switching Protocols",
                    b"204 No Content",
                    b"\r\n",
                    b"\n",
                ),
                *(b"Content-Length: 3", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"\r\n\r\n", b"abc"),
                *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"Location: /x", b": ", b"\0", b"\xff"),
            )
        ),
        max_size=20,
    ).map(b"".join),
)


async def exchange(
    folder: Path, policy: NetworkPolicy, requests: list[bytes], answer: bytes
) -> list[NetworkEvent]:
    small = Small({"example.org": [PUBLIC]})
    async with serving(answering(answer)) as port:
        small.ports = {(PUBLIC, 80): port, (PUBLIC, 443): port}
        async with opened(folder, policy, small) as (gate, told):
            for request in requests:
                reader, writer = await connect(gate)
                writer.write(request)
                writer.write_eof()
                try:
                    async with asyncio.timeout(60):
                        said = await reader.read(-1)
                except ConnectionError:
                    said = b""
                assert not said or said.startswith(b"HTTP/1.1 ")
                writer.close()
        assert len(told) <= len(requests)
    return told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS)
def test_no_answer_breaks_a_fetch(answer: bytes) -> None:
    told: list[NetworkEvent] = []
    said: list[str] = []

    async def main() -> None:
        small = Small({"example.org": [PUBLIC]})
        async with serving(answering(answer)) as port:
            small.ports[PUBLIC, 80] = port
            limits = SandboxLimits()
            fetcher = PageFetcher(OPEN, workspace="fuzz", limits=limits, audit=told.append, outside=small)
            try:
                page = await fetcher.fetch("http://example.org/")
            except NotReached as problem:
                said.append(problem.reason)
            else:
                said.append(f"HTTP {page.status}")

    asyncio.run(main())
    assert said[0].isprintable()
    assert 1 <= len(told) <= 10


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([OPEN, ALLOW]), st.lists(REQUESTS, min_size=1, max_size=4), ANSWERS)
def test_no_bytes_break_the_gate(policy: NetworkPolicy, requests: list[bytes], answer: bytes) -> None:
    trouble: list[dict[str, object]] = []

    async def main() -> list[NetworkEvent]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
        with tempfile.TemporaryDirectory() as folder:
            told = await exchange(Path(folder), policy, requests, answer)
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for _ in range(50):
            if not left:
                break
            await asyncio.sleep(0.01)
            left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left
        return told

    for event in asyncio.run(main()):
        assert event.address in (None, PUBLIC) or event.verdict == "refused"
        assert event.reason.isascii()
        assert "\n" not in event.reason
    assert trouble == []
