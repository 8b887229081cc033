"""What `upbench runs show` and `upbench runs list` print: of a large run few attempts at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from upbench.cli.execute import describe, left
from upbench.cli.output import called, emit_pieces, plain
from upbench.money import cost_text
from upbench.summary import every_attempt, summarise

if TYPE_CHECKING:
    from upbench.home import Home
    from upbench.summary import RunLine, TrialSummary

NAMED_BY_ARM = len("t0123456789ab.k2feedback")
"""Characters, where several arms are to stand in one column."""


def show_run(home: Home, run: str, *, everything: bool, as_json: bool) -> None:
    """Print the state of a run, and of its attempts all (as JSON, or with `everything`) or so many that one reads.

    Raises:
        BadInput: There is no such run.
    """
    if as_json:
        head = summarise(home, run, listed=0)
        body = head.model_copy(update={"unlisted": 0}).model_dump(mode="json")
        emit_pieces(body, "attempts", every_attempt(home, head.id))
        return
    summary = summarise(home, run, **({"listed": 0} if everything else {}))
    wide = NAMED_BY_ARM if len(summary.arms) > 1 else 0
    _print([*describe(summary).splitlines(), ""])
    for attempt in every_attempt(home, summary.id) if everything else summary.attempts:
        _print(_lines(attempt, wide))
    if summary.unlisted and not everything:
        more = called("runs", "show", summary.id, "--all")
        _print([f"and {summary.unlisted:,} attempts more; those that did not hand in came first. All: {more}"])


def _lines(attempt: TrialSummary, wide: int) -> Iterator[str]:
    a = attempt
    ended = a.cause.value if a.cause else a.state
    name = a.trial if a.arm == "alone" else a.attempt
    why = f"  not done: {a.not_done.value}" if a.not_done else ""
    yield f"{name:{wide}}  {ended:20} {a.files:3} files  {a.agent}  {a.job} #{a.repeat}{why}"
    for line in left(a):
        yield f"               {line}"
    if a.detail.strip():
        yield f"               {a.detail.strip().splitlines()[-1][:160]}"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(plain(line))


def list_lines(found: Iterable[RunLine]) -> str:
    """Runs, one a line."""
    found = list(found)
    wide = max((len(line.id) for line in found), default=0)
    costs = [
        cost_text(
            line.cost["dollars"],
            estimated=line.cost["estimated_dollars"],
            unpriced=int(line.cost["unpriced_calls"]),
        )
        for line in found
    ]
    wide_cost = max(map(len, costs), default=0)
    return "\n".join(
        f"{line.id:{wide}}  {line.stop or line.state:14}  {line.trials['done']:>6} of {line.trials['total']:<6}"
        f"  {cost:{wide_cost}}  {line.owner or ''}".rstrip()
        for line, cost in zip(found, costs, strict=True)
    )
