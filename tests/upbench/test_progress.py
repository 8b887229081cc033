"""How a run is shown: the same figures on a terminal, in a log, and to whoever watches it from elsewhere."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import update

from core import Cause, StoreFault
from runs import AtWork, Records
from runs.tables import ATTEMPTS, EXECUTIONS, WORKERS
from tests.upbench.large import RUN, home_at, write_run
from tests.upbench.life import started
from tests.upbench.mistakes import Upbench
from upbench.cli import progress
from upbench.cli.progress import count_text, lines, live, one_line, rate_text, table, time_text
from upbench.snapshot import RunSnapshot, take_snapshot

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def snapshot(**facts: Any) -> RunSnapshot:
    known: dict[str, Any] = {
        "run": "r-1",
        "at": AT,
        "state": "running",
        "trials": {"planned": 5, "running": 3, "done": 12},
        "causes": {"submitted": 9, "sandbox_lost": 3},
        "dollars": 12.345,
        "estimated": 0.5,
        "tokens": 1_234_567,
        "unpriced_calls": 2,
        "per_minute": 1.234,
        "seconds_left": 389.0,
        "seconds": 3900.0,
        "workers": 4,
        "draining": 1,
        "at_work": (
            AtWork(trial="t1", agent="react/[red]m[/red]", job="job\x1b[2J", repeat=2, k=2, e=3, started="x"),
        ),
    }
    return RunSnapshot(**known | facts)


def drawn(seen: RunSnapshot, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(table(seen))
    return out.getvalue()


def test_a_line_says_all() -> None:
    assert one_line(snapshot()) == (
        "12 of 20 done (9 submitted, 3 sandbox_lost), 3 at work, "
        "$12.35 ($0.50 of it estimated) and 2 calls without a price, 1.23M tokens, "
        "1.2 a minute, about 6 min left, 65 min so far, 4 workers (1 draining)"
    )


def test_a_line_leaves_out_what_is_not_known() -> None:
    fresh = snapshot(
        trials={"planned": 20, "running": 0, "done": 0},
        causes={},
        dollars=0.0,
        estimated=0.0,
        tokens=0,
        unpriced_calls=0,
        per_minute=None,
        seconds_left=None,
        seconds=1.0,
        workers=0,
        at_work=(),
    )
    assert one_line(fresh) == "0 of 20 done (none yet), $0.00, 0 tokens, 1 s so far"
    assert one_line(fresh.model_copy(update={"seconds": 30.0})).endswith("no worker is there")


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_a_table_holds_all_figures_in_any_width(width: int) -> None:
    text = re.sub(r"[\s│┃]+", " ", drawn(snapshot(), width))
    for word in ("r-1", "planned", "running", "sandbox_lost", "$12.35", "1.23M", "4 workers", "t1", "and 2 more"):
        assert word in text, drawn(snapshot(), width)
    assert all(len(line) <= width for line in drawn(snapshot(), width).splitlines())


def test_names_are_neither_markup_nor_commands() -> None:
    text = drawn(snapshot())
    assert "[red]m[/red]" in text
    assert "\x1b" not in text
    assert "\\u001b" in text
    assert "stopped by" in drawn(snapshot(stop="stopped by [bold]"))
    assert "[bold]" in drawn(snapshot(stop="stopped by [bold]"))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1_000, "1k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_999, "1M"),
        (4_560_000, "4.56M"),
        (7_000_000_000, "7G"),
    ],
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert count_text(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "60 min"),
        (7200, "2 h 00 min"),
        (90_000, "25 h 00 min"),
        (200_000, "2.3 days"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
    assert rate_text(123.4) == "123"
    assert rate_text(0.0123) == "0.012"


def test_lines_come_when_something_changed_and_never_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.01)
    said: list[str] = []
    reads = iter(
        [snapshot(), snapshot(seconds=4000.0), None, snapshot(trials={"planned": 0, "running": 0, "done": 20})]
    )
    last = threading.Event()

    def read() -> RunSnapshot:
        try:
            one = next(reads)
        except StopIteration:
            last.set()
            return snapshot(trials={"planned": 0, "running": 0, "done": 20})
        if one is None:
            raise StoreFault(Cause.store_failed, "locked")
        return one

    with lines(read, write=said.append):
        assert last.wait(60)
    assert [line.split(" done")[0] for line in said] == ["run r-1: 12 of 20", "run r-1: 20 of 20"]


def test_a_terminal_shows_a_table_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LIVE_SECONDS", 0.01)
    out = io.StringIO()
    seen = threading.Event()
    number = 0

    def read() -> RunSnapshot:
        nonlocal number
        number += 1
        if number > 3:
            seen.set()
        return snapshot(dollars=float(number))

    with live(read, Console(file=out, force_terminal=True, width=100)):
        assert seen.wait(60)
    assert "$2.00" in out.getvalue()
    assert "\x1b[2K" in out.getvalue(), "drawn over in place"


def test_reading_takes_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    number = 0

    def slow() -> RunSnapshot:
        nonlocal number
        number += 1
        time.sleep(0.02)
        return snapshot()

    with lines(slow, write=lambda _line: None):
        time.sleep(0.9)
    assert 1 <= number <= 4


def test_a_run_is_watched_from_another_process(tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10)

    with started("runs", "watch", "last", "--json", cwd=tmp_path) as watching:
        assert watching.stderr is not None
        assert f"run {RUN}: 8 of 10 done" in watching.stderr.readline()
        with home.database.write() as connection:
            done = {"state": "done", "cause": "submitted"}
            connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.state != "done").values(**done))
            connection.execute(update(EXECUTIONS).values(cause="submitted"))
            connection.execute(update(WORKERS).values(ended="now"))
        Records(home.database).set_run_state(RUN, "done")
        out, _ = watching.communicate(timeout=120)
    assert watching.returncode == 1, "one trial crashed"
    assert json.loads(out)["trials"] == {"planned": 0, "running": 0, "done": 10}
    home.close()


def test_a_run_whose_process_is_gone_is_not_watched_for_ever(
    upbench: Upbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LIVE_SECONDS", 0.01)
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10, queue=f"run.{RUN}")
    dead = subprocess.Popen(["true"])
    dead.wait()
    with home.database.write() as connection:
        here = {"host": os.uname().nodename, "pid": dead.pid, "queues": json.dumps({f"run.{RUN}": 4})}
        connection.execute(update(WORKERS).values(**here))
    assert take_snapshot(home, RUN).workers == 0
    code, out, err = upbench("runs", "watch", RUN)
    assert code == 1
    assert "go on with: upbench runs resume" in err
    assert "8 of 10 done" in out
    home.close()


def test_a_terminal_of_its_own(tmp_path: Path) -> None:
    """The real command on a real pseudo-terminal."""
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10, queue=f"run.{RUN}")
    home.close()
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "upbench", "--project", str(tmp_path), "runs", "watch", RUN],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 60
    while b"submitted" not in shown and time.monotonic() < deadline:
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 65536)
    watching.terminate()
    watching.communicate()
    os.close(ours)
    text = shown.decode()
    assert "8 of 10" not in text
    assert "done of 10: 7 submitted, 1 sandbox_lost" in text
