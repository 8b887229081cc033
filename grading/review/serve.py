"""Serving both origins of the review app from one process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from core import BadInput
from grading.people.settings import ReviewSettings

# The two names of this machine: a cookie of one is never sent to the other, whatever the port.
_OTHER = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


@dataclass(frozen=True)
class Origins:
    """Where the app and the untrusted bytes are served; two different hosts to a browser.

    Attributes:
        proxies: Addresses of proxies that are believed when they say whom they ask for.
    """

    app: str
    content: str
    app_port: int
    content_port: int
    proxies: tuple[str, ...] = ()


def review_origins(host: str, port: int) -> Origins:
    """The origins for a loopback host; content is served on the next port under the machine's other name.

    Raises:
        BadInput: The host is not this machine alone, or the port has no next one.
    """
    other = _OTHER.get(host)
    if other is None:
        raise BadInput(
            f"{host!r} is not 127.0.0.1 or localhost",
            field="--host",
            mend="the app serves this machine alone; from elsewhere tunnel both ports with ssh -L",
        )
    if not 1 <= port < 65535:
        raise BadInput(f"{port} is not a port with a next one", field="--port")
    return Origins(f"http://{host}:{port}", f"http://{other}:{port + 1}", port, port + 1)


def public_origins(settings: ReviewSettings, port: int) -> Origins:
    """The origins for people on other machines; a proxy hands requests for them on to `port` and the next.

    Raises:
        BadInput: None are set, or the port has no next one.
    """
    if settings.app_origin is None or settings.content_origin is None:
        raise BadInput("is not set", field="review.app_origin", mend="see docs/people.md")
    if not 1 <= port < 65535:
        raise BadInput(f"{port} is not a port with a next one", field="--port")
    return Origins(settings.app_origin, settings.content_origin, port, port + 1, settings.proxies)


class _Server(uvicorn.Server):
    """A server that leaves signals to us, since there are two of them, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_review(
    app: FastAPI, content: FastAPI, at: Origins, *, started: Callable[[], None], listen: str = "127.0.0.1"
) -> None:
    """Serve until the process is told to stop (Ctrl-C, SIGTERM).

    Args:
        app: Of the app origin.
        content: Of the content origin.
        at: Where.
        started: Called when both listen.
        listen: Address to listen on. Another than the default is for containers, whose ports are handed on to the
            machine's own loopback address: browsers still are let in by the names of `at` alone.

    Raises:
        BadInput: A port is taken, or there is no such address here.
    """
    sockets = [_listen(listen, at.app_port), _listen(listen, at.content_port)]
    servers = [_Server(_config(one, at.proxies)) for one in (app, content)]

    def stop() -> None:
        # Whoever still waits for an answer is cut off in a moment, which is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[bound])) for server, bound in zip(servers, sockets, strict=True)
    ]
    for server in servers:
        await server.listens.wait()
    started()
    await asyncio.gather(*tasks)


def _config(app: FastAPI, proxies: tuple[str, ...]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=2,
        lifespan="off",
    )


def _listen(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise BadInput(f"{address!r}: {error.strerror}", field="--listen") from error
        raise BadInput(f"port {port} is taken", field="--port", mend="name another") from error
    return bound
