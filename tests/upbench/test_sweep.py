"""Sweeping a project: what its records name stays, beside a run as well; all else goes in two steps."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, String, inspect, select, text, update

from core import BadInput, Blobs, sha256_bytes
from core.store.attic import BucketPlace, FolderPlace
from grading import Rendered, Shelf, render_references
from grading.render.tables import RENDERINGS
from runs import Records, snapshot_store
from runs.tables import EXECUTIONS
from tests.runs.project import bench_in
from tests.runs.support import write_pack
from tests.standins.postgres import database_place, fresh_database, postgres  # noqa: F401
from tests.standins.s3.fixture import s3, s3_server  # noqa: F401
from tests.standins.s3.server import S3
from tests.upbench.bundles import RUN, fill
from tests.upbench.mistakes import Upbench
from upbench.bundle.write import write_bundle
from upbench.home import Home, open_home
from upbench.settings import Settings
from upbench.sweeping import REFERENCES, Sweeping, sweep_project

LONG_AGO = time.time() - 30 * 86400
EARLY = "2026-01-01T00:00:00.000+00:00"


def project(folder: Path, place: Path | str | None = None, blobs: str | None = None) -> Home:
    """A project with a run that was reviewed in part, and with renderings by an old renderer and a new one."""
    home = open_home(Settings(project=folder, database=place if isinstance(place, str) else None, blobs=blobs))
    fill(home)
    for renderer in ("old", "new"):
        for file in handed_in(home):
            draw(home, file, renderer)
    with home.database.write() as connection:
        connection.execute(update(RENDERINGS).where(RENDERINGS.c.renderer == "old").values(until=EARLY))
    return home


def handed_in(home: Home) -> list[str]:
    attempts = Records(home.database).attempts(RUN)
    return sorted({file.sha256 for one in attempts if one.submission for file in one.submission.files})


def draw(home: Home, file: str, renderer: str) -> None:
    pages: list[dict[str, Any]] = [{"number": 1, "width": 9, "height": 9, "label": "1"}]
    for name in ("image", "small", "words"):
        pages[0][name] = home.blobs.put_bytes(f"{name} of {file} by {renderer}".encode())
    rendered = Rendered.model_validate({"sha256": file, "suffix": ".csv", "kind": "pages", "pages": pages})
    shelf = Shelf(home.database, home.blobs)
    assert shelf.claim(file, ".csv", renderer, "me") == 1
    shelf.keep(rendered, renderer, "me", 0.1)


def grow_old(folder: Path) -> None:
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def whole(home: Home, file: Path) -> int:
    """How many blobs a bundle of the run has: all of them can be read."""
    return write_bundle(home, RUN, file).blobs


def test_what_the_records_name_stays_and_all_else_goes(
    tmp_path: Path,
    database_place: Path | str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = project(tmp_path / "here", database_place)
    stray, files = home.blobs.put_bytes(b"nobody's"), handed_in(home)
    before = whole(home, tmp_path / "before.zip")
    old, new = ([sha256_bytes(f"image of {file} by {by}".encode()) for file in files] for by in ("old", "new"))
    told, done = sweep_project(home, days=1, dry_run=True), sweep_project(home, days=1)
    assert told == done.model_copy(update={"dry_run": True})
    assert (done.renderers, done.renderings) == (1, len(files))
    assert done.places[0].young.files == 1 + 4 * len(files), "the stray, and manifest and page of each"
    grow_old(home.blobs.root)
    told, done = sweep_project(home, days=1, dry_run=True), sweep_project(home, days=1)
    assert told == done.model_copy(update={"dry_run": True})
    assert done.places[0].put_away.files == 1 + 4 * len(files)
    with monkeypatch.context() as days_later:
        days_later.setattr(FolderPlace, "now", lambda _: time.time() + 10 * 86400)
        assert sweep_project(home, days=1).places[0].removed == done.places[0].put_away
    assert [home.blobs.has(name) for name in (stray, *old)] == [False] * (1 + len(old))
    assert all(home.blobs.has(name) for name in new)
    assert Shelf(home.database, home.blobs).find(files[0], ".csv", None) is not None
    assert whole(home, tmp_path / "after.zip") == before
    home.close()


def test_a_bucket_is_swept_as_well_and_snapshots_that_were_left(
    s3: S3,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = project(tmp_path / "here", blobs=s3.remote())
    stray = home.blobs.put_bytes(b"nobody's")
    with home.database.read() as connection:
        ended = connection.execute(select(EXECUTIONS.c.id).limit(1)).scalar_one()
    stores = {name: snapshot_store(home.state, home.blobs, name) for name in (ended, "another.e1")}
    kept = {name: store.put_bytes(name.encode()) for name, store in stores.items()}
    for kind in (FolderPlace, BucketPlace):
        monkeypatch.setattr(kind, "now", lambda _: time.time() + 10 * 86400)
    before = whole(home, tmp_path / "before.zip")
    done = [sweep_project(home, days=1) for _ in range(2)]
    assert [one.snapshots for one in done] == [1, 0]
    assert done[0].places[1].put_away == done[1].places[1].removed
    assert not Blobs(tmp_path / "other", home.blobs.remote).has(stray)
    found = {name: Blobs(tmp_path / "far" / name, store.remote).has(kept[name]) for name, store in stores.items()}
    assert found == {ended: False, "another.e1": True}, "what the records do not know is left alone"
    shutil.rmtree(home.blobs.root)
    home.blobs.root.mkdir()
    assert whole(home, tmp_path / "after.zip") == before
    home.close()


def test_a_run_beside_sweeps_loses_nothing(tmp_path: Path) -> None:
    """It makes the same files as one before it, which nothing names any more and which are old."""
    pack = str(write_pack(tmp_path, jobs=2))
    with bench_in(tmp_path / "first") as bench:
        bench.run(pack, agents=["oracle"])
        stray = bench.home.blobs.put_bytes(b"nobody's")
        shutil.copytree(bench.home.blobs.root, tmp_path / "second" / ".upbench" / "blobs")
    shutil.rmtree(tmp_path / "second" / ".upbench" / "blobs" / "databases")
    grow_old(tmp_path / "second" / ".upbench" / "blobs")
    with bench_in(tmp_path / "second") as bench:
        over = threading.Event()

        def keep_sweeping() -> list[Sweeping]:
            done = [sweep_project(bench.home, days=1)]
            while not over.wait(0.05):
                done.append(sweep_project(bench.home, days=1))
            return done

        with ThreadPoolExecutor() as beside:
            sweeping = beside.submit(keep_sweeping)
            try:
                summary = bench.run(pack, agents=["oracle"], repeats=2)
            finally:
                over.set()
            done = sweeping.result()
        assert summary.causes == {"submitted": 4}
        assert not bench.home.blobs.path(stray).exists()
        assert sum(one.places[0].removed.files for one in done) == 0
        sweep_project(bench.home, days=1)
        assert write_bundle(bench.home, summary.id, tmp_path / "whole.zip").blobs > 0


NAMES_NONE = """
adjudications: alias item criterion triggers state opened adjudicator reason body closed
attempts: id trial parent arm state cause finished round run remarks context
audit: ts actor action subject detail previous digest
audit_head: digest
database_identity: id
evaluations: attempt_id submission grading_digest grader grader_kind stage judgement ts
executions: id attempt started cause detail sandbox result
gold: item criterion verdict why decided_by ts
gold_items: item origin made reason decided_by ts
gold_known: item person
gold_standings: person state before day
invitations: hash id login roles skills person made_by created expires used
migrations: room
model_calls: key state provider model request reply stop cause detail
model_lane_users: account worker
model_lanes: account prober
model_waste: key kind
pay: person stage currency state due paid paid_by spans began ended
pay_bonuses: person period currency state due paid paid_by
pay_late: slot person noted
pay_rules: body decided_by ts
people: id login name roles skills conflicts password source issuer subject closed created
renderings: suffix renderer holder until made
review_activity: slot reviewer begin end criterion file
review_drafts: alias reviewer criterion body ts uuid
review_items: alias attempt_id submission grading_digest sheet state reviewer changed previous pack job category
  policy
  settled
