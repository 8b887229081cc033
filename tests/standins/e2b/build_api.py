"""The control plane's routes for building templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.e2b.builder import Builder
from tests.standins.e2b.fleet import Fleet, Handler, Refused

UPLOAD = "/uploads"


class BuildApi:
    """Requesting a build, giving it files, starting it, asking how it goes."""

    def __init__(self, fleet: Fleet, builder: Builder, url: str) -> None:
        self._fleet = fleet
        self._builder = builder
        self._url = url

    def routes(self, guarded: Callable[[Handler], Handler]) -> Iterator[Route]:
        """The routes; `guarded` asks for the key, which the upload of a file does not carry."""
        build = "/templates/{template}/builds/{build}"
        yield Route("/v3/templates", guarded(self._request), methods=["POST"])
        yield Route("/templates/{template}/files/{hash}", guarded(self._link), methods=["GET"])
        yield Route(f"{UPLOAD}/{{hash}}", self._upload, methods=["PUT"])
        yield Route(f"/v2{build}", guarded(self._start), methods=["POST"])
        yield Route(f"{build}/status", guarded(self._status), methods=["GET"])
        yield Route("/templates/aliases/{alias}", guarded(self._alias), methods=["GET"])

    async def _request(self, request: Request) -> Response:
        asked = await request.json()
        build = self._builder.request(asked["name"])
        names = {"names": [build.name], "aliases": [build.name], "tags": asked.get("tags") or ["default"]}
        return JSONResponse({"templateID": build.template, "buildID": build.id, "public": False, **names}, 202)

    async def _link(self, request: Request) -> Response:
        name = request.path_params["hash"]
        present = self._uploaded(name).exists()
        return JSONResponse({"present": present, "url": f"{self._url}{UPLOAD}/{name}"}, 201)

    def _uploaded(self, name: str) -> Path:
        return self._builder.uploads / Path(name).name

    async def _upload(self, request: Request) -> Response:
        path = self._uploaded(request.path_params["hash"])
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as stream:
            async for part in request.stream():
                stream.write(part)
        partial.rename(path)
        return Response(status_code=200)

    async def _start(self, request: Request) -> Response:
        build = self._builder.find(request.path_params["build"])
        if build.status != "waiting":
            raise Refused(400, "build is not in waiting state")
        self._builder.start(build, await request.json())
        return Response(status_code=202)

    async def _status(self, request: Request) -> Response:
        build = self._builder.find(request.path_params["build"])
        return JSONResponse(build.told(int(request.query_params.get("logsOffset") or 0)))

    async def _alias(self, request: Request) -> Response:
        alias = request.path_params["alias"]
        if alias not in self._fleet.templates:
            raise Refused(404, f"template '{alias}' not found")
        return JSONResponse({"templateID": alias, "public": False})
