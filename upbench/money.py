"""Amounts of money in words: with the digits that count, and with what of them is not certain."""

from __future__ import annotations

from math import floor, log10

CENTS, LEAST = 2, 4


def dollars_text(amount: float) -> str:
    """Cents from a dollar on; below that four digits after the point, or as many as show two that count."""
    if amount == 0 or abs(amount) >= 1:
        return f"${amount:,.{CENTS}f}"
    whole, _, digits = f"{amount:.{max(LEAST, 1 - floor(log10(abs(amount))))}f}".partition(".")
    return f"${whole}.{digits.rstrip('0'):0<{CENTS}}"


def cost_text(dollars: float, *, estimated: float = 0.0, unpriced: int = 0) -> str:
    """A sum, how much of it is an estimate, and of how many calls nobody knows the price."""
    text = dollars_text(dollars)
    if estimated:
        text += f" ({dollars_text(estimated)} of it estimated)"
    if unpriced:
        text += f" and {unpriced} {'call' if unpriced == 1 else 'calls'} without a price"
    return text
