"""The review app through its HTTP interface: who gets in, what is shown, what is kept, what never changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from core import BadInput, Blobs, Database, Deliverable, sha256_bytes
from grading import (
    GRADING_MIGRATIONS,
    Book,
    CriterionVerdict,
    Evaluation,
    Evidence,
    Rendered,
    ReviewItem,
    create_content_app,
    create_review_app,
    load_secrets,
    records_of,
    review_origins,
)
from grading.render.entries import Entry
from rubrics import Rubric, Verdict

AT = review_origins("127.0.0.1", 9000)
CHECK = {"kind": "file_count", "file": "*.csv", "min": 1}
RUBRIC = Rubric.model_validate(
    {
        "criteria": [
            {"id": "rows", "importance": "critical", "text": "Holds `17` rows", "check": CHECK, "decides": True},
            {"id": "tone", "importance": "important", "text": "Speaks <b>plainly</b>"},
            {"id": "no-ads", "importance": "pitfall", "text": "Advertises"},
        ]
    }
)
# Nothing of these may reach a reviewer.
TELLTALE = ("react-gpt-5", "gpt-5", "run-77", "judge-claude", "t0ffee.1.alone", "CHECK-FOUND")


@dataclass
class World:
    book: Book
    blobs: Blobs
    app: FastAPI
    content: FastAPI
    alias: str
    locked: list[str] = field(default_factory=list)

    def client(self, *, enter: bool = True) -> TestClient:
        client = TestClient(self.app, base_url=AT.app, follow_redirects=False)
        if enter:
            assert client.get("/enter", params={"token": "once"}).status_code == 303
            page = client.get("/").text
            found = re.search(r'name="csrf" content="([^"]+)"', page)
            assert found is not None
            client.headers |= {"origin": AT.app, "x-csrf-token": found[1]}
        return client

    def files(self) -> TestClient:
        return TestClient(self.content, base_url=AT.content)


def deliverable(blobs: Blobs, path: str, data: bytes, media_type: str) -> Deliverable:
    return Deliverable(path=path, size=len(data), media_type=media_type, sha256=blobs.put_bytes(data))


class Reads:
    """A renderer that has read every file already."""

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        facts = {"words": 2, "properties": {"author": "react-gpt-5"}}
        segments = (("paragraph=1", "Two words"),)
        return Rendered(sha256=file.sha256, suffix=".docx", kind="text", segments=segments, facts=facts)

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        raise AssertionError(archive)

    def ahead(self, files: Sequence[Deliverable]) -> None:
        pass


@pytest.fixture
def world(tmp_path: Path, database_place: Path | str) -> Iterator[World]:
    database = Database(database_place, GRADING_MIGRATIONS)
    book, blobs = Book(database), Blobs(tmp_path / "blobs")
    item = ReviewItem(
        job="lead-list",
        title="A lead <list>",
        category=("Sales", "Leads"),
        brief="# Hello\n<script>alert(1)</script> [x](javascript:alert(1)) [ok](https://example.com) ![i](https://e.com/p)",
        inputs=(deliverable(blobs, "in.txt", b"one\ntwo", "text/plain"),),
        deliverables=(
            deliverable(blobs, 'x"<img src=x>.csv', b"a,b\n1,=cmd\n", "text/csv"),
            deliverable(blobs, "page.html", b"<script>parent.x=1</script>", "text/html"),
            deliverable(blobs, "p.png", b"\x89PNG", "image/png"),
            deliverable(blobs, "memo.docx", b"PK", "application/octet-stream"),
        ),
        missing=("*.pdf",),
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission="s",
        grading_digest="g",
    )
    verdict = CriterionVerdict(
        criterion="rows", verdict=Verdict.passed, evidence=(Evidence(kind="fact", text="CHECK-FOUND"),)
    )
    book.record_checks("t0ffee.1.alone", RUBRIC, {"rows": verdict}, submission="s", grading_digest="g")
    judged = Evaluation(
        attempt_id="t0ffee.1.alone",
        grading_digest="g",
        grader="judge-claude",
        grader_kind="judge",
        verdicts=(CriterionVerdict(criterion="tone", verdict=Verdict.failed, feedback="JUDGE-SAID"),),
    )
    book.record(judged)
    alias = book.publish("t0ffee.1.alone", item)
    secrets = load_secrets(tmp_path / "secrets.json")
    made = World(book, blobs, FastAPI(), FastAPI(), alias)
    made.app = create_review_app(
        book,
        blobs,
        secrets,
        app_origin=AT.app,
        content_origin=AT.content,
        token="once",
        settled=lambda _connection, attempt: made.locked.append(attempt),
        render=Reads(),
    )
    made.content = create_content_app(blobs, secrets, app_origin=AT.app, content_origin=AT.content)
    yield made
    database.close()


def draft(client: TestClient, world: World, criterion: str, revision: int = 0, **body: Any) -> Any:
    return client.put(f"/api/reviews/{world.alias}/criteria/{criterion}", json={"revision": revision, **body})


def grade_all(client: TestClient, world: World) -> None:
    assert draft(client, world, "tone", verdict="fail", feedback="Too loud", active_ms=90_000).status_code == 200
    assert draft(client, world, "no-ads", verdict="pass").status_code == 200
    body = {"revision": 0, "judgement": "fail"}
    assert client.put(f"/api/reviews/{world.alias}/judgement", json=body).status_code == 200


def test_nobody_gets_in_without_the_token_and_it_opens_once(world: World) -> None:
    client = world.client(enter=False)
    assert client.get("/").status_code == 401
    assert client.get(f"/review/{world.alias}").status_code == 401
    assert client.get("/enter", params={"token": "wrong"}).status_code == 403
    entered = client.get("/enter", params={"token": "once"})
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/enter", params={"token": "once"}).status_code == 403


def test_a_forged_session_is_refused(world: World) -> None:
    client = world.client(enter=False)
    client.cookies.set("upbench_review", "eyJyZXZpZXdlciI6ImxvY2FsIiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAA")
    assert client.get("/").status_code == 401


def test_other_hosts_are_refused(world: World) -> None:
    for client in (world.client(), world.files()):
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421


def test_a_change_needs_origin_and_token(world: World) -> None:
    client = world.client()
    for headers in ({"origin": "http://evil.example"}, {"x-csrf-token": "no"}, {"origin": AT.content}):
        path = f"/api/reviews/{world.alias}/criteria/tone"
        answer = client.put(path, json={"revision": 0, "verdict": "pass"}, headers=headers)
        assert answer.status_code == 403
    assert draft(client, world, "tone", verdict="pass").status_code == 200


def test_every_answer_has_the_strict_headers(world: World) -> None:
    client = world.client()
    for path in ("/", f"/review/{world.alias}", "/static/grade.mjs", "/review/none", "/enter"):
        headers = client.get(path).headers
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    page = client.get(f"/review/{world.alias}").text
    assert not re.search(r"\son\w+=|style=|<script(?! type=\"module\" src)", page)


def test_what_the_client_and_the_agent_wrote_stays_text(world: World) -> None:
    page = world.client().get(f"/review/{world.alias}").text
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert "<img src=x>" not in page
    assert '<img src="https://e.com' not in page
    assert "Speaks &lt;b&gt;plainly&lt;/b&gt;" in page
    assert "<code>17</code>" in page
    assert 'rel="noopener noreferrer nofollow"' in page


def test_no_answer_before_the_lock_gives_anybody_away(world: World) -> None:
    client = world.client()
    page = f"/review/{world.alias}"
    api = f"/api/reviews/{world.alias}"
    answers = [client.get(path) for path in ("/", page, f"{api}/inputs/0", "/static/grade.mjs")]
    answers += [client.get(f"{api}/deliverables/{number}") for number in range(4)]
    answers += [client.get(f"{page}/deliverables/{number}/show") for number in range(4)]
    answers += [client.get(page + "/deliverables/9/show"), client.get("/review/nobody")]
    answers.append(draft(client, world, "tone", verdict="pass"))
    answers.append(draft(client, world, "tone", verdict="fail"))
    answers.append(client.post(f"{api}/lock"))
    for answer in answers:
        everything = answer.text + str(dict(answer.headers))
        assert not [word for word in (*TELLTALE, "JUDGE-SAID") if word in everything], answer.url


def test_after_the_lock_the_others_are_shown_under_neutral_names(world: World) -> None:
    client = world.client()
    grade_all(client, world)
    assert client.post(f"/api/reviews/{world.alias}/lock").json() == {"locked": True, "alias": world.alias}
    page = client.get(f"/review/{world.alias}").text
    assert "CHECK-FOUND" in page
    assert "JUDGE-SAID" in page
    assert "Judge 1" in page
    assert not [word for word in TELLTALE if word in page and word != "CHECK-FOUND"]


def test_locked_verdicts_are_of_record_and_the_callback_is_told(world: World) -> None:
    client = world.client()
    grade_all(client, world)
    client.post(f"/api/reviews/{world.alias}/lock")
    assert world.locked == ["t0ffee.1.alone"]
    human = next(e for e in world.book.verdicts_of("t0ffee.1.alone") if e.grader_kind == "human")
    assert (human.judgement, human.minutes, human.revision) == ("fail", 1.5, 1)
    records = records_of(world.book.verdicts_of("t0ffee.1.alone"))
    found = {name: (record.verdict, record.source.value) for name, record in records.items()}
    assert found["tone"] == (Verdict.failed, "reviewers")
    assert found["rows"] == (Verdict.passed, "check")


def test_what_is_locked_cannot_be_changed_and_a_correction_is_kept_beside_it(world: World) -> None:
    client = world.client()
    grade_all(client, world)
    client.post(f"/api/reviews/{world.alias}/lock")
    assert draft(client, world, "tone", 1, verdict="pass").status_code == 409
    again = client.post(f"/api/reviews/{world.alias}/lock")
    assert (again.status_code, again.json()["alias"]) == (200, world.alias), "sent twice is sent once"
    body = {"criterion": "tone", "verdict": "pass", "feedback": "I misread it"}
    assert client.post(f"/api/reviews/{world.alias}/corrections", json=body).json() == {"revision": 2}
    records = records_of(world.book.verdicts_of("t0ffee.1.alone"))
    assert records["tone"].verdict == Verdict.failed
    assert "I misread it" in client.get(f"/review/{world.alias}").text
    assert world.locked == ["t0ffee.1.alone"]


def test_the_lock_says_what_is_lacking(world: World) -> None:
    client = world.client()
    draft(client, world, "tone", verdict="fail", feedback="  ")
    answer = client.post(f"/api/reviews/{world.alias}/lock")
    assert answer.status_code == 422
    assert [problem["criterion"] for problem in answer.json()["problems"]] == ["tone", "no-ads", ""]
    assert world.book.review_counts()["locked"] == 0


def test_drafts_carry_revisions_and_two_tabs_do_not_overwrite_each_other(world: World) -> None:
    client = world.client()
    assert draft(client, world, "tone", verdict="pass").json()["revision"] == 1
    assert draft(client, world, "tone", verdict="pass").json()["revision"] == 1
    stale = draft(client, world, "tone", verdict="fail", feedback="x")
    assert stale.status_code == 409
    assert stale.json()["there"]["verdict"] == "pass"
    assert draft(client, world, "tone", 1, verdict="cannot_judge").json() == {"revision": 2, "left": 1}
    assert world.book.review_counts() == {"awaiting": 0, "claimed": 1, "locked": 0}


@pytest.mark.parametrize(
    "body", [{"verdict": "maybe"}, {"revision": -1}, {"agent": "x"}, {"feedback": "y" * 30_000}]
)
def test_a_wrong_draft_is_refused(world: World, body: dict[str, Any]) -> None:
    assert draft(world.client(), world, "tone", **body).status_code == 422


def test_unknown_reviews_criteria_and_files_are_404(world: World) -> None:
    client = world.client()
    assert draft(client, world, "nothing", verdict="pass").status_code == 404
    for path in ("/review/zz", f"/api/reviews/{world.alias}/inputs/7", f"/api/reviews/{world.alias}/secrets/0"):
        assert client.get(path).status_code == 404


def test_files_come_from_the_content_origin_alone_inert_and_without_cookies(world: World) -> None:
    client, files = world.client(), world.files()
    base = f"/review/{world.alias}/deliverables"
    expected = [
        ("0/download", "application/octet-stream", "attachment"),
        ("1/download", "application/octet-stream", "attachment"),
        ("2/show", "image/png", "inline"),
        ("3/show", "application/octet-stream", "attachment"),
    ]
    for path, media_type, disposition in expected:
        redirect = client.get(f"{base}/{path}")
        location = redirect.headers["location"]
        assert redirect.status_code == 303
        assert location.startswith(AT.content)
        assert client.get(location.removeprefix(AT.content)).status_code == 404, "the app serves no such bytes"
        answer = files.get(location)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-disposition"].startswith(disposition)
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
    reader = files.get(client.get(f"{base}/1/show").headers["location"])
    assert b"parent.x" not in reader.content, "a page of ours, which reads theirs"
    assert f"script-src {AT.content}/reader.mjs;" in reader.headers["content-security-policy"]
    assert files.get("/").status_code == 404
    assert files.get(f"/review/{world.alias}").status_code == 404


def test_a_content_address_cannot_be_made_up_or_changed(world: World) -> None:
    location = world.client().get(f"/review/{world.alias}/deliverables/0/download").headers["location"]
    files = world.files()
    token = location.removeprefix(AT.content + "/f/").split("/")[0]
    body, mac = token.split(".")
    for forged in (body[:-2] + "AA." + mac, f"{body}.", body, f"{'A' * len(body)}.{mac}", "%00.%00"):
        assert files.get(f"/f/{forged}/x").status_code == 404


def test_an_expired_content_address_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    location = world.client().get(f"/review/{world.alias}/deliverables/0/download").headers["location"]
    import time

    later = time.time() + 601
    monkeypatch.setattr("grading.review.signing.time.time", lambda: later)
    assert world.files().get(location).status_code == 404


def test_previews_are_data_and_leave_out_who_made_the_file(world: World) -> None:
    client = world.client()
    api = f"/api/reviews/{world.alias}"
    rendered = client.get(f"{api}/deliverables/3").json()
    assert rendered["segments"] == [["paragraph=1", "Two words"]]
    assert rendered["facts"] == ["2 words"]


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.json"
    first = load_secrets(path)
    assert load_secrets(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(first.session) >= 32
    assert first.session != first.content
    path.chmod(0o644)
    with pytest.raises(BadInput):
        load_secrets(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(BadInput):
        load_secrets(path)


def test_only_this_machine_is_served() -> None:
    at = review_origins("localhost", 8000)
    assert (at.app, at.content) == ("http://localhost:8000", "http://127.0.0.1:8001")
    for host, port in (("0.0.0.0", 8000), ("127.0.0.1", 65535), ("127.0.0.1", 0)):
        with pytest.raises(BadInput):
            review_origins(host, port)


def test_no_template_switches_escaping_off() -> None:
    import grading.review

    folder = Path(str(grading.review.__file__)).parent
    texts = {path.name: path.read_text() for path in (folder / "templates").rglob("*.j2")}
    assert texts
    assert not [name for name, text in texts.items() if "|safe" in text.replace(" ", "") or "autoescape" in text]
    scripts = {path.name: path.read_text() for path in (folder / "static").rglob("*.mjs")}
    assert scripts
    assert not [name for name, text in scripts.items() if "innerHTML" in text or "eval(" in text]


def test_sha_of_a_missing_blob_is_404(world: World) -> None:
    location = world.client().get(f"/review/{world.alias}/deliverables/2/show").headers["location"]
    world.blobs.path(sha256_bytes(b"\x89PNG")).unlink()
    assert world.files().get(location).status_code == 404
