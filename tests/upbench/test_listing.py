"""Runs and attempts are listed in bounded pieces, by so many statements whatever there is besides."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core import Cause
from runs.tables import RUNS
from tests.upbench.large import RUN, counted_statements, home_at, write_run
from tests.upbench.mistakes import Upbench
from upbench.summary import LISTED, every_attempt, list_runs, summarise

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_of_a_large_run_what_did_not_hand_in_is_named_first(
    database_place: Path | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 60, calls=0)
    every = list(every_attempt(home, RUN))
    assert [one.trial for one in every] == [f"t{n:012x}" for n in range(60)]
    assert summarise(home, RUN, listed=60).attempts == tuple(every), "where there is room the plan's order"
    for listed, lost, others in ((4, 4, 0), (8, 6, 2)):
        some = summarise(home, RUN, listed=listed)
        assert [one.cause for one in some.attempts].count(Cause.sandbox_lost) == lost
        assert [one.trial for one in some.attempts[lost:]] == [f"t{n:012x}" for n in range(others)]
        assert some.unlisted == 60 - listed
        assert some.trials["total"] == 60
        assert some.seconds == summarise(home, RUN).seconds > 0
    monkeypatch.setattr("runs.listing.AT_ONCE", 7)
    assert list(every_attempt(home, RUN)) == every, "in pieces as at once"
    home.close()


def test_reading_a_large_run_takes_little_memory(tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10_000, calls=0)
    peaks = []
    for read in (lambda: summarise(home, RUN, listed=100), lambda: sum(1 for _ in every_attempt(home, RUN))):
        tracemalloc.start()
        read()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 8e6, "bytes; all 10,000 at once are 70 MB"
    home.close()


def test_a_list_of_runs_is_bounded(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 20, calls=0)
    names = [f"2026020{number}-000000-many-0001" for number in range(1, 9)]
    for number, run in enumerate(names):
        at = AT + timedelta(hours=number)
        write_run(home, 10, calls=0, run=run, first=1000 * (number + 1), at=at)
    with counted_statements() as few:
        some = list_runs(home, everybodys=True, most=2)
    with counted_statements() as many:
        every = list_runs(home, everybodys=True)
    assert len(few) == len(many) <= 6, "half of them begin a transaction"
    assert every[:2] == some
    assert {one.id: one.trials for one in every} == {
        RUN: {"total": 20, "done": 16},
        **{run: {"total": 10, "done": 8} for run in names},
    }
    assert {one.cost["dollars"] for one in every} == {3.75}
    assert {one.cost["estimated_dollars"] for one in every} == {0.5}
    home.close()


def test_a_run_that_is_damaged_hides_no_other(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    names = [f"2026060{number}-000000-many-0001" for number in (1, 2, 3)]
    for number, run in enumerate(names):
        write_run(home, 1, calls=0, run=run, first=number, at=AT + timedelta(hours=number))
    spoilt = update(RUNS).where(RUNS.c.id == names[1]).values(options='{"reviewing": {"overlap": null}}')
    with home.database.write() as connection:
        connection.execute(spoilt)
    found = list_runs(home, everybodys=True)
    listed = [(line.id, line.state == "damaged", line.trials["total"]) for line in found]
    assert listed == [(names[2], False, 1), (names[1], True, 1), (names[0], False, 1)]
    home.close()


def test_a_large_run_is_shown_in_part_and_whole(upbench: Upbench, tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, LISTED + 500, calls=0)
    home.close()
    code, out, err = upbench("runs", "show", RUN)
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if line.startswith("t0")]
    assert len(lines) == LISTED
    assert sum("sandbox_lost" in line for line in lines) == (LISTED + 500) // 10
    last = out.splitlines()[-1]
    assert "and 500 attempts more" in last
    words = last.partition("All: upbench ")[2].split()
    _, out, _ = upbench(*words)
    assert len([line for line in out.splitlines() if line.startswith("t0")]) == LISTED + 500
    assert "more" not in out.splitlines()[-1]
    _, out, _ = upbench("runs", "show", RUN, "--json")
    whole = json.loads(out)
    assert [one["trial"] for one in whole["attempts"]] == [f"t{n:012x}" for n in range(LISTED + 500)]
    assert (whole["unlisted"], whole["trials"]["total"]) == (0, LISTED + 500)


def test_of_many_runs_the_newest_are_listed(upbench: Upbench, tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    for number in range(3):
        write_run(home, 10, calls=0, run=f"r-{number}", first=100 * number, at=AT + timedelta(hours=number))
    home.close()
    code, out, err = upbench("runs", "list", "--most", "2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["r-2", "r-1"]
    assert "$3.75 ($0.50 of it estimated) and 2 calls without a price" in out
    assert "--most" in err
    code, out, err = upbench("runs", "list", "--json")
    assert [line["id"] for line in json.loads(out)] == ["r-2", "r-1", "r-0"]
    assert err == ""
