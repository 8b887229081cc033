"""One case a fault: each must be refused in one line that names the file, the line or the field, and the mend."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core import BadInput
from jobs import find_job, load_pack
from tests.jobs.support import write_pack

Spoil = Callable[[Path], object]


def put(file: str, old: str, new: str) -> Spoil:
    def spoil(root: Path) -> None:
        path = root / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    return spoil


def job(old: str, new: str) -> Spoil:
    return put("jobs/invoices/job.toml", old, new)


def rubric(old: str, new: str) -> Spoil:
    return put("jobs/invoices/rubric.toml", old, new)


def whole(file: str, content: str | bytes) -> Spoil:
    def spoil(root: Path) -> None:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def huge(file: str) -> Spoil:
    return lambda root: os.truncate(root / file, 2 << 30)


def gone(file: str) -> Spoil:
    return lambda root: (root / file).unlink()


def emptied(folder: str) -> Spoil:
    def spoil(root: Path) -> None:
        for path in (root / folder).iterdir():
            path.unlink()
        (root / folder).rmdir()

    return spoil


def folder(name: str) -> Spoil:
    return lambda root: (root / name).mkdir()


def each(*spoils: Spoil) -> Spoil:
    return lambda root: [spoil(root) for spoil in spoils]


def moved(old: str, new: str) -> Spoil:
    return lambda root: (root / old).rename(root / new)


def link(file: str, target: str) -> Spoil:
    return lambda root: (root / file).symlink_to(target)


def fifo(root: Path) -> None:
    os.mkfifo(root / "jobs/invoices/inputs/pipe")


def not_utf8_name(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root / "jobs/invoices/inputs") + b"/caf\xe9.txt")).write_text("x")


I = "jobs/invoices/"  # noqa: E741
CASES: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    # The pack
    "no pack.toml": (gone("pack.toml"), ("pack.toml: no such file", "a pack has a pack.toml")),
    "pack.toml not TOML": (whole("pack.toml", 'name = "x\n'), ("pack.toml: not valid TOML", "line 1")),
    "pack.toml not UTF-8": (
        whole("pack.toml", b'name = "x"\nlicence = "\xff"\n'),
        ("pack.toml:2: not UTF-8 text", "save the file as UTF-8"),
    ),
    "pack key unknown": (
        put("pack.toml", "canary", "canery"),
        ("pack.toml:4: field `canery`: unknown key", "known: name, version, licence, canary"),
    ),
    "pack key missing": (put("pack.toml", 'canary = "small-canary-3f1c"', ""), ("field `canary`: is missing",)),
    "pack name bad": (put("pack.toml", '"small"', '"Small Pack"'), ("pack.toml:1: field `name`",)),
    "version a number": (put("pack.toml", '"1.0.0"', "1.0"), ("pack.toml:2: field `version`", "string")),
    "no jobs folder": (
        lambda root: (root / "jobs").rename(root / "tasks"),
        ("jobs: no such folder", "jobs/<id>/"),
    ),
    "no jobs": (
        lambda root: [job.rename(root / f"old-{job.name}") for job in (root / "jobs").iterdir()],
        ("the pack has no jobs",),
    ),
    "job id bad": (
        moved("jobs/invoices", "jobs/Invoices 1"),
        ("'Invoices 1' is not a job id", "field `id`", "a-z"),
    ),
    "job id not the folder's": (
        job("title", 'id = "receipts"\ntitle'),
        ("job.toml:1: field `id`: the id 'receipts' is not the folder's name 'invoices'",),
    ),
    "pack.toml of 2 GB": (huge("pack.toml"), ("pack.toml: larger than 64 MiB",)),
    # job.toml
    "job.toml of 2 GB": (huge(I + "job.toml"), ("job.toml: larger than 64 MiB",)),
    "brief of 2 GB": (huge(I + "brief.md"), ("brief.md: larger than",)),
    "rubric of 2 GB": (huge(I + "rubric.toml"), ("rubric.toml: larger than 64 MiB",)),
    "checks.py of 2 GB": (huge(I + "private/checks.py"), ("checks.py: larger than",)),
    "no job.toml": (gone(I + "job.toml"), ("invoices/job.toml: no such file",)),
    "job key unknown": (job("tags", "tagz"), ("job.toml:11: field `tagz`: unknown key", "known: id, title")),
    "title a number": (job('"Add up the invoices"', "12"), ("job.toml:1: field `title`", "string")),
    "title empty": (job('"Add up the invoices"', '""'), ("job.toml:1: field `title`",)),
    "category empty": (job('["Accounting & Consulting", "Bookkeeping"]', "[]"), ("job.toml:2: field `category`",)),
    "category of four": (job('"Bookkeeping"', '"a", "b", "c"'), ("job.toml:2: field `category`", "at most 3")),
    "category a text": (job('["Accounting & Consulting", "Bookkeeping"]', '"Writing"'), ("field `category`",)),
    "payout negative": (job("45.50", "-1"), ("job.toml:3: field `payout.amount`", "greater than 0")),
    "payout nothing": (job("45.50", "0"), ("job.toml:3: field `payout.amount`",)),
    "payout a word": (job("45.50", '"much"'), ("job.toml:3: field `payout.amount`",)),
    "payout not a number": (job("45.50", "nan"), ("job.toml:3: field `payout.amount`",)),
    "payout true": (job("45.50", "true"), ("job.toml:3: field `payout.amount`",)),
    "payout bare": (job('{ amount = 45.50, currency = "USD" }', "45.50"), ("job.toml:3: field `payout`",)),
    "currency unknown": (job('"USD"', '"dollars"'), ("job.toml:3: field `payout.currency`",)),
    "currency missing": (job(', currency = "USD"', ""), ("job.toml:3: field `payout.currency`: is missing",)),
    "date impossible": (job("2026-01-05", '"2026-13-05"'), ("job.toml:5: field `dates.posted`",)),
    "dates swapped": (job("2026-01-09", "2025-01-09"), ("field `dates`: `completed` is before `posted`",)),
    "deliverable outside": (
        job("notes/*.txt", "../notes/*.txt"),
        ("field `deliverables[#2].path`", "not a path inside the folder", "job.toml:6"),
    ),
    "deliverable absolute": (job("notes/*.txt", "/etc/passwd"), ("field `deliverables[#2].path`",)),
    "deliverable twice": (job("notes/*.txt", "summary.xlsx"), ("field `deliverables`", "declared twice")),
    "required a word": (job("required = false", 'required = "no"'), ("field `deliverables[#2].required`",)),
    "media type bad": (job("application/vnd", "vnd"), ("field `deliverables[#1].media_type`",)),
    "openings a fraction": (job("num_openings = 1", "num_openings = 1.5"), ("job.toml:12: field `num_openings`",)),
    "key twice": (job("num_openings = 1", "num_openings = 1\nnum_openings = 2"), ("not valid TOML", "line 13")),
    "number endless": (
        job("num_openings = 1", "num_openings = " + "9" * 5000),
        ("job.toml: a number is too long",),
    ),
    "arrays without end": (job("num_openings = 1", "x = " + "[" * 5000), ("job.toml: nested too deeply",)),
    "keys without end": (job("num_openings = 1", ".".join("a" * 5000) + " = 1"), ("job.toml: nested too deeply",)),
    # brief.md
    "no brief": (gone(I + "brief.md"), ("brief.md: no such file",)),
    "brief empty": (
        whole(I + "brief.md", " \n\n"),
        ("brief.md: the brief is empty", "write what the client wrote"),
    ),
    "brief not UTF-8": (whole(I + "brief.md", b"one\ntwo \xe9\n"), ("brief.md:2: not UTF-8 text",)),
    "brief a folder": (
        each(gone(I + "brief.md"), folder(I + "brief.md")),
        ("brief.md: not a regular file",),
    ),
    # rubric
    "no rubric": (gone(I + "rubric.toml"), ("rubric.toml: no such file", "rubric.toml or rubric.txt")),
    "two rubrics": (whole(I + "rubric.txt", "critical - x"), ("both rubric.toml and rubric.txt", "keep one")),
    "rubric not UTF-8": (whole(I + "rubric.toml", b"\n\n\xff"), ("rubric.toml:3: not UTF-8 text",)),
    "rubric without criteria": (whole(I + "rubric.toml", "criteria = []"), ("rubric.toml:1: field `criteria`",)),
    "rubric empty": (whole(I + "rubric.toml", ""), ("field `criteria`: is missing",)),
    "criteria a text": (whole(I + "rubric.toml", 'criteria = "none"'), ("rubric.toml:1: field `criteria`",)),
    "importance unknown": (
        rubric('"important"', '"vital"'),
        (
            "rubric.toml:10: field `criteria[months].importance`",
            "'critical', 'important', 'optional' or 'pitfall'",
        ),
    ),
    "importance missing": (
        rubric('importance = "important"\n', ""),
        ("rubric.toml:8: field `criteria[months].importance`: is missing",),
    ),
    "criterion key unknown": (
        rubric("decides = true", "decide = true"),
        (
            "rubric.toml:5: field `criteria[total].decide`: unknown key",
            "known: id, importance, text, check, decides",
        ),
    ),
    "criterion twice": (
        rubric('"months"', '"total"'),
        ("rubric.toml:9: field `criteria[total].id`", "'total' is there twice (first on line 2)"),
    ),
    "criterion id bad": (rubric('"months"', '"Months!"'), ("rubric.toml:9: field `criteria[Months!].id`",)),
    "criterion id missing": (rubric('id = "months"\n', ""), ("field `criteria[#2].id`: is missing",)),
    "text empty": (rubric('"Cell B4 equals 120.00"', '""'), ("rubric.toml:4: field `criteria[total].text`",)),
    "decides without check": (
        rubric('text = "Holds', 'decides = true\ntext = "Holds'),
        ("field `criteria[invented]`", "`decides` needs a `check`"),
    ),
    "decides a number": (rubric("decides = true", "decides = 1"), ("field `criteria[total].decides`",)),
    "weight negative": (rubric("decides = true", "weight = -1"), ("field `criteria[total].weight`",)),
    "weight infinite": (rubric("decides = true", "weight = inf"), ("field `criteria[total].weight`",)),
    "check kind unknown": (rubric('"cell"', '"cels"'), ("rubric.toml:6: field `criteria[total].check`", "'cell'")),
    "check kind missing": (rubric('kind = "cell", ', ""), ("field `criteria[total].check.kind`: is missing",)),
    "check key unknown": (
        rubric("equals =", "equal ="),
        (
            "rubric.toml:6: field `criteria[total].check.equal",
            "unknown key",
            "known: file, kind, sheet, cell, equals",
        ),
    ),
    "check key missing": (rubric(", equals = 120", ""), ("field `criteria[total].check.equals`: is missing",)),
    "check cell bad": (rubric('cell = "B4"', 'cell = "4B"'), ("field `criteria[total].check.cell`",)),
    "check file outside": (
        rubric('"*.xlsx"', '"../../x"'),
        ("field `criteria[total].check.file`", "inside the folder"),
    ),
    "check pattern bad": (
        rubric(
            'kind = "cell", file = "*.xlsx", cell = "B4", equals = 120',
            'kind="text_matches", file="a", pattern="("',
        ),
        ("field `criteria[total].check.pattern`", "not a regular expression"),
    ),
    "check bounds crossed": (
        rubric(
            'kind = "cell", file = "*.xlsx", cell = "B4", equals = 120', 'kind="row_count", file="a", min=4, max=3'
        ),
        ("field `criteria[total].check`", "`min` is larger than `max`"),
    ),
    "function not there": (
        rubric('function = "months"', 'function = "weeks"'),
        ("rubric.toml:15: field `criteria[months].check.function`", "has no function 'weeks'", "def NAME(ctx)"),
    ),
    "function of two": (rubric('function = "months"', 'function = "helper"'), ("has no function 'helper'",)),
    "no checks.py": (
        gone(I + "private/checks.py"),
        ("rubric.toml:15: field `criteria[months].check.function`", "there is no private/checks.py"),
    ),
    "checks.py broken": (whole(I + "private/checks.py", "x = 1\ndef (:\n"), ("checks.py:2: not valid Python",)),
    "checks.py not UTF-8": (whole(I + "private/checks.py", b"# \xff\n"), ("checks.py:1: not UTF-8",)),
    "checks.py with NUL": (whole(I + "private/checks.py", b"x = '\x00'\n"), ("checks.py", "not valid Python")),
    "text line bad": (
        each(gone(I + "rubric.toml"), whole(I + "rubric.txt", "critical - a\n\nvital - b\n")),
        ("rubric.txt:3: field `label`: not a `label - text` line", "critical, important, optional, pitfall"),
    ),
    "text empty file": (
        each(gone(I + "rubric.toml"), whole(I + "rubric.txt", "\n")),
        ("rubric.txt: no criteria",),
    ),
    # rubric.tree.json
    "tree cyclic": (
        whole(I + "rubric.tree.json", '{"nodes":[{"id":"r"},{"id":"a","parent":"b"},{"id":"b","parent":"a"}]}'),
        ("rubric.tree.json", "the tree is cyclic: 'a'"),
    ),
    "tree id twice": (
        whole(I + "rubric.tree.json", '{"nodes":[{"id":"r"},{"id":"a","parent":"r"},{"id":"a","parent":"r"}]}'),
        ("rubric.tree.json", "node id 'a' is there twice"),
    ),
    "tree parent lost": (
        whole(I + "rubric.tree.json", '{"nodes":[{"id":"r"},{"id":"a","parent":"x"}]}'),
        ("the parent 'x' of 'a' is not there",),
    ),
    "tree of another rubric": (
        whole(I + "rubric.tree.json", '{"nodes":[{"id":"r"},{"id":"total","parent":"r"}]}'),
        ("rubric.tree.json: field `nodes`: the criterion 'invented' is no leaf",),
    ),
    "tree weight negative": (
        whole(I + "rubric.tree.json", '{"nodes":[{"id":"r","weight":-1}]}'),
        ("rubric.tree.json: field `nodes.0.weight`",),
    ),
    "tree not JSON": (whole(I + "rubric.tree.json", '{"nodes":\n[}'), ("rubric.tree.json:2: not valid JSON",)),
    "tree too deep": (whole(I + "rubric.tree.json", "[" * 5000), ("rubric.tree.json: nested too deeply",)),
    # private and inputs
    "baseline empty": (
        whole(I + "private/baseline.toml", ""),
        ("baseline.toml", "needs `minutes`, `cost` or both"),
    ),
    "baseline nothing": (whole(I + "private/baseline.toml", "minutes = 0"), ("baseline.toml:1: field `minutes`",)),
    "reference a file": (
        each(emptied(I + "private/reference"), whole(I + "private/reference", "x")),
        ("reference: not a folder",),
    ),
    "private a file": (
        each(moved(I + "private", "kept"), whole(I + "private", "x")),
        ("private: not a folder",),
    ),
    "inputs a file": (
        each(moved(I + "inputs", "kept"), whole(I + "inputs", "x")),
        ("inputs: not a folder",),
    ),
    "link outside": (
        link(I + "inputs/passwd", "/etc/passwd"),
        ("inputs/passwd: a symbolic link that leads outside the pack", "put the file itself there"),
    ),
    "link to the reference": (
        link(I + "inputs/answer", "../private/reference/summary.xlsx"),
        ("inputs/answer: a symbolic link",),
    ),
    "folder link outside": (link(I + "inputs/all", "/etc"), ("inputs/all: a symbolic link that leads outside",)),
    "link to nothing": (link(I + "inputs/lost", "nowhere"), ("inputs/lost: a symbolic link",)),
    "job folder a link": (link("jobs/third", "invoices"), ("jobs/third: a symbolic link",)),
    "jobs folder a link": (
        each(moved("jobs", "all"), link("jobs", "all")),
        ("jobs: a symbolic link",),
    ),
    "pack.toml a link": (
        each(moved("pack.toml", "kept.toml"), link("pack.toml", "kept.toml")),
        ("pack.toml: a symbolic link",),
    ),
    "private a link": (
        each(moved(I + "private", "kept"), link(I + "private", "../../kept")),
        ("private: a symbolic link",),
    ),
    "a pipe": (fifo, ("inputs/pipe: not a regular file", "remove it")),
    "name not UTF-8": (not_utf8_name, ("inputs: the file name 'caf?.txt' is not UTF-8", "rename it")),
    "name with a newline": (whole(I + "inputs/a\nb.txt", "x"), ("cannot be carried", "rename it")),
    "name with a backslash": (whole(I + "inputs/a\\b.txt", "x"), ("cannot be carried",)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_named(tmp_path: Path, name: str) -> None:
    spoil, said = CASES[name]
    root = write_pack(tmp_path / "pack")
    spoil(root)
    with pytest.raises(BadInput) as caught:
        load_pack(root)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    for words in said:
        assert words in message
    with pytest.raises(BadInput):
        find_job(f"{root}/third" if name == "job folder a link" else f"{root}/invoices")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", ("nowhere: no such pack", "name a folder, or a built-in pack")),
        ("x" * 5000, ("cannot be read: File name too long",)),
        ("\0", ("no such pack",)),
    ],
)
def test_no_such_pack(name: str, said: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as caught:
        load_pack(name)
    assert all(words in str(caught.value) for words in said)


def test_a_file_is_no_pack(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_text("x")
    with pytest.raises(BadInput, match="not a folder"):
        load_pack(tmp_path / "pack.zip")


@pytest.mark.parametrize("name", ["starter", "/", "starter/", ""])
def test_a_pack_alone_names_no_job(name: str) -> None:
    with pytest.raises(BadInput, match="names no job"):
        find_job(name)


def test_nothing_of_a_pack_is_run(tmp_path: Path) -> None:
    root = write_pack(tmp_path / "pack")
    mark = tmp_path / "ran"
    checks = root / I / "private" / "checks.py"
    checks.write_text(f"open({str(mark)!r}, 'w').close()\n" + checks.read_text())
    load_pack(root)
    assert not mark.exists()
