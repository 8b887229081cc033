"""A run in one file: the same bytes from the same run, all of it, nothing else, and it goes on elsewhere."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import BadInput, StoreFault
from grading import Book, ReviewDesk, dump_lines
from grading.review.desk import Draft
from jobs import load_pack
from rubrics import Verdict
from runs import Records, evaluation_lines
from tests.standins.postgres import database_place, fresh_database, postgres  # noqa: F401
from tests.upbench.bundles import ADDRESS, HOST, RUN, contents, fill, project
from upbench.bundle.archive import open_archive
from upbench.bundle.manifest import MANIFEST
from upbench.bundle.parquet import can_write
from upbench.bundle.scrub import Scrubber
from upbench.bundle.take_in import take_in
from upbench.bundle.verify import Verified
from upbench.bundle.write import write_bundle
from upbench.home import Home
from upbench.settings import Settings
from upbench.summary import summarise
from upbench.why import story


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Home]:
    home = project(tmp_path / "here")
    fill(home)
    yield home
    home.close()


@pytest.fixture
def there(tmp_path: Path, database_place: Path | str) -> Iterator[Home]:  # noqa: F811
    """Another, empty project, on either dialect."""
    home = project(tmp_path / "there", database_place)
    yield home
    home.close()


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_run_taken_in_elsewhere_is_the_same_run(here: Home, there: Home, tmp_path: Path) -> None:
    written = write_bundle(here, RUN, tmp_path / "a.zip")
    taken = take_in(there, tmp_path / "a.zip", owner="another")
    assert (taken.run, taken.already, taken.rows, taken.blobs) == (RUN, False, written.rows, written.blobs)
    left, right = summarise(here, RUN), summarise(there, RUN)
    assert right.owner == "another"
    assert right == left.model_copy(update={"store": right.store, "owner": "another"})
    assert [story(there, a.trial).text for a in right.attempts] == [
        story(here, a.trial).text for a in left.attempts
    ]
    assert dump_lines(evaluation_lines(there.database, RUN)) == dump_lines(evaluation_lines(here.database, RUN))
    run = Records(there.database).run(RUN)
    assert run.owner == "another"
    assert [job.id for job in load_pack(run.pack_root).jobs] == ["job-1", "job-2"], "its pack is laid out"
    again = write_bundle(there, RUN, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert again.bytes == written.bytes


def test_reviews_go_on_where_they_were(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    take_in(there, tmp_path / "a.zip")
    desk, other = ReviewDesk(Book(here.database), "r1"), ReviewDesk(Book(there.database), "r1")
    assert [(r.alias, r.state, r.drafts) for r in other.queue()] == [
        (r.alias, r.state, r.drafts) for r in desk.queue()
    ]
    begun = next(review for review in other.queue() if review.drafts and review.state != "locked")
    other.save(begun.alias, "total", 0, Draft(verdict=Verdict.passed))
    revision = begun.whole[0]
    other.judge(begun.alias, revision, "pass")
    attempt = other.lock(begun.alias)
    graded = Book(there.database).verdicts_of(attempt)
    assert [evaluation.grader for evaluation in graded] == ["checks", "r1"]
    for file in begun.item.deliverables + begun.item.inputs:
        assert len(there.blobs.get_bytes(file.sha256)) == file.size


def test_taking_in_again_changes_nothing(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    take_in(there, tmp_path / "a.zip")
    before = contents(there)
    again = take_in(there, tmp_path / "a.zip")
    assert (again.already, again.changed) == (True, ())
    assert contents(there) == before
    back = take_in(here, tmp_path / "a.zip")
    assert (back.already, back.changed) == (True, ()), "at home it is known too"


def test_what_went_on_since_is_told_and_stays(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    take_in(there, tmp_path / "a.zip")
    desk = ReviewDesk(Book(there.database), "r1")
    waiting = next(review for review in desk.queue() if review.state == "awaiting")
    desk.save(waiting.alias, "note", 0, Draft(verdict=Verdict.passed))
    before = contents(there)
    again = take_in(there, tmp_path / "a.zip")
    assert again.already
    assert set(again.changed) == {"review_items", "review_slots", "review_drafts"}
    assert contents(there) == before


def test_another_run_of_the_same_name_is_refused(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    fill(there)
    before = contents(there)
    with pytest.raises(BadInput, match="another run"):
        take_in(there, tmp_path / "a.zip")
    assert contents(there) == before


def test_a_bundle_holds_its_run_and_nothing_of_others(tmp_path: Path) -> None:
    home, alone = project(tmp_path / "many"), project(tmp_path / "one")
    for run in ("20260102-030405-small-0001", "20260102-030405-small-0002"):
        fill(home, run, jobs=3)
    secret = home.blobs.put_bytes(b"of nobody's")
    write_bundle(home, "20260102-030405-small-0001", tmp_path / "a.zip")
    take_in(alone, tmp_path / "a.zip")
    assert [run.id for run in Records(alone.database).runs()] == ["20260102-030405-small-0001"]
    text = b"".join(members(tmp_path / "a.zip").values())
    assert b"small-0002" not in text
    assert secret not in contents(alone)["blobs"]
    take_in(home, tmp_path / "a.zip")
    write_bundle(home, "20260102-030405-small-0002", tmp_path / "b.zip")
    take_in(alone, tmp_path / "b.zip")
    assert contents(alone)["evaluations"] != []
    for run in ("20260102-030405-small-0001", "20260102-030405-small-0002"):
        told, expected = evaluation_lines(alone.database, run), evaluation_lines(home.database, run)
        assert dump_lines(told) == dump_lines(expected), "both runs side by side"
    home.close()
    alone.close()


def test_the_manifest_says_what_it_is(here: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    inside = members(tmp_path / "a.zip")
    manifest = json.loads(inside[MANIFEST])
    run = Records(here.database).run(RUN)
    assert manifest["pack"] == {"name": "small", "version": "1.0.0", "snapshot": run.pack}
    assert manifest["agents"] == {agent.name: agent.digest for agent in run.config.agents}
    assert manifest["sandboxes"] == [
        {"provider": "bwrap", "version": "0.11", "runtime": None, "image": None, "executions": 4}
    ]
    assert inside["evaluations.jsonl"].decode() == dump_lines(evaluation_lines(here.database, RUN))
    event = json.loads(inside["rows/agents/transcript_events.jsonl"].splitlines()[0])
    assert event["body"] == {"json": {"task": "Add up", "title": "\u2028 and \u00e9"}}, "it can be read by people"
    call = json.loads(inside["rows/core.llm/model_calls.jsonl"].splitlines()[0])
    assert "reply" in call


def test_parquet_is_there_where_it_can_be_written(here: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    found = members(tmp_path / "a.zip").get("evaluations.parquet")
    assert (found is not None) == can_write()
    if found is not None:
        import io
        from importlib import import_module

        table = import_module("pyarrow.parquet").read_table(io.BytesIO(found))
        assert table.num_rows == len(list(evaluation_lines(here.database, RUN)))


def test_no_secret_and_no_place_of_this_machine_travels(
    here: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = 'sk-"quoted"-0123456789'
    monkeypatch.setenv("OPENAI_API_KEY", key)
    from sqlalchemy import update

    from runs.tables import EXECUTIONS

    with here.database.write() as connection:
        detail = f"{here.state}/scratch: the server said {key}"
        connection.execute(update(EXECUTIONS).values(detail=detail))
    written = write_bundle(here, RUN, tmp_path / "a.zip")
    text = b"".join(members(tmp_path / "a.zip").values())
    assert written.removed == 8
    for told in (
        key,
        "sk-",
        str(here.state),
        ADDRESS,
        HOST,
        "model.inside",
        "somebody",
        str(tmp_path),
    ):
        assert told.encode() not in text, told
    assert b"[project]/scratch: the server said [removed]" in text


@pytest.mark.parametrize(
    "address", ["u:hush%20hush@h/name", "u@h/name?password=hush+hush", "u@h/name?sslpassword=hush+hush"]
)
def test_the_database_password_is_secret_wherever_it_stands(tmp_path: Path, address: str) -> None:
    scrubber = Scrubber(Settings(project=tmp_path, database=f"postgresql://{address}"))
    assert scrubber.line('{"detail": "it said hush hush"}') == '{"detail": "it said [removed]"}'
    assert scrubber.removed == 1


def test_a_run_that_is_at_work_is_taken_in_as_one_that_was_stopped(tmp_path: Path) -> None:
    home, other = project(tmp_path / "here"), project(tmp_path / "there")
    fill(home, open_ended=True)
    write_bundle(home, RUN, tmp_path / "a.zip")
    take_in(other, tmp_path / "a.zip")
    assert Records(home.database).run(RUN).state == "running"
    assert Records(other.database).run(RUN).state == "interrupted"
    assert [a.state for a in Records(other.database).attempts(RUN)].count("running") == 1
    home.close()
    other.close()


def test_an_export_is_whole_or_not_there(here: Home, tmp_path: Path) -> None:
    name = Records(here.database).attempts(RUN)[0].submission
    assert name is not None
    here.blobs.path(name.files[0].sha256).write_bytes(b"spoilt")
    folder = tmp_path / "out"
    with pytest.raises(StoreFault):
        write_bundle(here, RUN, folder / "a.zip")
    assert list(folder.iterdir()) == []
    (folder / "b.zip").write_text("mine")
    with pytest.raises(BadInput, match="is there already"):
        write_bundle(here, RUN, folder / "b.zip")
    assert (folder / "b.zip").read_text() == "mine"
    with pytest.raises(BadInput, match="no such run"):
        write_bundle(here, "nonesuch", folder / "c.zip")


def test_an_import_that_was_cut_short_goes_on(here: Home, there: Home, tmp_path: Path) -> None:
    write_bundle(here, RUN, tmp_path / "a.zip")
    from core import Landing
    from upbench.bundle.take_in import _Taking

    with open_archive(tmp_path / "a.zip") as archive:
        cut = _Taking(there, archive, Verified(archive), Landing(packs=there.state / "packs"))
        cut.blobs()
        cut.early()
    assert Records(there.database).runs() == [], "nobody sees a run that is there in part"
    assert ReviewDesk(Book(there.database), "r1").queue() == []
    assert not take_in(there, tmp_path / "a.zip").already
    write_bundle(there, RUN, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_every_table_of_every_room_travels_or_stays_by_decision() -> None:
    from agents import AGENT_AT_HOME
    from agents.tables import EVENTS
    from core.llm.bundle import LLM_AT_HOME
    from core.llm.tables import META
    from grading import ADJUDICATION_AT_HOME
    from grading.adjudication.tables import METADATA as ADJUDICATION
    from grading.bundle import GRADING_AT_HOME
    from grading.overview.tables import METADATA as OVERVIEW
    from grading.people.tables import METADATA as PEOPLE
    from grading.tables import METADATA as GRADING
    from runs import RUNS_AT_HOME
    from runs.tables import METADATA as RUNS
    from upbench.bundle.tables import READ

    travel = {part.name for part in READ}
    stay = AGENT_AT_HOME | LLM_AT_HOME | GRADING_AT_HOME | RUNS_AT_HOME | ADJUDICATION_AT_HOME
    every = set(META.tables) | set(GRADING.tables) | set(RUNS.tables) | set(EVENTS.metadata.tables)
    every |= set(PEOPLE.tables)
    every |= set(ADJUDICATION.tables) | set(OVERVIEW.tables)
    assert travel.isdisjoint(stay)
    assert travel | stay == every
