"""The files of a review: what is shown of them as data, and how their bytes leave the content origin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core import Blobs, Database, Deliverable
from grading import (
    GRADING_MIGRATIONS,
    RENDER_MIGRATIONS,
    Book,
    Rendered,
    Renderer,
    ReviewItem,
    Secrets,
    Shelf,
    create_content_app,
    create_review_app,
    load_secrets,
    review_origins,
)
from grading.evaluations import Evidence
from grading.render.entries import Entry
from grading.render.model import DrawnPage, DrawnSheet
from grading.review.content import signed_image, signed_page, signed_path
from grading.review.preview import preview_of
from grading.review.routes.files import Signed
from grading.review.sites import site_of
from grading.review.views import place as words_of_place
from rubrics import Rubric

AT = review_origins("127.0.0.1", 9400)
RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})
BYTES = bytes(range(256)) * 40
WORDS = [[0.1, 0.2, 0.3, 0.05, "Hello"]]


@dataclass
class Place:
    app: TestClient
    content: TestClient
    api: str
    secrets: Secrets
    blobs: Blobs
    shelf: Shelf


def put(blobs: Blobs, path: str, data: bytes, media_type: str) -> Deliverable:
    return Deliverable(path=path, size=len(data), media_type=media_type, sha256=blobs.put_bytes(data))


def shelve(shelf: Shelf, rendered: Rendered) -> None:
    assert shelf.claim(rendered.sha256, rendered.suffix, "here", "me")
    shelf.keep(rendered, "here", "me", 1.0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    database = Database(tmp_path / "records.db", [*GRADING_MIGRATIONS, *RENDER_MIGRATIONS])
    blobs = Blobs(tmp_path / "blobs")
    shelf, book, secrets = Shelf(database, blobs), Book(database), load_secrets(tmp_path / "secrets.json")
    report = put(blobs, "report.pdf", b"%PDF-", "application/pdf")
    table = put(blobs, "table.csv", b"a,b", "text/csv")
    film = put(blobs, "film.mp4", BYTES, "video/mp4")
    drawing = put(blobs, "drawing.svg", b"<svg/>", "image/svg+xml")
    unread = put(blobs, "unread.docx", b"PK", "application/octet-stream")
    page = DrawnPage(
        number=1, width=1400, height=1812, label="Page 1", image=blobs.put_bytes(b"large"),
        small=blobs.put_bytes(b"small"), words=blobs.put_bytes(json.dumps(WORDS).encode()),
    )  # fmt: skip
    facts = {
        "pages": 1,
        "properties": {"author": "Secret"},
        "instruction_like": [{"anchor": "page=1", "text": "x"}],
    }
    shelve(shelf, Rendered(
        sha256=report.sha256, suffix=".pdf", kind="pages", pages=(page,), facts=facts, flags=("holds 1 scripts",),
        notes=("1 of its 2 pages are shown",), segments=(("page=1", "Hello"),),
    ))  # fmt: skip
    chunk = {"rows": [["a", "b"], [], ["=cmd", "2"]], "formulas": [[3, 2, "=1+1"]]}
    sheet = DrawnSheet(
        name="S", rows=3, columns=2, cells=5, hidden=False, cut=False,
        chunks={0: blobs.put_bytes(json.dumps(chunk).encode())},
        merged=((1, 1, 1, 2),), hidden_rows=(2,), hidden_columns=(), comments=((3, 1, "why"),),
    )  # fmt: skip
    shelve(shelf, Rendered(sha256=table.sha256, suffix=".csv", kind="sheet", sheets=(sheet,)))
    shelve(shelf, Rendered(sha256=film.sha256, suffix=".mp4", kind="video", facts={"seconds": 61.0}))
    item = ReviewItem(
        job="j", title="T", category=("A", "B"), brief="b", inputs=(),
        deliverables=(report, table, film, drawing, unread),
        criteria=ReviewItem.criteria_of(RUBRIC), submission="s",
    )  # fmt: skip
    alias = book.publish("t.1.alone", item)
    renderer = Renderer(None, shelf, scratch=tmp_path)
    app = create_review_app(
        book, blobs, secrets, token="once", render=renderer, app_origin=AT.app, content_origin=AT.content
    )
    content = create_content_app(blobs, secrets, app_origin=AT.app, content_origin=AT.content)
    with TestClient(app, base_url=AT.app) as client, TestClient(content, base_url=AT.content) as files:
        client.get("/enter", params={"token": "once"})
        yield Place(client, files, f"/api/reviews/{alias}/deliverables", secrets, blobs, shelf)
    database.close()


def test_pages_are_told_with_signed_addresses_of_their_images(place: Place) -> None:
    shown = place.app.get(f"{place.api}/0").json()
    assert (shown["kind"], shown["pending"]) == ("pages", False)
    assert shown["problem"] == "1 of its 2 pages are shown."
    assert shown["flags"] == ["holds 1 scripts", "seems to speak to whoever grades"]
    assert shown["facts"] == ["1 page"]
    assert "Secret" not in json.dumps(shown)
    (page,) = shown["pages"]
    assert (page["number"], page["width"], page["height"], page["label"]) == (1, 1400, 1812, "Page 1")
    for name, data in (("src", b"large"), ("small", b"small")):
        answer = place.content.get(page[name].removeprefix(AT.content))
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "image/webp")
    assert place.app.get(f"{place.api}/0/text?page=1").json() == {"words": WORDS}
    assert place.app.get(f"{place.api}/0/text?page=2").status_code == 404


def test_a_sheet_is_read_in_windows(place: Place) -> None:
    shown = place.app.get(f"{place.api}/1").json()
    assert shown["sheets"] == [{"name": "S", "rows": 3, "columns": 2, "hidden": False, "cut": False}]
    window = place.app.get(f"{place.api}/1/sheet", params={"name": "S", "row": 1}).json()
    assert window == {
        "rows": [["", ""], ["=cmd", "2"]], "row": 1, "column": 0, "merged": [], "hidden_rows": [2],
        "hidden_columns": [], "comments": [[3, 1, "why"]], "shown": [], "numbers": [],
    }  # fmt: skip
    formulas = place.app.get(f"{place.api}/1/sheet", params={"name": "S", "formulas": 1, "rows": 10**9}).json()
    assert formulas["rows"][2] == ["=cmd", "=1+1"]
    assert formulas["merged"] == [[1, 1, 1, 2]]
    assert place.app.get(f"{place.api}/1/sheet", params={"name": "other"}).status_code == 404


def test_film_plays_and_a_drawing_is_never_shown_as_it_was_handed_in(place: Place) -> None:
    film = place.app.get(f"{place.api}/2").json()
    assert (film["kind"], film["facts"]) == ("video", ["1:01 long"])
    played = place.content.get(film["src"].removeprefix(AT.content))
    assert (played.headers["content-type"], played.headers["content-disposition"]) == ("video/mp4", "inline")
    drawing = place.app.get(f"{place.api}/3").json()
    assert (drawing["kind"], drawing["src"]) == ("none", None)
    shown = place.app.get(f"{place.api.replace('/api/reviews', '/review')}/3/show", follow_redirects=False)
    answer = place.content.get(shown.headers["location"].removeprefix(AT.content))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_what_nobody_could_render_is_said_and_can_be_downloaded(place: Place) -> None:
    shown = place.app.get(f"{place.api}/4").json()
    assert shown["kind"] == "none"
    assert "no sandbox" in shown["problem"]
    answer = place.content.get(shown["download"].removeprefix(AT.content))
    assert (answer.status_code, answer.content) == (200, b"PK")


async def test_of_what_cannot_be_rendered_the_first_bytes_are_shown(place: Place) -> None:
    class Refusing:
        """A renderer that finds every file broken."""

        async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
            assert seconds > 0
            return Rendered(sha256=file.sha256, suffix=".docx", kind="pages", problem="it is broken")

        async def entry(self, archive: Deliverable, number: int, seconds: float) -> None:
            raise AssertionError(archive)

        def ahead(self, files: Sequence[Deliverable]) -> None:
            raise AssertionError(files)

    data = b"PK\x03\x04<script>" + bytes(range(256))
    file, at = put(place.blobs, "report.docx", data, "application/octet-stream"), Signed(place.secrets, AT.content)
    shown = await preview_of(file, place.blobs, Refusing(), at)
    assert (shown.kind, shown.problem) == ("none", "Could not be rendered: it is broken.")
    assert shown.segments[0] == ("byte=0", f"{data[:16].hex(' ')}  PK..<script>....")
    assert [anchor for anchor, _ in shown.segments] == [f"byte={at}" for at in range(0, 256, 16)]
    assert shown.facts == ("268 bytes", f"SHA-256 {file.sha256}")
    gone = file.model_copy(update={"sha256": "0" * 64})
    assert (await preview_of(gone, place.blobs, Refusing(), at)).segments == ()


RANGES = [
    ("bytes=0-9", 206, BYTES[:10]),
    ("bytes=100-", 206, BYTES[100:]),
    ("bytes=-5", 206, BYTES[-5:]),
    (f"bytes=0-{len(BYTES) * 2}", 206, BYTES),
    (f"bytes={len(BYTES)}-", 416, None),
    ("lines=1-2", 400, None),
    ("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 4000, 2)), 200, BYTES),
]


@pytest.mark.parametrize(("asked", "status", "expected"), RANGES)
def test_ranges(place: Place, asked: str, status: int, expected: bytes | None) -> None:
    path = signed_path(place.secrets, put(place.blobs, "film.mp4", BYTES, "video/mp4"), inline=True)
    answer = place.content.get(path, headers={"range": asked})
    assert answer.status_code == status
    if expected is not None:
        assert answer.content == expected
    assert "set-cookie" not in answer.headers


def test_several_ranges_and_a_range_of_another_version(place: Place) -> None:
    path = signed_path(place.secrets, put(place.blobs, "film.mp4", BYTES, "video/mp4"), inline=True)
    two = place.content.get(path, headers={"range": "bytes=0-1,10-11"})
    assert two.status_code == 206
    assert two.headers["content-type"].startswith("multipart/byteranges")
    tag = place.content.head(path).headers["etag"]
    same = place.content.get(path, headers={"range": "bytes=0-1", "if-range": tag})
    other = place.content.get(path, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (same.status_code, other.status_code, len(other.content)) == (206, 200, len(BYTES))


NAMES = ["a\u202egpj.exe", 'x".html', "long" * 50 + ".txt", "; filename=b.html", "\u2066\u200b.pdf"]


@pytest.mark.parametrize("name", NAMES)
def test_names_cannot_leave_their_header(place: Place, name: str) -> None:
    answer = place.content.get(
        signed_path(place.secrets, put(place.blobs, name, b"x", "text/plain"), inline=False)
    )
    assert answer.status_code == 200
    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9._~%-]+", disposition)
    assert not [turned for turned in ("%E2%80%AE", "%E2%81%A6", "%E2%80%8B") if turned in disposition]


def test_only_known_types_are_shown_and_all_is_inert(place: Place) -> None:
    for media_type in ("image/svg+xml", "application/pdf", "application/xhtml+xml", "text/xml", "text/javascript"):
        file = put(place.blobs, "x.bin", b"<x/>", media_type)
        answer = place.content.get(signed_path(place.secrets, file, inline=True))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
    page = put(place.blobs, "x.html", b"<script>1</script>", "text/html")
    for path in (signed_path(place.secrets, page, inline=False), signed_image(place.secrets, page.sha256)):
        headers = place.content.get(path).headers
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
    assert place.content.get("/f/forged/x.html").status_code == 404


def test_a_page_is_read_in_a_page_of_ours_and_runs_in_a_frame_of_no_origin(place: Place) -> None:
    page = put(place.blobs, "x.html", b"<script>1</script>", "text/html")
    read = place.content.get(signed_path(place.secrets, page, inline=True))
    assert b"<script>1" not in read.content
    policy = read.headers["content-security-policy"]
    assert f"script-src {AT.content}/reader.mjs; connect-src {AT.content}/f/;" in policy
    assert f"frame-ancestors {AT.app}" in policy
    for part, kind in (("reader.mjs", "text/javascript"), ("reader.css", "text/css")):
        assert place.content.get(f"/{part}").headers["content-type"].startswith(kind)
    assert place.content.get("/reader.html").status_code == 404
    path = signed_page(place.secrets, page, run=True)
    ran = place.content.get(path, headers={"sec-fetch-dest": "iframe"})
    assert (ran.content, ran.headers["content-type"]) == (b"<script>1</script>", "text/html; charset=utf-8")
    assert ran.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'; ")
    assert "connect-src" not in ran.headers["content-security-policy"]
    assert place.content.get(path, headers={"sec-fetch-dest": "document"}).status_code == 403


def test_beside_a_page_lies_its_own_submission_and_nothing_else(place: Place) -> None:
    page = put(place.blobs, "a/index.html", b"<p>1</p>", "text/html")
    script = put(place.blobs, "a/run.js", b"1", "x/x")
    files = (page, script, put(place.blobs, "b.css", b"p{}", "x/x"), put(place.blobs, "c.docx", b"PK", "x/x"))
    assert site_of(place.blobs, page, (page,)) is None
    site = site_of(place.blobs, page, files)
    other = put(place.blobs, "other.css", b"x{}", "text/css")
    ran = signed_page(place.secrets, page, run=True, site=site)
    base = ran.removesuffix("a/index.html")
    answer = place.content.get(ran, headers={"sec-fetch-dest": "iframe"})
    assert (answer.content, answer.headers["content-type"]) == (b"<p>1</p>", "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert f"connect-src {AT.content}{base};" in policy
    assert f"script-src 'unsafe-inline' 'unsafe-eval' data: blob: {AT.content}{base};" in policy
    for path, kind in (("b.css", "text/css"), ("a/run.js", "text/javascript")):
        headers = place.content.get(base + path).headers
        assert headers["content-type"].startswith(kind)
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for path in ("c.docx", other.path, other.sha256, "", "../" + other.sha256, "a%2F..%2Fb.css"):
        assert place.content.get(base + path).status_code == 404, path
    read = signed_page(place.secrets, page, run=False, site=site)
    policy = place.content.get(read).headers["content-security-policy"]
    assert f"img-src data: {AT.content}{read.removesuffix('a/index.html').replace('/read/', '/f/')};" in policy
    for path in ("a/index.html", "a/run.js"):
        still = place.content.get(read.replace("/read/", "/f/").replace("a/index.html", path))
        assert still.headers["content-type"] == "application/octet-stream", "nothing of it runs"


class Slow:
    """A renderer that is never done, but with the entries of archives that are given."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.entries: dict[int, Entry] = {}

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        return None

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        return self.entries.get(number)

    def ahead(self, files: Sequence[Deliverable]) -> None:
        self.asked += [file.path for file in files]


