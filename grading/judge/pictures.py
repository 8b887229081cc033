"""The pages of a submission that a judge is shown as images: few, bounded, and named as evidence names them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence

from core import Frozen, Image
from grading.render.model import Rendered

# Base64 makes these a third longer; providers take 5 MB an image and 32 MB a request.
IMAGE_BYTES = 3_600_000
ALL_BYTES = 18_000_000
WEBP = "image/webp"
_MOMENT = re.compile(r"t=[\d:]+")


class PagePicture(Frozen):
    """A page as a judge sees it.

    Attributes:
        path: Of the deliverable.
        anchor: `page=3`, `slide=3`, `t=00:31`; empty for a file that is a picture itself.
        label: For people: `Desktop 2`, `Slide 3 (hidden)` ...
    """

    path: str
    anchor: str
    label: str
    image: Image


class Pictures(Frozen):
    """What a judge is shown of pages.

    Attributes:
        shown: In the order of files and pages.
        counts: Path -> (pages shown, pages that there are), of every file that has pages.
    """

    shown: tuple[PagePicture, ...] = ()
    counts: dict[str, tuple[int, int]] = {}

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """(path, anchor) of each."""
        return frozenset((one.path, one.anchor) for one in self.shown)


NO_PICTURES = Pictures()


def pictures_of(drawn: Sequence[tuple[str, Rendered]], most: int, read: Callable[[str], bytes]) -> Pictures:
    """At most `most` pages of a submission: short files whole, of longer ones the first, equally many. Blocks.

    Hidden slides are left out: a client does not see them.

    Args:
        drawn: (path, rendering) of each deliverable.
        most: Pages in all.
        read: The bytes of a blob.

    Raises:
        StoreFault: An image cannot be read.
    """
    pages = {path: list(_pages(rendered)) for path, rendered in drawn}
    pages = {path: found for path, found in pages.items() if found}
    room, left = ALL_BYTES, most
    shown: dict[str, list[PagePicture]] = {}
    for index, path in enumerate(sorted(pages, key=lambda one: len(pages[one]))):
        share = left // (len(pages) - index)
        shown[path] = []
        for anchor, label, digest in pages[path][:share]:
            data = read(digest)
            if len(data) <= min(IMAGE_BYTES, room):
                room -= len(data)
                left -= 1
                image = Image(media_type=WEBP, data=base64.b64encode(data))
                shown[path].append(PagePicture(path=path, anchor=anchor, label=label, image=image))
    return Pictures(
        shown=tuple(one for path in pages for one in shown[path]),
        counts={path: (len(shown[path]), len(found)) for path, found in pages.items()},
    )


def _pages(rendered: Rendered) -> list[tuple[str, str, str]]:
    if rendered.picture is not None:
        return [("", "the picture", rendered.picture.image)]
    return [
        (_anchor(page.number, page.label), page.label, page.image)
        for page in rendered.pages
        if not page.label.endswith("(hidden)")
    ]


def _anchor(number: int, label: str) -> str:
    if _MOMENT.fullmatch(label):
        return label
    return f"slide={number}" if label.startswith("Slide ") else f"page={number}"
