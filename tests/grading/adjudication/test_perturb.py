"""Known flaws: in texts as a function, in workbooks by the program in a grading sandbox."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from core import Blobs, Deliverable
from grading.adjudication.changing import file_named, needs_sandbox, text_changed, workbook_changed
from grading.adjudication.perturb import INJECTED, Flaw, NotChanged, other_number, text_with
from sandbox import provider
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

    def changed(file: Deliverable, flaw: Flaw, sheet: str | None) -> tuple[str, str]:
        made, how = asyncio.run(workbook_changed(bwrap, blobs, file, flaw, sheet=sheet, scratch=tmp_path))
        assert made.path == file.path
        assert made.sha256 != file.sha256
        there = str(blobs.fetch(made.sha256))
        done = subprocess.run(
            [sys.executable, "-c", READ, there],
            env=environment,
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip(), how

    file = file_named([as_file("out/book.xlsx", book.read_bytes())], "out/book.xlsx")
    assert needs_sandbox(file, Flaw.wrong_total)
    assert not needs_sandbox(file, Flaw.injected_text)
    assert changed(file, Flaw.missing_sheet, None) == (
        "[['Costs', ['total', '=SUM(B2:B3)']]]",
        "worksheet 'Notes' is gone",
    )
    assert changed(file, Flaw.wrong_total, "costs")[0] == (
        "[['Costs', ['total', '=SUM(B2:B3)*1.1']], ['Notes', ['paid', 42]]]"
    )
    with pytest.raises(NotChanged, match="no worksheet"):
        changed(file, Flaw.missing_sheet, "Nothing")
    with pytest.raises(NotChanged):
        changed(as_file("bad.xlsx", b"not a workbook"), Flaw.missing_sheet, None)
    text = text_changed(blobs, as_file("a.csv", b"total,42\n"), Flaw.wrong_total)
    assert blobs.get_bytes(text.sha256) == b"total,46\n"
