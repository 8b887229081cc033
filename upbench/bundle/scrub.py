"""Takes out of rows what is to stay with whoever writes a bundle: keys, passwords, paths of the machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from upbench.settings import Settings

REMOVED = "[removed]"
_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)(_ID)?$")
MIN_LENGTH = 8
"""A shorter value would be found in innocent text."""


class Scrubber:
    """Replaces the secrets that this process knows of, and counts how often.

    No key is ever written into a project's records. This is for the one that an error's text or a program's output
    betrayed.
    """

    def __init__(self, settings: Settings) -> None:
        self.removed = 0
        values = {value for name, value in os.environ.items() if _SECRET.search(name.upper())}
        if settings.database is not None:
            values |= _passwords(settings.database)
        needles = {_inside_json(value): REMOVED for value in values if len(value) >= MIN_LENGTH}
        for path in (settings.state, settings.project.absolute()):
            if len(path.parts) > 2:
                needles.setdefault(_inside_json(str(path)), "[project]")
        if (home := Path.home()) != Path("/") and len(home.parts) > 2:
            needles.setdefault(_inside_json(str(home)), "~")
        self._needles = needles
        longest = sorted(needles, key=len, reverse=True)
        self._found = re.compile("|".join(re.escape(needle) for needle in longest)) if longest else None

    def line(self, text: str) -> str:
        """A line of JSON without them."""
        if self._found is None:
            return text
        text, count = self._found.subn(lambda match: self._needles[match.group()], text)
        self.removed += count
        return text


def _passwords(address: str) -> set[str]:
    """Of a database's address: before the host, or among the options."""
    parts = urlsplit(address)
    options = {value for name, value in parse_qsl(parts.query) if _SECRET.search(name.upper())}
    return options | {unquote(parts.password or "")}


def _inside_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]
