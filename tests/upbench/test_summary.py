"""What is said of a run as a whole: right, and by so many statements whatever the run's size."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core import CallJournal, CallTotals
from runs import Records, Stop, count_attempts, totals_of_run
from runs.tables import ATTEMPTS
from tests.runs.project import bench_in, order, run_all
from tests.runs.support import write_pack
from tests.upbench.large import RUN, counted_statements, home_at, workers_at, write_run
from upbench.snapshot import take_snapshot
from upbench.summary import list_runs, summarise

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_summary_adds_up(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 20)
    write_run(home, 10, run="20250101-000000-other-0001", first=1000)
    summary = summarise(home, RUN)
    assert summary.trials == {"total": 20, "planned": 2, "running": 2, "done": 16}
    assert summary.causes == {"submitted": 14, "sandbox_lost": 2}
    # 14 + 2 x 2 + 2 executions of five calls; a wasted try each.
    assert summary.cost.dollars == pytest.approx(20 * 5 * 0.01)
    assert summary.cost.judge_dollars == pytest.approx(16 * 0.02)
    assert summary.cost.wasted_calls == summary.cost.unpriced_calls == 20
    assert summary.tokens == 20 * 5 * 110
    assert summary.seconds == 18 * 2.0
    lost = next(one for one in summary.attempts if one.cause == "sandbox_lost")
    assert (lost.executions, lost.files) == (2, 0)
    assert [one.trial for one in summary.attempts] == sorted(one.trial for one in summary.attempts), "as planned"
    home.close()


def test_totals_of_many_are_the_totals_of_each(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 20, calls=12)
    journal = CallJournal(home.database)
    attempts = Records(home.database).attempts(RUN)
    each = [journal.usage_of(f"{attempt.id}.e") for attempt in attempts]
    judged = [journal.usage_of(f"{attempt.id}/judge/") for attempt in attempts]
    for found, parts in zip(totals_of_run(home.database, RUN), (each, judged), strict=True):
        assert found.calls == sum(one.calls for one in parts) > 0
        assert found.usage.total == sum(one.usage.total for one in parts)
        for name in ("failed", "open", "dollars", "unpriced_calls", "wasted_tries", "seconds", "waited"):
            assert getattr(found, name) == pytest.approx(sum(getattr(one, name) for one in parts)), name
    assert totals_of_run(home.database, "no such run") == (CallTotals(), CallTotals())
    home.close()


def test_the_number_of_statements_does_not_grow_with_the_run(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    numbers = []
    for trials, first in ((10, 0), (600, 100)):
        run = f"{RUN}-{trials}"
        write_run(home, trials, calls=1, run=run, first=first)
        with counted_statements() as summed:
            summarise(home, run, listed=5)
        with counted_statements() as taken:
            take_snapshot(home, run)
        numbers.append((len(summed), len(taken)))
    assert numbers[0] == numbers[1]
    assert max(numbers[0]) <= 28, "half of them begin a transaction"
    home.close()


def test_a_large_run_is_summed_up_quickly(tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10_000, calls=3)
    begun = time.process_time()
    take_snapshot(home, RUN)
    looked = time.process_time() - begun
    summary = summarise(home, RUN)
    summed = time.process_time() - begun - looked
    assert summary.trials["total"] == 10_000
    assert looked < 0.5, "CPU seconds, on any machine; about 0.05 on a quiet one"
    assert summed < 2, "about 0.25 on a quiet one"
    home.close()


def test_the_rate_is_that_of_the_last_minutes(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 100, calls=0, at=AT)
    counts = count_attempts(home.database, RUN, AT)
    assert counts.recent == 80
    assert counts.since == AT - timedelta(seconds=79)
    assert counts.per_minute(AT) == pytest.approx(60.0)
    assert counts.per_minute(AT + timedelta(seconds=79)) == pytest.approx(30.0), "slower while nothing ends"
    later = count_attempts(home.database, RUN, AT + timedelta(minutes=30))
    assert later.recent == 0
    assert later.per_minute(AT + timedelta(minutes=30)) is None
    assert later.total == 100
    assert later.last == AT
    home.close()


def test_a_snapshot(database_place: Path | str, tmp_path: Path) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 100)
    with workers_at(home):
        seen = take_snapshot(home, "last", named=3)
    assert seen.run == RUN
    assert seen.trials == {"planned": 10, "running": 10, "done": 80}
    assert list(seen.causes.items()) == [("submitted", 70), ("sandbox_lost", 10)]
    assert (seen.dollars, seen.estimated, seen.tokens, seen.unpriced_calls) == (3.75, 0.5, 2000, 2)
    assert seen.per_minute == pytest.approx(60, rel=0.2)
    assert seen.seconds_left == pytest.approx(20, rel=0.2)
    assert seen.seconds == pytest.approx(3600, abs=60)
    assert (seen.workers, seen.draining) == (2, 1), "not the one that was killed"
    assert take_snapshot(home, "last").workers == 0
    assert [one.trial for one in seen.at_work] == [f"t{n:012x}" for n in (8, 18, 28)], "the longest at work"
    assert (seen.done, seen.missing, seen.crashed, seen.over) == (80, 10, 10, False)
    assert seen.model_validate_json(seen.model_dump_json()) == seen
    home.close()


def test_the_time_of_a_run_that_is_over_stands_still(tmp_path: Path) -> None:
    home = home_at(tmp_path / "x", tmp_path)
    write_run(home, 10, at=AT)
    with home.database.write() as connection:
        connection.execute(update(ATTEMPTS).values(state="done", cause="submitted"))
    seen = take_snapshot(home, RUN)
    assert seen.over
    assert seen.seconds == 3600
    assert (seen.per_minute, seen.seconds_left) == (None, None)
    home.close()


def test_a_stop_that_comes_when_all_is_done_has_broken_nothing_off(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "nop"))
        run_all(place)
        place.records.stop(place.run_id, Stop(reason="run_budget", detail="tokens=1 is used up"))
        shown, (line,) = bench.show(place.run_id), list_runs(bench.home)
    assert (shown.state, shown.stop, shown.resume, shown.not_done) == ("done", None, None, {})
    assert line.stop is None
