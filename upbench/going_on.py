"""The command that goes on with a run, in words that work."""

from __future__ import annotations

import shlex
from math import ceil, floor, log10

from core import CallJournal, Spent
from runs import Records, RunBudget, RunRow
from upbench.home import Home


def resume_command(row: RunRow, spent: Spent) -> str:
    """What to type so that a run goes on; where its budget is used up, with one that is twice as large."""
    return shlex.join(["upbench", "runs", "resume", row.id, *larger_budget(row.options.budget, spent)])


def resume_of(home: Home, run: str) -> str:
    """As `resume_command`, of the run of that id."""
    return resume_command(Records(home.database).run(run), CallJournal(home.database).spent(run))


def larger_budget(budget: RunBudget, spent: Spent) -> list[str]:
    """`--budget` options under which a run would not stop at once: empty where it would not as it is."""
    words: list[str] = []
    for name in ("dollars", "tokens", "hours"):
        bound, used = getattr(budget, name), getattr(spent, name)
        if bound is None:
            continue
        if name == "dollars" and spent.unpriced:  # what was paid for at no known price is known no better later
            words += ["--budget", f"{name}=none"]
        elif used >= bound:
            words += ["--budget", f"{name}={_round_up(2 * used):.12g}"]
    return words


def _round_up(number: float) -> float:
    """To two digits that count, for people."""
    unit: float = 10.0 ** (floor(log10(number)) - 1) if number > 0 else 1.0
    return ceil(number / unit) * unit
