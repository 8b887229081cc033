"""`upbench runs export` and `upbench runs import`, on a run that was really executed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runs.project import need_sandbox
from tests.runs.support import write_pack
from tests.upbench.test_cli import upbench


def test_a_run_is_exported_imported_shown_reported_and_gone_on_with(tmp_path: Path) -> None:
    need_sandbox()
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    pack = write_pack(tmp_path / "packs", jobs=2)
    ran = upbench("run", str(pack), "--agent", "react", "--agent", "nop", "--model", "scripted/x", cwd=here)
    assert ran.returncode == 0, ran.stderr
    exported = upbench("runs", "export", "last", "--json", cwd=here)
    assert exported.returncode == 0, exported.stderr
    told = json.loads(exported.stdout)
    file = here / f"{told['run']}.zip"
    assert file.stat().st_size == told["bytes"]
    imported = upbench("runs", "import", str(file), "--json", cwd=there)
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["rows"] == told["rows"]
    left, right = (
        json.loads(upbench("runs", "show", "last", "--json", cwd=place).stdout) for place in (here, there)
    )
    assert left | {"store": ""} == right | {"store": ""}
    trial = right["attempts"][0]["trial"]
    stories = [upbench("runs", "why", trial, cwd=place).stdout for place in (here, there)]
    assert stories[0] == stories[1] != ""
    reports = [json.loads(upbench("report", "last", "--json", cwd=place).stdout) for place in (here, there)]
    assert reports[0]["agents"] == reports[1]["agents"]
    regraded = upbench("grade", "last", "--checks", "--json", cwd=there)
    assert regraded.returncode == 0, regraded.stderr
    resumed = upbench("runs", "resume", "last", "--json", cwd=there)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["causes"] == {"submitted": 4}
    again = upbench("runs", "import", str(file), cwd=there)
    assert "is here already" in again.stdout
    damaged = file.with_name("damaged.zip")
    damaged.write_bytes(file.read_bytes()[:-2000])
    refused = upbench("runs", "import", str(damaged), cwd=there)
    assert refused.returncode == 2
    assert "not a bundle, or cut short" in refused.stderr
