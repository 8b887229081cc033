"""What was adjudicated and voided travels with a run; by what people are measured and paid stays."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from grading import ADJUDICATION_AT_HOME, ADJUDICATION_BUNDLE, compute_figures, voided_in
from grading.adjudication.tables import ADJUDICATIONS, METADATA
from grading.adjudication.tickets import open_ticket, set_voided, tickets
from grading.book import now
from grading.tables import REVIEW_ITEMS
from runs import evaluation_lines
from tests.upbench.bundles import RUN, fill, project
from upbench.bundle.take_in import take_in
from upbench.bundle.write import write_bundle


def test_every_table_travels_or_stays_by_decision() -> None:
    travel = {table.name for table in ADJUDICATION_BUNDLE}
    assert travel.isdisjoint(ADJUDICATION_AT_HOME)
    assert travel | ADJUDICATION_AT_HOME == set(METADATA.tables)


def test_figures_are_the_same_where_a_run_with_voided_criteria_is_taken_in(tmp_path: Path) -> None:
    here, there = project(tmp_path / "here"), project(tmp_path / "there")
    fill(here)
    with here.database.write() as connection:
        item = connection.execute(select(REVIEW_ITEMS).order_by(REVIEW_ITEMS.c.alias)).first()
        assert item is not None
        lines = list(evaluation_lines(here.database.joined(connection), RUN))
        criterion = next(line.criterion for line in lines if line.grading_digest == item.grading_digest)
        assert criterion is not None
        case = {"alias": "a1", "item": item.alias, "criterion": criterion, "triggers": '["critical"]'}
        connection.execute(insert(ADJUDICATIONS), case | {"state": "open", "opened": now()})
        open_ticket(connection, item.alias, criterion, "anna", "Unclear.")
        set_voided(connection, item.grading_digest, criterion, voided=True, by="lea", reason="It is.")
    write_bundle(here, RUN, tmp_path / "a.zip")
    assert not take_in(there, tmp_path / "a.zip").already
    with there.database.read() as connection:
        assert voided_in(connection, [item.grading_digest]) == {item.grading_digest: {criterion}}
        assert [ticket.text for ticket in tickets(connection)] == ["Unclear."]
        assert connection.execute(select(ADJUDICATIONS.c.state)).scalars().all() == ["void"]
    read = {home: list(evaluation_lines(home.database, RUN)) for home in (here, there)}
    assert any(line.voided for line in read[there])
    assert compute_figures(read[there]) == compute_figures(read[here])
    write_bundle(there, RUN, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
