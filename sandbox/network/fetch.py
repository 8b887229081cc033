"""Pages fetched for an agent outside its sandbox, under the policy and the caps that its sandbox has."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from core import Frozen
from sandbox.network.cassette import Cassette, Kept, kept_of
from sandbox.network.dial import Dialer, NotReached, Outside, Refused
from sandbox.network.events import Audit, NetworkEvent
from sandbox.network.get import get
from sandbox.network.meter import CapReached, Lines, meter_of
from sandbox.network.names import shown
from sandbox.network.policy import NetworkPolicy
from sandbox.network.relay import Counted
from sandbox.network.urls import Url, url_of
from sandbox.protocol import SandboxLimits

MAX_BYTES = 20 << 20
FETCH_SECONDS = 60.0
MAX_HOPS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_Answered = tuple[Kept, bytes, dict[str, object]]
_NOT_FETCHED = ("audio/", "video/", "multipart/", "text/event-stream")


class Page(Frozen):
    """A fetched page.

    Attributes:
        url: As it was asked for. final_url: After all redirects.
        status: HTTP status of the last answer.
        media_type: Lower case, without parameters; empty where the server names none.
        charset: As the server names it, or empty.
        body: Decoded from its content encoding, at most 20 MiB; else as it came.
        fetched_at: ISO 8601 in UTC. replayed: It comes from the cassette.
    """

    url: str
    final_url: str
    status: int
    media_type: str
    charset: str
    body: bytes
    fetched_at: str
    replayed: bool = False


class PageFetcher:
    """Fetches pages for one sandbox.

    Every hop of a redirect is checked like a first request, and the connection goes to the address that was
    checked. Nothing is sent but the address: no cookies, no keys. What `robots.txt` says is not asked for: these
    are single pages that someone chose, not a crawl.
    """

    def __init__(
        self,
        policy: NetworkPolicy,
        *,
        workspace: str,
        limits: SandboxLimits,
        audit: Audit,
        cassette: Cassette | None = None,
        outside: Outside | None = None,
        used: tuple[int, int] = (0, 0),
    ) -> None:
        """Make one.

        Args:
            policy: What may be fetched.
            workspace: Of the sandbox; with its gate it shares what may be sent and received.
            limits: Its caps on bytes.
            audit: Told of every hop.
            cassette: Where pages are kept, if anywhere.
            outside: The network, if not the system's.
            used: Bytes up and down that the sandbox has used before, when an execution goes on.
        """
        self._policy, self._cassette = policy, cassette
        self._dialer = Dialer(policy, outside)
        self._meter = meter_of(workspace, limits)
        self._meter.up, self._meter.down = max(self._meter.up, used[0]), max(self._meter.down, used[1])
        self._lines = Lines(audit)

    async def fetch(self, url: str) -> Page:
        """The page at `url`, redirects followed.

        Raises:
            NotReached: Why there is none, in a line for the agent (`Refused`: the policy, or it is not kept).
            StoreFault: The cassette is damaged.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._follow(url)
        except TimeoutError as error:
            raise NotReached(f"it took longer than {FETCH_SECONDS:.0f} seconds", status=504) from error

    def close(self) -> None:
        """Tell of the lines that were left out of the audit, if any."""
        self._lines.sum_up()

    async def _follow(self, text: str) -> Page:
        url = asked = self._read(text)
        for _ in range(MAX_HOPS):
            page, leads = await self._hop(asked, url)
            if leads is None:
                return page
            url = self._read(leads, url)
        raise NotReached(f"more than {MAX_HOPS} redirects")

    def _read(self, text: str, base: Url | None = None) -> Url:
        try:
            return url_of(text, base)
        except ValueError as error:
            event = NetworkEvent(via="fetch", method="GET", host=shown(text), port=0, verdict="refused")
            self._lines.add(event.model_copy(update={"reason": str(error)}))
            raise Refused(str(error), status=400) from error

    async def _hop(self, asked: Url, url: Url) -> tuple[Page, str | None]:
        """One answer, from the cassette or from outside, with where it leads on to; and its audit line."""
        begun = time.monotonic()
        event = NetworkEvent(via="fetch", method="GET", host=url.host.text, port=url.port, verdict="allowed")
        note: dict[str, object] = {}
        counted = Counted(self._meter)
        try:
            known = await self._known(url, counted)
            kept, body, note = known or await self._asked(url, counted)
        except NotReached as error:
            note = {"verdict": error.verdict, "reason": error.reason, "address": error.address}
            raise
        except asyncio.CancelledError:
            note = {"verdict": "failed", "reason": "it took too long, or the attempt was stopped"}
            raise
        finally:
            note |= {"up_bytes": counted.up, "down_bytes": counted.down}
            note["seconds"] = round(time.monotonic() - begun, 3)
            self._lines.add(event.model_copy(update=note))
        leads = kept.headers.get("location") if kept.status in _REDIRECTS else None
        return _page(asked, url, kept, body, replayed=known is not None), leads

    async def _known(self, url: Url, counted: Counted) -> _Answered | None:
        """What the cassette says; the policy comes first all the same."""
        refusal = self._policy.refusal(url.host.text, url.port)
        if refusal is not None:
            raise Refused(refusal)
        try:
            self._meter.check()
        except CapReached as cap:
            raise Refused(str(cap)) from cap
        if self._cassette is None:
            return None
        known = await asyncio.to_thread(self._cassette.find, str(url))
        if known is None:
            if self._cassette.replay:
                raise Refused(f"{url} is not among the pages kept for this run"[:300])
            return None
        kept, body = known
        counted.received(body)
        return kept, body, {"reason": "answered from the cassette"}

    async def _asked(self, url: Url, counted: Counted) -> _Answered:
        answer = await get(self._dialer, url, counted, MAX_BYTES)
        media_type = answer.headers.get("content-type", "").lower()
        if media_type.startswith(_NOT_FETCHED):
            raise NotReached(f"it is {media_type.partition(';')[0]}, which is not fetched", address=answer.address)
        kept, body = kept_of(str(url), answer, datetime.now(UTC).isoformat(timespec="seconds")), answer.body
        if self._cassette is not None:
            kept, body = await asyncio.to_thread(self._cassette.keep, kept, body)
        return kept, body, {"address": answer.address}


def _page(asked: Url, url: Url, kept: Kept, body: bytes, *, replayed: bool) -> Page:
    media_type, _, parameters = kept.headers.get("content-type", "").partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()[:40]
    return Page(
        url=str(asked),
        final_url=str(url),
        status=kept.status,
        media_type=media_type.strip().lower()[:100],
        charset=charset,
        body=body,
        fetched_at=kept.at,
        replayed=replayed,
    )
