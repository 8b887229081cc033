"""The control plane: the REST API that creates, finds, changes and ends sandboxes."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.e2b.build_api import BuildApi
from tests.standins.e2b.fleet import Fleet, Handler, Refused
from tests.standins.e2b.records import Sandbox

PAGE = 100


class Api:
    """The routes; every one asks for the key."""

    def __init__(self, fleet: Fleet, builds: BuildApi, inside: Callable[[Sandbox], httpx2.AsyncClient]) -> None:
        self._fleet = fleet
        self._builds = builds
        self._inside = inside

    def app(self) -> Starlette:
        """The application."""
        return Starlette(routes=list(self._routes()))

    def _routes(self) -> Iterator[Route]:
        one = "/sandboxes/{sandbox}"
        for prefix in ("", "/v2"):
            yield Route(f"{prefix}/sandboxes", self._guarded(self._create), methods=["POST"])
            yield Route(f"{prefix}/sandboxes", self._guarded(self._list), methods=["GET"])
            yield Route(f"{prefix}{one}/connect", self._guarded(self._connect), methods=["POST"])
        yield Route(one, self._guarded(self._detail), methods=["GET"])
        yield Route(one, self._guarded(self._end), methods=["DELETE"])
        yield Route(f"{one}/timeout", self._guarded(self._timeout), methods=["POST"])
        yield Route(f"{one}/pause", self._guarded(self._pause), methods=["POST"])
        yield Route(f"{one}/network", self._guarded(self._network), methods=["PUT"])
        yield Route(f"{one}/metrics", self._guarded(self._metrics), methods=["GET"])
        yield from self._builds.routes(self._guarded)

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                given = request.headers.get("x-api-key", "")
                if not hmac.compare_digest(given, self._fleet.key):
                    raise Refused(401, "Invalid API key")
                return await handler(request)
            except Refused as error:
                body = {"code": error.status, "message": error.message}
                return JSONResponse(body, error.status, headers=error.headers)

        return answer

    def _found(self, request: Request) -> Sandbox:
        return self._fleet.find(request.path_params["sandbox"])

    async def _create(self, request: Request) -> Response:
        asked = await request.json()
        sandbox = await self._fleet.create(asked, request.headers.get("idempotency-key"))
        return JSONResponse(sandbox.created(), 201)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        rows = [one for one in self._fleet.sandboxes.values() if one.ready and _wanted(one, request)]
        rows.sort(key=lambda one: (one.started, one.id), reverse=query.get("order", "desc") != "asc")
        begin = int(query.get("nextToken") or 0)
        limit = min(int(query.get("limit") or PAGE), PAGE)
        page = rows[begin : begin + limit]
        headers = {"x-next-token": str(begin + limit)} if begin + limit < len(rows) else {}
        return JSONResponse([one.listed() for one in page], headers=headers)

    async def _detail(self, request: Request) -> Response:
        return JSONResponse(self._found(request).detail())

    async def _end(self, request: Request) -> Response:
        await self._fleet.end(self._found(request))
        return Response(status_code=204)

    async def _timeout(self, request: Request) -> Response:
        seconds = self._fleet.checked_seconds((await request.json())["timeout"])
        self._fleet.set_timeout(self._found(request), seconds)
        return Response(status_code=204)

    async def _pause(self, request: Request) -> Response:
        sandbox = self._found(request)
        if sandbox.state == "paused":
            raise Refused(409, f"sandbox '{sandbox.id}' is already paused")
        await self._fleet.pause(sandbox)
        return Response(status_code=204)

    async def _connect(self, request: Request) -> Response:
        sandbox = self._found(request)
        asked = await request.json() if await request.body() else {}
        seconds = self._fleet.checked_seconds(asked.get("timeout", 300))
        resumed = await self._fleet.connect(sandbox, seconds)
        return JSONResponse(sandbox.created(), 201 if resumed else 200)

    async def _network(self, request: Request) -> Response:
        asked = await request.json()
        sandbox = self._found(request)
        self._fleet.check_rules(asked)
        if "allow_internet_access" in asked:
            sandbox.asked = {**sandbox.asked, "allow_internet_access": asked.pop("allow_internet_access")}
        sandbox.network = asked
        return Response(status_code=204)

    async def _metrics(self, request: Request) -> Response:
        sandbox = self._found(request)
        if sandbox.state != "running":
            return JSONResponse([])
        found = (await self._inside(sandbox).get("/metrics", headers={"x-access-token": sandbox.token})).json()
        moment = dt.datetime.now(dt.UTC)
        row: dict[str, Any] = {
            "timestamp": moment.isoformat(),
            "timestampUnix": int(moment.timestamp()),
            "cpuCount": found["cpu_count"],
            "cpuUsedPct": found["cpu_used_pct"],
            "memUsed": found["mem_used"],
            "memTotal": found["mem_total"],
            "memCache": found["mem_cache"],
            "diskUsed": found["disk_used"],
            "diskTotal": found["disk_total"],
        }
        return JSONResponse([row])


def _wanted(sandbox: Sandbox, request: Request) -> bool:
    query = request.query_params
    states = [state for given in query.getlist("state") for state in given.split(",")]
    if states and sandbox.state not in states:
        return False
    if query.get("template") and sandbox.template.name != query["template"]:
        return False
    after = query.get("startedAfter")
    if after and sandbox.started < dt.datetime.fromisoformat(after):
        return False
    # Names and values are quoted once more than the address is.
    wanted = {unquote(name): unquote(value) for name, value in parse_qsl(query.get("metadata", ""))}
    return all(sandbox.metadata.get(name) == value for name, value in wanted.items())
