"""One process that envd started: its output to whoever listens, its input, its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import IO

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from e2b.envd.process import process_pb as pb

from tests.standins.e2b.envd.events import Stream, ended, silent, written
from tests.standins.e2b.envd.users import User

PIPE_CHUNK = 32 << 10
PTY_CHUNK = 16 << 10
QUEUED_EVENTS = 64
_GO_NAMES = {  # how Go, in which envd is written, names signals
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGABRT: "aborted",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
}

Events = asyncio.Queue[pb.ProcessEvent]


@dataclass(frozen=True)
class Launch:
    """What is started, and as whom."""

    argv: Sequence[str]
    cwd: str
    env: dict[str, str]
    user: User
    stdin: bool
    size: tuple[int, int] | None  # rows and columns of a terminal, where one is wanted

    def popen(self) -> tuple[subprocess.Popen[bytes], int | None]:
        """Start it; with a terminal also the file descriptor of its other side."""
        # For root itself nothing has to be changed, and so a process starts faster.
        plain = self.user.uid == 0
        uid = None if plain else self.user.uid
        gid = None if plain else self.user.gid
        groups = None if plain else os.getgrouplist(self.user.name, self.user.gid)
        if self.size is None:
            child = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE if self.stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.cwd,
                env=self.env,
                user=uid,
                group=gid,
                extra_groups=groups,
                bufsize=0,
            )
            return child, None
        master, slave = pty.openpty()
        resize(master, *self.size)
        os.fchown(slave, self.user.uid, -1)
        try:
            child = subprocess.Popen(
                self.argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=self.cwd,
                env=self.env,
                user=uid,
                group=gid,
                extra_groups=groups,
                start_new_session=True,
                preexec_fn=_take_terminal,  # noqa: PLW1509  (envd has one thread)
            )
        except OSError:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return child, master


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def resize(terminal: int, rows: int, columns: int) -> None:
    """Tell a terminal its size."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Running:
    """A process from its start to its end event."""

    def __init__(self, launch: Launch, config: pb.ProcessConfig, tag: str | None) -> None:
        self.config = config
        self.tag = tag
        self._child, self.terminal = launch.popen()
        self.pid = self._child.pid
        self._listeners: set[Events] = set()
        self._deaf = asyncio.Event()  # output is no longer read, though someone may hold its pipe
        self._stdin = self._child.stdin

    # Listening

    def listen(self) -> Events:
        """From now on every event is put here; what came before is not."""
        events: Events = asyncio.Queue(QUEUED_EVENTS)
        self._listeners.add(events)
        return events

    def leave(self, events: Events) -> None:
        """Listen no more."""
        self._listeners.discard(events)
        while not events.empty():  # whoever waits for room may go on
            events.get_nowait()

    async def events(
        self, events: Events, keepalive: float, deadline: float | None
    ) -> AsyncIterator[pb.ProcessEvent]:
        """Events to the end event, with keepalives in silence.

        Raises:
            ConnectError: `DEADLINE_EXCEEDED` at `deadline` (of `time.monotonic`).
        """
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                wait = keepalive if left is None else min(keepalive, left)
                try:
                    event = await asyncio.wait_for(events.get(), wait)
                except TimeoutError:
                    if left is not None and left <= keepalive:
                        raise ConnectError(Code.DEADLINE_EXCEEDED, "context deadline exceeded") from None
                    event = silent()
                yield event
                if event.event is not None and event.event.field == "end":
                    return
        finally:
            self.leave(events)

    async def _tell(self, event: pb.ProcessEvent) -> None:
        for listener in tuple(self._listeners):
            await listener.put(event)

    # Output and end

    async def follow(self, seconds: float | None) -> None:
        """Pass its output on until it has ended; after `seconds` kill it, and it alone."""
        readers = self._readers()
        gone = asyncio.ensure_future(self._wait())
        silence = asyncio.ensure_future(_all(readers))
        deaf = asyncio.ensure_future(self._be_deaf())
        await asyncio.wait({silence, deaf}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not silence.done():
            if not deaf.done():
                self.send(signal.SIGKILL)
            await asyncio.wait({silence}, timeout=0.05)  # what is already in the pipe
        for task in (deaf, silence, *readers):
            task.cancel()
        await asyncio.gather(deaf, silence, *readers, return_exceptions=True)
        await gone
        self._close()
        await self._tell(self._end())

    async def _be_deaf(self) -> None:
        await self._deaf.wait()

    def _readers(self) -> list[asyncio.Task[None]]:
        if self.terminal is not None:
            return [asyncio.create_task(self._read(os.fdopen(os.dup(self.terminal), "rb", 0), "pty", PTY_CHUNK))]
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        return [
            asyncio.create_task(self._read(self._child.stdout, "stdout", PIPE_CHUNK)),
            asyncio.create_task(self._read(self._child.stderr, "stderr", PIPE_CHUNK)),
        ]

    async def _read(self, stream: IO[bytes], name: Stream, size: int) -> None:
        loop = asyncio.get_running_loop()
        handle = stream.fileno()
        os.set_blocking(handle, False)
        ready = asyncio.Event()
        loop.add_reader(handle, ready.set)
        try:
            while True:
                try:
                    data = os.read(handle, size)
                except BlockingIOError:
                    ready.clear()
                    await ready.wait()
                    continue
                except OSError:  # the last one closed the other side of a terminal
                    return
                if not data:
                    return
                await self._tell(written(name, data))
        finally:
            loop.remove_reader(handle)
            stream.close()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        handle = os.pidfd_open(self.pid)
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        await ended.wait()
        loop.remove_reader(handle)
        os.close(handle)
        self._child.wait()

    def _close(self) -> None:
        if self._stdin is not None:
            self._stdin.close()
            self._stdin = None
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None

    def _end(self) -> pb.ProcessEvent:
        code = self._child.returncode
        if code >= 0:
            status = f"exit status {code}"
        else:
            number = signal.Signals(-code)
            status = f"signal: {_GO_NAMES.get(number, number.name)}"
        return ended(code, status)

    # Input

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself, never its children."""
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self._deaf.set()
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    async def write(self, data: bytes) -> None:
        """Write to its standard input.

        Raises:
            ConnectError: `FAILED_PRECONDITION` when it has none, or it is closed.
        """
        if self.terminal is not None:
            raise ConnectError(Code.FAILED_PRECONDITION, "tty assigned to process")
        if self._stdin is None:
            raise ConnectError(Code.FAILED_PRECONDITION, "stdin not enabled or closed")
        await self._write(self._stdin.fileno(), data)

    async def type(self, data: bytes) -> None:
        """Write to its terminal.

        Raises:
            ConnectError: `FAILED_PRECONDITION` when it has none.
        """
        if self.terminal is None:
            raise ConnectError(Code.FAILED_PRECONDITION, "tty not assigned to process")
        await self._write(self.terminal, data)

    async def _write(self, handle: int, data: bytes) -> None:
        os.set_blocking(handle, False)
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(handle, rest) :]
            except BlockingIOError:
                await asyncio.sleep(0.005)
            except OSError as error:  # it has ended, or closed its side
                raise ConnectError(Code.FAILED_PRECONDITION, f"error writing to stdin: {error}") from error

    def close_stdin(self) -> None:
        """End its standard input.

        Raises:
            ConnectError: `FAILED_PRECONDITION` for a terminal.
        """
        if self.terminal is not None:
            raise ConnectError(Code.FAILED_PRECONDITION, "cannot close stdin for PTY process")
        if self._stdin is not None:
            self._stdin.close()
            self._stdin = None
