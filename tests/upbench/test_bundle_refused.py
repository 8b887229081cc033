"""Bundles that were damaged, forged or made by a newer UpBench: refused in one line, and nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import BadInput, canonical_json
from tests.upbench.bundles import RUN, contents, fill, project
from upbench.bundle.archive import open_archive
from upbench.bundle.manifest import MANIFEST, blob_member, digest_of_names
from upbench.bundle.take_in import take_in
from upbench.bundle.verify import Verified
from upbench.bundle.write import write_bundle
from upbench.home import Home

Members = dict[str, bytes]
Change = Callable[[Members], object]
EVENTS = "rows/agents/transcript_events.jsonl"
CALLS = "rows/core.llm/model_calls.jsonl"
RUNS = "rows/runs/runs.jsonl"
TRIALS = "rows/runs/trials.jsonl"
ATTEMPTS = "rows/runs/attempts.jsonl"
EXECUTIONS = "rows/runs/executions.jsonl"
SHEETS = "rows/grading/review_sheets.jsonl"
VERDICTS = "rows/grading/verdicts.jsonl"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bundle")
    home = project(folder / "here")
    fill(home)
    write_bundle(home, RUN, folder / "a.zip")
    home.close()
    return (folder / "a.zip").read_bytes()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = project(tmp_path_factory.mktemp("target") / "there")
    yield home
    home.close()


def refused(target: Home, file: Path, *words: str) -> str:
    """The bundle is refused in one line that has the words, and the project stays empty."""
    with pytest.raises(BadInput) as caught:
        take_in(target, file)
    said = str(caught.value)
    assert "\n" not in said
    assert [word for word in words if word not in said] == [], said
    assert not any(contents(target).values()), "nothing was written"
    return said


def unpacked(bundle: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, file: Path) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def sealed(members: Members) -> Members:
    """With a manifest that tells of the members as they are now: a forger would do no less."""
    manifest = json.loads(members[MANIFEST])
    for table in manifest["tables"]:
        data = members[table["member"]["path"]]
        table["rows"] = data.count(b"\n")
        table["member"] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    blobs = {name.rsplit("/", 1)[-1]: data for name, data in members.items() if name.startswith("blobs/")}
    size = sum(map(len, blobs.values()))
    manifest["blobs"] = {"count": len(blobs), "bytes": size, "digest": digest_of_names(blobs)}
    return members | {MANIFEST: canonical_json(manifest).encode()}


def in_manifest(**values: Any) -> Change:
    def change(members: Members) -> None:
        members[MANIFEST] = canonical_json(json.loads(members[MANIFEST]) | values).encode()

    return change


def in_row(member: str, number: int = 0, **values: Any) -> Change:
    def change(members: Members) -> None:
        lines = members[member].splitlines()
        lines[number] = json.dumps(json.loads(lines[number]) | values).encode()
        members[member] = b"\n".join(lines) + b"\n"

    return change


def without_column(member: str, column: str) -> Change:
    def change(members: Members) -> None:
        rows = [json.loads(line) for line in members[member].splitlines()]
        members[member] = b"".join(
            json.dumps({name: value for name, value in row.items() if name != column}).encode() + b"\n"
            for row in rows
        )

    return change


def twice(member: str) -> Change:
    def change(members: Members) -> None:
        members[member] += members[member]

    return change


def blob_dropped(members: Members) -> None:
    del members[max(name for name in members if name.startswith("blobs/"))]


def blob_added(members: Members) -> None:
    members[blob_member(hashlib.sha256(b"x").hexdigest())] = b"x"


def blob_replaced(members: Members) -> None:
    members[max(name for name in members if name.startswith("blobs/"))] = b"other bytes"


def added(name: str) -> Change:
    def change(members: Members) -> None:
        members[name] = b"x"

    return change


def dropped(name: str) -> Change:
    return lambda members: members.pop(name)


def event_bomb(members: Members) -> None:
    """A blob of 1 MB that unpacks to 257 MB when somebody reads the transcript."""
    bomb = zlib.compress(bytes(257 << 20), 1)
    rows = [json.loads(line) for line in members[EVENTS].splitlines()]
    place = next(index for index, row in enumerate(rows) if row["form"] == 2)
    old = json.loads(json.dumps(rows[place]))["body"]
    import base64

    del members[blob_member(base64.b64decode(old["base64"]).decode())]
    sha256 = hashlib.sha256(bomb).hexdigest()
    members[blob_member(sha256)] = bomb
    rows[place]["body"] = {"base64": base64.b64encode(sha256.encode()).decode()}
    members[EVENTS] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def pack_elsewhere(members: Members) -> None:
    """A snapshot of a pack that would be laid out elsewhere."""
    manifest = json.loads(members[MANIFEST])
    old = manifest["pack"]["snapshot"]
    body = json.loads(members.pop(blob_member(old)))
    body["files"][0]["path"] = "jobs/../../../../evil.toml"
    data = canonical_json(body).encode()
    new = hashlib.sha256(data).hexdigest()
    members[blob_member(new)] = data
    members[RUNS] = members[RUNS].replace(old.encode(), new.encode())
    manifest["pack"]["snapshot"] = new
    members[MANIFEST] = canonical_json(manifest).encode()


def other_table(members: Members) -> None:
    manifest = json.loads(members[MANIFEST])
    facts = json.loads(json.dumps(manifest["tables"][0])) | {"table": "users"}
    facts["member"]["path"] = "rows/runs/users.jsonl"
    manifest["tables"].append(facts)
    members["rows/runs/users.jsonl"] = members[RUNS]
    members[MANIFEST] = canonical_json(manifest).encode()


FORGED: dict[str, tuple[Change, str]] = {
    "another run's row": (in_row(RUNS, id="20250101-000000-other-0000"), "another run"),
    "another run's trial": (in_row(TRIALS, run="20250101-000000-other-0000"), "another run"),
    "a trial that is a path": (in_row(TRIALS, id="../../evil"), "name"),
    "another trial's attempt": (in_row(ATTEMPTS, id="t000000000000.k1"), "another"),
    "an attempt of two trials": (in_row(ATTEMPTS, trial="t000000000000"), "another"),
    "another trial's events": (in_row(EVENTS, execution="t000000000000.k1.e1"), "another run"),
    "another trial's call": (in_row(CALLS, key="t000000000000.k1.e1/1"), "another run"),
    "an unknown attempt's execution": (in_row(EXECUTIONS, attempt="t000000000000.k1"), "another attempt"),
    "an unknown cause": (in_row(ATTEMPTS, cause="bad_luck"), "bad_luck"),
    "a state of no run": (in_row(RUNS, state="../"), "state"),
    "a sheet under another's digest": (in_row(SHEETS, digest="0" * 64), "digest"),
    "a sheet with other words": (in_row(SHEETS, body="{}"), "digest"),
    "a configuration that is none": (in_row(RUNS, config={"json": {"pack": 3}}), "Field required"),
    "a file handed in to elsewhere": (
        in_row(
            ATTEMPTS,
            submission={"json": {"files": [{"path": "../x", "size": 1, "media_type": "a/b", "sha256": "0" * 64}]}},
        ),
        "inside the folder",
    ),
    "a verdict of no evaluation": (in_row(VERDICTS, evaluation=999), "another run"),
    "rows twice": (twice(VERDICTS), "twice"),
    "the run twice": (twice(RUNS), "twice"),
    "a word for a number": (in_row(VERDICTS, position="one"), "position"),
    "null where nothing may lack": (in_row(TRIALS, agent=None), "null"),
    "too large a number": (in_row(VERDICTS, position=1 << 70), "position"),
    "no base64": (in_row(EVENTS, body={"base64": "!"}), "base64"),
    "a list for a row": (lambda members: members.update({TRIALS: b"[]\n"}), "not an object"),
    "deep nesting": (lambda members: members.update({TRIALS: b"[" * 100_000 + b"\n"}), "not valid JSON"),
    "no text": (lambda members: members.update({TRIALS: b"\xff\xfe\n"}), "not valid JSON"),
    "a column of later": (in_row(TRIALS, mood="good"), "newer UpBench"),
    "a column lacking": (without_column(TRIALS, "agent"), "lacks the column"),
    "a blob lacking": (blob_dropped, "lacks the blob"),
    "a blob too many": (blob_added, "nothing of the run names"),
    "a blob of other bytes": (blob_replaced, "damaged"),
    "an event that is a bomb": (event_bomb, "unpacks to too much"),
    "a pack that leads elsewhere": (pack_elsewhere, "snapshot of the pack"),
    "two packs": (in_row(RUNS, pack=None), "two packs"),
    "a path": (added("../../evil"), "not told of"),
    "an absolute path": (added("/tmp/evil"), "not told of"),
    "a strange blob": (added("blobs/evil"), "not told of"),
    "rows in a strange place": (added("rows/runs/more.jsonl"), "not told of"),
    "no rows of a table": (dropped(EVENTS), "is missing"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_was_forged_is_refused(name: str, bundle: bytes, target: Home, tmp_path: Path) -> None:
    change, word = FORGED[name]
    members = unpacked(bundle)
    change(members)
    if EVENTS in members:
        members = sealed(members)
    said = refused(target, packed(members, tmp_path / "forged.zip"), word)
    assert "forged.zip" in said
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_manifest(format=2), ("format 2", "update UpBench")),
        (in_manifest(rooms={"runs": 99}), ("`runs`", "newer UpBench", "update UpBench")),
        (in_manifest(rooms={"dialogues": 1}), ("`dialogues`", "newer UpBench")),
        (other_table, ("`users`", "not known here", "update UpBench")),
        (in_manifest(kind="cassette"), ("not a bundle",)),
        (in_manifest(run="../../evil"), ("manifest", "run")),
        (in_manifest(later="field"), ("later",)),
        (dropped(MANIFEST), ("not a bundle",)),
        (lambda members: members.update({MANIFEST: b"{"}), ("not JSON",)),
        (lambda members: members.update({MANIFEST: b"[" * 100_000}), ("not JSON",)),
    ],
)
def test_what_is_newer_or_something_else_is_refused(
    change: Change, words: tuple[str, ...], bundle: bytes, target: Home, tmp_path: Path
) -> None:
    members = unpacked(bundle)
    change(members)
    assert refused(target, packed(members, tmp_path / "b.zip"), *words)


def test_what_was_cut_short_is_refused(bundle: bytes, target: Home, tmp_path: Path) -> None:
    file = tmp_path / "cut.zip"
    for length in (0, 1, 30, len(bundle) // 3, len(bundle) - 1000, len(bundle) - 1):
        file.write_bytes(bundle[:length])
        assert "not a bundle" in refused(target, file)
    with pytest.raises(BadInput, match="cannot be read"):
        take_in(target, tmp_path / "nowhere.zip")
    with pytest.raises(BadInput, match="cannot be read"):
        take_in(target, tmp_path)


def test_no_flipped_byte_passes(bundle: bytes, target: Home, tmp_path: Path) -> None:
    """Every byte of a member's data is covered by a digest; what is not covered means nothing."""
    file = tmp_path / "flipped.zip"
    chance = random.Random(7)
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        inside = [info for info in archive.infolist() if info.compress_size > 8]
    for info in chance.sample(inside, 20):
        start = info.header_offset
        name, extra = struct.unpack("<HH", bundle[start + 26 : start + 30])
        place = start + 30 + name + extra + chance.randrange(info.compress_size)
        spoilt = bytearray(bundle)
        spoilt[place] ^= 1 << chance.randrange(8)
        file.write_bytes(spoilt)
        refused(target, file)


