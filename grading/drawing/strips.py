"""One attempt's verdicts as a strip: a cell for each criterion, told apart by shape and not by colour alone."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from grading.figures.trials import Outcome
from rubrics import Importance, Verdict

CELL, HEIGHT, GAP = 10, 16, 6
_ORDER = list(Importance)


def strip(outcome: Outcome) -> Markup:
    """The strip, grouped by importance in the order critical, important, optional, pitfall.

    A full block passes, a cross fails, a dash could not be judged, an empty frame awaits its verdict.
    """
    if not outcome.rubric.criteria:
        return Markup('<span class="soft">no criteria</span>')
    paths: dict[str, list[str]] = {"pass": [], "fail": [], "cannot": [], "await": []}
    counts: Counter[str] = Counter()
    x, before = 0, None
    for criterion in sorted(outcome.rubric.criteria, key=lambda c: (_ORDER.index(c.importance), c.id)):
        if before is not None and criterion.importance != before:
            x += GAP
        before = criterion.importance
        record = outcome.records.get(criterion.id) if outcome.known else None
        kind = _kind(record.verdict if record else None)
        counts[kind] += 1
        paths[kind].append(_shape(kind, x))
        x += CELL
    body = Markup("").join(
        Markup('<path class="v-{}" d="{}"/>').format(kind, "".join(shapes))
        for kind, shapes in paths.items()
        if shapes
    )
    said = ", ".join(f"{counts[kind]} {name}" for kind, name in _NAMES.items() if counts[kind])
    return Markup(
        '<svg class="strip" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">'
        "<title>{2}</title>{3}</svg>"
    ).format(x, HEIGHT, said, body)


_NAMES = {"pass": "pass", "fail": "fail", "cannot": "cannot be judged", "await": "awaiting"}


def _kind(verdict: Verdict | None) -> str:
    if verdict is None:
        return "await"
    return {Verdict.passed: "pass", Verdict.failed: "fail", Verdict.cannot_judge: "cannot"}[verdict]


def _shape(kind: str, x: int) -> str:
    left, right = x + 1, x + CELL - 1
    if kind == "pass":
        return f"M{left} 1H{right}V15H{left}z"
    if kind == "fail":
        return f"M{left} 4L{right} 12M{right} 4L{left} 12"
    return f"M{left} 8H{right}" if kind == "cannot" else f"M{left + 0.5} 1.5H{right - 0.5}V14.5H{left + 0.5}z"
