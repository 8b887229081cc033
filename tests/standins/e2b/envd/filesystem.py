"""The service `filesystem.Filesystem`. envd is root: it may read and write everything in its sandbox."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from e2b.envd.filesystem import filesystem_pb as pb
from protobuf import Oneof

from tests.standins.e2b.envd.entries import entry
from tests.standins.e2b.envd.processes import caller

LOOK_SECONDS = 0.05


def _missing(path: str) -> ConnectError:
    return ConnectError(Code.NOT_FOUND, f"path not found: lstat {path}: no such file or directory")


class Filesystem:
    """Looks at and changes the sandbox's files."""

    def __init__(self) -> None:
        self._watchers: dict[str, _Watch] = {}
        self._numbers = itertools.count(1)

    async def stat(
        self, request: pb.StatRequest, ctx: RequestContext[pb.StatRequest, pb.StatResponse], /
    ) -> pb.StatResponse:
        """One file."""
        path = caller(ctx.request_headers).resolve(request.path)
        if not os.path.lexists(path):
            raise ConnectError(Code.NOT_FOUND, f"file not found: lstat {path}: no such file or directory")
        return pb.StatResponse(entry=entry(path))

    async def make_dir(
        self, request: pb.MakeDirRequest, ctx: RequestContext[pb.MakeDirRequest, pb.MakeDirResponse], /
    ) -> pb.MakeDirResponse:
        """Make a folder and what is missing above it."""
        user = caller(ctx.request_headers)
        path = user.resolve(request.path)
        if os.path.isdir(path):
            raise ConnectError(Code.ALREADY_EXISTS, f"directory already exists: {path}")
        if os.path.lexists(path):
            raise ConnectError(Code.INVALID_ARGUMENT, f"path already exists but it is not a directory: {path}")
        try:
            user.make_folders(path)
        except OSError as error:
            raise ConnectError(Code.INTERNAL, f"error creating directory: {error}") from error
        return pb.MakeDirResponse(entry=entry(path))

    async def move(
        self, request: pb.MoveRequest, ctx: RequestContext[pb.MoveRequest, pb.MoveResponse], /
    ) -> pb.MoveResponse:
        """Rename a file or folder."""
        user = caller(ctx.request_headers)
        source, target = user.resolve(request.source), user.resolve(request.destination)
        if not os.path.lexists(source):
            raise ConnectError(Code.NOT_FOUND, f"source file not found: rename {source} {target}")
        try:
            user.make_folders(os.path.dirname(target))
            os.rename(source, target)
        except OSError as error:
            raise ConnectError(Code.INTERNAL, f"error renaming: {error}") from error
        return pb.MoveResponse(entry=entry(target))

    async def list_dir(
        self, request: pb.ListDirRequest, ctx: RequestContext[pb.ListDirRequest, pb.ListDirResponse], /
    ) -> pb.ListDirResponse:
        """What lies in a folder, to a depth."""
        path = caller(ctx.request_headers).resolve(request.path)
        if not os.path.lexists(path):
            raise _missing(path)
        if not os.path.isdir(path):
            raise ConnectError(Code.INVALID_ARGUMENT, f"path is not a directory: {path}")
        return pb.ListDirResponse(entries=_listed(path, request.depth or 1))

    async def remove(
        self, request: pb.RemoveRequest, ctx: RequestContext[pb.RemoveRequest, pb.RemoveResponse], /
    ) -> pb.RemoveResponse:
        """Remove a file or a whole folder; what is not there is no error."""
        path = caller(ctx.request_headers).resolve(request.path)
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.remove(path)
        except OSError as error:
            raise ConnectError(Code.INTERNAL, f"error removing file or directory: {error}") from error
        return pb.RemoveResponse()

    # Watching

    async def watch_dir(
        self, request: pb.WatchDirRequest, ctx: RequestContext[pb.WatchDirRequest, pb.WatchDirResponse], /
    ) -> AsyncIterator[pb.WatchDirResponse]:
        """Changes in a folder, as they come."""
        watch = _Watch(self._folder(request.path, ctx.request_headers))
        yield pb.WatchDirResponse(event=Oneof("start", pb.WatchDirResponse.StartEvent()))
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for change in watch.changes():
                yield pb.WatchDirResponse(event=Oneof("filesystem", change))

    def _folder(self, path: str, headers: "dict[str, str] | object") -> str:
        found = caller(headers).resolve(path)  # type: ignore[arg-type]
        if not os.path.isdir(found):
            raise ConnectError(Code.NOT_FOUND, f"path {found} not found")
        return found

    async def create_watcher(
        self,
        request: pb.CreateWatcherRequest,
        ctx: RequestContext[pb.CreateWatcherRequest, pb.CreateWatcherResponse],
        /,
    ) -> pb.CreateWatcherResponse:
        """Begin to note changes in a folder."""
        name = f"w{next(self._numbers)}"
        self._watchers[name] = _Watch(self._folder(request.path, ctx.request_headers))
        return pb.CreateWatcherResponse(watcher_id=name)

    async def get_watcher_events(
        self,
        request: pb.GetWatcherEventsRequest,
        ctx: RequestContext[pb.GetWatcherEventsRequest, pb.GetWatcherEventsResponse],
        /,
    ) -> pb.GetWatcherEventsResponse:
        """The changes since one last asked."""
        if request.watcher_id not in self._watchers:
            raise ConnectError(Code.NOT_FOUND, f"watcher with id {request.watcher_id} not found")
        return pb.GetWatcherEventsResponse(events=self._watchers[request.watcher_id].changes())

    async def remove_watcher(
        self,
        request: pb.RemoveWatcherRequest,
        ctx: RequestContext[pb.RemoveWatcherRequest, pb.RemoveWatcherResponse],
        /,
    ) -> pb.RemoveWatcherResponse:
        """Note changes no more."""
        if self._watchers.pop(request.watcher_id, None) is None:
            raise ConnectError(Code.NOT_FOUND, f"watcher with id {request.watcher_id} not found")
        return pb.RemoveWatcherResponse()


def _listed(top: str, depth: int) -> list[pb.EntryInfo]:
    rows: list[pb.EntryInfo] = []
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        rows.append(entry(path))
        if depth > 1 and os.path.isdir(path) and not os.path.islink(path):
            rows.extend(_listed(path, depth - 1))
    return rows


class _Watch:
    """Compares a folder with what it was."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = self._look()

    def _look(self) -> dict[str, int]:
        try:
            return {one.name: one.stat(follow_symlinks=False).st_mtime_ns for one in os.scandir(self._folder)}
        except FileNotFoundError:
            return {}

    def changes(self) -> list[pb.FilesystemEvent]:
        """What was made, written and removed since the last look."""
        now, before = self._look(), self._seen
        self._seen = now
        found: list[tuple[str, pb.EventType]] = []
        for name, when in now.items():
            if name not in before:
                found.append((name, pb.EventType.CREATE))
            if before.get(name) != when:
                found.append((name, pb.EventType.WRITE))
        found.extend((name, pb.EventType.REMOVE) for name in before.keys() - now.keys())
        return [pb.FilesystemEvent(name=name, type=kind) for name, kind in found]
