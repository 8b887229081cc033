"""How figures are written for people. A figure that is undefined is a dash, never a zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grading.figures.model import Figure

UNDEFINED = "\u2013"
THIN = "\u202f"


def percent(value: float | None, digits: int = 1) -> str:
    """0.398 as `39.8 %`."""
    return UNDEFINED if value is None else f"{100 * value:.{digits}f}{THIN}%"


def points(value: float | None) -> str:
    """A difference of shares, 0.115 as `+11.5 pp`."""
    return UNDEFINED if value is None else f"{_signed(100 * value)}{THIN}pp"


def relative(value: float | None) -> str:
    """A relative change, 0.289 as `+28.9 %`."""
    return UNDEFINED if value is None else f"{_signed(100 * value)}{THIN}%"


def whole(value: float | None) -> str:
    """A count, with thin spaces between thousands."""
    return UNDEFINED if value is None else f"{value:,.0f}".replace(",", THIN)


def money(value: float | None, currency: str = "$") -> str:
    """An amount: cents below 100, none above; small costs keep two significant digits."""
    if value is None:
        return UNDEFINED
    if 0 < value < 0.095:
        return f"{currency}{value:.2g}"
    digits = 2 if value < 100 else 0
    return f"{currency}{value:,.{digits}f}".replace(",", THIN)


def symbol(currency: str) -> str:
    """What stands before an amount: `$` for USD, the code and a space for others without a sign of their own."""
    return {"USD": "$", "EUR": "\u20ac", "GBP": "\u00a3"}.get(currency, f"{currency}{THIN}")


def minutes(value: float | None) -> str:
    """A duration given in minutes: seconds below one, hours above two."""
    if value is None:
        return UNDEFINED
    if value < 1:
        return f"{value * 60:.0f}{THIN}s"
    return f"{value:.1f}{THIN}min" if value < 120 else f"{value / 60:.1f}{THIN}h"


def bounds(figure: Figure, write: str = "percent") -> str:
    """`36.1 to 42.0`, in the figure's unit; nothing where nothing is missing."""
    if figure.bounds is None or not figure.missing:
        return ""
    low, high = (_bare(bound, write) for bound in figure.bounds)
    return f"{low} to {high}"


def _bare(value: float | None, write: str) -> str:
    if value is None:
        return "any"
    if write == "whole":
        return whole(value)
    return f"{100 * value:.1f}" if write == "percent" else _signed(100 * value)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\u2212")


FIGURE_FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "points": points,
    "relative": relative,
    "whole": whole,
    "money": money,
    "minutes": minutes,
    "bounds": bounds,
    "symbol": symbol,
}
"""By the names under which templates have them."""
