"""Progress on standard error: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runs import Progress
from upbench.cli.output import say

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_EVERY_SECONDS = 5.0
SHOWN = 8


@contextmanager
def progress_display(run_id: str) -> Iterator[Callable[[Progress], None]]:
    """A watcher for `run_trials`, shown until the end of the block."""
    if not sys.stderr.isatty():
        yield _plain(run_id, time.monotonic())
        return
    from rich.console import Console  # only a terminal needs it
    from rich.live import Live

    started = time.monotonic()
    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(_table(run_id, progress, time.monotonic() - started))


def _plain(run_id: str, started: float) -> Callable[[Progress], None]:
    last: float | None = None

    def watch(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if last is None:
            last = now
            say(f"run {run_id}: {progress.total} trials")
        if progress.done == progress.total or now - last >= PLAIN_EVERY_SECONDS:
            last = now
            say(_line(progress, now - started))

    return watch


def _line(progress: Progress, seconds: float) -> str:
    causes = ", ".join(f"{n} {cause.value}" for cause, n in progress.causes.most_common())
    left = (progress.total - progress.done) * seconds / max(1, progress.done)
    ending = f", about {left:.0f} s left" if 0 < progress.done < progress.total else ""
    return f"{progress.done}/{progress.total} done ({causes or 'none yet'}), {seconds:.0f} s{ending}"


def _table(run_id: str, progress: Progress, seconds: float) -> Table:
    from rich.table import Table

    table = Table(title=f"{run_id}: {_line(progress, seconds)}", title_justify="left")
    for column in ("agent", "job", "repeat"):
        table.add_column(column)
    for attempt in progress.running[:SHOWN]:
        table.add_row(attempt.agent, attempt.job, str(attempt.repeat))
    if len(progress.running) > SHOWN:
        table.add_row("...", f"and {len(progress.running) - SHOWN} more", "")
    return table
