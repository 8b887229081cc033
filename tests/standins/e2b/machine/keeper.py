"""The process that keeps one machine: makes it, starts envd in it, stops and ends it.

It is forked from the zygote, which has imported envd already; envd is forked from it in turn and enters the
machine, so that a machine is ready in milliseconds and sees nothing of the program that serves it.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.standins.e2b.envd.app import serve
from tests.standins.e2b.machine.namespaces import adopt_orphans, enter, map_users
from tests.standins.e2b.machine.plan import MachinePlan
from tests.standins.e2b.machine.root import bwrap_arguments
from tests.standins.e2b.machine.snapshot import take
from tests.standins.e2b.machine.title import rename


class Keeper:
    """One machine, from `bwrap` to its end."""

    def __init__(self, plan: MachinePlan) -> None:
        self._plan = plan
        self._bwrap: subprocess.Popen[bytes] | None = None
        self._init = 0

    def open(self) -> None:
        """Make the machine and start envd.

        Raises:
            OSError: The kernel refused.
            RuntimeError: `bwrap` failed, or what enters the machine.
        """
        adopt_orphans()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._plan.socket)
        listening.listen(256)
        self._start()
        told, unshared = os.pipe()
        waits, mapped = os.pipe()
        entrant = os.fork()
        if entrant == 0:
            _enter_and_serve(self._plan, self._init, listening, unshared, waits)
        os.close(unshared)
        os.close(waits)
        listening.close()
        if os.read(told, 1):
            map_users(entrant, self._plan.ids)
            os.write(mapped, b".")
        os.close(told)
        os.close(mapped)
        _, status = os.waitpid(entrant, 0)
        if status:
            raise RuntimeError(f"the machine could not be entered: {status}")

    def _start(self) -> None:
        info, informs = os.pipe()
        arguments = os.memfd_create("arguments")
        os.write(arguments, b"".join(part.encode() + b"\0" for part in bwrap_arguments(self._plan)[:-4]))
        os.lseek(arguments, 0, os.SEEK_SET)
        # The arguments name the host's paths and are visible inside as those of the first process.
        command = ["bwrap", "--args", str(arguments), "--info-fd", str(informs)]
        command += bwrap_arguments(self._plan)[-4:]
        self._bwrap = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=(arguments, informs)
        )
        os.close(arguments)
        os.close(informs)
        assert self._bwrap.stdout is not None
        made = self._bwrap.stdout.read(1)
        with open(info, "rb") as stream:
            told = stream.read()
        if not made:
            raise RuntimeError(f"bwrap ended with {self._bwrap.wait()}")
        self._init = int(json.loads(told)["child-pid"])

    def keep(self, control: socket.socket) -> None:
        """Do as told until the machine has ended, by itself or because it shall."""
        assert self._bwrap is not None
        ended = os.pidfd_open(self._bwrap.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(control, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if ended in ready:
                    break
                word = control.recv(1)
                if word == b"s":
                    self._signal_all(signal.SIGSTOP)
                elif word == b"c":
                    self._signal_all(signal.SIGCONT)
                elif word == b"k":
                    self._crash()
                elif word == b"t":
                    take(self._plan, self._init, Path(f"{self._plan.socket}.tar"))
                else:  # asked to end, or the zygote is gone
                    break
                control.send(word)
        self.close()

    def close(self) -> None:
        """End the machine: with its first process the kernel ends every other."""
        bwrap, self._bwrap = self._bwrap, None
        if bwrap is None:
            return
        if self._init:
            with suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
        else:
            bwrap.kill()
        with suppress(ChildProcessError):
            while True:  # `bwrap`, and envd too, without whose end its namespace does not end
                os.wait()
        with suppress(FileNotFoundError):
            os.unlink(self._plan.socket)

    def _crash(self) -> None:
        """End envd, and only it: the one child of this process beside `bwrap`."""
        assert self._bwrap is not None
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
        for child in {int(one) for one in children} - {self._bwrap.pid}:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def _signal_all(self, number: signal.Signals) -> None:
        """Until no process of the machine is found that was not signalled: they may fork meanwhile."""
        wanted = os.readlink(f"/proc/{self._init}/ns/pid")
        done: set[int] = set()
        while True:
            fresh = _members(wanted) - done
            if not fresh:
                return
            for process in fresh:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            done |= fresh


def _members(namespace: str) -> set[int]:
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                if os.readlink(path / "ns" / "pid") == namespace:
                    found.add(int(path.name))
    return found


def _enter_and_serve(plan: MachinePlan, init: int, listening: socket.socket, unshared: int, mapped: int) -> None:
    """Never returns: this process ends once envd, its child, is inside."""
    status = 1
    try:
        enter(plan, init, unshared, mapped)
        if os.fork() == 0:
            _serve(plan, listening)
        status = 0
    except OSError as error:
        print(f"{plan.name}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _serve(plan: MachinePlan, listening: socket.socket) -> None:
    os.setsid()
    handle = listening.detach()
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.closerange(3, handle)
    os.closerange(handle + 1, 4096)
    os.environ.clear()
    status = 1
    try:
        rename("envd")
        serve(plan.token, plan.envs, socket.socket(fileno=handle))
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def run(plan: dict[str, Any], control: socket.socket) -> None:
    """A keeper's whole life: `o` on the control socket once the machine is open."""
    keeper = Keeper(MachinePlan(**plan))
    try:
        keeper.open()
        control.send(b"o")
        keeper.keep(control)
    finally:
        keeper.close()
