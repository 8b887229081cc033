"""Two drawings for those who lead: a whole in its parts, and shares with their intervals.

Each has a title and a description, and stands beside a table that says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from grading.figures.model import Figure

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 860, 230, 70, 40, 10, 30
LONGEST = 28
PATTERNS = 4
"""So many parts are told apart; more begin again."""


def parts_bar(name: str, title: str, parts: Mapping[str, int]) -> Markup:
    """One bar, a piece for each part that is there. name: Of the drawing on its page."""
    whole = sum(parts.values())
    pieces, x = [], 0.0
    for number, (part, count) in enumerate(parts.items()):
        if count:
            width = WIDTH * count / whole
            pieces.append(
                Markup(
                    '<rect class="part part-{}" x="{}" y="0" width="{}" height="22"><title>{}</title></rect>'
                ).format(number % PATTERNS, round(x, 1), round(max(width, 2.0), 1), f"{count} {part}")
            )
            x += width
    said = ", ".join(f"{count} {part}" for part, count in parts.items()) if whole else "nothing"
    return _svg(name, title, said, 22, pieces, kind="parts")


def interval_plot(name: str, title: str, rows: Sequence[tuple[str, Figure]], *, unit: str = "") -> Markup:
    """A mark for each figure that has a value, with a line from the low to the high end of its interval.

    Args:
        name: Of the drawing on its page.
        title: Of the drawing.
        rows: What they are of, and the figures, between -1 and 1.
        unit: `%`: they are written as percentages.
    """
    lows = [value for _, f in rows for value in (f.value, f.low) if value is not None]
    least = -1.0 if lows and min(lows) < -0.5 else -0.5 if lows and min(lows) < 0 else 0.0
    height = TOP + ROW * len(rows) + BOTTOM

    def x_of(value: float) -> float:
        share = (min(1.0, max(least, value)) - least) / (1 - least)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    pieces = [_tick(x_of(tick / 4), _text(tick / 4, unit), height) for tick in range(round(4 * least), 5)]
    for number, (of, figure) in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        cut = of if len(of) <= LONGEST else of[: LONGEST - 1] + "\u2026"
        pieces.append(
            Markup('<text class="agent" x="{}" y="{}"><title>{}</title>{}</text>').format(
                LEFT - 18, y + 5, of, cut
            )
        )
        pieces.append(_mark(figure, y, x_of, unit))
    return _svg(name, title, "; ".join(f"{of}: {_told(figure, unit)}" for of, figure in rows), height, pieces)


def _mark(figure: Figure, y: float, x_of: Callable[[float], float], unit: str) -> Markup:
    if figure.value is None:
        return Markup('<text class="soft" x="{}" y="{}">undefined</text>').format(LEFT + 6, y + 5)
    line = Markup("")
    if figure.low is not None and figure.high is not None:
        line = Markup('<line class="lift" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            x_of(figure.low), x_of(figure.high), y, y
        )
    return line + Markup(
        '<circle class="first" cx="{0}" cy="{1}" r="6"/><text class="value first-text" x="{0}" y="{2}" '
        'text-anchor="middle">{3}</text>'
    ).format(x_of(figure.value), y, y - 10, _text(figure.value, unit))


def _tick(x: float, text: str, height: int) -> Markup:
    return Markup(
        '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><text class="tick" x="{0}" y="{3}">{4}</text>'
    ).format(x, TOP, height - BOTTOM, height - 8, text)


def _told(figure: Figure, unit: str) -> str:
    if figure.value is None:
        return f"undefined, {figure.why}"
    if figure.low is None or figure.high is None:
        return _text(figure.value, unit)
    return f"{_text(figure.value, unit)}, interval {_text(figure.low, unit)} to {_text(figure.high, unit)}"


def _text(value: float, unit: str) -> str:
    return f"{100 * value:.0f}\u202f%" if unit == "%" else f"{value:.2f}".replace("-", "\u2212")


def _svg(name: str, title: str, said: str, height: int, pieces: Sequence[Markup], *, kind: str = "plot") -> Markup:
    return Markup(
        '<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
        '<title id="{name}-title">{title}</title><desc id="{name}-desc">{said}</desc>{pieces}</svg>'
    ).format(
        kind=kind, width=WIDTH, height=height, name=name, title=title, said=said, pieces=Markup("").join(pieces)
    )
