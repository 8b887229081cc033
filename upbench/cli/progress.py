"""Progress on standard error: a live table on a terminal, plain lines elsewhere.

What is shown is a `RunSnapshot` and nothing else, so a run looks the same to the process that executes it, to
`upbench runs watch`, and to a colleague on another machine.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from core import StoreFault
from upbench.cli.output import plain, say
from upbench.money import cost_text
from upbench.snapshot import RunSnapshot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LIVE_SECONDS = 0.5
PLAIN_SECONDS, PLAIN_LONGEST = 5.0, 60.0
"""Without a terminal: between lines at first, and after an hour or so."""

ALONE_LOOKS = 10
"""A run that is found so often without the process that executes it is not watched any longer."""

SETTLED_SECONDS = 10.0
"""A run that is younger may have no worker yet."""

SHARE = 0.05
"""Of the time that reading a snapshot may take: the larger the run, the rarer the reading."""

Read = Callable[[], RunSnapshot]
_MINUTE, _HOUR = 60, 3600


@contextmanager
def progress_display(read: Read) -> Iterator[None]:
    """Show a run until the end of the block, read again and again on a thread of its own."""
    shower = live(read) if sys.stderr.isatty() else lines(read)
    with shower:
        yield


def watch_run(read: Read) -> RunSnapshot:
    """Show a run until nothing more happens to it; how it is then."""
    alone = 0
    with progress_display(read):
        while not (snapshot := read()).over and alone < ALONE_LOOKS:
            alone = alone + 1 if snapshot.abandoned else 0
            time.sleep(LIVE_SECONDS)
    return snapshot


@contextmanager
def lines(read: Read, *, write: Callable[[str], None] = say) -> Iterator[None]:
    """A line each time something has changed, ever more rarely."""
    shown = ""
    wait = PLAIN_SECONDS

    def show(snapshot: RunSnapshot) -> None:
        nonlocal shown, wait
        line = one_line(snapshot)
        if _without_times(snapshot) != shown:
            write(f"run {snapshot.run}: {line}")
            shown = _without_times(snapshot)
        wait = min(PLAIN_LONGEST, wait * 1.05)

    with _repeatedly(read, show, lambda: wait):
        yield


@contextmanager
def live(read: Read, console: Console | None = None) -> Iterator[None]:
    """A table that is drawn anew in place, and is gone at the end."""
    from rich.console import Console as NewConsole  # only a terminal needs it
    from rich.live import Live

    with ExitStack() as stack:
        shown = stack.enter_context(
            Live(console=console or NewConsole(stderr=True), auto_refresh=False, transient=True)
        )
        stack.enter_context(
            _repeatedly(read, lambda snapshot: shown.update(table(snapshot), refresh=True), lambda: LIVE_SECONDS)
        )
        yield


@contextmanager
def _repeatedly(read: Read, show: Callable[[RunSnapshot], None], wait: Callable[[], float]) -> Iterator[None]:
    over = threading.Event()

    def look() -> float:
        begun = time.monotonic()
        with suppress(StoreFault):  # whoever executes the run notices as well, and says so
            show(read())
        return time.monotonic() - begun

    def loop() -> None:
        took = look()
        while not over.wait(max(wait(), took / SHARE)):
            took = look()

    thread = threading.Thread(target=loop, name="upbench-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def one_line(snapshot: RunSnapshot) -> str:
    """A run in one line."""
    running = snapshot.trials.get("running", 0)
    parts = [f"{snapshot.done} of {snapshot.total} done ({causes_text(snapshot)})"]
    if running:
        parts.append(f"{running} at work")
    return ", ".join([*parts, money_text(snapshot), *_pace(snapshot)])


def _pace(snapshot: RunSnapshot) -> list[str]:
    parts = [] if snapshot.per_minute is None else [f"{rate_text(snapshot.per_minute)} a minute"]
    if snapshot.seconds_left is not None:
        parts.append(f"about {time_text(snapshot.seconds_left)} left")
    parts.append(f"{time_text(snapshot.seconds)} so far")
    if snapshot.workers != 1 and not snapshot.over and snapshot.seconds > SETTLED_SECONDS:
        parts.append(workers_text(snapshot))
    return parts


def table(snapshot: RunSnapshot) -> Table:
    """A run as a table: its figures, then what is at work for longest."""
    from rich.table import Table
    from rich.text import Text

    title = Text(plain(f"{snapshot.run}  {snapshot.stop or snapshot.state}"))
    grid = Table(title=title, title_justify="left")
    grid.add_column("trials", justify="right")
    grid.add_column("", overflow="fold")
    for name, n in snapshot.trials.items():
        grid.add_row(str(n), name if name != "done" else f"done of {snapshot.total}: {causes_text(snapshot)}")
    grid.add_section()
    grid.add_row("cost", money_text(snapshot))
    grid.add_row("pace", ", ".join(_pace(snapshot)))
    grid.add_section()
    for one in snapshot.at_work:
        repeat = (
            f" #{one.repeat}" + (f", attempt {one.k}" if one.k > 1 else "") + (f", e{one.e}" if one.e > 1 else "")
        )
        grid.add_row(one.trial, Text(plain(f"{one.agent}  {one.job}{repeat}")))
    if (more := snapshot.trials.get("running", 0) - len(snapshot.at_work)) > 0 and snapshot.at_work:
        grid.add_row("", f"and {more} more")
    return grid


def causes_text(snapshot: RunSnapshot) -> str:
    """How the attempts ended, most frequent cause first."""
    return ", ".join(f"{n} {cause}" for cause, n in snapshot.causes.items()) or "none yet"


def money_text(snapshot: RunSnapshot) -> str:
    """Dollars and tokens, and what is not known of them."""
    text = cost_text(snapshot.dollars, estimated=snapshot.estimated, unpriced=snapshot.unpriced_calls)
    return f"{text}, {count_text(snapshot.tokens)} tokens"


def workers_text(snapshot: RunSnapshot) -> str:
    """The processes that carry the run's rounds."""
    if not snapshot.workers:
        return "no worker is there"
    text = "1 worker" if snapshot.workers == 1 else f"{snapshot.workers} workers"
    return text + (f" ({snapshot.draining} draining)" if snapshot.draining else "")


def count_text(number: int) -> str:
    """A number in three digits: 950, 12.3k, 4.56M."""
    size, unit = 1.0, ""
    for larger in ("k", "M", "G"):
        if number / size < 999.5:
            break
        size, unit = size * 1000, larger
    return f"{number / size:.3g}{unit}"


def rate_text(rate: float) -> str:
    """A rate with two or three digits that count."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.2g}"


def time_text(seconds: float) -> str:
    """A time in two units at most: 42 s, 3 min, 2 h 05 min."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    if minutes < 2 * _MINUTE:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours / 24:.1f} days"


def _without_times(snapshot: RunSnapshot) -> str:
    """What makes a new line worth while."""
    return f"{snapshot.trials} {snapshot.causes} {snapshot.workers} {snapshot.draining} {snapshot.stop}"
