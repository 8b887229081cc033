"""The harness's end of the wire: requests with ids, replies that are believed only as far as they make sense."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from core import Cause, SandboxFault
from sandbox.protocol import Command, CommandResult
from sandbox.supervisor.adoption import Search, is_token
from sandbox.supervisor.frames import FrameReader, Nonsense, encode, number_in, split_fields
from sandbox.supervisor.replies import (
    LIST_BYTES,
    SMALL,
    Awaited,
    Hello,
    hello_in,
    result_bytes,
    result_in,
    rows_in,
    scan_in,
)

GRACE_SECONDS = 30.0  # past a command's deadline, for the supervisor to answer
FILE_SECONDS = 120.0  # for one request on files
START_SECONDS = 60.0
SYNC_SECONDS = 30.0  # to be found again
PING_SECONDS = FILE_SECONDS  # it may be busy with files
MAX_STDIN = 64 << 20
T = TypeVar("T")


class Wire(asyncio.Protocol):
    """Framed requests and replies over one byte stream (a socket, or a pair of pipes).

    Every method raises `SandboxFault`: `sandbox_lost` when the other end is gone or silent past its time,
    `sandbox_protocol` when it answers nonsense. After either, the wire is dead and stays so.

    Args:
        max_reply: Bytes of the longest reply of all; each is bounded by what was asked for as well.
        why_lost: Asked for the reason when the stream ends.
        token: Of a supervisor that is alive, over a new connection: everything before its answer is skipped.
    """

    def __init__(self, max_reply: int, why_lost: Callable[[], str] = str, token: str | None = None) -> None:
        if token is not None and not is_token(token.encode()):
            raise ValueError("not the token of a supervisor")
        self._reader = FrameReader(max_reply, self._most)
        self._why_lost = why_lost
        self._search = Search(token) if token is not None else None
        self._adopts = token is not None
        self._waiting: dict[int, Awaited] = {}
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._fault: SandboxFault | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._pulse: asyncio.Task[None] | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is there."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        if self._search:
            transport.write(self._search.request)

    def data_received(self, data: bytes) -> None:
        """Bytes from inside the sandbox."""
        if self._fault:
            return
        try:
            if self._search:
                found = self._search.feed(data)
                if found is None:
                    return
                self._search, data = None, found
            for kind, number, payload in self._reader.feed(data):
                self._reply(kind, number, split_fields(payload))
        except Nonsense as error:
            self.fail(SandboxFault(Cause.sandbox_protocol, str(error)))
        except SandboxFault as fault:
            self.fail(fault)

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream has ended."""
        self.fail(SandboxFault(Cause.sandbox_lost, self._why_lost() or "its supervisor is gone"))

    def pause_writing(self) -> None:
        """More waits to be sent than should."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._writable.set()

    # The connection

    async def started(self) -> None:
        """Wait for the supervisor's hello.

        Raises:
            SandboxFault: `sandbox_start`; where a living supervisor was to be found again, `sandbox_lost` when it
                was not.
        """
        seconds = SYNC_SECONDS if self._adopts else START_SECONDS
        cause = Cause.sandbox_lost if self._adopts else Cause.sandbox_start
        try:
            await asyncio.wait_for(asyncio.shield(self._hello), seconds)
        except TimeoutError:
            raise self.fail(SandboxFault(cause, "its supervisor did not say hello")) from None
        except SandboxFault as fault:
            if fault.cause is Cause.sandbox_start:
                raise
            raise SandboxFault(cause, fault.detail) from fault

    @property
    def token(self) -> str:
        """Of this supervisor, once it has said hello: what another `Wire` needs to adopt it."""
        return self._hello.result().token

    @property
    def background(self) -> int:
        """Commands whose background processes were alive at the hello."""
        return self._hello.result().background

    @property
    def searching(self) -> bool:
        """What comes is still skipped: a living supervisor has not answered this connection yet."""
        return self._search is not None

    @property
    def between(self) -> bool:
        """No reply has begun that is not whole."""
        return self._reader.between

    def keep_alive(self, seconds: float) -> None:
        """Ping the supervisor every `seconds` until the wire is dead. It is lost when it does not answer."""
        if self._pulse is None and self._fault is None:
            self._pulse = asyncio.get_running_loop().create_task(self._beat(seconds))

    def fail(self, fault: SandboxFault) -> SandboxFault:
        """Let the wire die of `fault` (the first one stays) and give it back for raising."""
        if self._fault is None:
            self._fault = fault
            for future in (*(one.future for one in self._waiting.values()), self._hello):
                if future and not future.done():
                    future.set_exception(fault)
                    future.exception()  # nobody may be waiting; that is no error
            self._waiting.clear()
            self._writable.set()
            if self._pulse:
                self._pulse.cancel()
            if self._transport:
                self._transport.abort()
        return self._fault

    # Requests

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
        began = time.monotonic()
        reply = await self._ask(b"R", fields, seconds + GRACE_SECONDS, result_bytes(cap))
        return self._believe(lambda: result_in(reply, cap, time.monotonic() - began))

    async def ask(self, kind: bytes, fields: Sequence[bytes | int]) -> list[bytes]:
        """A request on files with a short answer. Raises OSError as the sandbox's system did."""
        return await self._ask(kind, fields, FILE_SECONDS, SMALL)

    async def ping(self) -> None:
        """Have the supervisor answer; it is lost when it does not."""
        await self._ask(b"P", (), PING_SECONDS, SMALL)

    async def read_part(self, path: bytes, offset: int, length: int) -> bytes:
        """At most `length` bytes of a regular file from `offset`. Raises OSError as the sandbox's system did."""
        fields = await self._ask(b"G", [path, offset, length], FILE_SECONDS, length + SMALL)
        if len(fields) != 2 or len(fields[1]) > length:
            raise self.fail(SandboxFault(Cause.sandbox_protocol, "more of a file than was asked for"))
        return fields[1]

    async def list_tree(self, path: bytes, most: int, depth: int) -> list[tuple[bytes, int, bytes]]:
        """At most `most` rows (kind, size, path below `path`). Raises OSError as the sandbox's system did."""
        fields = await self._ask(b"L", [path, most, depth], FILE_SECONDS, LIST_BYTES)
        return self._believe(lambda: rows_in(fields, most))

    async def scan(
        self, root: bytes, most: int, folders: Sequence[bytes]
    ) -> tuple[int, list[tuple[bytes, bytes, bytes]]]:
        """The sandbox's time (nanoseconds) and at most `most` rows (facts, path, target) of folders below `root`.

        Besides, a row for each folder that could not be looked at, or not wholly.
        """
        fields = await self._ask(b"S", [root, most, *folders], FILE_SECONDS, LIST_BYTES)
        return self._believe(lambda: scan_in(fields, most + len(folders)))

    def _believe(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except Nonsense as error:
            raise self.fail(SandboxFault(Cause.sandbox_protocol, str(error))) from error

    async def _beat(self, seconds: float) -> None:
        while self._fault is None:
            await asyncio.sleep(seconds)
            try:
                await self.ping()
            except (SandboxFault, OSError):
                return

    async def _ask(self, kind: bytes, fields: Sequence[bytes | int], seconds: float, most: int) -> list[bytes]:
        self._check()
        assert self._transport is not None
        number = self._new_id()
        future: asyncio.Future[tuple[bytes, list[bytes]]] = asyncio.get_running_loop().create_future()
        sent = False
        try:
            async with asyncio.timeout(seconds):
                while not self._writable.is_set():
                    await self._writable.wait()  # of those that wait, the first may fill it up again
                self._check()
                self._waiting[number] = Awaited(most, future)
                self._transport.write(encode(kind, number, fields))
                sent = True
                answer, found = await future
        except TimeoutError:
            raise self.fail(SandboxFault(Cause.sandbox_lost, "its supervisor does not answer")) from None
        except asyncio.CancelledError:
            if sent:
                self._abandon(number, kind)
            raise
        if answer == b"E":
            raise self._os_error(found)
        return found

    def _new_id(self) -> int:
        """An id that cannot be guessed.

        Under gVisor a sandbox's own processes can write to the supervisor's streams: what they say in its name is
        still no answer to what was asked.
        """
        while True:
            number = secrets.randbits(31)
            if number and number not in self._waiting:
                return number

    def _check(self) -> None:
        if self._fault:
            raise SandboxFault(self._fault.cause, self._fault.detail)

    def _abandon(self, number: int, kind: bytes) -> None:
        if number in self._waiting:
            self._waiting[number].future = None
            if kind == b"R" and self._transport and not self._fault:
                self._transport.write(encode(b"K", number, ()))

    def _most(self, kind: bytes, number: int) -> int:
        if kind == b"H":
            return SMALL
        if number not in self._waiting:
            raise Nonsense("an answer that nobody asked for")
        return SMALL if kind == b"E" else self._waiting[number].most

    def _reply(self, kind: bytes, number: int, fields: list[bytes]) -> None:
        if kind == b"H":
            if number or self._hello.done():
                raise Nonsense("a second hello")
            self._hello.set_result(hello_in(fields))
            return
        if not self._hello.done():
            raise Nonsense("an answer before the hello")
        future = self._waiting.pop(number).future
        if future and not future.done():
            future.set_result((kind, fields))

    def _os_error(self, fields: list[bytes]) -> Exception:
        try:
            code, text = fields
            return OSError(number_in(code, high=4096), text[:200].decode("utf-8", "replace"))
        except ValueError:
            return self.fail(SandboxFault(Cause.sandbox_protocol, "an error without its fields"))
