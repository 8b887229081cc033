"""Which items of two sequences belong together, in bounded time.

`difflib` is quadratic where much repeats, and worse than that at worst: two hundred-thousand-line files would hold
up a server for hours. Here what begins and ends alike is set aside, items that occur once on each side anchor the
rest (patience diff, Bram Cohen), and only small gaps are compared item by item.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

MAX_GAP = 1_000_000
"""Pairs of items in one gap that are compared one by one; a larger gap counts as replaced."""
MAX_WORK = 4_000_000
"""Pairs of items in all gaps together."""
MAX_DEPTH = 16


@dataclass(frozen=True)
class Block:
    """Items `before` [b0, b1) and `after` [a0, a1): the same items, or one replaced by the other."""

    same: bool
    b0: int
    b1: int
    a0: int
    a1: int


@dataclass(frozen=True)
class Alignment:
    """Blocks in order, which together cover both sequences.

    Attributes:
        coarse: Some gap was too large to look into; within it, what is the same counts as replaced.
    """

    blocks: tuple[Block, ...]
    coarse: bool

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return all(block.same for block in self.blocks)


def align(before: Sequence[Hashable], after: Sequence[Hashable]) -> Alignment:
    """Align two sequences; time grows as n log n, plus a bounded amount for small gaps."""
    names: dict[Hashable, int] = {}
    aligner = _Aligner(*([names.setdefault(item, len(names)) for item in side] for side in (before, after)))
    pairs = aligner.pairs(0, len(before), 0, len(after), 0)
    return Alignment(tuple(_blocks(pairs, len(before), len(after))), aligner.coarse)


def _blocks(pairs: Iterator[tuple[int, int]], before: int, after: int) -> Iterator[Block]:
    b0 = a0 = b1 = a1 = 0  # [b0, b1) and [a0, a1) are a run of pairs
    for b, a in pairs:
        if (b, a) == (b1, a1):
            b1, a1 = b + 1, a + 1
            continue
        if b1 > b0:
            yield Block(True, b0, b1, a0, a1)
        yield Block(False, b1, b, a1, a)
        b0, a0, b1, a1 = b, a, b + 1, a + 1
    if b1 > b0:
        yield Block(True, b0, b1, a0, a1)
    if (b1, a1) != (before, after):
        yield Block(False, b1, before, a1, after)


class _Aligner:
    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        self._before, self._after = before, after
        self._work = MAX_WORK
        self.coarse = False

    def pairs(self, b0: int, b1: int, a0: int, a1: int, depth: int) -> Iterator[tuple[int, int]]:
        """Pairs of indices of equal items, both rising, within two ranges."""
        before, after = self._before, self._after
        while b0 < b1 and a0 < a1 and before[b0] == after[a0]:
            yield b0, a0
            b0, a0 = b0 + 1, a0 + 1
        tail = 0
        while b1 - tail > b0 and a1 - tail > a0 and before[b1 - tail - 1] == after[a1 - tail - 1]:
            tail += 1
        yield from self._middle(b0, b1 - tail, a0, a1 - tail, depth)
        for back in range(tail, 0, -1):
            yield b1 - back, a1 - back

    def _middle(self, b0: int, b1: int, a0: int, a1: int, depth: int) -> Iterator[tuple[int, int]]:
        if b0 == b1 or a0 == a1:
            return
        anchors = self._anchors(b0, b1, a0, a1) if depth < MAX_DEPTH else []
        if anchors:
            for b, a in anchors:
                yield from self.pairs(b0, b, a0, a, depth + 1)
                yield b, a
                b0, a0 = b + 1, a + 1
            yield from self.pairs(b0, b1, a0, a1, depth + 1)
            return
        cost = (b1 - b0) * (a1 - a0)
        if cost > min(MAX_GAP, self._work):
            self.coarse = True
            return
        self._work -= cost
        for b, a in _longest(self._before[b0:b1], self._after[a0:a1]):
            yield b0 + b, a0 + a

    def _anchors(self, b0: int, b1: int, a0: int, a1: int) -> list[tuple[int, int]]:
        """Items that occur once on each side, as far as they stand in the same order."""
        once = Counter(self._before[b0:b1])
        places = {item: at for at in range(a0, a1) if once.get(item := self._after[at]) == 1}
        twice = Counter(self._after[a0:a1])
        found = [
            (at, places[item]) for at in range(b0, b1) if (item := self._before[at]) in places and twice[item] == 1
        ]
        return _rising(found)


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs whose second number rises too (the first does)."""
    ends: list[int] = []
    owners: list[int] = []
    links: list[int] = []
    for number, (_, value) in enumerate(pairs):
        at = bisect_left(ends, value)
        links.append(owners[at - 1] if at else -1)
        ends[at : at + 1] = [value]
        owners[at : at + 1] = [number]
    found = []
    at = owners[-1] if owners else -1
    while at >= 0:
        found.append(pairs[at])
        at = links[at]
    return found[::-1]


def _longest(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The longest common subsequence, as pairs of indices."""
    width = len(after)
    rows = [[0] * (width + 1)]
    for item in reversed(before):
        below, row = rows[-1], [0] * (width + 1)
        for at in range(width - 1, -1, -1):
            if item == after[at]:
                row[at] = below[at + 1] + 1
            else:
                right, down = row[at + 1], below[at]
                row[at] = right if right > down else down
        rows.append(row)
    rows.reverse()
    b = a = 0
    while b < len(before) and a < width:
        if before[b] == after[a]:
            yield b, a
            b, a = b + 1, a + 1
        elif rows[b + 1][a] >= rows[b][a + 1]:
            b += 1
        else:
            a += 1
