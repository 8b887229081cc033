"""Numbers and texts as people write them."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from decimal import Decimal
from typing import Any

from .outcome import Unjudgeable

_CURRENCY = re.compile(
    r"^(?:usd|eur|gbp|chf|cad|aud|us\$|[$€£¥₹])\s*|\s*(?:usd|eur|gbp|chf|cad|aud|[$€£¥₹])$", re.IGNORECASE
)
_NUMBER = re.compile(r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$")
_FOLD = str.maketrans(
    {
        "\u00a0": " ", "\u202f": " ", "\u2007": " ", "\u2009": " ", "\u00ad": None, "\u200b": None,
        "\u200c": None, "\u200d": None, "\ufeff": None, "\u2018": "'", "\u2019": "'", "\u201c": '"',
        "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    }
)  # fmt: skip


class Unknown:
    """Stands for the value of a cell that could not be worked out."""

    def __init__(self, why: str) -> None:
        self.why = why


def fold(text: str) -> str:
    """`text` with plain spaces, quotes and hyphens, and without invisible characters; line breaks stay."""
    return unicodedata.normalize("NFC", text).translate(_FOLD)


def norm(value: Any) -> str:
    """For comparing: folded, white space collapsed, case ignored."""
    return " ".join(fold(shown(value)).split()).casefold()


def shown(value: Any) -> str:
    """A cell's value as text: whole floats without `.0`, dates in ISO form, nothing for None.

    Of a float 15 digits, as in every spreadsheet: 39263.41 is no 39263.409999999996.

    Raises:
        Unjudgeable: The value could not be worked out.
    """
    if isinstance(value, Unknown):
        raise Unjudgeable(value.why)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def number(value: Any) -> float | None:
    """A float from a number or from a text such as `$1,234.50`, `(12)`, `3 %` (0.03); None where there is none.

    Where a text holds both `,` and `.`, the later one is the decimal mark; a lone `,` before exactly three digits
    separates thousands.

    Raises:
        Unjudgeable: The value could not be worked out.
    """
    if isinstance(value, Unknown):
        raise Unjudgeable(value.why)
    if value is None or isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
        return None
    if isinstance(value, int | float | Decimal) or (hasattr(value, "__float__") and not isinstance(value, str)):
        plain = float(value)
        return plain if math.isfinite(plain) else None
    return _from_text(value) if isinstance(value, str) else None


def _from_text(value: str) -> float | None:
    text = fold(value).strip()
    if len(text) > 64:
        return None
    negative = text.startswith("(") and text.endswith(")")
    text = text[1:-1].strip() if negative else text
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    sign, text = ("-", text[1:].strip()) if text.startswith("-") else ("", text)
    text = sign + _CURRENCY.sub("", _CURRENCY.sub("", text)).replace(" ", "").replace("'", "")
    if "," in text and "." in text:
        drop = "," if text.rindex(".") > text.rindex(",") else "."
        text = text.replace(drop, "").replace(",", ".")
    elif "," in text:
        groups = text.split(",")
        thousands = all(len(group) == 3 for group in groups[1:]) and groups[0].strip("+-") != ""
        text = "".join(groups) if thousands else text.replace(",", ".")
    if not _NUMBER.match(text):
        return None
    plain = float(text) / (100 if percent else 1)
    return -plain if negative else plain


def words(text: str) -> list[str]:
    """The words of `text`: runs of letters and digits, with inner apostrophes, hyphens, points and commas."""
    return re.findall(r"\w+(?:['\-.,]\w+)*", fold(text))
