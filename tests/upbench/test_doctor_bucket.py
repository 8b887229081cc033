from __future__ import annotations

import json
from typing import Any

import pytest

from tests.standins.s3.fixture import s3, s3_server
from tests.standins.s3.server import S3
from tests.upbench.mistakes import Upbench

__all__ = ["s3", "s3_server"]


def row(upbench: Upbench) -> dict[str, Any]:
    return next(
        check for check in json.loads(upbench("doctor", "--json")[1])["checks"] if check["name"] == "bucket"
    )


def test_a_bucket_is_tried(upbench: Upbench, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    without = row(upbench)
    assert not without["ok"]
    assert "UPBENCH_BLOBS" in without["mend"]
    monkeypatch.setenv("UPBENCH_BLOBS", s3.remote())
    well = row(upbench)
    assert well["ok"], well
    assert s3.url in well["detail"]
    assert "0 GB of local copies, at most 50 GB (`local_blobs_gb`)" in well["detail"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sk-wrong")
    refused = row(upbench)
    assert not refused["ok"]
    assert "AWS_SECRET_ACCESS_KEY" in refused["mend"]
    assert "sk-wrong" not in json.dumps(refused)
    monkeypatch.setenv("UPBENCH_BLOBS", "s3://UPPER")
    assert "not the address of a bucket" in row(upbench)["detail"]


def test_a_server_that_is_down_is_said_within_seconds(
    upbench: Upbench, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPBENCH_BLOBS", s3.remote())
    s3.stop()
    down = row(upbench)
    assert not down["ok"]
    assert "AWS_ENDPOINT_URL" in down["mend"]
