"""The service `filesystem.Filesystem`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Literal

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from e2b.envd.filesystem import filesystem_connect
from e2b.envd.filesystem import filesystem_pb as pb
from protobuf import Oneof

from tests.standins.e2b.envd import disk
from tests.standins.e2b.envd.processes import caller

LOOK_SECONDS = 0.05


class Filesystem(filesystem_connect.Filesystem):
    """Looks at and changes the sandbox's files."""

    def __init__(self) -> None:
        self._watches: dict[str, disk.Watch] = {}
        self._numbers = itertools.count(1)

    async def stat(
        self, request: pb.StatRequest, ctx: RequestContext[pb.StatRequest, pb.StatResponse], /
    ) -> pb.StatResponse:
        """One file."""
        return pb.StatResponse(entry=disk.found(caller(ctx.request_headers).resolve(request.path)))

    async def make_dir(
        self, request: pb.MakeDirRequest, ctx: RequestContext[pb.MakeDirRequest, pb.MakeDirResponse], /
    ) -> pb.MakeDirResponse:
        """Make a folder and what is missing above it."""
        user = caller(ctx.request_headers)
        return pb.MakeDirResponse(entry=disk.make(user, user.resolve(request.path)))

    async def move(
        self, request: pb.MoveRequest, ctx: RequestContext[pb.MoveRequest, pb.MoveResponse], /
    ) -> pb.MoveResponse:
        """Rename a file or folder."""
        user = caller(ctx.request_headers)
        source, target = user.resolve(request.source), user.resolve(request.destination)
        return pb.MoveResponse(entry=disk.move(user, source, target))

    async def list_dir(
        self, request: pb.ListDirRequest, ctx: RequestContext[pb.ListDirRequest, pb.ListDirResponse], /
    ) -> pb.ListDirResponse:
        """What lies in a folder, to a depth."""
        top = disk.folder(caller(ctx.request_headers).resolve(request.path))
        return pb.ListDirResponse(entries=disk.listed(top, request.depth or 1))

    async def remove(
        self, request: pb.RemoveRequest, ctx: RequestContext[pb.RemoveRequest, pb.RemoveResponse], /
    ) -> pb.RemoveResponse:
        """Remove a file or a whole folder."""
        disk.remove(caller(ctx.request_headers).resolve(request.path))
        return pb.RemoveResponse()

    # Watching

    async def watch_dir(
        self, request: pb.WatchDirRequest, ctx: RequestContext[pb.WatchDirRequest, pb.WatchDirResponse], /
    ) -> AsyncIterator[pb.WatchDirResponse]:
        """Changes in a folder, as they come."""
        watch = disk.Watch(caller(ctx.request_headers).resolve(request.path))
        begun = pb.WatchDirResponse.StartEvent()
        yield pb.WatchDirResponse(event=Oneof[Literal["start"], pb.WatchDirResponse.StartEvent]("start", begun))
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for change in watch.changes():
                told = Oneof[Literal["filesystem"], pb.FilesystemEvent]("filesystem", change)
                yield pb.WatchDirResponse(event=told)

    async def create_watcher(
        self,
        request: pb.CreateWatcherRequest,
        ctx: RequestContext[pb.CreateWatcherRequest, pb.CreateWatcherResponse],
        /,
    ) -> pb.CreateWatcherResponse:
        """Begin to note changes in a folder."""
        name = f"w{next(self._numbers)}"
        self._watches[name] = disk.Watch(caller(ctx.request_headers).resolve(request.path))
        return pb.CreateWatcherResponse(watcher_id=name)

    async def get_watcher_events(
        self,
        request: pb.GetWatcherEventsRequest,
        ctx: RequestContext[pb.GetWatcherEventsRequest, pb.GetWatcherEventsResponse],
        /,
    ) -> pb.GetWatcherEventsResponse:
        """The changes since one last asked."""
        if request.watcher_id not in self._watches:
            raise ConnectError(Code.NOT_FOUND, f"watcher with id {request.watcher_id} not found")
        return pb.GetWatcherEventsResponse(events=self._watches[request.watcher_id].changes())

    async def remove_watcher(
        self,
        request: pb.RemoveWatcherRequest,
        ctx: RequestContext[pb.RemoveWatcherRequest, pb.RemoveWatcherResponse],
        /,
    ) -> pb.RemoveWatcherResponse:
        """Note changes no more."""
        if self._watches.pop(request.watcher_id, None) is None:
            raise ConnectError(Code.NOT_FOUND, f"watcher with id {request.watcher_id} not found")
        return pb.RemoveWatcherResponse()
