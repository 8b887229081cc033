"""Finding what tells who made a deliverable: in its name, its text, what a client does not see, its metadata."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from core import Frozen
from grading.blinding.names import FALSE_FRIENDS, KNOWN, Kind
from grading.render.texts import Rendering

Where = Literal["file name", "text", "unseen", "metadata"]

MOST = 100
"""Findings of one submission that are kept."""
AROUND = 40
MAX_PIECE = 1_000_000
# Of what a program reads off a file, that which its maker's program wrote there.
METADATA = frozenset(
    {"properties", "exif", "metadata", "tags", "producer", "creator", "generator", "software", "comment", "title"}
)
_GAP = re.compile(r"[\s._\-\u2010-\u2014\u00a0/]+")
_UNSEEN_MARKS = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")


class Finding(Frozen):
    """Something that tells a reviewer who made it.

    Attributes:
        name: What it tells, as it is usually called; of the run's own names, the name.
        own: It is a name of the very agent or model that made it: no mention of something in general.
        file: Path of the deliverable. where: In what part of it. anchor: Place in it, as in `Rendering`.
        snippet: The words around it.
    """

    kind: Kind
    name: str
    own: bool = False
    file: str
    where: Where
    anchor: str = ""
    snippet: str = ""


class _Own(Frozen):
    name: str
    pattern: str
    anywhere: bool


def find_names(
    renderings: Iterable[Rendering],
    *,
    own: Mapping[Kind, Sequence[str]] | None = None,
    expected: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """What unblinds in the deliverables of one submission, one finding for each name, file and part of it.

    Args:
        renderings: The deliverables as text and facts; of one that could not be rendered only the name counts.
        own: The names of whoever made it (`agent`, `model`, `vendor`). One that is a single word of letters alone
            (`react`, `baseline`) is looked for in file names and metadata only.
        expected: What the job itself says (brief, criteria, names and texts of inputs): a name that stands there
            is no news in a deliverable, unless it is one of `own` in the metadata.
    """
    names = [_own(kind, name) for kind, some in (own or {}).items() for name in some if _words(name)]
    told = {name for text in expected for _, name, _, _ in _search(_plain(text), names, everywhere=False)}
    found: dict[tuple[str, str, str], Finding] = {}
    for rendering in renderings:
        for where, anchor, text in _pieces(rendering):
            plain = _plain(text)
            for kind, name, mine, at in _search(plain, names, everywhere=where in ("file name", "metadata")):
                if name in told and not (mine and where == "metadata"):
                    continue
                key = (name, rendering.path, where)
                if key not in found and len(found) < MOST:
                    snippet = plain[max(0, at - AROUND) : at + AROUND]
                    found[key] = Finding(
                        kind=kind,
                        name=name,
                        own=mine,
                        file=rendering.path,
                        where=where,
                        anchor=anchor,
                        snippet=snippet,
                    )
    return tuple(found.values())


def _pieces(rendering: Rendering) -> Iterator[tuple[Where, str, str]]:
    yield "file name", "", rendering.path
    for anchor, text in rendering.segments:
        yield "text", anchor, text
    for anchor, _, text in rendering.unseen:
        yield "unseen", anchor, text
    for name, value in rendering.facts.items():
        if name in METADATA:
            for key, text in _strings(value, name):
                yield "metadata", key, text


def _strings(value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 4:
        return
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _strings(one, f"{key}.{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one, key, depth + 1)


def _plain(text: str) -> str:
    """Text in which every name is spelled one way: no marks between letters, one case, single spaces."""
    text = _UNSEEN_MARKS.sub("", unicodedata.normalize("NFKC", text[:MAX_PIECE])).casefold()
    return _GAP.sub(" ", text).replace("\u2019", "'")


def _search(
    plain: str, own: Sequence[tuple[Kind, _Own]], *, everywhere: bool
) -> Iterator[tuple[Kind, str, bool, int]]:
    for kind, one in own:
        if (everywhere or one.anywhere) and (match := _compiled(one.pattern).search(plain)):
            yield kind, one.name, True, match.start()
    if not _any().search(plain):
        return
    rest = _friends().sub(lambda match: "#" * len(match[0]), plain)
    for number, known in enumerate(KNOWN):
        if match := _patterns()[number].search(rest):
            yield known.kind, known.name, False, match.start()


def _own(kind: Kind, name: str) -> tuple[Kind, _Own]:
    words = _words(name)
    telling = len(words) > 1 or any(character.isdigit() for character in name)
    pattern = r" ?".join(re.escape(word) for word in words)
    return kind, _Own(name=name, pattern=pattern, anywhere=telling and len("".join(words)) >= 4)


def _words(name: str) -> list[str]:
    return [word for part in _plain(name).split() for word in re.findall(r"[^\W\d_]+|\d+|[^\w\s]", part)]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])")


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(_compiled(known.pattern) for known in KNOWN)


@cache
def _any() -> re.Pattern[str]:
    return _compiled("|".join(known.pattern for known in KNOWN))


@cache
def _friends() -> re.Pattern[str]:
    return _compiled("|".join(FALSE_FRIENDS))
