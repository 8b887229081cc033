"""The cloud's side of the zygote: opening, stopping and ending machines."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.standins.e2b.machine.plan import MachinePlan
from tests.standins.e2b.records import Sandbox

ROOT = Path(__file__).parents[3]
FIRST_ID, IDS = 1 << 24, 65536
RANGES, RANGES_OF_A_CLOUD = 60_000, 64  # clouds of other processes take others


class MachineFailed(Exception):
    """A machine could not be made, or ended at once."""


class Machines:
    """Makes machines through one zygote."""

    def __init__(self) -> None:
        self._waiting: defaultdict[tuple[str, str], list[asyncio.Future[None]]] = defaultdict(list)
        self._numbers = itertools.count(os.getpid() * RANGES_OF_A_CLOUD)
        self._ended: set[str] = set()
        self.on_end: Callable[[str], None] | None = None

    async def start(self) -> None:
        """Start the zygote; it is ready when it has imported envd.

        Raises:
            MachineFailed: It did not start.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.standins.e2b.machine.zygote"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # a terminal's interrupt is for the tests; its input's end, for it
        )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise MachineFailed(f"the zygote ended with {await self._process.wait()}")
        self._task = asyncio.create_task(self._listen(self._process.stdout))

    @property
    def process(self) -> int:
        """The zygote."""
        return self._process.pid

    async def close(self) -> None:
        """End every machine and wait until they are gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._task
        await self._process.wait()

    async def open(self, sandbox: Sandbox, envs: dict[str, str]) -> None:
        """Make the machine of a sandbox, with envd listening on the sandbox's socket.

        Raises:
            MachineFailed: It could not be made.
        """
        plan = MachinePlan(
            name=sandbox.id,
            socket=sandbox.socket,
            token=sandbox.token,
            envs={**sandbox.template.envs, **envs},
            shown={inside: str(outside) for inside, outside in sandbox.template.shown.items()},
            users=dict(sandbox.template.users),
            archive=None if sandbox.template.archive is None else str(sandbox.template.archive),
            disk_bytes=sandbox.template.disk_bytes,
            ids=FIRST_ID + next(self._numbers) % RANGES * IDS,
        )
        opened = self._expect("opened", sandbox.id)
        self._send({"do": "open", "plan": plan.dump()})
        await opened
        if sandbox.id in self._ended:
            raise MachineFailed(f"the machine of {sandbox.id} could not be made")

    async def end(self, name: str) -> None:
        """End a machine and wait until none of its processes is left."""
        if name not in self._ended:
            await self._ask("end", "ended", name)

    async def stop(self, name: str) -> None:
        """Let no process of it go on."""
        await self._ask("stop", "stopped", name)

    async def go_on(self, name: str) -> None:
        """Let all go on."""
        await self._ask("continue", "continued", name)

    async def take(self, sandbox: Sandbox) -> Path:
        """An archive of the files on its disk."""
        await self._ask("take", "taken", sandbox.id)
        return Path(f"{sandbox.socket}.tar")

    async def crash(self, name: str) -> None:
        """End its envd, and nothing else."""
        await self._ask("crash", "crashed", name)

    async def _ask(self, what: str, happens: str, name: str) -> None:
        happened = self._expect(happens, name)
        self._send({"do": what, "name": name})
        await happened

    def _expect(self, what: str, name: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[what, name].append(future)
        return future

    def _send(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            told = json.loads(line)
            self._happened(told["happened"], told["name"])
        for waiting in self._waiting.values():  # the zygote is gone and everything with it
            for future in waiting:
                future.cancel()

    def _happened(self, what: str, name: str) -> None:
        keys = [(what, name)]
        if what == "ended":  # whatever was waited for will not come
            self._ended.add(name)
            if self.on_end is not None:
                self.on_end(name)
            keys += [(one, name) for one in ("opened", "stopped", "continued", "crashed", "taken")]
        for key in keys:
            for future in self._waiting.pop(key, []):
                if not future.done():
                    future.set_result(None)
