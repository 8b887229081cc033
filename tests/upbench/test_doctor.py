from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.standins.postgres import PASSWORD, Postgres

ROOT = Path(__file__).parents[2]


def upbench(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "upbench", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **env}, timeout=120
    )


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(done.stdout)["checks"]}


def test_every_check_has_its_four_keys() -> None:
    done = upbench("doctor", "--json")
    rows = checks(done)
    assert set(rows) >= {
        "python",
        "toolbox",
        "sandbox",
        "bwrap",
        "docker",
        "postgresql",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "libreoffice",
        "chromium",
        "ffprobe",
        "ffmpeg",
    }
    assert all(set(row) == {"name", "ok", "detail", "mend"} for row in rows.values())
    assert all(bool(row["mend"]) != row["ok"] for row in rows.values())
    assert done.returncode == (0 if rows["bwrap"]["ok"] or rows["docker"]["ok"] else 3)


def test_a_machine_without_any_sandbox_is_exit_code_3(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "E2B_API_KEY": ""}
    done = upbench("doctor", "--json", **nothing)
    rows = checks(done)
    assert done.returncode == 3
    assert not rows["bwrap"]["ok"]
    assert "apt-get install" in rows["bwrap"]["mend"]
    assert not rows["docker"]["ok"]
    assert "Traceback" not in done.stderr


def test_an_unknown_sandbox_in_the_settings_is_said(tmp_path: Path) -> None:
    by_docker = checks(upbench("doctor", "--json", UPBENCH_SANDBOX="docker"))
    well = by_docker["sandbox"]
    assert well["ok"]
    assert "docker" in well["detail"]
    assert "libreoffice" not in by_docker, "what is on this machine is not what its containers find"
    assert by_docker["renderers"]["mend"] in (None, "upbench toolbox image --renderers")
    done = upbench("doctor", "--json", UPBENCH_SANDBOX="foo")
    row = checks(done)["sandbox"]
    assert not row["ok"]
    assert row["detail"] == "unknown sandbox provider `foo`"
    assert "bwrap, docker, e2b" in row["mend"]
    assert done.returncode == (0 if any(checks(done)[name]["ok"] for name in ("bwrap", "docker", "e2b")) else 3)
    (tmp_path / "upbench.toml").write_text('sandbox = "vm"')
    row = checks(upbench("--project", str(tmp_path), "doctor", "--json"))["sandbox"]
    assert row["detail"] == "unknown sandbox provider `vm`"


def test_of_a_key_only_its_presence_is_said() -> None:
    done = upbench("doctor", "--json", OPENAI_API_KEY="sk-secret-value", ANTHROPIC_API_KEY="")
    rows = checks(done)
    assert rows["OPENAI_API_KEY"]["ok"]
    assert not rows["ANTHROPIC_API_KEY"]["ok"]
    assert "sk-secret-value" not in done.stdout + done.stderr


def test_for_people_every_lack_has_its_mend() -> None:
    done = upbench("doctor", ANTHROPIC_API_KEY="")
    assert "mend: export ANTHROPIC_API_KEY=..." in done.stdout


def test_the_toolbox_is_listed_and_found(tmp_path: Path) -> None:
    listed = json.loads(upbench("toolbox", "list", "--json").stdout)
    assert "openpyxl" in listed["packages"]
    missing = upbench("toolbox", "path", UPBENCH_CACHE=str(tmp_path))
    assert missing.returncode == 3
    assert "upbench toolbox install" in missing.stderr


def test_the_image_has_a_name_without_an_engine(tmp_path: Path) -> None:
    said = upbench("toolbox", "image", "--tag", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert said.stdout.startswith("upbench-sandbox:")
    built = upbench("toolbox", "image", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert built.returncode == 3


def test_the_database_is_looked_at_and_left_as_it_is(postgres: Postgres, fresh_database: str) -> None:
    unset = checks(upbench("doctor", "--json", UPBENCH_DATABASE=""))["postgresql"]
    assert not unset["ok"]
    assert "only needed" in unset["detail"]
    well = checks(upbench("doctor", "--json", UPBENCH_DATABASE=fresh_database))["postgresql"]
    assert well["ok"], well
    assert well["detail"].startswith("PostgreSQL ")
    with postgres.connect(fresh_database.rsplit("/", 1)[1]) as server:
        assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    done = upbench("doctor", "--json", UPBENCH_DATABASE=fresh_database + "x")
    wrong = checks(done)["postgresql"]
    assert "does not exist" in wrong["detail"]
    assert "createdb" in wrong["mend"]
    assert PASSWORD not in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
