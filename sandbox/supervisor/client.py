"""The harness's end of the wire: requests with ids, replies that are believed only as far as they make sense."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence

from core import Cause, SandboxFault
from sandbox.protocol import Command, CommandResult, Output
from sandbox.supervisor.frames import FrameReader, Nonsense, encode, number_in, split_fields

GRACE_SECONDS = 30.0  # past a command's deadline, for the supervisor to answer
FILE_SECONDS = 120.0  # for one request on files
START_SECONDS = 60.0
MAX_STDIN = 64 << 20


class Wire(asyncio.Protocol):
    """Framed requests and replies over one byte stream (a socket, or a pair of pipes).

    Every method raises `SandboxFault`: `sandbox_lost` when the other end is gone or silent past its time,
    `sandbox_protocol` when it answers nonsense. After either, the wire is dead and stays so.
    """

    def __init__(self, max_reply: int, why_lost: Callable[[], str] = str) -> None:
        self._reader = FrameReader(max_reply)
        self._why_lost = why_lost
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[bytes, list[bytes]]]] = {}
        self._forgotten: set[int] = set()
        self._hello = asyncio.get_running_loop().create_future()
        self._fault: SandboxFault | None = None
        self._transport: asyncio.WriteTransport | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is there."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes from inside the sandbox."""
        if self._fault:
            return
        try:
            for kind, number, payload in self._reader.feed(data):
                self._reply(kind, number, split_fields(payload))
        except Nonsense as error:
            self.fail(SandboxFault(Cause.sandbox_protocol, str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream has ended."""
        self.fail(SandboxFault(Cause.sandbox_lost, self._why_lost() or "its supervisor is gone"))

    # Requests

    async def started(self) -> None:
        """Wait for the supervisor's hello."""
        try:
            await asyncio.wait_for(asyncio.shield(self._hello), START_SECONDS)
        except TimeoutError:
            raise self.fail(SandboxFault(Cause.sandbox_start, "its supervisor did not say hello")) from None
        except SandboxFault as fault:
            raise SandboxFault(Cause.sandbox_start, fault.detail) from fault

    async def run(self, command: Command, *, seconds: float, cap: int) -> CommandResult:
        """Run a command for at most `seconds`, keeping `cap` bytes of each stream.

        Raises:
            ValueError: Its standard input is larger than a request may be.
        """
        if len(command.stdin) > MAX_STDIN:
            raise ValueError(f"standard input of {len(command.stdin)} bytes; at most {MAX_STDIN} are sent")
        env = [os.fsencode(part) for pair in command.env.items() for part in pair]
        fields: list[bytes | int] = [
            b"%.3f" % seconds,
            int(command.keep_background),
            cap,
            os.fsencode(command.cwd),
            os.fsencode(command.spill or ""),
            len(command.argv),
            *(os.fsencode(part) for part in command.argv),
            *env,
            command.stdin,
        ]
        reply = await self._ask(b"R", fields, seconds + GRACE_SECONDS)
        try:
            return _result(reply, cap)
        except Nonsense as error:
            raise self.fail(SandboxFault(Cause.sandbox_protocol, str(error))) from error

    async def ask(self, kind: bytes, fields: Sequence[bytes | int]) -> list[bytes]:
        """A request on files. Raises OSError as the sandbox's system did."""
        return await self._ask(kind, fields, FILE_SECONDS)

    async def read_part(self, path: bytes, offset: int, length: int) -> bytes:
        """At most `length` bytes of a regular file from `offset`. Raises OSError as the sandbox's system did."""
        fields = await self.ask(b"G", [path, offset, length])
        if len(fields) != 2 or len(fields[1]) > length:
            raise self.fail(SandboxFault(Cause.sandbox_protocol, "more of a file than was asked for"))
        return fields[1]

    async def list_tree(self, path: bytes, most: int, depth: int) -> list[tuple[bytes, int, bytes]]:
        """At most `most` rows (kind, size, path below `path`). Raises OSError as the sandbox's system did."""
        fields = await self.ask(b"L", [path, most, depth])
        try:
            if len(fields) % 3 or len(fields) > 3 * (most + 1):
                raise Nonsense("a list of the wrong length")
            rows = zip(fields[0::3], fields[1::3], fields[2::3], strict=True)
            return [(kind, number_in(size), name) for kind, size, name in rows]
        except Nonsense as error:
            raise self.fail(SandboxFault(Cause.sandbox_protocol, str(error))) from error

    def fail(self, fault: SandboxFault) -> SandboxFault:
        """Let the wire die of `fault` (the first one stays) and give it back for raising."""
        if self._fault is None:
            self._fault = fault
            for future in (*self._waiting.values(), self._hello):
                if not future.done():
                    future.set_exception(fault)
                    future.exception()  # nobody may be waiting; that is no error
            self._waiting.clear()
            if self._transport:
                self._transport.abort()
        return self._fault

    async def _ask(self, kind: bytes, fields: Sequence[bytes | int], seconds: float) -> list[bytes]:
        if self._fault:
            raise SandboxFault(self._fault.cause, self._fault.detail)
        assert self._transport is not None
        number = next(self._ids)
        future: asyncio.Future[tuple[bytes, list[bytes]]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._transport.write(encode(kind, number, fields))
        try:
            async with asyncio.timeout(seconds):
                answer, found = await future
        except TimeoutError:
            raise self.fail(SandboxFault(Cause.sandbox_lost, "its supervisor does not answer")) from None
        except asyncio.CancelledError:
            self._abandon(number, kind)
            raise
        if answer == b"E":
            raise self._os_error(found)
        return found

    def _abandon(self, number: int, kind: bytes) -> None:
        if self._waiting.pop(number, None) is not None:
            self._forgotten.add(number)
            if kind == b"R" and self._transport and not self._fault:
                self._transport.write(encode(b"K", number, ()))

    def _reply(self, kind: bytes, number: int, fields: list[bytes]) -> None:
        if kind == b"H" and number == 0 and not self._hello.done():
            self._hello.set_result(None)
            return
        if number in self._forgotten:
            self._forgotten.discard(number)
            return
        future = self._waiting.pop(number, None)
        if future is None or kind == b"H":
            raise Nonsense("an answer that nobody asked for")
        if not future.done():
            future.set_result((kind, fields))

    def _os_error(self, fields: list[bytes]) -> Exception:
        try:
            code, text = fields
            return OSError(number_in(code, high=4096), text[:200].decode("utf-8", "replace"))
        except ValueError:
            return self.fail(SandboxFault(Cause.sandbox_protocol, "an error without its fields"))


def _result(fields: list[bytes], cap: int) -> CommandResult:
    if len(fields) != 9:
        raise Nonsense("an answer with the wrong number of fields")
    streams = []
    for head, tail, total in (fields[3:6], fields[6:9]):
        if len(head) + len(tail) > cap or number_in(total) < len(head) + len(tail):
            raise Nonsense("an answer with more output than was asked for")
        streams.append(Output.model_construct(head=head, tail=tail, total=int(total)))
    return CommandResult.model_construct(
        exit_code=number_in(fields[0], low=-127, high=255),
        timed_out=number_in(fields[1], high=1) == 1,
        seconds=number_in(fields[2]) / 1e6,
        stdout=streams[0],
        stderr=streams[1],
    )
