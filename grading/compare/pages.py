"""Which pages of two documents look the same."""

from __future__ import annotations

from collections.abc import Sequence

from grading.compare.align import align
from grading.compare.model import PageChange


def compare_pages(before: Sequence[str], after: Sequence[str]) -> tuple[PageChange, ...]:
    """Compare the digests of page images, first page first; a page that was put in or taken out shifts the rest.

    Digests tell only whether pictures are identical. How much they differ is for the eye: they would have to be
    decoded, which the server never does with what was handed in.
    """
    changes: list[PageChange] = []
    for block in align(before, after).blocks:
        gone, new = range(block.b0, block.b1), range(block.a0, block.a1)
        for at in range(max(len(gone), len(new))):
            former = gone[at] + 1 if at < len(gone) else None
            current = new[at] + 1 if at < len(new) else None
            number = current or former or 0
            changes.append(PageChange(number=number, before=former, after=current, differs=not block.same))
    return tuple(changes)
