"""Values as a spreadsheet program shows them: the number formats of workbooks, in English."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

_PIECE = re.compile(
    r'"(?P<text>[^"]*)"|\\(?P<escaped>.)|_(?P<room>.)|\*.|\[(?P<bracket>[^\]]*)\]|'
    r"(?P<half>AM/PM|A/P)|(?P<date>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+)|(?P<digits>[0#?](?:[0#?,]*[0#?])?)|"
    r"(?P<sign>[.,%;@/]|[eE][+-])|(?P<plain>General|.)",
    re.IGNORECASE | re.DOTALL,
)
_ELAPSED = re.compile(r"(h+|m+|s+)", re.IGNORECASE)
_COLOUR = re.compile(r"(?:black|blue|cyan|green|magenta|red|white|yellow|color\s*\d+)", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-.*)?", re.DOTALL)
_DAY_ZERO = datetime.datetime(1899, 12, 30)  # noqa: DTZ001 - moments of workbooks have no time zone
_LONGEST = 300

Piece = tuple[str, str]
"""What a piece is (`text`, `digits`, `.`, `%`, `date`, `elapsed` ...), and what it says."""


class _Beyond(Exception):
    """A format that is not read here: the value is shown as it is."""


def formatted(value: Any, form: str) -> str | None:
    """A number, date or time as its format shows it.

    None: as it is, by a format that is not read here, or by one that hides it.
    """
    if form in ("General", "@", "") or len(form) > _LONGEST or isinstance(value, bool | str):
        return None
    try:
        sections = _sections(form)
        if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
            return _moment(value, sections[0]) or None
        return _number(Decimal(f"{value:.15g}" if isinstance(value, float) else value), sections) or None
    except (_Beyond, InvalidOperation, ValueError, TypeError, OverflowError):
        return None


@lru_cache(maxsize=512)
def _sections(form: str) -> tuple[tuple[Piece, ...], ...]:
    """The parts of a format for what is positive, negative, zero, and text."""
    found: list[list[Piece]] = [[]]
    for match in _PIECE.finditer(form):
        kind = match.lastgroup or "room"
        text = match[kind] if match.lastgroup else ""
        if kind == "sign" and text == ";":
            found.append([])
        elif kind == "room":
            found[-1] += [("text", " ")] if match.lastgroup else []
        elif kind == "bracket":
            found[-1] += _bracket(text)
        elif kind == "plain" and text in '"[':
            raise _Beyond  # it has no end
        elif kind == "sign":
            found[-1].append((text[0].upper(), text))
        else:
            found[-1].append(("text" if kind in ("escaped", "plain") else kind, text))
    return tuple(tuple(one) for one in found)


def _bracket(text: str) -> list[Piece]:
    if _COLOUR.fullmatch(text):
        return []
    if currency := _CURRENCY.fullmatch(text):
        return [("text", currency[1])]
    if _ELAPSED.fullmatch(text):
        return [("elapsed", text.lower())]
    raise _Beyond  # a condition


def _number(value: Decimal, sections: tuple[tuple[Piece, ...], ...]) -> str:
    sign, chosen = "", sections[0]
    if value < 0 and len(sections) > 1:
        chosen = sections[1]
    elif value == 0 and len(sections) > 2:
        chosen = sections[2]
    elif value < 0:
        sign = "-"
    kinds = [kind for kind, _ in chosen]
    if "date" in kinds or "elapsed" in kinds:
        return _moment(_DAY_ZERO + datetime.timedelta(days=float(value)), chosen)
    if any(text == "General" for _, text in chosen) or "/" in kinds or "@" in kinds:
        raise _Beyond
    if "digits" not in kinds and "." not in kinds:
        return "".join(text for kind, text in chosen if kind == "text").strip()
    written = _written(abs(value), _Digits.of(chosen))
    shown = sign + "".join(written if kind == "number" else text for kind, text in _joined(chosen))
    return re.sub(r"^-(?=\D*0*(?:\.0*)?\D*$)", "", shown).strip()  # -0.00 is shown by nobody


@dataclass(frozen=True)
class _Digits:
    """How the digits of a section stand.

    Attributes:
        whole, part: Placeholders before and after the point. grouped: By thousands. scale: Powers of ten by which
            the number is shown smaller (`,`) or larger (`%`). power: Placeholders of the exponent; empty: none.
    """

    whole: str
    part: str
    grouped: bool
    scale: int
    power: str

    @classmethod
    def of(cls, pieces: tuple[Piece, ...]) -> _Digits:
        whole = part = power = ""
        scale, place = 0, "whole"
        for kind, text in pieces:
            if kind == ".":
                place = "part"
            elif kind == "E":
                place = "power"
            elif kind == "%":
                scale += 2
            elif kind == ",":
                scale -= 3
            elif kind == "digits":
                whole += text if place == "whole" else ""
                part += text if place == "part" else ""
                power += text if place == "power" else ""
        return cls(whole.replace(",", ""), part, "," in whole, scale, power)


def _joined(pieces: tuple[Piece, ...]) -> list[Piece]:
    """The pieces with all of the number's own as one."""
    own = [at for at, (kind, _) in enumerate(pieces) if kind in ("digits", ".", ",", "E")]
    first, last = own[0], own[-1]
    if any(kind == "text" for kind, _ in pieces[first:last]):
        raise _Beyond  # as of telephone numbers
    return [*pieces[:first], ("number", ""), *pieces[last + 1 :]]