def test_no_damage_to_the_directory_ends_in_anything_but_a_line(bundle: bytes, tmp_path: Path) -> None:
    """Whatever stands in the headers, it is a bundle that is whole, or a line that says what is wrong."""
    file, chance = tmp_path / "odd.zip", random.Random(11)
    directory = bundle.index(b"PK\x01\x02")
    said = 0
    for number in range(150):
        spoilt = bytearray(bundle)
        headers = [0, 4, 8, 18, 22, 26, 28] if number % 3 == 0 else range(directory, len(bundle))
        spoilt[chance.choice(headers)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        file.write_bytes(spoilt)
        try:
            with open_archive(file) as archive:
                Verified(archive)
        except BadInput as error:
            said += "\n" not in str(error)
    assert said > 50


def test_a_bundle_with_members_twice_or_encrypted_or_oddly_packed_is_refused(
    bundle: bytes, target: Home, tmp_path: Path
) -> None:
    members = unpacked(bundle)
    file = packed(members, tmp_path / "twice.zip")
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(TRIALS, members[TRIALS])
    assert refused(target, file, "twice")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert refused(target, tmp_path / "odd.zip", "not a member")
    locked = bytearray(packed(members, tmp_path / "locked.zip").read_bytes())
    central = locked.rindex(b"PK\x01\x02")
    locked[central + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    assert refused(target, tmp_path / "locked.zip", "not a member")


def test_a_bundle_that_would_fill_the_disk_is_refused_before_anything_is_written(
    bundle: bytes, target: Home, tmp_path: Path
) -> None:
    """The sizes that count are those of the directory, beyond which nothing of a member is ever unpacked."""
    members = unpacked(bundle)
    manifest = json.loads(members[MANIFEST])
    huge = 1 << 50
    manifest["blobs"]["bytes"] += huge
    members[MANIFEST] = canonical_json(manifest).encode()
    assert refused(target, packed(members, tmp_path / "huge.zip"), "blobs are not those")


def test_an_older_bundle_without_a_later_column_is_taken_in(bundle: bytes, tmp_path: Path) -> None:
    members = unpacked(bundle)
    for column in ("rounds", "finished"):
        without_column(ATTEMPTS, column)(members)
    without_column(CALLS, "expected")(members)
    home = project(tmp_path / "there")
    taken = take_in(home, packed(sealed(members), tmp_path / "older.zip"))
    assert taken.rows > 0
    from sqlalchemy import select

    from runs.tables import ATTEMPTS as TABLE

    with home.database.read() as connection:
        rows = connection.execute(select(TABLE.c.rounds, TABLE.c.finished)).all()
    assert {tuple(row) for row in rows} == {(0, None)}
    home.close()
