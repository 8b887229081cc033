"""Preparing a cloud machine and starting the supervisor in it."""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Callable

from e2b import AsyncSandbox

from core import Cause, SandboxFault
from sandbox.e2b.faults import as_faults
from sandbox.e2b.pack import (
    PYTHON,
    Pack,
    program_folder,
    program_pack,
    shown_pack,
    toolbox_folder,
    toolbox_pack,
)
from sandbox.e2b.stream import Stream
from sandbox.environment import environment
from sandbox.leases.book import DEAD_MAN_SECONDS
from sandbox.network.policy import Network
from sandbox.protocol import SandboxLimits, SandboxSpec
from sandbox.supervisor.program import arguments
from sandbox.supervisor.session import max_reply
from sandbox.toolbox import toolbox_installed

STORE = "/var/lib/upbench"
NO_PROGRAM, NO_TOOLBOX, NOT_SHOWN = 90, 91, 94
SEND_SECONDS = 1800.0  # the toolbox has some 200 MB
UNPACK_SECONDS = 300.0
OWN_PROCESSES = 1
MARK = "/start.sh outside "


class Stage:
    """What is known of one template: what its machines lack is sent before they are asked for it again."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._lacks: set[int] = set()

    async def start(self, machine: AsyncSandbox, spec: SandboxSpec, shown: str, *, fresh: bool) -> Stream:
        """Start a supervisor, sending what the machine lacks.

        Raises:
            SandboxFault: It did not start.
        """
        sent: set[int] = set()
        if fresh:
            for code in sorted(self._lacks | ({NOT_SHOWN} if shown != "none" else set())):
                await self._send(machine, code, spec, shown)
                sent.add(code)
        while True:
            stream = Stream(machine, max_reply(spec.limits))
            up = False
            try:
                await stream.start(start_line(spec, shown))
                await stream.wire.started()
                up = True
                return stream
            except SandboxFault:
                code = await stream.ended() or 0
                if code in sent or code not in {NO_PROGRAM, NO_TOOLBOX, NOT_SHOWN}:
                    raise
            finally:
                if not up:
                    await stream.stop()
            await self._send(machine, code, spec, shown)
            sent.add(code)
            if code != NOT_SHOWN:
                self._lacks.add(code)

    async def _send(self, machine: AsyncSandbox, code: int, spec: SandboxSpec, shown: str) -> None:
        if code == NO_TOOLBOX and not toolbox_installed():
            what = f"the E2B template {self.template} has no toolbox of ours, and it is not installed here"
            raise SandboxFault(Cause.sandbox_start, f"{what}; to mend it: upbench toolbox install")
        target = f"{STORE}/shown/{shown}"
        packs: dict[int, Callable[[], Pack]] = {
            NO_PROGRAM: program_pack,
            NO_TOOLBOX: toolbox_pack,
            NOT_SHOWN: lambda: shown_pack(spec, target),
        }
        pack = await asyncio.to_thread(packs[code])
        try:
            await _send(machine, pack)
        finally:
            pack.data.close()


async def end_all(machine: AsyncSandbox) -> None:
    """End every supervisor in a machine with all that runs under it.

    Raises:
        SandboxFault: E2B does not say that they have ended.
    """
    with as_faults(Cause.sandbox_lost):
        for process in await machine.commands.list():
            if any(MARK in word for word in process.args):
                await machine.commands.kill(process.pid)


def start_line(spec: SandboxSpec, shown: str) -> str:
    """The shell line that starts a supervisor; it ends with code 90 where the program is not there."""
    here = program_folder()
    network = "none" if spec.network.mode is Network.none else "provider"
    limits = spec.limits
    bounds = [str(limits.workspace_bytes), str(limits.workspace_files), _limits(limits)]
    words = [here, toolbox_folder(), PYTHON, shown, network, *bounds]
    words += [f"{name}={value}" for name, value in environment(None).items()]
    words += ["--", *arguments(lease=DEAD_MAN_SECONDS, text=True)]
    return f"[ -f {here}/start.sh ] || exit {NO_PROGRAM}; exec bash {here}{MARK}{shlex.join(words)}"


def _limits(limits: SandboxLimits) -> str:
    bounds = {
        "fsize": limits.file_bytes,
        "nproc": limits.processes + OWN_PROCESSES,
        "nofile": limits.open_files,
        "data": limits.memory_bytes,
        "core": 0,
    }
    return " ".join(f"--{name}={value}" for name, value in bounds.items())


async def _send(machine: AsyncSandbox, pack: Pack) -> None:
    """Unpack an archive in the machine, in place of all that lies beside it under `shown`."""
    file, fresh = f"{STORE}/incoming-{secrets.token_hex(6)}", f"{pack.target}.new"
    steps = [
        "set -e",
        f"rm -rf {fresh} {pack.target}",
        f"mkdir -p {fresh}",
        f"tar -xzf {file} -C {fresh} --no-same-owner",
        f"rm -f {file}",
        f"mv {fresh} {pack.target}",
    ]
    if pack.target.startswith(f"{STORE}/shown/"):
        steps.insert(1, f"rm -rf {STORE}/shown")
    try:
        async with asyncio.timeout(SEND_SECONDS):
            with as_faults(Cause.sandbox_start):
                await machine.files.write(file, pack.data, user="root", request_timeout=SEND_SECONDS)
                await machine.commands.run("; ".join(steps), user="root", cwd="/", timeout=UNPACK_SECONDS)
    except TimeoutError:
        raise SandboxFault(Cause.sandbox_start, "E2B takes too long over an upload") from None
