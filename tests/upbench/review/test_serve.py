"""`upbench review serve` as a process: two origins, one way in, a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import free_port

ROOT = Path(__file__).resolve().parents[3]


def command(project: Path, port: int, *more: str) -> list[str]:
    serve = ["review", "serve", "--no-open", "--no-worker", "--port", str(port), "--json", *more]
    return [sys.executable, "-m", "upbench", "--project", str(project), *serve]


def status(url: str, host: str | None = None) -> int:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command(tmp_path, free_port(2)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, json.loads(line)
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_both_origins_answer_and_ctrl_c_ends_clean(
    server: tuple[subprocess.Popen[str], dict[str, str]], tmp_path: Path
) -> None:
    process, said = server
    assert said["app"].startswith("http://127.0.0.1:")
    assert said["content"].startswith("http://localhost:")
    assert status(f"{said['app']}/healthz") == 200
    assert status(said["app"]) == 401
    content_port = said["content"].rsplit(":", 1)[1]
    assert status(f"http://127.0.0.1:{content_port}/healthz", f"localhost:{content_port}") == 404
    assert status(f"http://127.0.0.1:{content_port}/healthz") == 421
    assert (tmp_path / ".upbench" / "review-secrets.json").stat().st_mode & 0o777 == 0o600
    port = int(said["app"].rsplit(":", 1)[1])
    second = subprocess.run(
        command(tmp_path, port),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert second.returncode == 2
    assert "is taken" in second.stderr
    assert second.stderr.count("\n") <= 2
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
