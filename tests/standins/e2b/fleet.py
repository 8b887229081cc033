"""The sandboxes of the cloud and their lives: created, paused, resumed, ended, each at its time."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tests.standins.e2b.machines import MachineFailed, Machines
from tests.standins.e2b.records import DEFAULT_SECONDS, Cut, Limits, Refusal, Sandbox, Seen, Template, now
from tests.standins.e2b.rules import RulesRefused, check

Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


class Fleet:
    """All that the cloud's two sides, API and sandboxes, share. Lives on one event loop."""

    def __init__(self, key: str, folder: Path, machines: Machines, limits: Limits) -> None:
        self.key = key
        self.machines = machines
        machines.on_end = self._lost
        self.on_end: Callable[[str], Coroutine[Any, Any, None]] | None = None
        self.templates: dict[str, Template] = {"base": Template("base")}
        self.sandboxes: dict[str, Sandbox] = {}
        self.seen: list[Seen] = []
        self.refusals: list[Refusal] = []
        self.cuts: list[Cut] = []
        self.delays: dict[str, float] = {}
        self._folder = folder
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_key: dict[str, asyncio.Task[Sandbox]] = {}
        self.set_limits(limits)

    # Creation

    async def create(self, asked: Mapping[str, Any], idempotency: str | None) -> Sandbox:
        """A new sandbox; the one made before for the same idempotency key.

        Raises:
            Refused: Unknown template, over a limit, or a refusal that a test asked for.
        """
        if idempotency is None:
            return await self._create(asked)
        if idempotency not in self._by_key:
            self._by_key[idempotency] = asyncio.create_task(self._create(asked))
        made = self._by_key[idempotency]
        try:
            return await asyncio.shield(made)
        except Refused:
            self._by_key.pop(idempotency, None)  # what was refused may be tried again
            raise

    async def _create(self, asked: Mapping[str, Any]) -> Sandbox:
        self._refuse_on_demand()
        self._hold_to_limits()
        name = str(asked.get("templateID", ""))
        template = self.templates.get(name)
        if template is None:
            raise Refused(404, f"template '{name}' not found")
        network = dict(asked.get("network") or {})
        self.check_rules(network)
        seconds = self.checked_seconds(asked.get("timeout", DEFAULT_SECONDS))
        sandbox = await self.open(template, asked, network)
        self.set_timeout(sandbox, seconds)
        return sandbox

    async def open(self, template: Template, asked: Mapping[str, Any], network: dict[str, Any]) -> Sandbox:
        """A sandbox that runs, beyond all limits and without an end.

        Raises:
            Refused: 500, its machine could not be made.
        """
        sandbox = Sandbox(template, asked, network=network)
        sandbox.socket = str(self._folder / sandbox.id)
        self.sandboxes[sandbox.id] = sandbox
        try:
            await self.machines.open(sandbox, dict(asked.get("envVars") or {}))
        except MachineFailed as error:
            self.sandboxes.pop(sandbox.id, None)
            raise Refused(500, str(error)) from error
        sandbox.ready = True
        return sandbox

    def check_rules(self, network: Mapping[str, Any]) -> None:
        """Whether the API takes these network rules.

        Raises:
            Refused: 400, it does not.
        """
        try:
            check(network)
        except RulesRefused as error:
            raise Refused(400, str(error)) from error

    def checked_seconds(self, seconds: float) -> float:
        """A sandbox's time, if the key's plan allows so much.

        Raises:
            Refused: 400, it does not.
        """
        if not 0 <= seconds <= self.limits.seconds:
            raise Refused(400, f"Timeout cannot be greater than {self.limits.seconds // 3600} hours")
        return seconds

    def set_limits(self, limits: Limits) -> None:
        """What is allowed from now on, with the whole burst to begin with."""
        self.limits = limits
        self._allowance = float(limits.burst)
        self._counted = time.monotonic()

    def _refuse_on_demand(self) -> None:
        for refusal in self.refusals:
            if refusal.left > 0:
                refusal.left -= 1
                raise Refused(refusal.status, refusal.message, refusal.headers)

    def _hold_to_limits(self) -> None:
        running = sum(one.state == "running" for one in self.sandboxes.values())
        if self.limits.concurrent is not None and running >= self.limits.concurrent:
            message = f"you have reached the maximum number of concurrent E2B sandboxes ({self.limits.concurrent})"
            raise Refused(429, message, {"Should-Retry": "false"})
        rate = self.limits.creations_per_second
        if rate is None:
            return
        moment = time.monotonic()
        self._allowance = min(self.limits.burst, self._allowance + (moment - self._counted) * rate)
        self._counted = moment
        if self._allowance < 1:
            wait = max(1, round((1 - self._allowance) / rate))
            raise Refused(429, "rate limit exceeded: sandbox creations", {"Retry-After": str(wait)})
        self._allowance -= 1

    # Life

    def find(self, name: str) -> Sandbox:
        """A sandbox that runs or is paused.

        Raises:
            Refused: 404, there is none.
        """
        sandbox = self.sandboxes.get(name)
        if sandbox is None or not sandbox.ready:
            raise Refused(404, f"sandbox '{name}' not found")
        return sandbox

    def set_timeout(self, sandbox: Sandbox, seconds: float) -> None:
        """It ends, or pauses, this many seconds from now."""
        sandbox.ends = now() + dt.timedelta(seconds=seconds)
        self._forget_timer(sandbox)
        self._timers[sandbox.id] = asyncio.get_running_loop().call_later(seconds, self._time_is_up, sandbox)

    def _time_is_up(self, sandbox: Sandbox) -> None:
        self._later(self.pause(sandbox) if sandbox.pauses else self.end(sandbox))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lost(self, name: str) -> None:
        sandbox = self.sandboxes.pop(name, None)
        if sandbox is not None:
            self._forget_timer(sandbox)
        if self.on_end is not None:
            self._later(self.on_end(name))

    def _forget_timer(self, sandbox: Sandbox) -> None:
        timer = self._timers.pop(sandbox.id, None)
        if timer is not None:
            timer.cancel()

    async def end(self, sandbox: Sandbox) -> None:
        """End it and all that ran in it; from now on it is not found."""
        self.sandboxes.pop(sandbox.id, None)
        self._forget_timer(sandbox)
        await self.machines.end(sandbox.id)

    async def pause(self, sandbox: Sandbox) -> None:
        """Stop all that runs in it, to go on later."""
        sandbox.state = "paused"
        self._forget_timer(sandbox)
        await self.machines.stop(sandbox.id)

    async def connect(self, sandbox: Sandbox, seconds: float) -> bool:
        """Resume it if it is paused (then True); a running one's time is made longer, never shorter."""
        paused = sandbox.state == "paused"
        if paused:
            await self.machines.go_on(sandbox.id)
            sandbox.state = "running"
        if paused or now() + dt.timedelta(seconds=seconds) > sandbox.ends:
            self.set_timeout(sandbox, seconds)
        return paused

    def note(self, method: str, path: str, sandbox: str, status: int) -> None:
        """Write a request into the log."""
        self.seen.append(Seen(method, path, sandbox, status))

    async def close(self) -> None:
        """End everything."""
        for timer in self._timers.values():
            timer.cancel()
        self.sandboxes.clear()
        await self.machines.close()
