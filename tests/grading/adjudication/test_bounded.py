"""However much was said, what the pages of work and quality read of it stays the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, insert

from core import Database
from grading.adjudication.cases import open_cases
from grading.adjudication.pay import enter_all, ledger, totals
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.adjudication.quality import overturned, quality_of, quality_of_all
from grading.people.person import Person
from grading.tables import EVALUATIONS, VERDICTS
from tests.grading.adjudication.support import MIGRATIONS, two_who_differ

PEOPLE = ("anna", "bert", "cleo", "dora")
CRITERIA = 10
AT = "2026-11-18T10:00:00+00:00"


class Counting:
    """A connection that counts its statements and the rows that they bring."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.statements = self.rows = 0

    def execute(self, *what: Any) -> Any:
        result = self._connection.execute(*what)
        self.statements += 1
        if not result.returns_rows:
            return result
        kept = result.freeze()
        self.rows += len(kept.data)
        return kept()


def fill(database: Database, first: int, submissions: int) -> None:
    """So many submissions, each judged by two people; ten verdicts each, some adjudicated otherwise."""
    heads, verdicts, number = [], [], first * 3
    for at in range(first, first + submissions):
        graders = [(PEOPLE[at % 4], "primary"), (PEOPLE[(at + 1) % 4], "primary"), ("judge", "adjudication")]
        for grader, stage in graders:
            number += 1
            head = {"id": number, "attempt_id": f"t{at}", "submission": "s", "grading_digest": "g", "revision": 1}
            more = {"grader": grader, "grader_kind": "human", "stage": stage, "judgement": "pass", "minutes": 5.0}
            heads.append(head | more | {"judge_seen": False, "ts": AT})
            for position in range(1 if stage == "adjudication" else CRITERIA):
                word = "fail" if (at + position + number) % 3 == 0 else "pass"
                said = {"evaluation": number, "position": position, "criterion": f"c{position}", "verdict": word}
                verdicts.append(said | {"feedback": "", "evidence": "[]", "decides": False})
    with database.write() as connection:
        connection.execute(insert(EVALUATIONS), heads)
        connection.execute(insert(VERDICTS), verdicts)


def measured(database: Database, read: Callable[[Connection], object]) -> tuple[int, int]:
    """Statements and rows."""
    with database.read() as connection:
        counting = Counting(connection)
        read(cast(Connection, counting))
    return counting.statements, counting.rows


def test_the_pages_read_as_much_of_20000_verdicts_as_of_400(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", MIGRATIONS)
    with database.write() as connection:
        set_rule(connection, PayRule(currency="EUR", hourly=6000), "lea")
        connection.exec_driver_sql("UPDATE pay_rules SET ts = '2026-01-01'")
    reads: dict[str, Callable[[Connection], object]] = {
        "own": lambda connection: quality_of(connection, "anna"),
        "all": quality_of_all,
        "overturned": lambda connection: overturned(connection, "anna"),
        "ledger": lambda connection: ledger(connection, "anna", most=5),
        "totals": totals,
    }
    fill(database, 0, 20)
    assert enter_all(database) == 60
    assert enter_all(database) == 0
    few = {name: measured(database, read) for name, read in reads.items()}
    fill(database, 20, 980)
    enter_all(database)
    assert {name: measured(database, read) for name, read in reads.items()} == few
    assert sum(rows for _, rows in few.values()) < 60
    with database.read() as connection:
        found = quality_of_all(connection)
        own = quality_of(connection, "anna")
    assert (set(found), found["anna"]) == (set(PEOPLE), own)
    assert own is not None
    assert (own.reviews, own.evidence.n, own.agrees.n, own.minutes) == (500, 5000, 500, 2500.0)
    database.close()


def test_the_list_of_cases_is_read_by_one_statement_and_shows_nobody_their_own(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", MIGRATIONS)
    for number in range(6):
        two_who_differ(database, f"item-{number}")
    with database.read() as connection:
        listed = {name: open_cases(connection, Person(id=name)) for name in ("anna", "bert", "carl")}
        barred = Person(id="carl", conflicts=frozenset({"job:lead-list"}))
        assert (open_cases(connection, barred), len(open_cases(connection, Person(id="carl"), 4))) == ([], 4)
    assert {name: len(found) for name, found in listed.items()} == {"anna": 0, "bert": 0, "carl": 6}
    assert measured(database, lambda connection: open_cases(connection, Person(id="carl"))) == (1, 6)
    database.close()
