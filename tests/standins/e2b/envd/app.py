"""envd as an ASGI application, and running it on a socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import uvicorn
from e2b.envd.client_shared import ENVD_JSON_CODEC
from e2b.envd.filesystem.filesystem_connect import FilesystemASGIApplication
from e2b.envd.process.process_connect import ProcessASGIApplication
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.standins.e2b.envd.files import Files, refusal
from tests.standins.e2b.envd.filesystem import Filesystem
from tests.standins.e2b.envd.processes import Processes

VERSION = "0.6.13"
KEEP_ALIVE_SECONDS = 600


async def _health(request: Request) -> Response:
    return Response(status_code=204)


async def _metrics(request: Request) -> Response:
    return JSONResponse(_measured())


def _measured() -> dict[str, float]:
    disk = os.statvfs("/")
    with open("/proc/meminfo", encoding="ascii") as stream:
        memory = {row.split(":")[0]: int(row.split()[1]) << 10 for row in stream}
    return {
        "cpu_count": os.cpu_count() or 1,
        "cpu_used_pct": 0.0,
        "mem_total": memory["MemTotal"],
        "mem_used": memory["MemTotal"] - memory["MemAvailable"],
        "mem_cache": memory["Cached"],
        "disk_total": disk.f_blocks * disk.f_frsize,
        "disk_used": (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
    }


class Envd:
    """Serves one sandbox; `token` guards everything but `/health`."""

    def __init__(self, token: str, envs: Mapping[str, str]) -> None:
        self._token = token
        files = Files(token)
        # The SDK speaks JSON and asks for no compression.
        self._processes: ASGIApp = ProcessASGIApplication(
            Processes(envs), codecs=[ENVD_JSON_CODEC], compressions=[]
        )
        self._filesystem: ASGIApp = FilesystemASGIApplication(
            Filesystem(), codecs=[ENVD_JSON_CODEC], compressions=[]
        )
        self._rest: ASGIApp = Starlette(
            routes=[
                Route("/files", files.read, methods=["GET"]),
                Route("/files", files.write, methods=["POST"]),
                Route("/health", _health),
                Route("/metrics", _metrics),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if not path.startswith(("/process.Process/", "/filesystem.Filesystem/", "/metrics")):
            await self._rest(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-access-token", b"")
        if given.decode("latin-1") != self._token:
            await refusal(401, "unauthorized access, please provide a valid access token")(scope, receive, send)
        elif path.startswith("/process"):
            await self._processes(scope, receive, send)
        elif path.startswith("/filesystem"):
            await self._filesystem(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def configured(app: Envd) -> uvicorn.Config:
    """How envd is served; loads what uvicorn imports late."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    config.get_loop_factory()
    return config


def serve(token: str, envs: Mapping[str, str], listening: socket.socket) -> None:
    """Serve until the process is ended."""
    uvicorn.Server(configured(Envd(token, envs))).run(sockets=[listening])
