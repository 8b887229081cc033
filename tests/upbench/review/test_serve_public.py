"""`upbench review serve` for people on other machines, as a process behind what would be a proxy."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support import free_port

PUBLIC = '[review]\napp_origin = "https://review.example.org"\ncontent_origin = "https://files.example.net"\n'


def upbench(project: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "upbench", "--project", str(project), "review", *words]


def asked(port: int, path: str, host: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def test_others_are_served_under_two_names_once_somebody_can_come_in(tmp_path: Path) -> None:
    (tmp_path / "upbench.toml").write_text(PUBLIC)
    port = free_port(2)
    serve = upbench(tmp_path, "serve", "--no-open", "--no-worker", "--port", str(port), "--json")
    empty = subprocess.run(serve, capture_output=True, text=True, timeout=120, check=False)
    assert empty.returncode == 2
    assert "nobody could come in" in empty.stderr
    add = upbench(tmp_path, "users", "add", "ada", "--role", "admin", "--password-stdin")
    subprocess.run(add, input="five oak trees\n", text=True, check=True, timeout=120, capture_output=True)
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert (said["app"], said["content"]) == ("https://review.example.org", "https://files.example.net")
        assert said["enter"] is None
        assert asked(port, "/healthz", "review.example.org")[0] == 200
        assert asked(port, "/healthz", f"127.0.0.1:{port}")[0] == 421
        assert asked(port + 1, "/healthz", "files.example.net")[0] == 404
        assert asked(port + 1, "/healthz", "review.example.org")[0] == 421
        status, headers = asked(port, "/", "review.example.org")
        assert status == 401
        assert "https://files.example.net" in headers["content-security-policy"]
        assert headers["strict-transport-security"]
        assert asked(port + 1, "/f/none/x", "files.example.net")[1]["strict-transport-security"]
        assert asked(port, "/enter?token=", "review.example.org")[0] == 403
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
