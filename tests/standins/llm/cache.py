"""A prompt cache as the providers keep it: the longest prefix of blocks that was written before."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

MINIMUM = 1024
LOOKBACK = 20


def tokens(value: Any) -> int:
    """About four characters a token."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return max(1, math.ceil(len(text) / 4))


class PromptCache:
    """Remembers prefixes. Nothing runs out here: tests are shorter than any time to live."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    def use(self, space: str, blocks: Sequence[Any], marks: set[int] | None = None) -> tuple[int, int, int]:
        """(all tokens, read, written) of a request.

        Args:
            space: Caches of different keys and models are apart.
            blocks: What is cached, in order.
            marks: Blocks that end a cached prefix; None: the cache chooses (every block).
        """
        prefixes: list[tuple[str, int]] = []
        digest, total = hashlib.sha256(space.encode()), 0
        for block in blocks:
            digest.update(json.dumps(block, sort_keys=True).encode())
            total += tokens(block)
            prefixes.append((digest.hexdigest(), total))
        chosen = set(range(len(blocks))) if marks is None else marks
        read = self._longest(prefixes, chosen, LOOKBACK if marks is not None else len(blocks))
        ends = [prefixes[mark] for mark in chosen if prefixes[mark][1] >= MINIMUM]
        self._written |= {name for name, _ in ends}
        return total, read, max(0, max((size for _, size in ends), default=0) - read)

    def _longest(self, prefixes: list[tuple[str, int]], marks: set[int], lookback: int) -> int:
        """A mark finds what was written at it, or at most `lookback` blocks before it."""
        for mark in sorted(marks, reverse=True):
            for index in range(mark, max(-1, mark - lookback - 1), -1):
                name, size = prefixes[index]
                if name in self._written:
                    return size
        return 0