review_looks: person job at
review_sheets: digest
review_slots: alias item kind state reviewer required until expires claimed locked rank
review_snippets: reviewer id text
review_unblinding: attempt_id submission findings
run_sheets: run job grading_digest body
run_spend: run worker
runs: id created pack_root config state owner queue options stop started
sessions: hash id person browser begun seen expires ended why
sign_in_failures: key last until
spent_states: hash expires
tickets: alias item grading_digest criterion opened_by text opened state decided_by answer decided
tokens: hash id person name scopes created expires used revoked
transcript_events: execution kind at
trials: id run agent job identity
verdicts: criterion verdict feedback evidence
voids: id grading_digest criterion decided_by reason ticket ts
worker_refusals: run worker detail
workers: id host queues started paused ended why
"""
"""Columns of text that name no blob. A new column is added here, or to what its room says that it refers to."""


def references() -> dict[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for one in (*REFERENCES, *render_references()):
        found[one.table.name] |= set(one.columns)
    return found


def columns(home: Home) -> Iterator[tuple[str, str]]:
    with home.database.read() as connection:
        there = inspect(connection)
        for table in there.get_table_names():
            for column in there.get_columns(table):
                if isinstance(column["type"], String | LargeBinary):
                    yield table, column["name"]


def test_every_column_that_may_name_blobs_is_told_of_by_its_room(tmp_path: Path) -> None:
    listed = {name: set(rest.split()) for name, rest in re.findall(r"^(\w+):((?:.|\n  )*)", NAMES_NONE, re.M)}
    home = project(tmp_path / "here")
    unknown = [
        f"{table}.{column}"
        for table, column in columns(home)
        if column not in references()[table] | listed.get(table, set())
    ]
    assert unknown == [], "does it name blobs? then its room's references tell of it, else NAMES_NONE"
    wrong = [
        f"{table}.{column}"
        for table, column in columns(home)
        if column not in references()[table] and any(map(home.blobs.has, names_in(home, table, column)))
    ]
    assert wrong == [], "it names blobs"
    told = {(table, column) for table in references() for column in references()[table]}
    found = {(t, c) for t, c in told if any(map(home.blobs.has, names_in(home, t, c)))}
    assert told - found == {("transcript_events", "form")}, "what names blobs is looked at by this test"
    home.close()


def names_in(home: Home, table: str, column: str) -> set[str]:
    """Whatever looks like the name of a blob in a column, packed or not."""
    found = set[str]()
    with home.database.read() as connection:
        for value in connection.execute(text(f'SELECT "{column}" FROM "{table}"')).scalars():
            data = value.encode() if isinstance(value, str) else bytes(value or b"")
            with suppress(zlib.error):
                data = zlib.decompress(data)
            found |= {one.decode() for one in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", data)}
    return found


def test_what_cannot_be_told_is_refused(upbench: Upbench, tmp_path: Path) -> None:
    code, _, err = upbench("sweep")
    assert (code, len(err.splitlines())) == (2, 1), "there is no project"
    assert upbench("sweep", "--days", "0")[0] == 2
    home = project(tmp_path)
    code, out, _ = upbench("sweep", "--dry-run", "--json")
    assert (code, json.loads(out)["dry_run"]) == (0, True)
    code, out, _ = upbench("sweep")
    assert (code, " are named, and stay" in out) == (0, True)
    (run,) = Records(home.database).runs()
    assert run.pack is not None
    home.blobs.path(run.pack).write_bytes(b"spoilt")
    code, out, err = upbench("sweep")
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    (home.blobs.root / "databases" / "0123456789abcdef").write_text("the database of somebody else")
    code, out, err = upbench("sweep")
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert "somebody else" in err
    assert "--gone 0123456789abcdef" in err
    other = open_home(Settings(project=tmp_path / "other"))
    with pytest.raises(BadInput, match=r"upbench\.db"):
        sweep_project(replace(home, database=other.database), days=1)
    for one in (home, other):
        one.close()
