"""`E2BCloud`: the stand-in as tests use it."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from e2b import ApiParams
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.standins.e2b.api import Api
from tests.standins.e2b.build_api import BuildApi
from tests.standins.e2b.builder import Builder
from tests.standins.e2b.edge import INSIDE, Edge
from tests.standins.e2b.fleet import Fleet
from tests.standins.e2b.machines import Machines
from tests.standins.e2b.records import Cut, Limits, Refusal, Sandbox, Seen, Template

KEY = "e2b_" + "5" * 40
T = TypeVar("T")


@functools.cache
def unusable() -> str | None:
    """Why the stand-in cannot run on this machine, None if it can."""
    if os.geteuid() != 0:
        return "its sandboxes have users of their own, which only root may give them"
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap) is not installed"
    tried = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true")
    result = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"bubblewrap cannot make a sandbox here: {result.stderr.strip()}" if result.returncode else None


class E2BCloud:
    """A running stand-in; `with` or `async with` starts and ends it, with everything that it made.

    Attributes:
        key: The only API key it takes.
        folder: Where its sandboxes' sockets lie; gone when it ends.
    """

    def __init__(
        self, *, templates: Sequence[Template] = (), limits: Limits | None = None, key: str = KEY
    ) -> None:
        self.key = key
        self._templates = templates
        self._limits = limits or Limits()
        self._url = ""
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()

    # Where it is

    @property
    def api_url(self) -> str:
        """For the SDK's `api_url`."""
        return self._url

    @property
    def sandbox_url(self) -> str:
        """For the SDK's `sandbox_url`."""
        return self._url

    @property
    def options(self) -> ApiParams:
        """What the SDK's calls take to reach it: `AsyncSandbox.create(**cloud.options)`."""
        return ApiParams(api_key=self.key, api_url=self.api_url, sandbox_url=self.sandbox_url)

    @property
    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {"E2B_API_KEY": self.key, "E2B_API_URL": self.api_url, "E2B_SANDBOX_URL": self.sandbox_url}

    # What it knows

    @property
    def sandboxes(self) -> dict[str, Sandbox]:
        """The sandboxes that run or are paused, by id."""
        return {name: one for name, one in dict(self._fleet.sandboxes).items() if one.ready}

    @property
    def process(self) -> int:
        """The process that all of its sandboxes descend from."""
        return self._fleet.machines.process

    @property
    def requests(self) -> list[Seen]:
        """Every request that was answered, in order."""
        return list(self._fleet.seen)

    def register(self, template: Template) -> None:
        """Let sandboxes be made from a template."""
        self._fleet.templates[template.name] = template

    def limit(self, limits: Limits) -> None:
        """Change what the key is allowed."""
        self._do(self._set_limits(limits))

    async def _set_limits(self, limits: Limits) -> None:
        self._fleet.set_limits(limits)

    # Faults

    def fail_creates(
        self, count: int, status: int = 500, message: str = "internal error", *, retry_after: int | None = None
    ) -> None:
        """Answer the next creations with an error. The SDK itself tries 429, 502, 503 and 504 again."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._fleet.refusals.append(Refusal(status, message, headers, count))

    def kill(self, name: str) -> None:
        """A sandbox is lost now, as if its host died; returns when nothing of it runs."""
        self._do(self._kill(name))

    async def _kill(self, name: str) -> None:
        if name in self._fleet.sandboxes:
            await self._fleet.end(self._fleet.sandboxes[name])

    def freeze(self, name: str) -> None:
        """A sandbox hangs: it still is `running`, and nothing in it goes on, envd included."""
        self._do(self._fleet.machines.stop(name))

    def thaw(self, name: str) -> None:
        """It hangs no more."""
        self._do(self._fleet.machines.go_on(name))

    def crash_envd(self, name: str) -> None:
        """A sandbox's envd dies: the sandbox runs on, and nobody can reach it."""
        self._do(self._fleet.machines.crash(name))

    def drop_streams(self, name: str) -> int:
        """Cut every open connection into a sandbox; how many there were."""
        return self._do(self._drop(name))

    async def _drop(self, name: str) -> int:
        return self._edge.drop(name)

    def cut(self, path: str, *, after: int = 0, count: int = 1, delay: float = 0.0) -> None:
        """Cut the next answers to paths that contain `path` off after so many bytes, `delay` seconds later."""
        self._fleet.cuts.append(Cut(path, after, count, delay))

    def slow(self, *, api: float = 0.0, sandbox: float = 0.0) -> None:
        """Wait this many seconds before every answer of the API and of sandboxes."""
        self._fleet.delays.update(api=api, sandbox=sandbox)

    def calm(self) -> None:
        """No more faults, limits or delays."""
        self._fleet.refusals.clear()
        self._fleet.cuts.clear()
        self._fleet.delays.clear()
        self.limit(Limits())

    def reset(self) -> None:
        """No more faults, and every sandbox is ended; templates and the log of requests stay."""
        self.calm()
        self._do(self._end_all())

    async def _end_all(self) -> None:
        await asyncio.gather(*(self._fleet.end(one) for one in list(self._fleet.sandboxes.values())))

    # Running

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            RuntimeError: It cannot run on this machine.
        """
        problem = unusable()
        if problem is not None:
            raise RuntimeError(problem)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="e2b-cloud", daemon=True)
        self._thread.start()
        self._started.result()
        return self

    def __exit__(self, *_: object) -> None:
        """End it; when this returns, no process of it is left."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    async def __aenter__(self) -> Self:
        """Start it."""
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *error: object) -> None:
        """End it."""
        await asyncio.to_thread(self.__exit__, *error)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Not below a test's own folder: the path of a unix socket must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="e2b-"))
        machines = Machines()
        self._fleet = Fleet(self.key, self.folder, machines, self._limits)
        self._fleet.templates.update({template.name: template for template in self._templates})
        self._edge = Edge(self._fleet)
        try:
            # With the protocol named asyncio turns Nagle's algorithm off, which would cost 40 ms a call.
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
                listening.bind(("127.0.0.1", 0))
                listening.listen(512)
                self._url = f"http://127.0.0.1:{listening.getsockname()[1]}"
                await machines.start()
                try:
                    await self._serve(listening)
                finally:
                    await self._edge.close()
                    await self._fleet.close()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _serve(self, listening: socket.socket) -> None:
        builder = Builder(self._fleet, self.folder, self.options)
        api = Api(self._fleet, BuildApi(self._fleet, builder, self._url), self._edge.client).app()
        config = uvicorn.Config(
            _Both(api, self._edge, self._fleet),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            http="h11",
            ws="none",
            loop="asyncio",
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._loop.call_soon(self._started.set_result, None)
        await self._server.serve(sockets=[listening])


class _Both:
    """The API and the way into sandboxes, on one port: their paths differ."""

    def __init__(self, api: ASGIApp, edge: ASGIApp, fleet: Fleet) -> None:
        self._api = api
        self._edge = edge
        self._fleet = fleet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path.startswith(INSIDE) and not path.startswith("/files/"):
            await self._edge(scope, receive, send)
            return
        if wait := self._fleet.delays.get("api"):
            await asyncio.sleep(wait)

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._fleet.note(scope["method"], path, "", message["status"])
            await send(message)

        await self._api(scope, receive, noting)
