from __future__ import annotations

import os
import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest

from core import BadInput, sha256_bytes
from jobs import Baseline, DeclaredDeliverable, JobPack, Money, builtin_packs, find_job, load_pack
from rubrics import RubricTree, TreeNode, write_rubric
from tests.jobs.support import write_job, write_pack


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def test_a_pack_is_read_whole(root: Path) -> None:
    pack = load_pack(root)
    assert (pack.name, pack.version, pack.info.licence) == ("small", "1.0.0", "CC0-1.0")
    assert [job.id for job in pack.jobs] == ["invoices", "receipts"]
    job = pack.job("invoices")
    assert job.key == "small/invoices"
    assert job.category == ("Accounting & Consulting", "Bookkeeping")
    assert job.payout == Money(amount=Decimal("45.5"), currency="USD")
    assert job.brief == "Please add them up.\n"
    assert [(item.path, item.size) for item in job.inputs] == [("2025/march.txt", 3), ("list.csv", 4)]
    assert job.inputs[1].sha256 == sha256_bytes(b"a,1\n")
    assert job.deliverables[1] == DeclaredDeliverable(path="notes/*.txt", required=False)
    assert job.baseline == Baseline(minutes=30, cost=Decimal(20))
    assert [criterion.id for criterion in job.rubric.criteria] == ["total", "months", "invented"]
    assert job.checks_file is not None
    assert job.checks_file.name == "checks.py"
    assert job.reference_dir is not None
    assert job.script_file is not None
    assert (job.facts.dates.posted, job.facts.num_openings) == (job.facts.dates.posted, 1)


def test_what_need_not_be_there_need_not_be_there(root: Path) -> None:
    folder = root / "jobs" / "invoices"
    shutil.rmtree(folder / "private")
    shutil.rmtree(folder / "inputs")
    (folder / "job.toml").write_text(
        'title = "A"\ncategory = ["Writing"]\npayout = {amount = 5, currency = "EUR"}'
    )
    (folder / "rubric.toml").unlink()
    (folder / "rubric.txt").write_text("critical - Contains 3 pages\npitfall - Names the client\n")
    job = find_job(f"{root}/invoices")
    assert job.inputs == ()
    assert (job.inputs_dir, job.reference_dir, job.checks_file, job.script_file, job.baseline) == (None,) * 5
    assert [criterion.id for criterion in job.rubric.criteria] == ["c01", "c02"]


def test_a_job_is_found_by_name_and_by_path(root: Path) -> None:
    assert find_job(f"{root}/receipts").key == "small/receipts"
    assert find_job(root / "jobs" / "receipts").key == "small/receipts"
    with pytest.raises(BadInput, match=r"did you mean receipts\?"):
        find_job(f"{root}/receipt")
    with pytest.raises(BadInput, match="no job 'x' in this pack"):
        load_pack(root).job("x")


def test_one_job_is_found_although_another_is_broken(root: Path) -> None:
    (root / "jobs" / "invoices" / "job.toml").write_text("nonsense")
    assert find_job(f"{root}/receipts").id == "receipts"
    with pytest.raises(BadInput, match=r"invoices/job\.toml"):
        load_pack(root)


