"""Known flaws: in texts as a function, in workbooks by the program in a grading sandbox."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from core import Blobs, Deliverable
from grading.adjudication.changing import Changed, Changer
from grading.adjudication.perturb import INJECTED, Flaw, NotChanged, other_number, text_with
from sandbox import SandboxProvider, provider
from tests.grading.checks.support import need_toolbox
from tests.support import lacking

MAKE = """
import sys, openpyxl
book = openpyxl.Workbook()
book.active.title = "Costs"
for row in (["what", "cost"], ["paper", 10], ["ink", 32], ["total", "=SUM(B2:B3)"]):
    book.active.append(row)
notes = book.create_sheet("Notes")
notes.append(["paid", 42])
book.save(sys.argv[1])
"""
READ = """
import io, pathlib, sys, openpyxl
book = openpyxl.load_workbook(io.BytesIO(pathlib.Path(sys.argv[1]).read_bytes()))
print([[sheet.title, [[cell.value for cell in row] for row in sheet.iter_rows()][-1]] for sheet in book])
"""


@pytest.mark.parametrize(
    ("flaw", "text", "made"),
    [
        (Flaw.wrong_total, "what,cost\ntotal,42\n", "what,cost\ntotal,46\n"),
        (Flaw.wrong_total, "total 1.50 EUR", "total 2.50 EUR"),
        (Flaw.truncated_text, "a\nb\nc\nd\n", "a\nb\n"),
        (Flaw.truncated_text, "one line", "one "),
        (Flaw.injected_text, "a\n", f"a\n\n{INJECTED}\n"),
    ],
)
def test_flaws_of_texts(flaw: Flaw, text: str, made: str) -> None:
    assert text_with(flaw, text.encode()).decode() == made


@pytest.mark.parametrize(
    ("flaw", "data"),
    [
        (Flaw.wrong_total, b"no number"),
        (Flaw.truncated_text, b""),
        (Flaw.injected_text, b"\xff\xfe\x00"),
        (Flaw.missing_sheet, b"text"),
    ],
)
def test_what_cannot_be_changed_is_refused(flaw: Flaw, data: bytes) -> None:
    with pytest.raises(NotChanged):
        text_with(flaw, data)


@pytest.mark.parametrize("number", ["0", "-3", "41.99", "1000000"])
def test_another_number_is_another_and_looks_alike(number: str) -> None:
    made = other_number(number)
    assert float(made) != float(number)
    assert len(made.partition(".")[2]) == len(number.partition(".")[2])


def test_flaws_of_workbooks(tmp_path: Path) -> None:
    environment = need_toolbox()
    bwrap = provider("bwrap", tmp_path / "state")
    if problem := bwrap.problem():
        lacking("bwrap", problem[0])
    book = tmp_path / "book.xlsx"
    subprocess.run([sys.executable, "-c", MAKE, str(book)], env=environment, check=True, timeout=120)
    blobs = Blobs(tmp_path / "blobs")

    def as_file(path: str, data: bytes) -> Deliverable:
        return Deliverable(path=path, size=len(data), media_type="any/any", sha256=blobs.put_bytes(data))

    asked: list[str] = []

    def sandboxes() -> SandboxProvider:
        asked.append("bwrap")
        return bwrap

    changer = Changer(blobs, tmp_path, sandboxes, lambda path: f"any/{path.suffix[1:]}")

    def made(file: Deliverable, flaw: Flaw, sheet: str | None = None) -> Changed:
        return asyncio.run(changer.with_flaw([other, file], flaw, file.path, sheet=sheet))

    def read(changed: Changed, file: Deliverable) -> str:
        kept, made = changed.files
        assert (kept, made.path, changed.missing) == (other, file.path, ())
        assert made.sha256 != file.sha256
        done = subprocess.run(
            [sys.executable, "-c", READ, str(blobs.fetch(made.sha256))],
            env=environment,
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    other, file = as_file("a.csv", b"total,42\n"), as_file("out/book.xlsx", book.read_bytes())
    gone = made(file, Flaw.missing_sheet)
    assert read(gone, file) == "[['Costs', ['total', '=SUM(B2:B3)']]]"
    assert gone.made == "missing sheet in out/book.xlsx: worksheet 'Notes' is gone"
    assert read(made(file, Flaw.wrong_total, "costs"), file) == (
        "[['Costs', ['total', '=SUM(B2:B3)*1.1']], ['Notes', ['paid', 42]]]"
    )
    with pytest.raises(NotChanged, match="no worksheet"):
        made(file, Flaw.missing_sheet, "Nothing")
    with pytest.raises(NotChanged):
        made(as_file("bad.xlsx", b"not a workbook"), Flaw.missing_sheet)
    assert len(asked) == 4
    text = asyncio.run(changer.with_flaw([other, file], Flaw.wrong_total, "a.csv"))
    assert blobs.get_bytes(text.files[1].sha256) == b"total,46\n"
    assert asyncio.run(changer.with_flaw([other, file], Flaw.missing_file, "a.csv")).missing == ("a.csv",)
    with pytest.raises(NotChanged, match=r"no file 'b\.csv'"):
        asyncio.run(changer.with_flaw([other, file], Flaw.missing_file, "b.csv"))
    assert len(asked) == 4, "nothing of this needs a sandbox"


def test_other_files_stand_where_files_stood_or_beside_them(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    changer = Changer(blobs, tmp_path, _no_sandbox, lambda path: f"any/{path.suffix[1:]}")
    before = [
        Deliverable(path=path, size=1, media_type="any/txt", sha256=blobs.put_bytes(path.encode()))
        for path in ("a.txt", "in/b.txt", "c.txt")
    ]
    (tmp_path / "new.txt").write_text("new")
    new = tmp_path / "new.txt"
    changed = changer.with_files(before, {"in/b.txt": new, "d.md": new}, gone={"c.txt", "in/b.txt", "no.txt"})
    assert {file.path: blobs.get_bytes(file.sha256) for file in changed.files} == {
        "a.txt": b"a.txt",
        "in/b.txt": b"new",
        "d.md": b"new",
    }
    assert (changed.missing, changed.made) == (("c.txt",), "changed: in/b.txt; added: d.md; missing: c.txt")
    for name in ("../x", "/etc/passwd", ""):
        with pytest.raises(NotChanged, match="called"):
            changer.with_files(before, {name: new})
    with pytest.raises(NotChanged, match="nothing"):
        changer.with_files(before, {}, gone={file.path for file in before})


def _no_sandbox() -> SandboxProvider:
    raise AssertionError("none is needed")
