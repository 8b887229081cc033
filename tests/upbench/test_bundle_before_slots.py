"""A bundle that was made before reviews had slots: reviews go on in it where they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import canonical_json
from grading import Book, ReviewDesk
from grading.review.desk import Draft
from rubrics import Verdict
from tests.standins.postgres import database_place, fresh_database, postgres  # noqa: F401
from tests.upbench.bundles import RUN, fill, project
from tests.upbench.test_bundle_refused import Members, packed, sealed, unpacked
from upbench.bundle.manifest import MANIFEST
from upbench.bundle.take_in import take_in
from upbench.bundle.write import write_bundle
from upbench.home import Home

FOLDER = "rows/grading"
NEW = ("previous", "pack", "job", "category", "settled", "uuid")
Rows = list[dict[str, object]]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Home]:
    home = project(tmp_path / "here")
    fill(home)
    yield home
    home.close()


@pytest.fixture
def there(tmp_path: Path, database_place: Path | str) -> Iterator[Home]:  # noqa: F811
    home = project(tmp_path / "there", database_place)
    yield home
    home.close()


def as_it_was(members: Members) -> Members:
    """Without the tables and columns of slots, and with the reviewer on the item."""
    reviewers = {str(row["alias"]): row["reviewer"] for row in read(members, "review_slots")}
    manifest = json.loads(members[MANIFEST])
    gone = ("review_slots", "review_activity")
    manifest["tables"] = [table for table in manifest["tables"] if table["table"] not in gone]
    members[MANIFEST] = canonical_json(manifest).encode()
    for name in gone:
        members.pop(f"{FOLDER}/{name}.jsonl", None)
    write(members, "review_items", lambda row: row | {"reviewer": reviewers[str(row["alias"])]})
    write(members, "review_drafts", lambda row: None if row["criterion"] == "#held" else row)
    return sealed(members)


def read(members: Members, table: str) -> Rows:
    return [json.loads(line) for line in members[f"{FOLDER}/{table}.jsonl"].splitlines()]


def write(members: Members, table: str, change: Callable[[dict[str, object]], dict[str, object] | None]) -> None:
    rows = [changed for row in read(members, table) if (changed := change(row)) is not None]
    lines = [json.dumps({name: value for name, value in row.items() if name not in NEW}) for row in rows]
    members[f"{FOLDER}/{table}.jsonl"] = "".join(f"{line}\n" for line in lines).encode()


def test_its_reviews_have_slots_where_it_is_taken_in(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    old = packed(as_it_was(unpacked((tmp_path / "a.zip").read_bytes())), tmp_path / "old.zip")
    assert not take_in(there, old).already
    mine, same = (ReviewDesk(Book(home.database), "r1") for home in (here, there))
    assert [(r.alias, r.state, r.drafts) for r in same.queue()] == [
        (r.alias, r.state, r.drafts) for r in mine.queue()
    ]
    begun = next(review for review in same.queue() if review.state == "claimed")
    same.save(begun.alias, "total", 0, Draft(verdict=Verdict.passed))
    same.judge(begun.alias, begun.whole[0], "pass")
    assert same.lock(begun.alias)
