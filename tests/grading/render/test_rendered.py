"""Files of every kind as reviewers see them, made in a sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grading import Rendered, Shelf
from grading.render.accept import webp_size
from grading.render.windows import sheet_rows, sheet_window, words_of
from tests.grading.render import made
from tests.grading.render.conftest import Made
from tests.support import lacking

ROWS = 1200
TABLE = "Id,Name,Amount\n" + "".join(f"{number},Name {number},{number / 2}\n" for number in range(1, ROWS))
NOTE = rb"{\rtf1 Rich {\b words}\par}"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="200" height="99"/></svg>'


@pytest.fixture(scope="module")
def plain(render: Made) -> dict[str, Rendered]:
    """What needs no LibreOffice."""
    return render(
        {
            "three.pdf": made.pdf("First page", "Second page", "Third page"),
            "wide.pdf": made.pdf("Slide-like", size=(1280, 720)),
            "table.csv": TABLE.encode(),
            "grey.png": made.png(3000, 1000),
            "sound.wav": made.wav(),
            "page.html": b"<h1>Title</h1><script>alert(1)</script>",
            "notes.md": b"# Notes\n\nTwo lines\n",
            "files.zip": made.packed({"a/b.txt": "inner text", "../out.txt": "outside", "a/B.txt": "twice"}),
        }
    )


def test_each_is_of_its_kind_and_none_has_a_problem(plain: dict[str, Rendered]) -> None:
    kinds = {path: one.kind for path, one in plain.items()}
    assert kinds == {
        "three.pdf": "pages", "wide.pdf": "pages", "table.csv": "sheet", "grey.png": "image",
        "sound.wav": "audio", "page.html": "html", "notes.md": "pages", "files.zip": "archive",
    }  # fmt: skip
    assert [one.problem for one in plain.values()] == [None] * len(plain)


def test_pages_are_images_of_the_size_that_is_told(plain: dict[str, Rendered], shelf: Shelf) -> None:
    pages = plain["three.pdf"].pages
    assert [(page.number, page.label) for page in pages] == [(1, "Page 1"), (2, "Page 2"), (3, "Page 3")]
    for page in pages:
        assert webp_size(shelf.blobs.get_bytes(page.image)) == (page.width, page.height) == (1400, 1812)
        assert webp_size(shelf.blobs.get_bytes(page.small))[0] == 220


def test_words_stand_where_they_are_drawn(plain: dict[str, Rendered], shelf: Shelf) -> None:
    words = words_of(shelf.blobs, plain["three.pdf"].pages[1])
    assert [word[4] for word in words] == ["Second", "page"]
    x, y, wide, high = words[0][:4]
    assert x == pytest.approx(72 / 612, abs=0.01)
    assert y + high == pytest.approx(0.5, abs=0.02)
    assert 0.08 < wide < 0.2
    assert 0.01 < high < 0.05


def test_a_window_of_a_sheet_is_read_without_the_rest(plain: dict[str, Rendered], shelf: Shelf) -> None:
    (sheet,) = plain["table.csv"].sheets
    assert (sheet.name, sheet.rows, sheet.columns, sheet.cut, len(sheet.chunks)) == ("", ROWS, 3, False, 3)
    window = sheet_window(shelf.blobs, sheet, 498, 1, 4, 50)
    assert window["rows"] == [[f"Name {number}", str(number / 2)] for number in (498, 499, 500, 501)]
    assert (window["row"], window["column"]) == (498, 1)
    assert sheet_window(shelf.blobs, sheet, 5000, 0, 10, 10)["rows"] == []
    assert next(iter(sheet_rows(shelf.blobs, sheet, 1))) == (1, ["Id", "Name", "Amount"])
    assert len(list(sheet_rows(shelf.blobs, sheet, ROWS))) == ROWS


def test_a_picture_is_drawn_anew_and_no_larger_than_a_screen(plain: dict[str, Rendered], shelf: Shelf) -> None:
    picture = plain["grey.png"].picture
    assert picture is not None
    assert (picture.width, picture.height) == (2400, 800)
    assert webp_size(shelf.blobs.get_bytes(picture.image)) == (2400, 800)


def test_an_archive_is_listed_and_read_and_never_unpacked(plain: dict[str, Rendered]) -> None:
    found = plain["files.zip"]
    texts = dict(found.segments)
    assert texts["entry=a/b.txt,line=1"] == "inner text"
    assert texts["entry=../out.txt"] == "../out.txt (7 bytes)"
    assert found.facts["entries_that_lead_outside"] == 1
    assert found.facts["entries_of_the_same_name"] == 1


def test_scripts_are_flagged(plain: dict[str, Rendered]) -> None:
    assert plain["page.html"].flags == ("holds scripts; none runs unless you ask for it",)
    assert plain["notes.md"].flags == ()


def test_sound_tells_its_length_where_there_is_ffprobe(plain: dict[str, Rendered]) -> None:
    found = plain["sound.wav"]
    if shutil.which("ffprobe") is None:
        assert any("ffprobe" in note for note in found.notes)
    else:
        assert found.facts["seconds"] == 1.5
        assert found.facts["streams"][0]["codec_type"] == "audio"


def test_a_document_and_a_drawing_become_images(render: Made, shelf: Shelf) -> None:
    if shutil.which("soffice") is None:
        lacking("soffice", "scripts/system/ensure-renderers.sh")
    found = render(
        {"letter.docx": made.docx("Dear reader", "Many words"), "drawing.svg": SVG.encode(), "note.rtf": NOTE}
    )
    letter, drawing = found["letter.docx"], found["drawing.svg"]
    assert (letter.problem, [page.number for page in letter.pages]) == (None, [1]), letter.notes
    assert "Dear" in [word[4] for word in words_of(shelf.blobs, letter.pages[0])]
    assert [text for _, text in letter.segments] == ["Dear reader", "Many words"]
    assert [text.strip() for _, text in found["note.rtf"].segments] == ["Rich words"]
    assert drawing.picture is not None, drawing.notes
    assert drawing.picture.width / drawing.picture.height == pytest.approx(4 / 3, abs=0.02)


@pytest.fixture(scope="module")
def office(render: Made, samples: Path) -> dict[str, Rendered]:
    """A workbook and a presentation, made with the toolbox."""
    if shutil.which("soffice") is None:
        lacking("soffice", "scripts/system/ensure-renderers.sh")
    return render({name: (samples / name).read_bytes() for name in ("order.xlsx", "deck.pptx")})


def test_a_workbook_has_values_formulas_marks_and_a_look(office: dict[str, Rendered], shelf: Shelf) -> None:
    found = office["order.xlsx"]
    summary, notes, secret = found.sheets
    assert [one.name for one in found.sheets] == ["Summary", "Notes", "Secret"]
    assert [one.hidden for one in found.sheets] == [False, False, True]
    assert summary.merged == ((1, 6, 1, 7),)
    values = sheet_window(shelf.blobs, summary, 0, 0, 10, 4)["rows"]
    formulas = sheet_window(shelf.blobs, summary, 0, 0, 10, 4, formulas=True)["rows"]
    assert values[1] == ["Chair", "4", "25.5", "102"]
    assert formulas[1] == ["Chair", "4", "25.5", "=B2*C2"]
    assert formulas[4][3] == "=SUM(D2:D4)"
    window = sheet_window(shelf.blobs, summary, 1, 2, 10, 4)
    assert window["shown"][0] == [2, 4, "102.00 EUR"], "as its number format has it"
    assert window["numbers"][:2] == ["nn", "nn"]
    assert sheet_window(shelf.blobs, summary, 1, 2, 10, 4, formulas=True)["shown"] == []
    assert (notes.rows, secret.rows) == (1, 1)
    words = [word[4] for page in found.pages for word in words_of(shelf.blobs, page)]
    assert "Chair" in words, found.notes


def test_slides_keep_their_numbers_and_hidden_ones_are_named(office: dict[str, Rendered], shelf: Shelf) -> None:
    found = office["deck.pptx"]
    labels = [page.label for page in found.pages]
    assert labels[:3] == ["Slide 1", "Slide 2", "Slide 3"], found.notes
    assert labels[3:] == ["Slide 4 (hidden)"]
    assert {anchor for anchor, *_ in found.unseen} == {"slide=4"}
    assert "Backstage." in [word[4] for word in words_of(shelf.blobs, found.pages[-1])]
    assert all(page.width == 1400 for page in found.pages)
