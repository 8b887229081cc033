"""The gate of an open sandbox: a proxy on a unix socket, the only way out of a sandbox that has no network.

The socket lies in a folder that is shown read-only inside; a small program there (`forwarder.py`) listens on
`127.0.0.1:3128` and passes everything on to it. Names are resolved here, outside, and only public addresses
that the policy allows are ever connected to.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from core import Cause, SandboxFault
from sandbox.network import forwarder
from sandbox.network.dial import Dialer, Outside
from sandbox.network.events import Audit, NetworkEvent
from sandbox.network.exchange import Exchange
from sandbox.network.meter import Lines, Meter, meter_of
from sandbox.network.policy import Network
from sandbox.network.relay import CHUNK, Stream
from sandbox.protocol import Command, CommandResult, SandboxSpec
from sandbox.trees import remove_tree

GATE_FOLDER = "/opt/gate"
PORT = 3128
MAX_CONNECTIONS = 64
RATE, BURST = 100.0, 100.0  # connections a second, and at once
MAX_RESTARTS = 50
RESTART_SECONDS = 2.0
START_SECONDS = 30.0
GRACE_SECONDS = 0.05
_PROXY = f"http://127.0.0.1:{PORT}"
_LOCAL = "localhost,127.0.0.1,::1"
_NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
ENVIRONMENT = {**dict.fromkeys(_NAMES, _PROXY), "no_proxy": _LOCAL, "NO_PROXY": _LOCAL}
"""What programs inside are told: nearly all of them take their proxy from here."""
_SOURCE = Path(forwarder.__file__).read_text(encoding="utf-8")
_ARGUMENTS = ("python3", "-I", "-S", "-c", _SOURCE, GATE_FOLDER, str(PORT))


class Runs(Protocol):
    """A sandbox that can run a command."""

    async def run(self, command: Command) -> CommandResult:
        """Run a command to its end or its deadline."""
        ...


class Gate:
    """An open gate. Made by `open_gate`.

    Attributes:
        folder: On the host, to be shown read-only at `GATE_FOLDER` inside; it stays the same folder when the
            gate of a workspace is opened again, so that a sandbox which outlived its harness finds the new gate.
        environment: To be added to the sandbox's own.
    """

    def __init__(self, folder: Path, dialer: Dialer, meter: Meter, audit: Audit) -> None:
        self.folder = folder
        self.environment = dict(ENVIRONMENT)
        self._dialer, self._meter, self._lines = dialer, meter, Lines(audit)
        self._listeners: dict[socket.socket, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open, self._watched = 0, False
        self._session: Runs | None = None
        self._restarts, self._started_at = 0, 0.0

    def listen(self) -> None:
        """Make the sockets. Raises OSError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o700)
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        for name, work in (("gate", self._serve), ("alive", self._watch)):
            listener = _bound(self.folder, name)
            self._listeners[listener] = asyncio.ensure_future(self._accept(listener, work))

    async def serve_inside(self, session: Runs) -> None:
        """Start the program inside that passes connections on. It is started again whenever it dies.

        Raises:
            SandboxFault: It does not start.
        """
        self._session = session
        self._started_at = time.monotonic()
        command = Command(argv=_ARGUMENTS, cwd="/", timeout_seconds=START_SECONDS, keep_background=True)
        result = await session.run(command)
        if result.exit_code not in (0, forwarder.IN_USE):
            said = result.stderr.text.strip()[-300:]
            raise SandboxFault(Cause.sandbox_start, f"the way to the gate does not start inside: {said}")

    async def close(self) -> None:
        """End every connection and remove the gate's folder. Closing twice is fine."""
        for listener, accepting in self._listeners.items():
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)
            listener.close()
        if self._tasks:  # what is at its end already is told as such
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lines.sum_up()
        remove_tree(self.folder)

    async def _accept(self, listener: socket.socket, work: Callable[[Stream], Coroutine[Any, Any, None]]) -> None:
        """Take connections, not faster than the rate: a flood must not keep the harness from its other work."""
        loop = asyncio.get_running_loop()
        due = loop.time() - BURST / RATE
        while True:
            try:
                link, _ = await loop.sock_accept(listener)
                stream = Stream(*await asyncio.open_unix_connection(sock=link, limit=CHUNK))
            except OSError:  # out of file handles, most likely
                await asyncio.sleep(1 / RATE)
                continue
            task = loop.create_task(work(stream))
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._ended, stream))
            now = loop.time()
            due = max(due, now - BURST / RATE) + 1 / RATE
            if due > now:
                await asyncio.sleep(due - now)

    def _ended(self, stream: Stream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        stream.writer.close()  # also of a task that was cancelled before it began

    async def _serve(self, inside: Stream) -> None:
        if self._open >= MAX_CONNECTIONS:
            reason = f"more than {MAX_CONNECTIONS} connections at one time"
            self._lines.add(
                NetworkEvent(via="gate", method="?", host="", port=0, verdict="refused", reason=reason)
            )
            inside.writer.write(b"HTTP/1.1 503 %s\r\nConnection: close\r\n\r\n" % reason.encode())
            return
        self._open += 1
        try:
            await Exchange(inside, self._dialer, self._meter, self._lines.add).run()
        finally:
            self._open -= 1

    async def _watch(self, link: Stream) -> None:
        """Hold the line of the program inside; when it goes dead, start the program again."""
        if self._watched:
            return
        self._watched = True
        try:
            with contextlib.suppress(OSError):
                while await link.reader.read(CHUNK):
                    pass
        finally:
            self._watched = False
        if self._session is None or self._restarts >= MAX_RESTARTS:
            return
        self._restarts += 1
        await asyncio.sleep(self._started_at + RESTART_SECONDS - time.monotonic())
        with contextlib.suppress(SandboxFault):  # it is being closed, or the agent is in the way
            await self.serve_inside(self._session)


async def open_gate(
    spec: SandboxSpec, folder: Path, audit: Audit, *, outside: Outside | None = None
) -> Gate | None:
    """Open the gate of a workspace, before its sandbox is started.

    Args:
        spec: Its policy and its caps are enforced.
        folder: Of this gate alone; its parent is made for us only, for whoever can enter may use the socket.
        audit: Told of every connection.
        outside: The network, if not the system's.

    Returns:
        The gate, or None where the policy is `none`.

    Raises:
        SandboxFault: Its folder or sockets cannot be made.
    """
    if spec.network.mode is Network.none:
        return None
    dialer, meter = Dialer(spec.network, outside), meter_of(spec.workspace, spec.limits)
    gate = Gate(folder, dialer, meter, audit)
    try:
        gate.listen()
    except OSError as error:
        await gate.close()
        raise SandboxFault(Cause.sandbox_start, f"the gate cannot be opened: {error}") from error
    return gate


def _bound(folder: Path, name: str) -> socket.socket:
    """A socket bound at `folder/name`, however long that is: a socket's address has 108 bytes."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound = False
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=handle)  # of a harness that died
        path = f"/proc/self/fd/{handle}/{name}"
        link.bind(path)
        Path(path).chmod(0o666)  # the sandbox's user is another one than ours
        link.listen(128)
        link.setblocking(False)
        bound = True
    finally:
        os.close(handle)
        if not bound:
            link.close()
    return link
