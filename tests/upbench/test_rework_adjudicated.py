"""Reviewers who stand against each other: nothing follows before it is decided, and then with what decided it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import select

from grading import Book, ReviewDesk, adjudications_due
from grading import assign as reviewed_by
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.tables import ADJUDICATIONS
from grading.queue.settle import Settling
from grading.review.desk import Draft
from grading.tables import REVIEW_SLOTS
from rubrics import Verdict
from runs import add_attempts
from tests.upbench.judging import awaiting, bench_at
from upbench.deciding import deciding

WORDS: dict[Verdict, Literal["pass", "fail"]] = {Verdict.passed: "pass", Verdict.failed: "fail"}


@pytest.mark.parametrize("decided", WORDS)
def test_nothing_follows_an_attempt_before_its_adjudications_are_closed(tmp_path: Path, decided: Verdict) -> None:
    bench = bench_at(tmp_path / "upbench.db", tmp_path)
    database = bench.home.database
    place = awaiting(bench, tmp_path, protocol="feedback")
    (one,) = place.records.attempts(place.run_id)
    reviewed_by(database, reviewers=2, due=adjudications_due)
    with database.read() as connection:
        slots = (
            connection.execute(select(REVIEW_SLOTS.c.alias).where(REVIEW_SLOTS.c.item == one.id)).scalars().all()
        )
    with deciding(bench.home, print) as settled:
        for alias, reviewer, verdict in zip(slots, ("ann", "bob"), WORDS, strict=True):
            desk = ReviewDesk(Book(database), reviewer, settled, adjudications_due)
            feedback = "It names nobody." if verdict is Verdict.failed else ""
            desk.save(alias, "note", 0, Draft(verdict=verdict, feedback=feedback))
            desk.judge(alias, 0, WORDS[verdict])
            desk.lock(alias)
        closed = 0
        while True:
            with database.read() as connection:
                cases = connection.execute(select(ADJUDICATIONS).where(ADJUDICATIONS.c.state == "open")).all()
            assert len(place.records.attempts(place.run_id)) == (1 if cases or decided is Verdict.passed else 2)
            if not cases:
                break
            planned = add_attempts(place)
            assert (planned.planned, planned.awaiting) == ((), (one.id,))
            said = Decision(
                verdict=decided if cases[0].criterion == "note" else None,
                judgement=None if cases[0].criterion == "note" else WORDS[decided],
                reason=Reason.evidence_missed,
                feedback="The client is a firm." if decided is Verdict.failed else "",
            )
            with database.write() as connection:
                close(connection, cases[0].alias, "cora", said, settle=Settling(settled, adjudications_due))
            closed += 1
    assert closed >= 1
    told = [remark.text for attempt in place.records.attempts(place.run_id) for remark in attempt.remarks or ()]
    assert told == (["The client is a firm."] if decided is Verdict.failed else [])
    bench.close()
