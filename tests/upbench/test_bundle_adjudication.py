"""What was adjudicated, voided and known as gold travels with a run; what people are taken for and paid stays."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import insert, select, update

from core import canonical_json
from grading import (
    ADJUDICATION_AT_HOME,
    ADJUDICATION_BUNDLE,
    Book,
    GoldKey,
    ReviewDesk,
    compute_figures,
    set_gold_keys,
    voided_in,
)
from grading.adjudication.gold import keys_of
from grading.adjudication.gold_lists import gold_list
from grading.adjudication.tables import ADJUDICATIONS, METADATA
from grading.adjudication.tickets import open_ticket, set_voided, tickets
from grading.book import now
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from runs import evaluation_lines
from tests.upbench.bundles import RUN, fill, project
from tests.upbench.test_bundle_refused import packed, sealed, unpacked
from upbench.bundle.manifest import MANIFEST
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


def test_gold_travels_with_its_keys_and_is_no_queue_without_them(tmp_path: Path) -> None:
    here, there, old = (project(tmp_path / name) for name in ("here", "there", "old"))
    fill(here)
    with here.database.write() as connection:
        item, other = connection.execute(select(REVIEW_ITEMS).order_by(REVIEW_ITEMS.c.alias).limit(2)).all()
        lines = list(evaluation_lines(here.database.joined(connection), RUN))
        criterion = str(next(line.criterion for line in lines if line.grading_digest == item.grading_digest))
        chosen = REVIEW_ITEMS.c.alias.in_((item.alias, other.alias))
        connection.execute(update(REVIEW_ITEMS).where(chosen).values(settled=now(), gold=1.0))
        key = GoldKey(verdict="fail", absent=True, why="It lacks.")
        set_gold_keys(connection, item.alias, {criterion: key}, "lea", reason="Seen by two.")
    write_bundle(here, RUN, tmp_path / "a.zip")
    take_in(there, tmp_path / "a.zip")
    with there.database.read() as connection:
        assert keys_of(connection, item.alias) == {criterion: key}
        assert [(one.item, one.reason, one.open) for one in gold_list(connection)] == [
            (item.alias, "Seen by two.", 1)
        ]
        query = select(REVIEW_SLOTS.c.alias).where(REVIEW_SLOTS.c.kind == "gold")
        (slot,) = connection.execute(query).scalars().all()
    for person, may in (("zoe", True), ("lea", False)):
        assert any(one.alias == slot for one in ReviewDesk(Book(there.database), person).queue()) == may
    write_bundle(there, RUN, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()

    members = unpacked((tmp_path / "a.zip").read_bytes())
    manifest = json.loads(members[MANIFEST])
    gone = ("gold", "gold_items", "gold_known")
    manifest["tables"] = [table for table in manifest["tables"] if table["table"] not in gone]
    members[MANIFEST] = canonical_json(manifest).encode()
    for name in gone:
        members.pop(f"rows/adjudication/{name}.jsonl")
    take_in(old, packed(sealed(members), tmp_path / "old.zip"))
    with old.database.read() as connection:
        states = connection.execute(select(REVIEW_SLOTS.c.state).where(REVIEW_SLOTS.c.kind == "gold")).scalars()
        assert states.all() == ["void"]
