"""`upbench review serve` with its worker as processes, and a reviewer who works in the app."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support import free_port


@dataclass
class Served:
    """The app of a project, at work.

    Attributes:
        process: Its own. said: What it printed. errors: The file that its standard error, and its worker's, is.
    """

    process: subprocess.Popen[str]
    said: dict[str, Any]
    errors: Path

    def worker(self) -> int | None:
        """The process of its worker, once that carries rounds."""
        own = self.process.pid
        for child in Path(f"/proc/{own}/task/{own}/children").read_text().split():
            for log in self.errors.parent.glob(f".upbench/logs/*-worker-{child}.jsonl"):
                if "carries up to" in log.read_text():
                    return int(child)
        return None


@contextmanager
def served(project: Path, *more: str, database: str | None = None) -> Iterator[Served]:
    """The app of a project, killed at the end where it still lives."""
    words = ["review", "serve", "--no-open", "--port", str(free_port(2)), "--json", *more]
    command = [sys.executable, "-m", "upbench", "--project", str(project), *words]
    env = os.environ | ({} if database is None else {"UPBENCH_DATABASE": database})
    errors = project / "serve.err"
    with errors.open("a") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=env)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, errors.read_text()
        yield Served(process, json.loads(line), errors)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Reviewer:
    """A reviewer in the app."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._http = httpx2.Client(base_url=said["app"], follow_redirects=True, timeout=60)
        page = self._http.get(said["enter"]).text
        token = re.search(r'name="csrf" content="([^"]+)"', page)
        assert token is not None
        self._http.headers |= {"origin": said["app"], "x-csrf-token": token[1]}

    def draft_fail(self, alias: str) -> None:
        """All that it takes to fail a submission, but for the lock."""
        api = f"/api/reviews/{alias}"
        draft = {"revision": 0, "verdict": "fail", "feedback": "Names nobody."}
        self._http.put(f"{api}/criteria/note", json=draft).raise_for_status()
        self._http.put(f"{api}/judgement", json={"revision": 0, "judgement": "fail"}).raise_for_status()

    def lock(self, alias: str) -> None:
        """The last request of a review."""
        self._http.post(f"/api/reviews/{alias}/lock").raise_for_status()

    def is_served(self) -> bool:
        """Whether the app answers."""
        return self._http.get("/healthz").is_success

    def close(self) -> None:
        """Leave."""
        self._http.close()
