"""Moving bytes between two streams, counted against the meter, with back-pressure and an end to silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from sandbox.network.meter import Meter

CHUNK = 128 * 1024
IDLE_SECONDS = 300.0
LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 20


@dataclass
class Stream:
    """Both ends of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __post_init__(self) -> None:
        # Nothing stays unsent in our memory: a close never has to wait for the other end to read.
        self.writer.transport.set_write_buffer_limits(0)

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other end is slower."""
        self.writer.write(data)
        await self.writer.drain()

    def finish(self) -> None:
        """Say that nothing more will be written."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.write_eof()

    def drop(self) -> None:
        """End it now."""
        self.writer.transport.abort()

    async def linger(self) -> None:
        """Read what still comes for a moment: closing before would take the answer from the other end."""
        self.finish()
        left = LINGER_BYTES
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and (data := await self.reader.read(CHUNK)):
                    left -= len(data)


@dataclass
class Counted:
    """What one connection has moved, and when it last did."""

    meter: Meter
    up: int = 0
    down: int = 0
    moved_at: float = field(default=0.0)

    def sent(self, data: bytes) -> bytes:
        """Count bytes from the sandbox; as many of them as may pass."""
        granted = self.meter.take_up(len(data))
        self.up += granted
        return data if granted == len(data) else data[:granted]

    def received(self, data: bytes) -> bytes:
        """Count bytes to the sandbox; as many of them as may pass."""
        granted = self.meter.take_down(len(data))
        self.down += granted
        return data if granted == len(data) else data[:granted]

    def look_up(self, name: str) -> None:
        """Count a name that is about to be looked up: whoever serves it outside reads what it says.

        Raises:
            CapReached: The sandbox may not send as much.
        """
        if len(self.sent(name.encode())) < len(name):
            raise self.meter.up_reached()

    def touch(self) -> None:
        """Note that something moved."""
        self.moved_at = asyncio.get_running_loop().time()


class Silent(Exception):
    """Nothing moved for too long."""


async def both(
    counted: Counted, up: Coroutine[Any, Any, None], down: Coroutine[Any, Any, None], *, until_down: bool = False
) -> None:
    """Run both directions to their ends; when one fails, the other is stopped and the error raised.

    Args:
        counted: Knows when something moved last.
        up: From the sandbox. An end that hangs up while it is sent to ends only this.
        down: To the sandbox.
        until_down: `up` need not come to its end.

    Raises:
        Silent: Nothing moved for `IDLE_SECONDS`.
    """
    counted.touch()
    loop = asyncio.get_running_loop()
    sending, receiving = asyncio.ensure_future(_hung_up_on(up)), asyncio.ensure_future(down)
    tasks = pending = {sending, receiving}
    try:
        while pending and not (until_down and receiving.done()):
            left = counted.moved_at + IDLE_SECONDS - loop.time()
            if left <= 0:
                raise Silent(f"nothing moved for {IDLE_SECONDS:.0f} seconds")
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hung_up_on(up: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(ConnectionError):
        await up


async def tunnel(inside: Stream, outside: Stream, first: bytes, counted: Counted) -> None:
    """Move bytes both ways until both ends are done. `first` came from inside already.

    Raises:
        CapReached, Silent, OSError: Why it was cut.
    """

    async def up() -> None:
        data = first or await inside.reader.read(CHUNK)
        while data:
            granted = counted.sent(data)
            await outside.send(granted)
            if len(granted) < len(data):
                raise counted.meter.up_reached()
            counted.touch()
            data = await inside.reader.read(CHUNK)
        outside.finish()

    async def down() -> None:
        await copy_down(outside.reader.read, inside, counted)
        inside.finish()

    await both(counted, up(), down())


async def copy_down(read: Callable[[int], Coroutine[Any, Any, bytes]], inside: Stream, counted: Counted) -> None:
    """Move bytes into the sandbox until `read` gives none.

    Raises:
        CapReached: The sandbox may receive no more.
    """
    while data := await read(CHUNK):
        granted = counted.received(data)
        await inside.send(granted)
        if len(granted) < len(data):
            raise counted.meter.down_reached()
        counted.touch()
