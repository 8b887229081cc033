"""The figures of `benchmarks.scale` as a plot and as tables for `docs/scale.md`.

Run: python -m benchmarks.scale_plot FIGURES.json [--plot docs/scale.svg]
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 300, 60, 190, 20, 40
HIGHEST, OFTEN = 1.6, 0.8
TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#3d4451}.grid{stroke:#d9dde3}"
    ".a{stroke:#2f6f4f;fill:none;stroke-width:2}.b{stroke:#b4552d;fill:none;stroke-width:2}"
    ".c{stroke:#4a5fa5;fill:none;stroke-width:2}circle.a{fill:#2f6f4f}circle.b{fill:#b4552d}circle.c{fill:#4a5fa5}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}.grid{stroke:#3d4451}}"
)
LINES = (
    ("statements", "statements", "a"),
    ("pages", "pages touched", "b"),
    ("harness_ms", "CPU ms, harness", "c"),
)


def cost_plot(sizes: Sequence[int], lines: Sequence[tuple[str, str, Sequence[float]]]) -> Markup:
    """What a trial costs by the size of its run, each line in shares of its first value.

    Args:
        sizes: Trials of a run, on a logarithmic axis.
        lines: Name, kind (its colour), and a value for each size.
    """
    parts = [Markup("<style>{}</style>").format(Markup(STYLE))]
    for share in (0.0, 0.5, 0.8, 1.0, 1.2, 1.5):
        y = _y(share)
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<text x="{3}" y="{4}" text-anchor="end">{5}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, LEFT - 8, y + 4, f"{share:.0%}")
        )
    for size in sizes:
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _x(size, sizes), HEIGHT - 14, f"{size:,}"
            )
        )
    ends = sorted((_y(values[-1] / values[0]), name) for name, _, values in lines)
    places, below = dict[str, float](), 0.0
    for y, name in ends:
        places[name] = below = max(y, below + 17)
    for name, kind, values in lines:
        points = [(_x(s, sizes), _y(v / values[0])) for s, v in zip(sizes, values, strict=True)]
        path = " ".join(f"{x},{y}" for x, y in points)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(kind, path))
        parts += [Markup('<circle class="{}" cx="{}" cy="{}" r="4"/>').format(kind, x, y) for x, y in points]
        said = f"{name}: {values[-1]:.3g}"
        parts.append(Markup('<text x="{}" y="{}">{}</text>').format(WIDTH - RIGHT + 14, places[name] + 4, said))
    label = "; ".join(f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, _, values in lines)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>\n'
    ).format(WIDTH, HEIGHT, f"What a trial costs: {label}", Markup("").join(parts))


def _x(size: int, sizes: Sequence[int]) -> float:
    share = math.log(size / sizes[0]) / max(math.log(sizes[-1] / sizes[0]), 1e-9)
    return round(LEFT + 20 + share * (WIDTH - LEFT - RIGHT - 40), 1)


def _y(share: float) -> float:
    return round(TOP + (HIGHEST - min(share, HIGHEST)) / HIGHEST * (HEIGHT - TOP - BOTTOM), 1)


def keep_common(found: dict[str, Any]) -> None:
    """Count those statements alone that are asked for each trial of whatever size.

    On a machine that is slow for a while, those that go with the time are asked as often.
    """
    parts = [one[name] for one in found["sizes"] for name in ("head", "tail")]
    kinds = [{_name(kind["query"]): kind for kind in part["kinds"] if kind["a_trial"] >= OFTEN} for part in parts]
    common = set.intersection(*(set(one) for one in kinds))
    for part, by_name in zip(parts, kinds, strict=True):
        mine = [kind for name, kind in by_name.items() if name in common and not name.startswith(TRANSACTIONS)]
        part["statements"] = sum(kind["a_trial"] for kind in mine)
        part["pages"] = sum(kind["a_trial"] * kind["pages"] for kind in mine)


def _name(query: str) -> str:
    """Constants are numbered as they come."""
    return re.sub(r"\s+", " ", re.sub(r"\$\d+", "$", query))


def table(found: dict[str, Any]) -> str:
    """Both tables, as Markdown."""
    head = (
        "| trials | where | statements | pages touched | harness, CPU ms | server, CPU ms | kB ours | engine |\n"
        "|---:|---|---:|---:|---:|---:|---:|---:|\n"
    )
    rows = [
        f"| {one['size']:,} | {name} | {part['statements']:.1f} | {part['pages']:.0f} |"
        f" {part['harness_ms']:.1f} | {part['server_ms']:.1f} | {one['bytes']['ours'] / 1000:.1f} |"
        f" {one['bytes']['engine'] / 1000:.1f} |\n"
        for one in found["sizes"]
        for name, part in (("first", one["head"]), ("last", one["tail"]))
        if name == "first" or one["tail"] != one["head"]
    ]
    more = (
        "\n| trials | planned, ms each | handed over, s | begun after, ms (worst) | `runs list` ms | one look of"
        " `runs watch` ms | `runs show` s |\n|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    reads = [
        f"| {one['size']:,} | {one['plan_ms']:.2f} | {one['hand_over_seconds']:.1f} |"
        f" {one['latency']['median']:.0f} ({one['latency']['worst']:.0f}) | {one['reading']['list']:.0f} |"
        f" {one['reading']['watch']:.0f} | {one['reading']['show'] / 1000:.1f} |\n"
        for one in found["sizes"]
    ]
    return head + "".join(rows) + more + "".join(reads)


def main() -> None:
    """Draw, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(given.figures.read_text())
    found["sizes"].sort(key=lambda one: one["size"])
    keep_common(found)
    if given.plot is not None:
        parts = [one["tail"] for one in found["sizes"]]
        lines = [(name, kind, [part[key] for part in parts]) for key, name, kind in LINES]
        given.plot.write_text(cost_plot([one["size"] for one in found["sizes"]], lines))
    print(table(found))


if __name__ == "__main__":
    main()
