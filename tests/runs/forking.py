"""Processes of the tests' own, each forked in milliseconds from one that has imported everything."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.01
UPBENCH = "tests.runs.kills.process:upbench"
"""The command line."""


class _Zygote:
    """Lives as long as this process, which holds its standard input."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.runs.zygote"]
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, **asked: Any) -> Any:
        """Its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps(asked) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())


@functools.cache
def _zygote() -> _Zygote:
    return _Zygote()


class Forked:
    """A process.

    Args:
        entry: `module:function` that it calls; what that returns is its exit code.
        arguments: Of the function.
        folder: Its working folder.
        env: Its environment, beside this process's; None: without that name.
        streams: Where its streams are kept; None: in its folder.

    Attributes:
        code: How it ended; None while it is not known to have.
    """

    _made = 0

    def __init__(
        self,
        entry: str,
        *arguments: Any,
        folder: Path,
        env: Mapping[str, str | None] | None = None,
        streams: Path | None = None,
    ) -> None:
        Forked._made += 1
        name = f"{Forked._made}-{entry.rpartition(':')[2]}"
        streams = streams or folder
        self._out, self._err = streams / f"{name}.out", streams / f"{name}.err"
        beside = {name: value for name, value in (os.environ | (env or {})).items() if value is not None}
        asked = {"cwd": str(folder), "env": beside, "out": str(self._out), "err": str(self._err)}
        self.code: int | None = None
        self.pid: int = _zygote().ask(entry=entry, arguments=arguments, **asked)

    @property
    def said(self) -> str:
        """What stands on its standard error, and output."""
        return self.err + self.out

    @property
    def out(self) -> str:
        """What stands on its standard output."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What stands on its standard error."""
        return self._err.read_text()

    def alive(self) -> bool:
        """Whether it has not ended."""
        if self.code is None:
            self.code = _zygote().ask(poll=self.pid)
        return self.code is None

    def wait(self, seconds: float = 180) -> int:
        """Its exit code, negative for a signal. Fails when it does not end in time."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGABRT)
                raise TimeoutError(f"it has not ended in {seconds} s: {self.said[-3000:]}")
            time.sleep(POLL_SECONDS)
        assert self.code is not None
        return self.code

    def finish(self, seconds: float = 180) -> str:
        """Wait until it has ended well; its standard output."""
        assert self.wait(seconds) == 0, self.said[-3000:]
        return self.out

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As `kill -9`, and wait for its end."""
        self.send(signal.SIGKILL)
        self.wait()


def completed(
    *arguments: str, cwd: Path, env: Mapping[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `upbench` in a folder, and wait for its end."""
    with tempfile.TemporaryDirectory() as streams:
        process = Forked(UPBENCH, *arguments, folder=cwd, env=env, streams=Path(streams))
        code = process.wait()
        return subprocess.CompletedProcess(arguments, code, process.out, process.err)
