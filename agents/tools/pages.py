"""Page ranges as people write them."""

from __future__ import annotations

import re

MOST = 1000


def page_numbers(text: str | None) -> list[int] | None:
    """`"1-3,7"` as `[1, 2, 3, 7]`; None or blank: None, for all.

    Raises:
        ValueError: It is no such list, or names more than 1000 pages.
    """
    if text is None or not text.strip():
        return None
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part)
        if match is None:
            raise ValueError(f"{text!r} names no pages; write for instance `1-3,7`")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MOST or len(numbers) >= MOST:
            raise ValueError(f"more than {MOST} pages at once")
        numbers.update(range(first, last + 1))
    return sorted(numbers)
