"""Sweeping: what nobody's records name goes into the attic, and after days there it is removed.

Why nothing is lost, however many put, read and sweep meanwhile, and wherever a sweep is killed: whoever puts a
blob is told that it is there once it was seen among the blobs, and writes its name into the records within the
days that a sweep is given (it takes seconds, and hours for a large import). A sweep lists what lies in a place,
and reads the records after that. From the attic it removes only what came there more than those days before the
listing and is named by nothing: had anybody been told before it came there that it lies among the blobs, its
name would stand in the records by now. Who was told so after that was told of another copy, which lies among the
blobs or came into the attic later. Every reader looks there, and so does the next sweep. Only the place's own
clock is asked.

What would break it is a second set of records that names the same blobs: see `core.store.marks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from core.models import Frozen
from core.store.aside import side_by_side
from core.store.attic import FolderPlace, Lying, Place

AT_ONCE = 8
BATCH = 500


class FileTotals(Frozen):
    """So many files with so many bytes together."""

    files: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, lying: Iterable[Lying]) -> FileTotals:
        """Of some blobs."""
        sizes = [one.size for one in lying]
        return cls(files=len(sizes), bytes=sum(sizes))

    def __sub__(self, other: FileTotals) -> FileTotals:
        """What is left without those."""
        return FileTotals(files=self.files - other.files, bytes=self.bytes - other.bytes)


class Swept(Frozen):
    """What a sweep did in one place, or would do.

    Attributes:
        place: The folder or bucket.
        named: What the records name. young: What they do not, and that came or was asked for of late.
        put_away: What went into the attic. waiting: What stays in it.
        taken_back: What came back out of it: it is named again.
        removed: What is gone for good.
    """

    place: str
    named: FileTotals
    young: FileTotals
    put_away: FileTotals
    waiting: FileTotals
    taken_back: FileTotals
    removed: FileTotals


@dataclass
class _Look:
    """What lay in a place when it was listed, which was before the records were read."""

    place: Place
    before: float
    lying: list[Lying] = field(default_factory=list)
    attic: list[Lying] = field(default_factory=list)


def sweep(
    places: Sequence[Place], named: Callable[[], Iterable[str]], *, seconds: float, dry_run: bool = False
) -> list[Swept]:
    """Put away what nothing names, take back what is named, remove what was away for long.

    Args:
        places: Which; each is swept for itself.
        named: Every sha256 that the records name; called once, after everything was listed.
        seconds: What came, or was asked for, less long ago stays where it is.
        dry_run: Only say what would be done.

    Raises:
        StoreFault: A place does not answer; what was done until then is as it should be.
    """
    looks = [_look(place, seconds) for place in places]
    there = {bytes.fromhex(one.sha256) for look in looks for one in (*look.lying, *look.attic)}
    names = {name for text in named() if (name := bytes.fromhex(text)) in there}
    return [_sweep_one(look, names, dry_run) for look in looks]


def _look(place: Place, seconds: float) -> _Look:
    look = _Look(place, place.now() - seconds)
    look.attic.extend(place.attic())
    look.lying.extend(place.lying())
    return look


def _sweep_one(look: _Look, names: set[bytes], dry_run: bool) -> Swept:
    place, before = look.place, look.before
    kept, free = _parted(look.lying, names)
    old = [one for one in free if one.since <= before]
    wanted, unwanted = _parted(look.attic, names)
    gone = [one for one in unwanted if one.since <= before]
    here = {one.sha256 for one in kept}
    back = [one for one in wanted if one.sha256 not in here]
    if not dry_run:
        _take_back(place, wanted, before)
        _remove(place, gone)
        done = side_by_side(lambda one: place.put_away(one, before), old, AT_ONCE)
        old = [one for one, away in zip(old, done, strict=True) if away]
    copies = isinstance(place, FolderPlace) and place.copies
    return Swept(
        place=place.name,
        named=FileTotals.of(kept),
        young=FileTotals.of(free) - FileTotals.of(old),
        put_away=FileTotals() if copies else FileTotals.of(old),
        waiting=FileTotals.of(unwanted) - FileTotals.of(gone),
        taken_back=FileTotals.of(back),
        removed=FileTotals.of([*gone, *old] if copies else gone),
    )


def _take_back(place: Place, wanted: Sequence[Lying], before: float) -> None:
    """See to it that these are among the blobs, and after `before` not in the attic as well.

    A copy that has just come there may be all that is left in a moment: of what another sweep is putting away.
    """
    back = side_by_side(lambda one: place.take_back(one.sha256), wanted, AT_ONCE)
    _remove(place, [one for one, done in zip(wanted, back, strict=True) if done and one.since <= before])


def _remove(place: Place, away: Sequence[Lying]) -> None:
    for begin in range(0, len(away), BATCH):
        place.remove(away[begin : begin + BATCH])


def _parted(lying: Iterable[Lying], names: set[bytes]) -> tuple[list[Lying], list[Lying]]:
    """Those that are named, and the others."""
    parts: tuple[list[Lying], list[Lying]] = ([], [])
    for one in lying:
        parts[bytes.fromhex(one.sha256) not in names].append(one)
    return parts
