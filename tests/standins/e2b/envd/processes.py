"""The service `process.Process`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from e2b.envd.process import process_connect
from e2b.envd.process import process_pb as pb

from tests.standins.e2b.envd.events import started
from tests.standins.e2b.envd.running import Launch, Running, resize
from tests.standins.e2b.envd.users import UnknownUser, User, user_of

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEEPALIVE_SECONDS = 90.0
_EXHAUSTED = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC}


def caller(headers: Mapping[str, str]) -> User:
    """Whom a call acts for.

    Raises:
        ConnectError: `UNAUTHENTICATED` for a user that the sandbox does not have.
    """
    try:
        return user_of(headers)
    except UnknownUser as error:
        raise ConnectError(Code.UNAUTHENTICATED, f"invalid username: '{error}'") from error


def _keepalive(headers: Mapping[str, str]) -> float:
    value = headers.get("keepalive-ping-interval", "")
    return float(value) if value.isdigit() and int(value) else KEEPALIVE_SECONDS


class Processes(process_connect.Process):
    """Starts processes in the sandbox and keeps those that run."""

    def __init__(self, envs: Mapping[str, str]) -> None:
        self._envs = dict(envs)
        self._running: dict[int, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # Starting and following

    async def start(
        self, request: pb.StartRequest, ctx: RequestContext[pb.StartRequest, pb.StartResponse], /
    ) -> AsyncIterator[pb.StartResponse]:
        """Start a process; its events until it has ended. It outlives the call."""
        user = caller(ctx.request_headers)
        left = ctx.timeout_ms
        seconds = None if left is None else left / 1000
        deadline = None if seconds is None else time.monotonic() + seconds
        running = self._launch(request, user)
        events = running.listen()
        task = asyncio.create_task(self._follow(running, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        yield pb.StartResponse(event=started(running.pid))
        async for event in running.events(events, _keepalive(ctx.request_headers), deadline):
            yield pb.StartResponse(event=event)

    async def connect(
        self, request: pb.ConnectRequest, ctx: RequestContext[pb.ConnectRequest, pb.ConnectResponse], /
    ) -> AsyncIterator[pb.ConnectResponse]:
        """The events of a running process from now on."""
        running = self._find(request.process)
        left = ctx.timeout_ms
        deadline = None if left is None else time.monotonic() + left / 1000
        events = running.listen()
        yield pb.ConnectResponse(event=started(running.pid))
        async for event in running.events(events, _keepalive(ctx.request_headers), deadline):
            yield pb.ConnectResponse(event=event)

    def _launch(self, request: pb.StartRequest, user: User) -> Running:
        config = request.process or pb.ProcessConfig()
        cwd = user.resolve(config.cwd)
        if not os.path.isdir(cwd):
            raise ConnectError(Code.INVALID_ARGUMENT, f"cwd '{cwd}' does not exist")
        size = request.pty.size if request.pty is not None else None
        own = {"PATH": PATH, "HOME": user.home, "USER": user.name, "LOGNAME": user.name, "E2B_SANDBOX": "true"}
        launch = Launch(
            argv=(config.cmd, *config.args),
            cwd=cwd,
            env={**own, **self._envs, **dict(config.envs)},
            user=user,
            stdin=request.stdin or not request.has_field("stdin"),
            size=None if size is None else (size.rows, size.cols),
        )
        try:
            running = Running(launch, config, request.tag if request.has_field("tag") else None)
        except OSError as error:
            code = Code.RESOURCE_EXHAUSTED if error.errno in _EXHAUSTED else Code.INVALID_ARGUMENT
            raise ConnectError(code, f"error starting process '{config.cmd}': {error}") from error
        self._running[running.pid] = running
        return running

    async def _follow(self, running: Running, seconds: float | None) -> None:
        try:
            await running.follow(seconds)
        finally:
            del self._running[running.pid]

    def _find(self, selector: pb.ProcessSelector | None) -> Running:
        wanted = selector.selector if selector is not None else None
        if wanted is not None:
            for running in self._running.values():
                if wanted.value == (running.pid if wanted.field == "pid" else running.tag):
                    return running
        value = wanted.value if wanted is not None else None
        raise ConnectError(Code.NOT_FOUND, f"process with {wanted and wanted.field} {value} not found")

    # What runs

    async def list(
        self, request: pb.ListRequest, ctx: RequestContext[pb.ListRequest, pb.ListResponse], /
    ) -> pb.ListResponse:
        """The processes that run."""
        rows = [pb.ProcessInfo(config=one.config, pid=one.pid, tag=one.tag) for one in self._running.values()]
        return pb.ListResponse(processes=rows)

    async def update(
        self, request: pb.UpdateRequest, ctx: RequestContext[pb.UpdateRequest, pb.UpdateResponse], /
    ) -> pb.UpdateResponse:
        """Change the size of a terminal."""
        running = self._find(request.process)
        if request.pty is not None and request.pty.size is not None:
            if running.terminal is None:
                raise ConnectError(Code.INTERNAL, "error resizing tty: tty not assigned to process")
            resize(running.terminal, request.pty.size.rows, request.pty.size.cols)
        return pb.UpdateResponse()

    async def send_signal(
        self, request: pb.SendSignalRequest, ctx: RequestContext[pb.SendSignalRequest, pb.SendSignalResponse], /
    ) -> pb.SendSignalResponse:
        """Signal a process, and it alone."""
        running = self._find(request.process)
        numbers = {pb.Signal.SIGKILL: signal.SIGKILL, pb.Signal.SIGTERM: signal.SIGTERM}
        if request.signal not in numbers:
            raise ConnectError(Code.UNIMPLEMENTED, f"invalid signal: {request.signal}")
        running.send(numbers[request.signal])
        return pb.SendSignalResponse()

    # Input

    async def send_input(
        self, request: pb.SendInputRequest, ctx: RequestContext[pb.SendInputRequest, pb.SendInputResponse], /
    ) -> pb.SendInputResponse:
        """Give a process input."""
        await _give(self._find(request.process), request.input)
        return pb.SendInputResponse()

    async def stream_input(
        self,
        request: AsyncIterator[pb.StreamInputRequest],
        ctx: RequestContext[pb.StreamInputRequest, pb.StreamInputResponse],
        /,
    ) -> pb.StreamInputResponse:
        """Give a process input, in order, until the caller ends the stream."""
        running: Running | None = None
        async for message in request:
            event = message.event
            if event is None:
                raise ConnectError(Code.UNIMPLEMENTED, "invalid event type")
            if event.field == "start":
                running = self._find(event.value.process)
            elif event.field == "data":
                if running is None:
                    raise ConnectError(Code.INVALID_ARGUMENT, "data before start")
                await _give(running, event.value.input)
        return pb.StreamInputResponse()

    async def close_stdin(
        self, request: pb.CloseStdinRequest, ctx: RequestContext[pb.CloseStdinRequest, pb.CloseStdinResponse], /
    ) -> pb.CloseStdinResponse:
        """End the input of a process."""
        self._find(request.process).close_stdin()
        return pb.CloseStdinResponse()


async def _give(running: Running, given: pb.ProcessInput | None) -> None:
    data = given.input if given is not None else None
    if data is None:
        raise ConnectError(Code.UNIMPLEMENTED, "invalid input type")
    if data.field == "pty":
        await running.type(data.value)
    else:
        await running.write(data.value)
