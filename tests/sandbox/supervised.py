from __future__ import annotations

import asyncio
import contextlib
import os
import py_compile
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from core import Cause, SandboxFault
from sandbox import Command, CommandResult
from sandbox.supervisor.client import Wire
from sandbox.supervisor.program import PROGRAM, arguments
from tests.support import lacking

MAX_REPLY = 40 << 20
SPACES = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--cap-drop",
    "ALL",
]
SYSTEM = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]


class Inside:
    """A real supervisor in namespaces of its own, over a socket that outlives every connection to it.

    Args:
        folder: For its files.
        options: Arguments of Python.
        first: It is process 1; otherwise an init that reaps is above it, as under Docker.
        setup: Shell lines before it starts.
        hidden: Its interpreter may be run but not read.
    """

    def __init__(
        self,
        folder: Path,
        options: Sequence[str] = (),
        *,
        first: bool = False,
        setup: str = "",
        hidden: bool = False,
    ) -> None:
        program = shutil.which("bwrap")
        if program is None:
            lacking("bwrap", "bubblewrap is not installed")
        assert program is not None
        self.job = folder / "job"
        self.job.mkdir()
        self.job.chmod(0o777)
        shown = folder / "program"
        shown.mkdir()
        for source in PROGRAM:
            py_compile.compile(str(source), str(shown / f"{source.stem}.pyc"), optimize=2)
        python = "/usr/bin/python3"
        if hidden:
            shutil.copyfile(os.path.realpath(python), shown / "python3")
            (shown / "python3").chmod(0o111)
            python = "/opt/upbench/python3"
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        self.errors = folder / "errors"
        words = [python, *(options or arguments())]
        if setup:
            words = ["/bin/bash", "-c", f"{setup}\nexec {' '.join(words)}"]
        spaces = [*SPACES, *SYSTEM, *_links(), "--die-with-parent", *(["--as-pid-1"] if first else [])]
        folders = ["--bind", str(self.job), "/job", "--ro-bind", str(shown), "/opt/upbench", "--chdir", "/job"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [program, *spaces, *folders, *words],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                env={"PATH": "/usr/bin:/bin"},
            )
        theirs.close()

    async def connect(self, token: str | None = None, max_reply: int = MAX_REPLY) -> Wire:
        """A new connection, started."""
        wire = Wire(max_reply, lambda: self.errors.read_text()[-300:], token)
        await asyncio.get_running_loop().create_unix_connection(lambda: wire, sock=self.socket.dup())
        await wire.started()
        return wire

    def end(self) -> None:
        """End it all."""
        self.socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _links() -> list[str]:
    """Where the host's `/bin` and so on lead."""
    found = []
    for name in ("bin", "lib", "lib64", "sbin"):
        path = Path("/") / name
        found += ["--symlink", os.readlink(path), str(path)] if path.is_symlink() else []
        found += ["--ro-bind", str(path), str(path)] if path.is_dir() and not path.is_symlink() else []
    return found


def forsake(wire: Wire) -> None:
    """The harness of this connection is gone, without a word."""
    wire.fail(SandboxFault(Cause.sandbox_lost, "its harness is gone"))


async def sh(wire: Wire, line: str, *, seconds: float = 20, keep: bool = False, cap: int = 4096) -> CommandResult:
    """Run a shell line."""
    return await wire.run(Command(argv=("bash", "-c", line), keep_background=keep), seconds=seconds, cap=cap)


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10) -> bool:
    """Wait until something is true; whether it became so."""
    for _ in range(int(seconds * 20)):
        if await true():
            return True
        await asyncio.sleep(0.05)
    return False
