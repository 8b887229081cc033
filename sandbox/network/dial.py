"""Reaching a host under a policy: a name is resolved once, and only a checked address is connected to."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from sandbox.network.addresses import is_public, parse
from sandbox.network.meter import CapReached
from sandbox.network.names import Host
from sandbox.network.policy import NetworkPolicy
from sandbox.network.relay import Counted

RESOLVE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
MAX_ADDRESSES = 4
# Of its own: a resolver that hangs must not keep the rest of the harness from its threads.
_RESOLVERS = ThreadPoolExecutor(64, thread_name_prefix="resolve")
MAX_RESOLVING = 4


class NotReached(Exception):
    """The other end was not reached. `reason` is one line that an agent can understand.

    Attributes:
        verdict: `refused` or `failed`, as in `NetworkEvent`.
        status: What HTTP calls it.
    """

    verdict = "failed"

    def __init__(self, reason: str, *, status: int = 502, address: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status, self.address = reason, status, address


class Refused(NotReached):
    """The policy does not allow it."""

    verdict = "refused"

    def __init__(self, reason: str, *, status: int = 403, address: str | None = None) -> None:
        super().__init__(reason, status=status, address=address)


class Outside:
    """The network as the harness sees it."""

    async def resolve(self, name: str, port: int) -> list[str]:
        """The addresses of a name, in the system's order.

        Raises:
            OSError: There is none, or no resolver answers.
        """
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(
            _RESOLVERS, lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        )
        return [str(row[4][0]) for row in rows]

    async def connect(self, address: str, port: int) -> socket.socket:
        """A connected TCP socket.

        Raises:
            OSError: It cannot be reached.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        link = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        with ExitStack() as undo:
            undo.callback(link.close)
            await asyncio.get_running_loop().sock_connect(link, (address, port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            undo.pop_all()
        return link

    def is_own(self, address: str) -> bool:
        """Whether an address is one of this machine's: then it is where a packet to it would come from."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((address, 9))  # sends nothing
            except OSError:
                return False
            return parse(str(probe.getsockname()[0])) == parse(address)

    def ends(self, link: socket.socket) -> tuple[str, str]:
        """The addresses of both ends: ours and the other's."""
        return str(link.getsockname()[0]), str(link.getpeername()[0])


@dataclass(frozen=True)
class Reached:
    """A connection to a checked address."""

    link: socket.socket
    address: str


class Dialer:
    """Connects to what a policy allows."""

    def __init__(self, policy: NetworkPolicy, outside: Outside | None = None) -> None:
        self._policy, self._outside = policy, outside or Outside()
        self._turns = asyncio.Semaphore(MAX_RESOLVING)

    async def dial(self, host: Host, port: int, counted: Counted) -> Reached:
        """Connect to `host`, if the policy allows it and the address is public.

        Args:
            host: Where to.
            port: Of that host.
            counted: Counts a name that is looked up as sent.

        Raises:
            Refused: It is not allowed, or a cap is reached. NotReached: It is, and cannot be done.
        """
        refusal = self._policy.refusal(host.text, port)
        if refusal is not None:
            raise Refused(refusal)
        if host.address:
            addresses = [str(host.address)]
        else:
            try:
                counted.look_up(host.text)
            except CapReached as cap:
                raise Refused(str(cap)) from cap
            addresses = await self._resolve(host.text, port)
        public = [address for address in addresses if _public(address)]
        if not public:
            raise Refused(f"{host.text} is not on the public internet", address=addresses[0])
        return await self._connect(host.text, public[:MAX_ADDRESSES], port)

    async def _resolve(self, name: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self._looked_up(name, port)
        except TimeoutError as error:
            raise NotReached(f"no resolver answered for {name}", status=504) from error
        except (OSError, UnicodeError) as error:
            raise NotReached(f"{name} cannot be resolved") from error
        if not found:
            raise NotReached(f"{name} has no address")
        return list(dict.fromkeys(found))

    async def _looked_up(self, name: str, port: int) -> list[str]:
        """As the resolver says. A look-up that nobody waits for any more keeps its turn until its thread ends."""
        await self._turns.acquire()
        lookup = asyncio.ensure_future(self._outside.resolve(name, port))
        lookup.add_done_callback(self._looked)
        return await asyncio.shield(lookup)

    def _looked(self, lookup: asyncio.Future[list[str]]) -> None:
        self._turns.release()
        if not lookup.cancelled():
            lookup.exception()  # it was seen, even if nobody waited for it

    async def _connect(self, name: str, addresses: list[str], port: int) -> Reached:
        why = NotReached(f"{name}:{port} cannot be reached")
        for address in addresses:
            if self._outside.is_own(address):
                raise Refused(f"{name} is the machine that UpBench runs on", address=address)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    link = await self._outside.connect(address, port)
            except TimeoutError:
                why = NotReached(f"{name}:{port} does not answer", status=504, address=address)
                continue
            except OSError as error:
                said = os.strerror(error.errno) if error.errno else "no connection"
                why = NotReached(f"{name}:{port} cannot be reached: {said}", address=address)
                continue
            with ExitStack() as undo:
                undo.callback(link.close)
                self._check(name, address, link)
                undo.pop_all()
            return Reached(link, address)
        raise why

    def _check(self, name: str, address: str, link: socket.socket) -> None:
        """Look at what was really connected to: a rule of the host's kernel may have sent it elsewhere."""
        try:
            own, peer = (parse(text) for text in self._outside.ends(link))
        except (OSError, ValueError) as error:
            raise NotReached(f"{name} hung up", address=address) from error
        if peer != parse(address) or not is_public(peer):
            raise Refused(f"{name} is not on the public internet", address=str(peer))
        if own == peer:
            raise Refused(f"{name} is the machine that UpBench runs on", address=address)


def _public(address: str) -> bool:
    try:
        return is_public(parse(address))
    except ValueError:
        return False
