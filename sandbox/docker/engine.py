"""The Docker engine, as the environment names it: its client, what is known of it, and calls that end."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core import Cause, MissingTool, SandboxFault
from sandbox.docker.facts import EngineFacts, Runtime, facts_in

if TYPE_CHECKING:
    import docker

T = TypeVar("T")
MEND = "sudo apt-get install -y docker.io && sudo systemctl start docker (this user must be able to reach it)"
MEND_RIGHTS = "sudo usermod -aG docker $USER, then log in again"
MEND_HOST = "set DOCKER_HOST to the unix socket of an engine on this machine, or unset it"
SOCKET = "unix:///var/run/docker.sock"
SECONDS = 60.0
"""The longest that the engine may be silent within one call."""
FIRST_SECONDS = 15
"""The longest that it may be silent when it is looked for."""
FACTS_SECONDS = 60.0
THREADS = 32


class Engine:
    """One engine: a client for many threads, and facts that are asked for once a minute."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.api: Any = client.api  # its stubs have gaps
        self._known: dict[str, tuple[float, object]] = {}

    def facts(self) -> EngineFacts:
        """What the engine says of itself, at most a minute old."""
        return self.known("", lambda: facts_in(self.api.info()))

    def known(self, name: str, ask: Callable[[], T]) -> T:
        """What `ask` says, at most a minute old; kept under `name`."""
        at, found = self._known.get(name, (0.0, None))
        if not at or time.monotonic() - at > FACTS_SECONDS:
            found = ask()
            self._known[name] = (time.monotonic(), found)
        return found  # type: ignore[return-value]

    def forget(self) -> None:
        """Ask again for everything: something was not as it was known."""
        self._known.clear()


def engine() -> Engine:
    """The engine that `DOCKER_HOST` names (its default: the system's), if it answers; looked for once.

    Raises:
        MissingTool: None does, this user may not use it, or it is not one of this machine.
    """
    return _engine(os.environ.get("DOCKER_HOST") or SOCKET)


@functools.cache
def _engine(host: str) -> Engine:
    import docker  # slow to import
    import docker.errors

    scheme, _, place = host.partition("://")
    if scheme != "unix":
        raise MissingTool(f"DOCKER_HOST names {host}: only an engine behind a unix socket is used", mend=MEND_HOST)
    if os.path.exists(place) and not os.access(place, os.R_OK | os.W_OK):
        raise MissingTool(f"this user may not use the Docker engine behind {place}", mend=MEND_RIGHTS)
    try:
        client = docker.DockerClient(base_url=host, version="auto", timeout=FIRST_SECONDS, max_pool_size=THREADS)
        client.ping()
        client.api.timeout = int(SECONDS)
    except (docker.errors.DockerException, OSError) as error:
        mend = MEND_HOST if os.environ.get("DOCKER_HOST") else MEND
        raise MissingTool(f"no Docker engine answers behind {place}", mend=mend) from error
    return Engine(client)


def docker_runtimes() -> Mapping[str, Runtime]:
    """The runtimes of the engine that answers, by name.

    Raises:
        MissingTool: None does.
    """
    try:
        return engine().facts().runtimes
    except failures() as error:
        raise MissingTool("the Docker engine does not work", mend=MEND) from error


def docker_folder() -> Path | None:
    """Where the engine that answers keeps images and containers; None: there is none, or not on this machine."""
    try:
        found = engine()
    except MissingTool:
        return None
    try:
        folder = Path(str(found.known("folder", lambda: found.api.info().get("DockerRootDir") or "")))
    except failures():
        return None
    # An engine in a virtual machine names a folder that is not to be seen here.
    return folder if folder.is_absolute() and os.path.lexists(folder) else None


@functools.cache
def failures() -> tuple[type[Exception], ...]:
    """What the SDK raises where the engine refuses, is gone, or does not answer."""
    import docker.errors
    import requests
    import urllib3.exceptions

    return (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
        TimeoutError,
    )


def gone(error: Exception) -> bool:
    """Whether the engine says that there is no such thing (any more)."""
    import docker.errors

    return isinstance(error, docker.errors.NotFound)


def no_sense(error: Exception) -> bool:
    """Whether the engine says that it was asked for what cannot be."""
    import docker.errors

    return isinstance(error, docker.errors.APIError) and error.status_code == HTTPStatus.BAD_REQUEST


def fault_of(error: Exception, cause: Cause) -> SandboxFault:
    """The fault that a failure of the engine is: `cause`, except where its disk is full."""
    # The engine reports a full disk as any other error, by its text alone: the one place where a text decides.
    if "no space left on device" in str(error).lower():
        cause = Cause.disk_full
    return SandboxFault(cause, f"the Docker engine: {error}")


async def call(work: Callable[[], T], cause: Cause = Cause.sandbox_start) -> T:
    """Do `work` with the synchronous SDK in a thread of our own pool: a silent engine holds up nobody else.

    A caller that is cancelled waits until the engine has answered, so that what was made can be removed.

    Raises:
        SandboxFault: The engine refuses, is gone or does not answer (`cause`), or its disk is full (`disk_full`).
    """
    working = asyncio.get_running_loop().run_in_executor(_pool(), work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # nobody wants it any more
        raise
    except failures() as error:
        raise fault_of(error, cause) from error


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "docker")
