"""What every provider's sandbox does through the supervisor: commands and files."""

from __future__ import annotations

import asyncio
import errno
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from core import Blobs, span
from sandbox.places import absolute, writable
from sandbox.protocol import Command, CommandResult, SandboxInfo, SandboxLimits, Taken, TreeLimits
from sandbox.snapshots.take import Hands, put_back, take
from sandbox.snapshots.tree import Kept, SnapshotLimits, Tree
from sandbox.snapshots.wire import WireHands
from sandbox.supervisor.client import Wire
from sandbox.supervisor.download import download

CHUNK = 1 << 20


def max_reply(limits: SandboxLimits) -> int:
    """Bytes that one honest reply can have under `limits`."""
    return 32 * CHUNK + 4 * limits.output_bytes


class Session:
    """Commands and files of an open sandbox over one `Wire`; a provider adds how it starts and ends.

    Args:
        wire: To its supervisor.
        limits: Of the sandbox.
        info: What it is.
        covered: Paths below `/job` at which something is shown that no snapshot holds.
    """

    def __init__(
        self, wire: Wire, limits: SandboxLimits, info: SandboxInfo, covered: frozenset[str] = frozenset()
    ) -> None:
        self._wire, self._limits, self._info, self._covered = wire, limits, info, covered

    @property
    def info(self) -> SandboxInfo:
        """What this sandbox is."""
        return self._info

    async def run(self, command: Command) -> CommandResult:
        """Run a command to its end or its deadline."""
        cap = self._limits.output_bytes
        if command.output_bytes is not None:
            cap = min(cap, command.output_bytes)
        seconds = min(command.timeout_seconds, self._limits.command_seconds)
        with span("command", timeout_seconds=seconds) as told:
            told.content(command=lambda: shlex.join(command.argv))
            result = await self._wire.run(command, seconds=seconds, cap=cap)
            told.note(exit_code=result.exit_code, timed_out=result.timed_out, output_bytes=result.stdout.total)
            return result

    async def write(self, path: str, data: bytes) -> None:
        """Write a file below `/job` or `/tmp`, making its folders."""
        await self._write(writable(path), data, b"f")

    async def read(self, path: str, *, max_bytes: int) -> bytes:
        """Read a regular file of at most `max_bytes`."""
        name = absolute(path).encode("utf-8", "surrogateescape")
        parts: list[bytes] = []
        got = 0
        while True:
            # One byte more than allowed tells a file that grew.
            data = await self._wire.read_part(name, got, min(CHUNK, max_bytes + 1 - got))
            got += len(data)
            if got > max_bytes:
                raise OSError(errno.EFBIG, f"larger than {max_bytes} bytes", path)
            if not data:
                return b"".join(parts)
            parts.append(data)

    async def upload(self, source: Path, target: str) -> None:
        """Copy a host file or folder to `target` below `/job` or `/tmp`.

        Raises:
            FileNotFoundError: There is no such file or folder.
            ValueError: A link in it leads out of it.
        """
        for path, below in await asyncio.to_thread(_plan, source):
            name = writable(f"{target}/{below}", roots=path is None)
            if path is None:
                await self._wire.ask(b"M", [name])
            else:
                await self._upload_file(path, name)

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files into the host folder `target`."""
        return await download(self._wire, absolute(source), target, limits)

    async def snapshot(self, before: Tree, store: Blobs) -> Kept:
        """Keep what lies in `/job`, reading only what changed since `before`."""
        with span("snapshot") as told:
            kept = await take(self._hands(store), before, store, SnapshotLimits())
            told.note(files=kept.body.get("files"), stored=kept.body.get("stored"))
            return kept

    async def restore(self, tree: Tree, store: Blobs) -> Kept:
        """Put back what was kept, in a workspace that is new."""
        with span("restore", files=tree.files):
            return await put_back(self._hands(store), tree, store, SnapshotLimits())

    def _hands(self, store: Blobs) -> Hands:
        return WireHands(self._wire, store.root, self._covered)

    async def _upload_file(self, source: Path, name: bytes) -> None:
        for flags, data in _parts(source):
            await self._wire.ask(b"W", [name, flags, data])

    async def _write(self, name: bytes, data: bytes, flags: bytes) -> None:
        for at in range(0, max(len(data), 1), CHUNK):
            await self._wire.ask(b"W", [name, flags if at == 0 else b"a", data[at : at + CHUNK]])


def _plan(source: Path) -> list[tuple[Path | None, str]]:
    """What to send: (file, or None for a folder; path below the target)."""
    root = source.resolve()
    if root.is_file():
        return [(root, ".")]
    if not root.is_dir():
        raise FileNotFoundError(errno.ENOENT, "No such file or folder", str(source))
    found: list[tuple[Path | None, str]] = [(None, ".")]
    for path in sorted(root.rglob("*")):
        below = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root):
            raise ValueError(f"{path} leads out of {source}")
        if path.is_dir() and not path.is_symlink():
            found.append((None, below))
        elif path.is_file():
            found.append((path, below))
    return found


def _parts(source: Path) -> Iterator[tuple[bytes, bytes]]:
    """The (flags, bytes) of the requests that write a file, one at least."""
    flags = b"fx" if source.stat().st_mode & stat.S_IXUSR else b"f"
    with source.open("rb") as stream:
        while (data := stream.read(CHUNK)) or flags != b"a":
            yield flags, data
            flags = b"a"
