"""The figures of `benchmarks.scale` as a plot and as tables for `docs/scale.md`.

Run: python -m benchmarks.scale_plot FIGURES.json... [--plot docs/scale.svg]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 320, 60, 200, 20, 60
HIGHEST, FLAT = 1.6, 0.2
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#3d4451}.grid{stroke:#d9dde3}.flat{fill:#2f6f4f;opacity:.08}"
    ".a{stroke:#2f6f4f;fill:none;stroke-width:2}.b{stroke:#b4552d;fill:none;stroke-width:2}"
    ".c{stroke:#4a5fa5;fill:none;stroke-width:2}circle.a{fill:#2f6f4f}circle.b{fill:#b4552d}circle.c{fill:#4a5fa5}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}.grid{stroke:#3d4451}}"
)
LINES = (("cpu_ms", "CPU ms", "b"), ("statements", "statements", "a"), ("pages", "pages touched", "c"))
Window = dict[str, float]
"""What each trial of a window cost; `trials`: how many had been carried when it ended."""


def windows(marks: Sequence[dict[str, float]], ends: Sequence[float]) -> list[Window]:
    """What a trial cost between one mark and the next, for the marks next to `ends`."""
    known = [0] + [min(range(len(marks)), key=lambda n: abs(marks[n]["trials"] - end)) for end in ends]
    return [_between(marks[one], marks[other]) for one, other in itertools.pairwise(known) if other > one]


def _between(begin: dict[str, float], end: dict[str, float]) -> Window:
    number = end["trials"] - begin["trials"]
    each = {name: (end[name] - begin[name]) / number for name in end if name != "trials"}
    cpu = each["harness_ms"] + each["server_ms"]
    return each | {"trials": end["trials"], "cpu_ms": cpu, "per_second": 1 / max(each["seconds"], 1e-9)}


def cost_plot(points: Sequence[Window]) -> Markup:
    """What a trial costs by how many were carried before it, each line in shares of the median of its values."""
    trials = [point["trials"] for point in points]
    parts = [Markup("<style>{}</style>").format(Markup(STYLE))]
    parts.append(
        Markup('<rect class="flat" x="{}" y="{}" width="{}" height="{}"/>').format(
            LEFT, _y(1 + FLAT), WIDTH - LEFT - RIGHT, _y(1 - FLAT) - _y(1 + FLAT)
        )
    )
    for share in (0.0, 0.5, 1 - FLAT, 1.0, 1 + FLAT, 1.5):
        y = _y(share)
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<text x="{3}" y="{4}" text-anchor="end">{5}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, LEFT - 8, y + 4, f"{share:.0%}")
        )
    for power in range(math.ceil(math.log10(trials[0])), math.floor(math.log10(1.05 * trials[-1])) + 1):
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _x(10**power, trials), HEIGHT - 36, f"{10**power:,}"
            )
        )
    parts.append(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "trials of the run that have been carried"
        )
    )
    said = []
    for key, name, kind in LINES:
        values = [point[key] for point in points]
        usual = statistics.median(values)
        line = [(_x(t, trials), _y(v / usual)) for t, v in zip(trials, values, strict=True)]
        path = " ".join(f"{x},{y}" for x, y in line)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(kind, path))
        parts += [Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(kind, x, y) for x, y in line]
        said.append((name, kind, f"{name}: {usual:.3g} each"))
    for number, (_, kind, text) in enumerate(said):
        y = TOP + 30 + 22 * number
        parts.append(Markup('<circle class="{}" cx="{}" cy="{}" r="4"/>').format(kind, WIDTH - RIGHT + 16, y - 4))
        parts.append(Markup('<text x="{}" y="{}">{}</text>').format(WIDTH - RIGHT + 28, y, text))
    label = "What a trial costs: " + "; ".join(text for _, _, text in said)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>\n'
    ).format(WIDTH, HEIGHT, label, Markup("").join(parts))


def _x(trials: float, all_: Sequence[float]) -> float:
    share = math.log(trials / all_[0]) / max(math.log(all_[-1] / all_[0]), 1e-9)
    return round(LEFT + 20 + share * (WIDTH - LEFT - RIGHT - 40), 1)


def _y(share: float) -> float:
    return round(TOP + (HIGHEST - min(share, HIGHEST)) / HIGHEST * (HEIGHT - TOP - BOTTOM), 1)


def along(run: dict[str, Any], each: int = 1) -> list[Window]:
    """The windows of a run: between powers of ten (with `each`, so many steps to one), and after it was filled."""
    found = windows(run["marks"], _ends(run["marks"], each))
    after = run.get("after")
    if after:
        ended = run["marks"][-1]["trials"] + run["copied"]
        steps = [after[-1]["trials"] * step / each for step in range(1, each + 1)]
        found += [window | {"trials": window["trials"] + ended} for window in windows(after, steps)]
    return found


def table(sizes: Sequence[dict[str, Any]]) -> str:
    """What a trial of runs of each size cost, and of each window of the largest, as Markdown."""
    head = (
        "| trials of a run | harness, CPU ms | server, CPU ms | together | statements | pages touched | kB |\n"
        "|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    rows = []
    for one in sizes[:-1]:
        whole = [_between(run["marks"][0], run["marks"][-1]) for run in one["runs"]]
        rows.append(f"| {one['size']:,} | {_row(whole)} | {one['bytes']['all'] / 1000:.1f} |\n")
    run, before = sizes[-1]["runs"][0], 0.0
    for window in along(run):
        rows.append(
            f"| {sizes[-1]['size']:,}: from {before:,.0f} to {window['trials']:,.0f} | {_row([window])} | |\n"
        )
        before = window["trials"]
    return head + "".join(rows) + f"\n{sizes[-1]['bytes']['all'] / 1000:.1f} kB a trial of the largest\n"


def _row(each: Sequence[Window]) -> str:
    names = ("harness_ms", "server_ms", "cpu_ms")
    cpu = [f"{statistics.median(one[name] for one in each):.1f}" for name in names]
    counts = [f"{statistics.median(one[name] for one in each):.1f}" for name in ("statements",)]
    pages = f"{statistics.median(one['pages'] for one in each):.0f}"
    return " | ".join([*cpu, *counts, pages])


def _ends(marks: Sequence[dict[str, float]], each: int) -> list[float]:
    last = marks[-1]["trials"]
    steps = [100 * 10 ** (number / each) for number in range(int(each * math.log10(last / 100)) + 1)]
    return [step for step in steps if step < 0.97 * last] + [last]


def main() -> None:
    """Draw, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, nargs="+")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    sizes = []
    for file in given.figures:
        found = json.loads(file.read_text())
        sizes += found["sizes"]
    sizes.sort(key=lambda one: one["size"])
    if given.plot is not None:
        given.plot.write_text(cost_plot(along(sizes[-1]["runs"][0], each=6)))
    print(table(sizes))


if __name__ == "__main__":
    main()