def test_built_in_packs_are_found_by_name(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> None:
    monkeypatch.setattr("jobs.loading.PACKS", tmp_path)
    monkeypatch.chdir(tmp_path / "pack" / "jobs")
    assert builtin_packs() == ("pack",)
    assert load_pack("pack").root == root
    assert find_job("pack/receipts").id == "receipts"


def test_a_pack_made_of_jobs_has_each_once(root: Path) -> None:
    pack = load_pack(root)
    with pytest.raises(BadInput, match="unique"):
        JobPack(pack.info, (pack.jobs[0], pack.jobs[0]), root)


def test_sixteen_jobs_load_in_no_time(tmp_path: Path) -> None:
    root = write_pack(tmp_path)
    for number in range(14):
        folder = write_job(root, f"job-{number}")
        with (folder / "inputs" / "big.bin").open("wb") as stream:
            stream.truncate(150 << 20)
    load_pack(root)
    start = time.process_time()
    pack = load_pack(root)
    assert len(pack.jobs) == 16
    assert time.process_time() - start < 0.3


def digests(root: Path) -> tuple[str, str]:
    job = find_job(f"{root}/invoices")
    return job.task_digest, job.grading_digest


@pytest.mark.parametrize(
    ("file", "old", "new", "task", "grading"),
    [
        ("brief.md", "add", "sum", True, False),
        ("inputs/list.csv", "a,1", "a,2", True, False),
        ("job.toml", "Add up the", "Add the", True, False),
        ("job.toml", "summary.xlsx", "sum.xlsx", True, False),
        ("job.toml", "45.50", "46.50", False, False),
        ("job.toml", '"Bookkeeping"', '"Tax"', False, False),
        ("job.toml", "2026-01-09", "2026-01-10", False, False),
        ("rubric.toml", "B4 equals", "B4 is", False, True),
        ("rubric.toml", 'cell = "B4"', 'cell = "B5"', False, True),
        ("private/checks.py", "passed", "failed", False, True),
        ("private/reference/summary.xlsx", "PK", "KP", False, True),
        ("private/scripted.json", "{}", "[]", False, False),
        ("private/baseline.toml", "30", "31", False, False),
    ],
)
def test_digests_move_with_what_they_stand_for(
    root: Path, file: str, old: str, new: str, task: bool, grading: bool
) -> None:
    before = digests(root)
    path = root / "jobs" / "invoices" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    after = digests(root)
    assert (before[0] != after[0], before[1] != after[1]) == (task, grading)


def test_digests_know_names_and_not_places(root: Path, tmp_path: Path) -> None:
    before = digests(root)
    shutil.copytree(root, tmp_path / "elsewhere" / "copy")
    assert digests(tmp_path / "elsewhere" / "copy") == before
    inputs = root / "jobs" / "invoices" / "inputs"
    (inputs / "list.csv").rename(inputs / "list2.csv")
    assert digests(root)[0] != before[0]


def test_comments_in_the_rubric_change_nothing(root: Path) -> None:
    before = digests(root)
    path = root / "jobs" / "invoices" / "rubric.toml"
    path.write_text("# a comment\n" + path.read_text())
    assert digests(root) == before


def test_a_tree_beside_the_rubric_belongs_to_the_grading(root: Path) -> None:
    before = digests(root)
    job = find_job(f"{root}/invoices")
    nodes = [TreeNode(id=item.id, parent="top", text=item.text, weight=2) for item in job.rubric.criteria]
    tree = RubricTree(nodes=(TreeNode(id="top"), *nodes))
    write_rubric(job.rubric_file, job.rubric, tree)
    found = find_job(f"{root}/invoices")
    assert found.tree == tree
    assert found.rubric == job.rubric
    assert (found.task_digest == before[0], found.grading_digest == before[1]) == (True, False)


def test_the_description_holds_no_path_of_this_machine(root: Path) -> None:
    described = load_pack(root).jobs[0].describe()
    assert str(root) not in str(described)
    assert described["payout"] == {"amount": "45.5", "currency": "USD"}
    assert described["has"] == {"reference": True, "checks": True, "script": True, "tree": False}


def test_two_gigabytes_are_refused_unread(root: Path) -> None:
    path = root / "jobs" / "invoices" / "inputs" / "film.mp4"
    with path.open("wb") as stream:
        stream.truncate(2 << 30)
    os.utime(path, ns=(0, 0))
    with pytest.raises(BadInput, match=r"film\.mp4: an attachment of 2,048 MiB; at most 200 MiB"):
        load_pack(root)
    assert path.stat().st_atime_ns == 0


def test_a_gibibyte_in_all_is_the_most(root: Path) -> None:
    for number in range(6):
        with (root / "jobs" / "invoices" / "inputs" / f"{number}.bin").open("wb") as stream:
            stream.truncate(190 << 20)
    with pytest.raises(BadInput, match="attachments of more than 1024 MiB together"):
        load_pack(root)
