"""Starting `bwrap`, giving its user namespace an unprivileged user, and ending it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import resource
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from core import Cause, SandboxFault

# Of the host, when the harness runs as root: a user that owns nothing else, so that limits bind it.
HOST_ID = 600_000
START_SECONDS = 60.0
ROOT_ARGUMENTS = ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


def host_id_in(uid_map: str) -> int | None:
    """The id to use where `/proc/self/uid_map` is `uid_map` (a container may have few), if there is one."""
    rows = [[int(word) for word in line.split()] for line in uid_map.splitlines()]
    if any(first <= HOST_ID < first + count for first, _, count in rows):
        return HOST_ID
    last = max(first + count - 1 for first, _, count in rows)
    return last or None


@functools.cache
def host_id() -> int | None:
    """The host's id for user 1000 when the harness is root; None for another user, or where only root is."""
    return host_id_in(Path("/proc/self/uid_map").read_text()) if os.geteuid() == 0 else None


class Process:
    """A running `bwrap`: its launcher, the first process of its namespaces, and our end of the wire."""

    def __init__(self, launcher: int, wire_end: socket.socket, errors: int) -> None:
        self.launcher = launcher
        self.wire_end = wire_end
        self.first = 0
        self._errors = errors
        self._launcher_fd = os.pidfd_open(launcher)
        self._first_fd = -1

    @classmethod
    async def start(
        cls, program: str, arguments: Sequence[str], env: dict[str, str], syscalls: Path | None = None
    ) -> Process:
        """Start `bwrap` and return when its namespaces stand and its user is mapped.

        Args:
            program: `bwrap` itself.
            arguments: Its arguments, without those that name descriptors.
            env: Its environment, and that of the supervisor.
            syscalls: File with the filter of system calls; None for none.

        Raises:
            SandboxFault: It did not get that far (cause `sandbox_start`).
        """
        as_root = host_id() is not None
        ours, theirs = socket.socketpair()
        fds = [*os.pipe(), *os.pipe(), *os.pipe()]
        info_in, info_out, block_in, block_out, error_in, error_out = fds
        given = [info_out]
        head = [program, "--info-fd", str(info_out)]
        if as_root:
            given.append(block_in)
            head += [*ROOT_ARGUMENTS, "--userns-block-fd", str(block_in)]
        if syscalls:
            given.append(os.open(syscalls, os.O_RDONLY | os.O_CLOEXEC))
            head += ["--seccomp", str(given[-1])]
        inherit = [(theirs.fileno(), 0), (theirs.fileno(), 1), (error_out, 2), *((fd, fd) for fd in given)]
        try:
            # In this thread, whatever the lint says: the sandbox dies with the thread that started it.
            launcher = os.posix_spawn(  # noqa: ASYNC221
                program,
                [*head, *arguments],
                env,
                file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for source, target in inherit],
            )
        except OSError as error:
            for fd in (info_in, block_out, error_in):
                os.close(fd)
            ours.close()
            raise SandboxFault(Cause.sandbox_start, f"bwrap: {error.strerror}") from error
        finally:
            theirs.close()
            for fd in {*given, block_in, error_out}:
                os.close(fd)
        ours.setblocking(False)
        process = cls(launcher, ours, error_in)
        stands = False
        try:
            await process._become(info_in, block_out, as_root=as_root)
            stands = True
        finally:
            os.close(info_in)
            os.close(block_out)
            if not stands:
                ours.close()
                await process.end()
        return process

    async def _become(self, info: int, block: int, *, as_root: bool) -> None:
        text = await _read_all(info)
        try:
            self.first = int(json.loads(text)["child-pid"])
            self._first_fd = os.pidfd_open(self.first)
            if as_root:
                _map_ids(self.first)
                os.write(block, b"x")
        except (ValueError, KeyError, OSError) as error:
            raise SandboxFault(Cause.sandbox_start, self.said() or f"bwrap ended: {error}") from error

    def limit(self, limits: dict[int, int]) -> None:
        """Set resource limits (number -> value, soft and hard) on the first process; its children inherit them."""
        for number, value in limits.items():
            hard = resource.prlimit(self.first, number)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(self.first, number, (bound, bound))

    def said(self) -> str:
        """The last of what `bwrap` wrote to its standard error."""
        os.set_blocking(self._errors, False)
        try:
            return os.read(self._errors, 65536).decode("utf-8", "replace").strip()[-400:]
        except OSError:
            return ""

    def kill(self) -> None:
        """Kill every process of the sandbox: the kernel does it when the first of its pid namespace dies."""
        if self._launcher_fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                target = self._first_fd if self._first_fd >= 0 else self._launcher_fd
                signal.pidfd_send_signal(target, signal.SIGKILL)

    async def end(self) -> None:
        """Kill every process of the sandbox and wait until the launcher is reaped."""
        if self._launcher_fd < 0:
            return
        self.kill()
        launcher_fd, self._launcher_fd = self._launcher_fd, -1
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        loop.add_reader(launcher_fd, _settle, gone)
        try:
            async with asyncio.timeout(20):
                await gone
        except TimeoutError:
            signal.pidfd_send_signal(launcher_fd, signal.SIGKILL)
            await gone
        finally:
            loop.remove_reader(launcher_fd)
            _reap(self.launcher)
            for fd in (launcher_fd, self._first_fd, self._errors):
                if fd >= 0:
                    os.close(fd)
            self._first_fd = self._errors = -1


def _map_ids(pid: int) -> None:
    """Root stays root while the sandbox is set up; then only the unprivileged user is left of the two."""
    for name in ("uid_map", "gid_map"):
        handle = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, f"0 0 1\n1000 {host_id()} 1\n".encode())
        finally:
            os.close(handle)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _read_all(handle: int) -> bytes:
    """What a pipe gives until its other end is closed or a JSON object is whole."""
    loop = asyncio.get_running_loop()
    os.set_blocking(handle, False)
    got = b""
    done = loop.create_future()

    def ready() -> None:
        nonlocal got
        data = os.read(handle, 4096)
        got += data
        if (not data or got.rstrip().endswith(b"}")) and not done.done():
            done.set_result(None)

    loop.add_reader(handle, ready)
    try:
        async with asyncio.timeout(START_SECONDS):
            await done
    except TimeoutError:
        raise SandboxFault(Cause.sandbox_start, "bwrap does not answer") from None
    finally:
        loop.remove_reader(handle)
    return got
