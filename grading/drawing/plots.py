"""Drawings of figures: SVG made here, in the page's own colours, with a text for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from grading.drawing.numbers import UNDEFINED, percent
from grading.figures.model import AgentFigures, Figure

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 860, 210, 70, 54, 14, 34
LONGEST = 24


def completion_plot(agents: Mapping[str, AgentFigures]) -> Markup:
    """p1 and p_overall of each agent on one axis, joined, each above the band of its bounds."""
    height = TOP + ROW * len(agents) + BOTTOM
    parts = [_axis(height)]
    for row, (name, figures) in enumerate(agents.items()):
        parts.append(_row(TOP + ROW * row + ROW / 2, name, figures))
    said = "; ".join(
        f"{name}: {percent(f.p1.value)} at the first attempt, {percent(f.p_overall.value)} overall"
        for name, f in agents.items()
    )
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, said, Markup("").join(parts)
    )


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _axis(height: int) -> Markup:
    ticks = Markup("").join(
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><text class="tick" x="{0}" y="{3}">{4}</text>'
        ).format(_x(share / 100), TOP, height - BOTTOM, height - 10, f"{share} %")
        for share in range(0, 101, 20)
    )
    return ticks


def _row(y: float, name: str, figures: AgentFigures) -> Markup:
    text = _agent(y, name, scripted=figures.scripted)
    if figures.p1.value is None or figures.p_overall.value is None:
        band = _band(y, figures.p_overall, "band")
        return (
            text
            + band
            + Markup('<text class="soft" x="{}" y="{}">not known yet: {}</text>').format(
                _x(0) + 6, y + 5, figures.p1.why
            )
        )
    first, overall = _x(figures.p1.value), _x(figures.p_overall.value)
    bands = _band(y + 14, figures.p1, "band first-band")
    if figures.p_overall.bounds != figures.p1.bounds:
        bands += _band(y + 19, figures.p_overall, "band overall-band")
    return text + bands + _marks(y, first, overall) + _values(y, first, overall, figures)


def _agent(y: float, name: str, *, scripted: bool = False) -> Markup:
    """The agent's name, `scaffold@model` on two lines, whole when one points at it."""
    first, _, model = name.partition("@")
    second = " \u00b7 ".join(part for part in (_cut(model), "scripted" if scripted else "") if part)
    x = LEFT - 18
    lines = Markup('<text class="agent" x="{}" y="{}"><title>{}</title>{}</text>').format(
        x, y + (-2 if second else 5), name, _cut(first)
    )
    if second:
        lines += Markup('<text class="agent soft" x="{}" y="{}">{}</text>').format(x, y + 15, second)
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def _marks(y: float, first: float, overall: float) -> Markup:
    diamond = Markup('<path class="overall" d="M{} {}l8 8-8 8-8-8z"/>').format(overall, y - 8)
    return Markup(
        '<line class="lift" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><circle class="first" cx="{0}" cy="{2}" r="7"/>'
    ).format(first, overall, y) + (diamond if overall != first else Markup(""))


def _values(y: float, first: float, overall: float, figures: AgentFigures) -> Markup:
    """The two percentages above their marks, moved apart where they would touch; one where they are equal."""
    if first == overall:
        return _value(first, y, "middle", "first", figures.p1)
    if overall - first > 46:
        return _value(first, y, "middle", "first", figures.p1) + _value(
            overall, y, "middle", "overall", figures.p_overall
        )
    return _value(first - 2, y, "end", "first", figures.p1) + _value(
        overall + 2, y, "start", "overall", figures.p_overall
    )


def _value(x: float, y: float, anchor: str, kind: str, figure: Figure) -> Markup:
    return Markup('<text class="value {}-text" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y - 13, anchor, percent(figure.value)
    )


def _band(y: float, figure: Figure, kind: str) -> Markup:
    if figure.bounds is None or not figure.missing:
        return Markup("")
    low, high = figure.bounds
    start, end = _x(low or 0.0), _x(1.0 if high is None else high)
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="3.5" rx="1.75"/>').format(
        kind, start, y, max(round(end - start, 1), 2)
    )


def rate_bar(first: Figure, overall: Figure) -> Markup:
    """A small bar: the first attempt's share solid, what later ones added lighter, the bounds as a hairline."""
    if first.value is None or overall.value is None:
        return Markup('<span class="soft" title="{}">{}</span>').format(first.why or "", UNDEFINED)
    end = max(first.value, overall.value)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-base" width="100" height="10"/><rect class="bar-overall" width="{}" height="10"/>'
        '<rect class="bar-first" width="{}" height="10"/></svg>'
    ).format(round(100 * end, 2), round(100 * first.value, 2))


def money_plot(rows: Sequence[tuple[str, float, float]]) -> Markup:
    """Value captured of what was offered, one bar an agent; rows are (agent, captured, offered)."""
    top = max((offered for _, _, offered in rows), default=0) or 1
    height, step = 10 + 40 * len(rows), 40
    parts = []
    for row, (name, captured, offered) in enumerate(rows):
        y = 8 + step * row
        scale = (WIDTH - LEFT - RIGHT - 60) / top
        parts.append(
            _agent(y + 10, name)
            + Markup(
                '<rect class="bar-base" x="{0}" y="{1}" width="{2}" height="20" rx="3"/>'
                '<rect class="bar-first" x="{0}" y="{1}" width="{3}" height="20" rx="3"/>'
                '<text class="value" x="{4}" y="{5}">{6}</text>'
            ).format(
                LEFT,
                y,
                round(offered * scale, 1),
                round(captured * scale, 1),
                LEFT + round(offered * scale, 1) + 8,
                y + 15,
                percent(captured / offered if offered else None, 0),
            )
        )
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH,
        height,
        "Value captured of the value offered: " + "; ".join(escape(name) for name, _, _ in rows),
        Markup("").join(parts),
    )