def test_a_rendering_on_its_way_is_said_and_the_others_begin(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db", GRADING_MIGRATIONS)
    book, blobs, secrets = Book(database), Blobs(tmp_path / "blobs"), load_secrets(tmp_path / "secrets.json")
    item = ReviewItem(
        job="j", title="T", category=("A", "B"), brief="b", inputs=(put(blobs, "in.txt", b"in", "text/plain"),),
        deliverables=(put(blobs, "a.docx", b"a", "x/x"), put(blobs, "b.docx", b"b", "x/x")),
        criteria=ReviewItem.criteria_of(RUBRIC), submission="s",
    )  # fmt: skip
    alias, slow = book.publish("t.1.alone", item), Slow()
    app = create_review_app(
        book, blobs, secrets, token="once", render=slow, app_origin=AT.app, content_origin=AT.content
    )
    with TestClient(app, base_url=AT.app) as client:
        client.get("/enter", params={"token": "once"})
        answer = client.get(f"/api/reviews/{alias}/inputs/0")
        assert (answer.status_code, answer.json()["pending"], answer.json()["kind"]) == (202, True, "none")
        assert answer.json()["status"] == "It is being rendered; this takes some seconds."
        assert slow.asked == ["a.docx", "b.docx", "in.txt"]
        words = client.get(f"/api/reviews/{alias}/inputs/0/text")
        assert (words.status_code, words.json()["pending"]) == (503, True)
        slow.entries = {0: Entry(file=put(blobs, "e.pdf", b"e", "x/x")), 1: Entry(problem="it is a link")}
        entries = f"/api/reviews/{alias}/deliverables/0/entries"
        told = [client.get(f"{entries}/{number}") for number in (0, 1, 2)]
        assert [(one.status_code, one.json()["problem"]) for one in told] == [
            (202, None), (200, "It is a link."), (202, None),
        ]  # fmt: skip
        assert [bool(one.json()["download"]) for one in told] == [True, False, False]
        assert [client.get(f"{entries}/{number}/text").json()["pending"] for number in (0, 1, 2)] == [
            True, False, True,
        ]  # fmt: skip
        assert client.get(f"/api/reviews/{alias}/deliverables/9/entries/0").status_code == 404
        assert slow.asked == ["a.docx", "b.docx", "in.txt"], "entries of others are not rendered ahead"
    database.close()


def test_a_place_is_named_as_one_speaks_of_it_and_nothing_hides_in_it() -> None:
    framed = Evidence(kind="quote", file="a\u202ecod.exe", anchor="page=3#0.1,0.2,0.3,0.4", text="Total 17")
    assert words_of_place(framed) == "a\ufffdcod.exe \u00b7 page=3, framed: Total 17"
    assert (
        words_of_place(Evidence(kind="region", file="plan.png", anchor="0.1,0.2,0.3,0.4"))
        == "plan.png \u00b7 framed"
    )
    assert words_of_place(Evidence(kind="region", file="b.csv", anchor="Sheet1!B12")) == "b.csv \u00b7 Sheet1!B12"
    assert words_of_place(Evidence(kind="absence", text="searched for VAT")) == "not there: searched for VAT"
