"""A workspace that only its supervisor reaches: what it says is believed as far as it makes sense.

Files are read and written with the sandbox's own rights, so no link leads anywhere that the agent could not go.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core import Cause, SandboxFault
from sandbox.places import WORKSPACE
from sandbox.snapshots.host import ALLOWED, MADE_BY_US
from sandbox.snapshots.keep import SMALL_BYTES, Keeper, Source
from sandbox.snapshots.take import Seen
from sandbox.snapshots.tree import FILE, FOLDER, LINK, LINKED, Row, SnapshotLimits, Tree
from sandbox.supervisor.client import Wire

CHUNK = 1 << 20
AT_ONCE = 32
"""Small files asked for at one time: what takes long is the way there and back."""

FOLDERS = 256
"""Looked at by one request."""

ROWS = 20_000
"""Of one answer; the supervisor does nothing else meanwhile."""

FACTS = re.compile(rb"([dflo]) ([0-7]{1,5}) (\d{1,19}) (-?\d{1,20}) (-?\d{1,20}) (\d{1,20}) (\d{1,10})")
LONGEST = 4096
ROOT = WORKSPACE.encode()


class WireHands:
    """Reads and writes the workspace through a wire.

    Args:
        wire: To the supervisor.
        room: A folder of the host's for large files on their way.
        covered: Paths below `/job` at which something else is shown, which is not kept.
    """

    def __init__(self, wire: Wire, room: Path, covered: frozenset[str]) -> None:
        self._wire, self._room = wire, room
        self._covered = {os.fsencode(path) for path in covered}

    # Looking

    async def look(self, limits: SnapshotLimits) -> Seen:
        """Everything that lies in the workspace."""
        seen = Seen()
        waiting: list[tuple[bytes, int]] = [(b"", 1)]
        while waiting:
            asked = waiting[-FOLDERS:]
            del waiting[-FOLDERS:]
            levels = dict(asked)
            now, rows = await self._wire.scan(ROOT, ROWS, list(levels))
            seen.now = seen.now or now
            put_off = {path for facts, path, _ in rows if facts == b"p"}
            if asked[0][0] in put_off or not put_off <= levels.keys():
                raise self._nonsense("a folder is put off that cannot be")
            waiting += [(path, levels[path]) for path in put_off]
            closed: set[bytes] = set()
            for facts, raw, target in rows:
                above = raw.rpartition(b"/")[0]
                if facts == b"p":
                    continue
                if facts in (b"x", b"u") and raw in levels and raw not in closed:
                    closed.add(raw)
                    why = "more files than are looked at" if facts == b"x" else "cannot be read"
                    seen.left_out.append((os.fsdecode(raw) or ".", why))
                    seen.closed.append(os.fsdecode(raw))
                elif above not in levels or above in put_off or not _is_name(raw):
                    raise self._nonsense("a file in a folder that nobody asked for")
                elif raw not in self._covered:
                    if seen.room(limits) <= 0:
                        seen.full(os.fsdecode(above), limits)
                        return seen
                    self._note(seen, facts, raw, target)
                    if seen.rows.get(os.fsdecode(raw), _NONE).kind == FOLDER:
                        level = levels[above] + 1
                        if level > limits.max_depth:
                            seen.left_out.append((os.fsdecode(raw), "too deep"))
                        else:
                            waiting.append((raw, level))
        return seen

    def _note(self, seen: Seen, facts: bytes, raw: bytes, target: bytes) -> None:
        path, found = os.fsdecode(raw), FACTS.fullmatch(facts)
        if found is None or len(target) > LONGEST or path in seen.rows:
            raise self._nonsense("a row that is none")
        kind = found[1].decode()
        if kind == "o":
            seen.left_out.append((path, "not a regular file"))
            return
        mode, size, mtime, ctime, inode, names = int(found[2], 8), *map(int, found.groups()[2:])
        is_file = kind == FILE
        seen.rows[path] = Row(
            kind=LINKED if is_file and names > 1 else kind,
            mode=mode,
            size=size if is_file else 0,
            mtime=mtime,
            ctime=ctime,
            inode=inode if is_file else 0,
            ref=os.fsdecode(target) if kind == LINK else "",
        )

    # Reading

    async def read(self, wanted: Sequence[tuple[str, Row]], keeper: Keeper) -> list[tuple[str, str]]:
        """Give the keeper the bytes of files."""
        failed: list[tuple[str, str]] = []
        small = [one for one in wanted if one[1].size <= SMALL_BYTES]
        for at in range(0, len(small), AT_ONCE):
            some = small[at : at + AT_ONCE]
            parts = await asyncio.gather(*(self._small(path, row.size) for path, row in some))
            for (path, _), data in zip(some, parts, strict=True):
                if isinstance(data, OSError):
                    failed.append((path, f"cannot be read: {data.strerror}"))
                else:
                    await asyncio.to_thread(keeper.small, path, data)
        for path, row in wanted:
            if row.size > SMALL_BYTES:
                try:
                    await self._large(path, row.size, keeper)
                except OSError as error:
                    failed.append((path, f"cannot be read: {error.strerror}"))
        return failed

    async def _small(self, path: str, size: int) -> bytes | OSError:
        try:
            return await self._wire.read_part(_inside(path), 0, size)
        except OSError as error:
            return error

    async def _large(self, path: str, size: int, keeper: Keeper) -> None:
        with tempfile.TemporaryFile(dir=self._room) as copy:
            got = 0
            while data := await self._wire.read_part(_inside(path), got, min(CHUNK, size - got)):
                copy.write(data)
                got += len(data)
            copy.seek(0)
            await asyncio.to_thread(keeper.large, path, copy, size)

    # Putting back

    async def put(self, tree: Tree, source: Source) -> list[tuple[str, str]]:
        """Make all of `tree`.

        Raises:
            SandboxFault: The sandbox is lost, or its disk is full.
        """
        left_out: list[tuple[str, str]] = []
        rows = sorted(tree.rows.items())
        first: dict[tuple[int, str], str] = {}
        for kinds in ((FOLDER,), (FILE, LINKED), (LINK,)):
            for path, row in rows:
                if row.kind not in kinds or (path == MADE_BY_US and row.kind != FOLDER):
                    continue
                try:
                    twin = first.setdefault((row.inode, row.ref), path) if row.kind == LINKED else path
                    if twin != path:
                        await self._wire.ask(b"A", [b"h", _inside(path), _inside(twin)])
                    else:
                        await self._make(path, row, source)
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):
                        what = f"the workspace cannot be put back: {error.strerror}"
                        raise SandboxFault(Cause.sandbox_start, what) from error
                    left_out.append((path, f"cannot be put back: {error.strerror}"))
        for path, row in reversed(rows):  # from the inside out: making what is in a folder changes its times
            if row.kind == FOLDER:
                await self._attributes(path, row)
        return left_out

    async def _make(self, path: str, row: Row, source: Source) -> None:
        name = _inside(path)
        if row.kind == FOLDER:
            await self._wire.ask(b"A", [b"d", name])
        elif row.kind == LINK:
            await self._wire.ask(b"A", [b"l", name, os.fsencode(row.ref), row.mtime])
        else:
            data = await asyncio.to_thread(source.small, row)
            if data is not None:
                await self._wire.ask(b"W", [name, b"f", data])
            else:
                await self._fill(name, await asyncio.to_thread(source.large, row))
            await self._attributes(path, row)

    async def _fill(self, name: bytes, whole: Path) -> None:
        flags = b"f"
        with whole.open("rb") as stream:
            while (data := stream.read(CHUNK)) or flags == b"f":
                await self._wire.ask(b"W", [name, flags, data])
                flags = b"a"

    async def _attributes(self, path: str, row: Row) -> None:
        await self._wire.ask(b"A", [b"t", _inside(path), b"%o" % (row.mode & ALLOWED), row.mtime])

    def _nonsense(self, what: str) -> SandboxFault:
        return self._wire.fail(SandboxFault(Cause.sandbox_protocol, what))


_NONE = Row("", 0, 0, 0, "", 0, 0)


def _inside(path: str) -> bytes:
    return ROOT + b"/" + os.fsencode(path)


def _is_name(raw: bytes) -> bool:
    """The last step of a path below the workspace is a name, and it can be told."""
    return raw.rpartition(b"/")[2] not in (b"", b".", b"..") and b"\0" not in raw and len(raw) < LONGEST
