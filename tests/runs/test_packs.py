from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core import BadInput, Blobs, StoreFault, canonical_json, sha256_bytes
from jobs import load_pack
from runs import keep_pack, open_pack, read_manifest
from tests.runs.support import write_pack


def digests(pack: Path) -> dict[str, tuple[str, str, str | None]]:
    return {j.id: (j.task_digest, j.grading_digest, j.script_digest) for j in load_pack(pack).jobs}


def tree(root: Path) -> dict[str, bytes | None]:
    found = sorted(root.rglob("*"))
    return {path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes() for path in found}


def test_a_snapshot_laid_out_is_the_pack(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, 2)
    program = pack / "jobs" / "job-1" / "inputs" / "deep" / "tool.sh"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (pack / "jobs" / "job-2" / "private" / "reference" / "total.csv").unlink()
    (pack / "jobs" / "job-2" / "private" / "reference" / "note.txt").unlink()
    blobs = Blobs(tmp_path / "blobs")
    before = os.umask(0o077)
    try:
        laid = open_pack(keep_pack(load_pack(pack).jobs, blobs), blobs, tmp_path / "packs")
    finally:
        os.umask(before)
    assert tree(laid) == tree(pack)
    assert digests(laid) == digests(pack)
    assert load_pack(laid).digest == load_pack(pack).digest
    tool = laid / "jobs" / "job-1" / "inputs" / "deep" / "tool.sh"
    assert tool.stat().st_mode & 0o777 == 0o555
    assert tool.parent.stat().st_mode & 0o777 == 0o755


def test_only_the_runs_own_jobs_are_kept_and_the_digest_follows_the_bytes_alone(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, 3)
    blobs = Blobs(tmp_path / "blobs")
    jobs = load_pack(pack).jobs
    two = keep_pack(reversed(jobs[:2]), blobs)
    assert [job.id for job in load_pack(open_pack(two, blobs, tmp_path / "packs")).jobs] == ["job-1", "job-2"]
    elsewhere = write_pack(tmp_path / "elsewhere", 2)
    assert keep_pack(load_pack(elsewhere).jobs, Blobs(tmp_path / "others")) == two
    (elsewhere / "jobs" / "job-1" / "brief.md").write_text("Another brief.\n")
    assert keep_pack(load_pack(elsewhere).jobs, blobs) != two


def test_what_was_damaged_on_disk_is_laid_out_anew(tmp_path: Path) -> None:
    pack, blobs, packs = write_pack(tmp_path), Blobs(tmp_path / "blobs"), tmp_path / "packs"
    digest = keep_pack(load_pack(pack).jobs, blobs)
    laid = open_pack(digest, blobs, packs)
    job = laid / "jobs" / "job-1"
    brief = job / "brief.md"

    def other_bytes() -> None:
        brief.chmod(0o644)
        brief.write_bytes(b"x" * brief.stat().st_size)

    def a_link() -> None:
        brief.unlink()
        brief.symlink_to("job.toml")

    def one_more() -> None:
        (job / "inputs" / "more.csv").write_text("more")

    for spoil in (other_bytes, brief.unlink, a_link, one_more, (job / "empty").mkdir):
        spoil()
        assert open_pack(digest, blobs, packs) == laid
        assert tree(laid) == tree(pack)
        assert [path.name for path in packs.iterdir()] == [digest]


def test_a_whole_one_is_left_as_it_is(tmp_path: Path) -> None:
    pack, blobs = write_pack(tmp_path), Blobs(tmp_path / "blobs")
    digest = keep_pack(load_pack(pack).jobs, blobs)
    first = open_pack(digest, blobs, tmp_path / "packs")
    inode = first.stat().st_ino
    assert open_pack(digest, blobs, tmp_path / "packs").stat().st_ino == inode


def test_many_at_once_get_the_same_whole_pack(tmp_path: Path) -> None:
    pack, blobs, packs = write_pack(tmp_path, 4), Blobs(tmp_path / "blobs"), tmp_path / "packs"
    digest = keep_pack(load_pack(pack).jobs, blobs)
    seen: list[dict[str, bytes | None]] = []
    threads = [
        threading.Thread(target=lambda: seen.append(tree(open_pack(digest, blobs, packs)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [tree(pack)] * 8
    assert [path.name for path in packs.iterdir()] == [digest]


def test_a_lost_or_damaged_blob_is_a_fault_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    pack, blobs, packs = write_pack(tmp_path), Blobs(tmp_path / "blobs"), tmp_path / "packs"
    digest = keep_pack(load_pack(pack).jobs, blobs)
    last = read_manifest(digest, blobs).files[-1].sha256
    blobs.path(last).write_bytes(b"spoilt")
    with pytest.raises(StoreFault):
        open_pack(digest, blobs, packs)
    blobs.path(last).unlink()
    with pytest.raises(StoreFault):
        open_pack(digest, blobs, packs)
    with pytest.raises(StoreFault):
        open_pack("0" * 64, blobs, packs)
    assert list(packs.iterdir()) == []


@pytest.mark.parametrize(
    "paths",
    [
        ["pack.toml", "jobs/../../../evil"],
        ["pack.toml", "/etc/evil/x"],
        ["pack.toml", "jobs/a/x", "jobs/a/x/y"],
        ["pack.toml", "jobs/a/x", "jobs/a/x"],
        ["pack.toml", "jobs/a//x"],
        ["pack.toml", "elsewhere/a/x"],
        ["jobs/a/job.toml"],
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused(tmp_path: Path, paths: list[str]) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha256 = blobs.put_bytes(b"evil")
    files = [{"path": path, "size": 4, "sha256": sha256} for path in paths]
    digest = blobs.put_bytes(canonical_json({"files": files}).encode())
    with pytest.raises(StoreFault, match="no snapshot"):
        open_pack(digest, blobs, tmp_path / "a" / "packs")
    assert not list(tmp_path.rglob("evil"))


def test_a_newer_manifest_and_other_bytes_are_refused(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    newer = canonical_json({"format": 2, "files": [{"path": "pack.toml", "size": 0, "sha256": sha256_bytes(b"")}]})
    for data in (newer.encode(), b"\xff\x00", b"[]", b"{" * 5000):
        with pytest.raises(StoreFault, match="no snapshot"):
            open_pack(blobs.put_bytes(data), blobs, tmp_path / "packs")


def test_jobs_that_changed_since_they_were_loaded_are_not_kept(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    (job,) = load_pack(pack).jobs
    assert job.task_digest
    (pack / "jobs" / "job-1" / "inputs" / "amounts.csv").write_text("amount\n1\n")
    with pytest.raises(BadInput, match="has changed"):
        keep_pack([job], Blobs(tmp_path / "blobs"))
    (pack / "jobs" / "job-1" / "inputs" / "amounts.csv").unlink()
    with pytest.raises(BadInput):
        keep_pack([job], Blobs(tmp_path / "blobs"))
