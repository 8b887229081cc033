"""One piece of a document's text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Segment:
    """A piece of text and where it stands.

    Attributes:
        anchor: `line=40`, `page=3`, `slide=4`, `Sheet1!A12`, `paragraph=7`, `table=1,row=2` ...
        part: `body`, `header`, `footer`, `notes` (footnotes, speaker's notes) or `comment`.
        hidden: Why a reader does not see it, or None.
        suspect: Why a reader may not see it (white text on who knows what), or None: told, and shown elsewhere.
        level: The level of a heading, 0 otherwise.
    """

    anchor: str
    text: str
    part: str = "body"
    hidden: str | None = None
    suspect: str | None = None
    level: int = 0
