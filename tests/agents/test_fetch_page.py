"""The tool `fetch_page`: what it answers, what it leaves in the sandbox, and what a resumed attempt does again."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from agents import tell
from agents.presets import WITH_NETWORK, tools_of
from agents.react.task import task_text
from agents.tables import EVENTS
from agents.tools.base import Outcome, ToolContext, use
from core import Cause, ToolCall
from sandbox import Command, NetworkEvent, NetworkPolicy, PageFetcher, Sandbox, SandboxLimits
from tests.agents.support import Office, Player, assignment, call, reply
from tests.sandbox.network.support import PUBLIC, Small, serving

OPEN = NetworkPolicy(mode="open")
SUBMIT = call("submit", files=["report.txt"], summary="Done.")


def answer(body: bytes, media_type: str, status: str = "200 OK") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )


LONG = "".join(f"line {number} gr\u00fc\u00df\n" for number in range(4000))
PAGES = {
    "/a.html": answer(
        b"<title>t</title><h1>Prices</h1><style>x{}</style><p>A bolt <a href='/b'>here</a>", "text/html"
    ),
    "/latin": answer("gr\u00fc\u00df <b>x</b>".encode("latin-1"), "text/html; charset=iso-8859-1"),
    "/long.txt": answer(LONG.encode(), "text/plain; charset=utf-8"),
    "/data.csv": answer(b"a;b\n1;2\n", "text/csv"),
    "/binary": answer(bytes(range(256)), "application/octet-stream"),
    "/empty": answer(b"", "text/plain"),
    "/gone": answer(b"<p>It is gone", "text/html", "404 Not Found"),
    "/../../x y\u00e4.html": answer(b"<p>odd", "text/html"),
}


@asynccontextmanager
async def web(told: list[NetworkEvent] | None = None) -> AsyncIterator[tuple[PageFetcher, list[str]]]:
    """A page fetcher before a small web, and the paths that were asked for."""
    asked: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        writer.write(PAGES.get(path, answer(b"nothing", "text/plain", "404 Not Found")))
        writer.close()

    small = Small({"example.org": [PUBLIC], "inside.org": ["10.0.0.1"]})
    lines: list[NetworkEvent] = [] if told is None else told
    async with serving(handle) as port:
        small.ports[PUBLIC, 80] = port
        limits = SandboxLimits()
        yield PageFetcher(OPEN, workspace=f"w{id(small)}", limits=limits, audit=lines.append, outside=small), asked


class Hand:
    """Calls the tool as the agent does."""

    def __init__(self, sandbox: Sandbox, fetch: PageFetcher | None) -> None:
        self.sandbox, self.fetch, self.pages = sandbox, fetch, dict[str, str]()

    async def __call__(self, **arguments: Any) -> Outcome:
        called = ToolCall(id="c", name="fetch_page", arguments=arguments, raw_arguments=json.dumps(arguments))
        context = ToolContext(self.sandbox, 1, fetch=self.fetch, pages=self.pages)
        outcome = await use(tools_of("standard", network=True), called, context)
        if page := outcome.facts.get("page"):
            self.pages[page["url"]] = page["path"]
        return outcome


def test_it_is_offered_only_where_there_is_a_network() -> None:
    assert "fetch_page" not in tools_of("standard")
    assert list(tools_of("standard", network=True))[-1] == "fetch_page"
    assert tools_of("paper", network=True).keys() == tools_of("paper").keys()
    schema = WITH_NETWORK["standard"][0].spec.parameters
    assert schema["required"] == ["url"]
    assert schema["additionalProperties"] is False


def test_the_task_tells_what_can_be_reached() -> None:
    allow = NetworkPolicy(mode="allow", domains=("*.b.org", "a.org"))
    assert "## Network" not in task_text(assignment())
    assert "Every public address can be reached" in task_text(assignment(network=OPEN))
    assert "Of the web only *.b.org, a.org can be reached" in task_text(assignment(network=allow))


async def test_a_page_is_read_and_saved(sandbox: Sandbox) -> None:
    async with web() as (fetch, _):
        hand = Hand(sandbox, fetch)
        page = await hand(url="http://example.org/a.html")
        assert not page.is_error
        head, _, text = page.text.partition("\n\n")
        assert head.startswith("http://example.org/a.html: text/html, 80 bytes; saved as /job/.pages/a-")
        assert text.split() == ["t", "Prices", "A", "bolt", "here", "[/b]"]
        saved = await sandbox.read(head.rpartition(" ")[2], max_bytes=1000)
        assert saved == PAGES["/a.html"].partition(b"\r\n\r\n")[2]
        latin = await hand(url="http://example.org/latin")
        assert "gr\u00fc\u00df" in latin.text
        table = await hand(url="http://example.org/data.csv")
        assert "1;2" in table.text
        assert ".csv\n" in table.text
        binary = await hand(url="http://example.org/binary")
        assert "cannot be shown as text" in binary.text
        assert not binary.is_error
        assert (await hand(url="http://example.org/empty")).text.endswith("; the page is empty.")


async def test_a_long_page_is_read_on_without_asking_again(sandbox: Sandbox) -> None:
    async with web() as (fetch, asked):
        hand = Hand(sandbox, fetch)
        text, start = "", 0
        for _ in range(20):
            outcome = await hand(url="http://example.org/long.txt", start=start)
            body = outcome.text.split("\n\n")
            text += body[1]
            if len(body) < 3:
                break
            start = int(body[2].rpartition("start=")[2].rstrip("]"))
        assert "".join(text.split()) == "".join(LONG.split())
        assert asked == ["/long.txt"]


async def test_what_goes_wrong_is_told(sandbox: Sandbox) -> None:
    async with web() as (fetch, _):
        hand = Hand(sandbox, fetch)
        gone = await hand(url="http://example.org/gone")
        assert gone.is_error
        assert gone.text.startswith("HTTP 404 from http://example.org/gone")
        assert "It is gone" in gone.text
        for url, why in (
            ("http://inside.org/", "was not fetched: inside.org is not on the public internet"),
            ("http://nowhere.org/", "was not fetched: nowhere.org cannot be resolved"),
            ("nonsense", "only http:// and https:// addresses are fetched"),
        ):
            outcome = await hand(url=url)
            assert outcome.is_error
            assert why in outcome.text
        assert (await Hand(sandbox, None)(url="http://example.org/")).text == "There is no network."
        await sandbox.run(Command(argv=("bash", "-c", "rm -rf /job/.pages; ln -s /job/inputs /job/.pages")))
        spoiled = await hand(url="http://example.org/a.html")
        assert spoiled.is_error
        assert "could not be saved" in spoiled.text


async def test_nothing_is_fetched_twice_by_a_resumed_attempt(tmp_path: Path, sandbox: Sandbox) -> None:
    turns = [
        reply(call("fetch_page", url="http://example.org/long.txt")),
        reply(call("fetch_page", url="http://example.org/long.txt", start=9000)),
        reply(SUBMIT),
    ]
    told: list[NetworkEvent] = []
    await sandbox.write("/job/deliverables/report.txt", b"done")
    async with web(told) as (fetch, asked):
        office = Office(tmp_path / "whole")
        await office.work(Player(turns), sandbox, fetch=fetch)
        transcript = office.transcript()
        transcript.append("network", told[0].model_dump(mode="json", exclude_defaults=True))
        events = transcript.events()
        done = [event.seq for event in events if event.kind == "tool_done"]
        shutil.copytree(tmp_path / "whole", tmp_path / "cut")
        half = Office(tmp_path / "cut")
        with half.database.write() as connection:
            connection.execute(delete(EVENTS).where(EVENTS.c.seq > done[0]))
        half.transcript().append("network", told[0].model_dump(mode="json", exclude_defaults=True))
        result = await half.work(Player(turns), sandbox, fetch=fetch)
        assert result.cause is Cause.submitted
        assert asked == ["/long.txt"]
    assert "http://example.org/long.txt, as it was fetched" in half.events("tool_done")[1].body["text"]
    story = "\n".join(tell(events))
    assert "network: fetch_page asked for GET example.org:80: allowed; " in story
    assert [event.kind for event in events][-2:] == ["ended", "network"]


async def test_the_model_is_offered_it_by_the_policy_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    await sandbox.write("/job/deliverables/report.txt", b"done")
    async with web() as (fetch, _):
        for name, given in (("with", fetch), ("without", None)):
            player = Player([reply(SUBMIT)])
            more: dict[str, Any] = {"fetch": given}
            await Office(tmp_path / name).work(player, sandbox, **more)
            offered = [tool.name for tool in player.asked[0].tools]
            assert ("fetch_page" in offered) is (name == "with")


@pytest.mark.parametrize("kind", ["refused", "allowed"])
def test_a_network_line_is_one_line(kind: str) -> None:
    from agents import Event

    body = {"via": "gate", "method": "CONNECT", "host": "a" * 300, "port": 443, "verdict": kind, "reason": "x\ny"}
    lines = tell([Event(seq=0, kind="network", at="2026-01-01T00:00:00+00:00", body=body)])
    assert len(lines) == 1
    assert f": {kind}; x y" in lines[0]
