"""What came of the cases of the kill matrix: as a table, and as lines by which its parts are put together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.runs.kills.scene import Case
from tests.runs.kills.verdict import Told


@dataclass(frozen=True)
class Outcome:
    """What came of a case: `wrong` is what did not hold; `seconds` from the kill to the end."""

    case: Case
    happened: bool
    seconds: float
    told: Told | None
    wrong: str = ""

    @property
    def state(self) -> str:
        """In a word or two."""
        return "FAILED" if self.wrong else "ok" if self.happened else "not reached"


def keep(outcome: Outcome, path: Path) -> None:
    """Add it to a file, as a line of JSON."""
    with path.open("a") as stream:
        stream.write(json.dumps(asdict(outcome)) + "\n")


def kept(paths: Iterable[Path]) -> list[Outcome]:
    """The outcomes that lie in these files; of a case that was played again, the last."""
    found: dict[Case, Outcome] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            row = json.loads(line)
            told = Told(**row["told"]) if row["told"] else None
            case = Case(**row["case"])
            found[case] = Outcome(case, row["happened"], row["seconds"], told, row["wrong"])
    return list(found.values())


def table(outcomes: list[Outcome]) -> str:
    """Of who died, and what came of it."""
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        rows[one.case.who, one.case.store].append(one)
    head = (
        f"{'who is killed':20} {'records':10} {'cases':>5} {'kills':>5} {'points':>6} {'failed':>6} {'lost':>4} "
        f"{'paid again':>10} {'left':>4} {'wasted':>6} {'$ wasted':>8} {'interrupted':>11} {'s to end':>8}"
    )
    lines = [head]
    for (who, store), some in sorted(rows.items()):
        lines.append(_row(who, store, some))
    lines.append(_row("all", "", outcomes))
    not_reached = Counter(one.case.name for one in outcomes if not one.happened)
    lines.append(f"points that were not reached: {', '.join(sorted(not_reached)) or 'none'}")
    return "\n".join(lines)


def _row(who: str, store: str, some: list[Outcome]) -> str:
    killed = [one for one in some if one.happened]
    told = [one.told for one in killed if one.told]
    seconds = sorted(one.seconds for one in killed)
    middle = seconds[len(seconds) // 2] if seconds else 0.0
    return (
        f"{who:20} {store:10} {len(some):5} {len(killed):5} {len({one.case.point for one in killed}):6} "
        f"{sum(bool(one.wrong) for one in some):6} {sum(one.lost for one in told):4} "
        f"{sum(one.paid_again for one in told):10} {sum(one.left for one in told):4} "
        f"{sum(one.wasted for one in told):6} {sum(one.dollars for one in told):8.4f} "
        f"{sum(one.interrupted for one in told):11} {middle:8.1f}"
    )
