"""Taking a snapshot: look at the workspace, read what changed, say how it differs from what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core import Blobs
from sandbox.places import INPUTS, WORKSPACE, absolute, shown
from sandbox.protocol import SandboxSpec
from sandbox.snapshots.keep import Keeper, Source
from sandbox.snapshots.tree import LINKED, SHOWN_LEFT_OUT, Json, Kept, Row, SnapshotLimits, Tree, written

RACY_NANOSECONDS = 20_000_000
"""The kernel's clock of file times goes in ticks of up to 10 ms: what changed so shortly before it was looked at
may change again without its time telling it, and is read anew by the next snapshot."""

SETTLE_SECONDS = 0.03


@dataclass
class Seen:
    """What lies in a workspace at this moment.

    Attributes:
        now: By the clock that its times are of, in nanoseconds, before the first row.
        rows: By path below `/job`; of files without `ref`.
        left_out: (path, why) of what is there and cannot be kept.
        closed: Folders that could not be looked into, or not wholly: of these, what is kept already stays.
    """

    now: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def room(self, limits: SnapshotLimits) -> int:
        """How many more may be looked at."""
        return limits.max_entries - len(self.rows) - len(self.left_out)

    def full(self, folder: str, limits: SnapshotLimits) -> None:
        """Note that of `folder` no more is looked at."""
        self.left_out.append((folder or ".", f"more than {limits.max_entries} files and folders"))


def covered_by(spec: SandboxSpec) -> frozenset[str]:
    """Paths below `/job` at which something is shown that does not lie in it."""
    targets = [INPUTS, *(absolute(mount.target) for mount in spec.mounts)]
    return frozenset(
        target.removeprefix(WORKSPACE + "/") for target in targets if target.startswith(WORKSPACE + "/")
    )


class Hands(Protocol):
    """How a workspace is read and written: by the host itself, or through its supervisor."""

    async def look(self, limits: SnapshotLimits) -> Seen:
        """Everything that lies in `/job`, without what is shown there."""
        ...

    async def read(self, wanted: Sequence[tuple[str, Row]], keeper: Keeper) -> list[tuple[str, str]]:
        """Give the keeper the bytes of files, as many as were seen; (path, why) of those that cannot be read."""
        ...

    async def put(self, tree: Tree, source: Source) -> list[tuple[str, str]]:
        """Make all of `tree` in a workspace that is new; (path, why) of what cannot be made."""
        ...


async def take(hands: Hands, before: Tree, store: Blobs, limits: SnapshotLimits) -> Kept:
    """Keep what a workspace holds now.

    Args:
        hands: Reach the workspace.
        before: What is kept of it already.
        store: Where bytes go.
        limits: Caps.

    Raises:
        SandboxFault: The sandbox is lost. StoreFault: The bytes cannot be kept.
    """
    seen = await hands.look(limits)
    if seen.closed:
        seen.rows = _below(set(seen.closed), before) | seen.rows
    left_out = seen.left_out + _over(seen.rows, limits)
    rows, wanted, twins = _sorted_out(seen, before)
    keeper = Keeper(store, before)
    if wanted:
        left_out += await hands.read(wanted, keeper)
        await asyncio.to_thread(keeper.end)
        _found(rows, wanted, twins, keeper, before)
    known = before.rows
    changed = {path: row for path, row in rows.items() if path not in known or not row.same(known[path])}
    gone = [path for path in known if path not in rows]
    tree = Tree(rows, before.packs | keeper.packs)
    if not changed and not gone:
        return Kept(tree, {})
    body = written(changed, gone, keeper.packs)
    facts: Json = {"files": tree.files, "bytes": tree.bytes, "stored": keeper.stored}
    return Kept(tree, body | facts | _told(left_out))


async def put_back(hands: Hands, tree: Tree, store: Blobs, limits: SnapshotLimits) -> Kept:
    """Make all of `tree` in a workspace that is new and in which nothing runs yet.

    Raises:
        SandboxFault: The sandbox is lost, or its disk is full. StoreFault: Bytes are missing or damaged.
    """
    left_out = await hands.put(tree, Source(tree, store.fetch))
    await asyncio.sleep(SETTLE_SECONDS)
    seen = await hands.look(limits)
    rows = {}
    for path, row in tree.rows.items():
        now = seen.rows.get(path)
        if now is not None and (now.is_file, now.size) == (row.is_file, row.size):
            rows[path] = now._replace(ref=row.ref)
    there = Tree(rows, tree.packs)
    return Kept(there, {"files": there.files, "bytes": there.bytes} | _told(left_out))


def _told(left_out: Sequence[tuple[str, str]]) -> Json:
    """What was left out, as JSON."""
    if not left_out:
        return {}
    body: Json = {"left_out": [[shown(path), why] for path, why in left_out[:SHOWN_LEFT_OUT]]}
    if more := len(left_out) - SHOWN_LEFT_OUT:
        body |= {"left_out_more": more} if more > 0 else {}
    return body


def _below(closed: set[str], before: Tree) -> dict[str, Row]:
    """What is kept of all that lies in the folders `closed`."""
    if "" in closed:
        return before.rows
    rows = {}
    for path, row in before.rows.items():
        at = path.find("/")
        while at > 0 and path[:at] not in closed:
            at = path.find("/", at + 1)
        if at > 0:
            rows[path] = row
    return rows


def _over(rows: dict[str, Row], limits: SnapshotLimits) -> list[tuple[str, str]]:
    """Take out of `rows` what is too large; (path, why) of it."""
    room, left_out = limits.max_total_bytes, []
    for path, row in list(rows.items()):
        if not row.is_file:
            continue
        if row.size > limits.max_file_bytes:
            left_out.append((path, f"larger than {limits.max_file_bytes} bytes"))
            del rows[path]
        elif row.size > room:
            left_out.append((path, f"all files together are larger than {limits.max_total_bytes} bytes"))
            del rows[path]
        else:
            room -= row.size
    return left_out


def _sorted_out(seen: Seen, before: Tree) -> tuple[dict[str, Row], list[tuple[str, Row]], dict[int, list[str]]]:
    """The rows to keep, those of them whose bytes must be read, and by inode the other names of those."""
    rows: dict[str, Row] = {}
    wanted: list[tuple[str, Row]] = []
    twins: dict[int, list[str]] = {}
    settled = seen.now - RACY_NANOSECONDS
    for path, now in seen.rows.items():
        known = before.rows.get(path)
        if known is not None and known.holds(now):
            rows[path] = known
            continue
        row = rows[path] = now if now.ctime < settled else now._replace(ctime=0)
        if not row.is_file:
            continue
        if row.kind == LINKED and row.inode in twins:
            twins[row.inode].append(path)
            continue
        if row.kind == LINKED:
            twins[row.inode] = []
        wanted.append((path, row))
    return rows, wanted, twins


def _found(
    rows: dict[str, Row],
    wanted: Iterable[tuple[str, Row]],
    twins: dict[int, list[str]],
    keeper: Keeper,
    before: Tree,
) -> None:
    """Note where the bytes of the `wanted` are; what could not be read is not kept."""
    for first, row in wanted:
        others = twins.get(row.inode, []) if row.kind == LINKED else []
        for path in (first, *others):
            if first in keeper.refs:
                ref, size = keeper.refs[first]
                # It was being written when it was read: the next snapshot reads it again.
                ctime = rows[path].ctime if size == row.size else 0
                rows[path] = rows[path]._replace(ref=ref, size=size, ctime=ctime)
            elif (known := before.rows.get(path)) and (known.size, known.mtime) == (row.size, row.mtime):
                rows[path] = row._replace(ref=known.ref, ctime=0)  # its owner has closed it to himself
            else:
                del rows[path]