def _written(value: Decimal, digits: _Digits) -> str:
    value = value.scaleb(digits.scale)
    power = 0
    if digits.power:
        power = value.adjusted() - max(len(digits.whole) - 1, 0) if value else 0
        value = value.scaleb(-power)
    rounded = value.quantize(Decimal(1).scaleb(-len(digits.part)), ROUND_HALF_UP)
    whole, _, part = f"{rounded:f}".partition(".")
    least = digits.whole.count("0")
    whole = (whole if int(whole) or least else "").zfill(least)
    whole = f"{int(whole):,}".zfill(least) if digits.grouped and whole else whole
    while part and digits.part[len(part) - 1] != "0" and part.endswith("0"):
        part = part[:-1]
    point = "." if digits.part else ""
    exponent = f"E{'-' if power < 0 else '+'}{abs(power):0{digits.power.count('0')}d}" if digits.power else ""
    return f"{whole}{point}{part}{exponent}"


def _moment(value: Any, pieces: tuple[Piece, ...]) -> str:
    """A date, a time of day or a length of time."""
    elapsed = value if isinstance(value, datetime.timedelta) else None
    if isinstance(value, datetime.timedelta):
        moment = _DAY_ZERO + value
    elif isinstance(value, datetime.time):
        moment = datetime.datetime.combine(_DAY_ZERO.date(), value)
    elif isinstance(value, datetime.datetime):
        moment = value.replace(tzinfo=None)
    else:
        moment = datetime.datetime.combine(value, datetime.time())
    if not any(kind in ("date", "elapsed") for kind, _ in pieces):
        raise _Beyond
    half = any(kind == "half" for kind, _ in pieces)
    said, clock = "", ""
    for at, (kind, text) in enumerate(pieces):
        if kind == "elapsed":
            seconds = (elapsed or (moment - _DAY_ZERO)).total_seconds()
            said, clock = said + str(int(seconds // {"h": 3600, "m": 60, "s": 1}[text[0]])), text[0]
        elif kind == "date":
            letter = text[0].lower()
            following = next((more[0].lower() for what, more in pieces[at + 1 :] if what == "date"), "")
            minutes = letter == "m" and len(text) < 3 and (clock == "h" or following == "s")
            said += _part(moment, "min" if minutes else letter, len(text), half=half)
            clock = letter
        elif kind == "half":
            said += moment.strftime("%p")[: 1 if len(text) == 3 else 2]
        elif kind in ("text", ".", ",", "/"):
            said += text
        elif kind == "digits" and set(text) == {"0"}:
            said += f"{moment.microsecond:06d}"[: len(text)]
        elif kind != "@":
            raise _Beyond
    return said.strip()


def _part(moment: datetime.datetime, letter: str, long: int, *, half: bool) -> str:
    if letter == "y":
        return f"{moment.year:04d}" if long > 2 else f"{moment.year % 100:02d}"
    if letter in "md" and long > 2:
        name = moment.strftime({"m": "%B", "d": "%A"}[letter])
        return name[:1] if letter == "m" and long == 5 else name if long > 3 else name[:3]
    number = {
        "m": moment.month,
        "d": moment.day,
        "h": ((moment.hour - 1) % 12 + 1) if half else moment.hour,
        "min": moment.minute,
        "s": moment.second,
    }[letter]
    return f"{number:02d}" if long > 1 else str(number)
