"""The review app on another machine than the trials: what was handed in comes from the bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core import Blobs, Deliverable
from grading import create_content_app, load_secrets
from grading.review.content import signed_path
from grading.review.preview import preview_of
from grading.review.routes.files import Signed
from grading.review.signing import Secrets
from tests.standins.s3.fixture import s3, s3_server
from tests.standins.s3.server import S3

__all__ = ["s3", "s3_server"]
APP, CONTENT = "http://127.0.0.1:8765", "http://127.0.0.1:8766"


@pytest.fixture
def handed_in(s3: S3, tmp_path: Path) -> tuple[Deliverable, Blobs]:
    """A file that a worker collected, and the blobs of the machine that shows it."""
    remote, data = s3.remote(), b"name,price\nbolt,1\n"
    sha256 = Blobs(tmp_path / "worker", remote).put_bytes(data)
    file = Deliverable(path="prices.csv", size=len(data), media_type="text/csv", sha256=sha256)
    return file, Blobs(tmp_path / "web", remote).impatient()


def shown(file: Deliverable, blobs: Blobs, keys: Secrets) -> tuple[int, str]:
    app = create_content_app(blobs, keys, app_origin=APP, content_origin=CONTENT)
    answer = TestClient(app, base_url=CONTENT).get(signed_path(keys, file, inline=False))
    return answer.status_code, answer.text


async def test_files_and_previews_come_from_the_bucket(
    handed_in: tuple[Deliverable, Blobs], tmp_path: Path
) -> None:
    file, blobs = handed_in
    keys = load_secrets(tmp_path / "secrets")
    preview = await preview_of(file, blobs, None, Signed(keys, CONTENT))
    assert [text for _, text in preview.segments] == ["name,price", "bolt,1", ""]
    blobs.forget_local(file.sha256)
    assert shown(file, blobs, keys) == (200, "name,price\nbolt,1\n")


async def test_a_bucket_that_is_down_is_said(handed_in: tuple[Deliverable, Blobs], s3: S3, tmp_path: Path) -> None:
    file, blobs = handed_in
    keys = load_secrets(tmp_path / "secrets")
    s3.stop()
    preview = await preview_of(file, blobs, None, Signed(keys, CONTENT))
    assert preview.problem is not None
    assert "cannot be read now" in preview.problem
    assert shown(file, blobs, keys)[0] == 503
    s3.calm()
    assert shown(file, blobs, keys)[0] == 200
    assert shown(file.model_copy(update={"sha256": "0" * 64}), blobs, keys)[0] == 404
