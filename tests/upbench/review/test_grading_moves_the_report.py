"""A person grades in the served app what a run left open, and the run's report changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2

from tests.runs.project import need_sandbox
from tests.runs.support import write_pack
from tests.upbench.review.test_serve import server
from tests.upbench.test_cli import upbench

__all__ = ["server"]


def p1(folder: Path) -> dict[str, Any]:
    report = json.loads(upbench("report", "last", "--json", cwd=folder).stdout)
    figure: dict[str, Any] = report["agents"]["oracle"]["p1"]
    return figure


def test_run_review_lock_report(tmp_path: Path, server: Any) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    assert upbench("run", str(pack), "--agent", "oracle", cwd=tmp_path).returncode == 0
    assert p1(tmp_path)["value"] is None, "a criterion that only a person can judge is open"
    _process, said = server
    with httpx2.Client(base_url=said["app"], follow_redirects=True) as client:
        queue = client.get(said["enter"]).text
        (alias,) = set(re.findall(r"/review/([0-9a-f]{16})", queue))
        page = client.get(f"/review/{alias}").text
        assert "oracle" not in queue + page
        token = re.search(r'name="csrf" content="([^"]+)"', page)
        assert token is not None
        client.headers |= {"origin": said["app"], "x-csrf-token": token[1]}
        kept = client.put(f"/api/reviews/{alias}/criteria/note", json={"revision": 0, "verdict": "pass"})
        assert kept.status_code == 200, kept.text
        early = client.post(f"/api/reviews/{alias}/lock")
        assert early.status_code == 422, "the overall judgement is asked for"
        client.put(f"/api/reviews/{alias}/judgement", json={"revision": 0, "judgement": "pass"})
        assert p1(tmp_path)["value"] is None, "a draft counts for nothing"
        assert client.post(f"/api/reviews/{alias}/lock").status_code == 200
        late = client.put(f"/api/reviews/{alias}/criteria/note", json={"revision": 1, "verdict": "fail"})
        assert late.status_code == 409, "what is locked stays"
    assert p1(tmp_path)["value"] == 1.0
