"""A Docker engine of a test's own, which it may kill: own socket, data (in memory) and containerd, no bridge."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support import lacking

SIZE = "2g"
TRIES = 4  # containerd takes its time to give up what it had begun when it was killed


class OwnEngine:
    """Started by `start`, ended by `end`; its folder is mounted from memory."""

    def __init__(self) -> None:
        if os.geteuid() != 0 or not shutil.which("dockerd"):
            lacking("dockerd", "an engine of one's own needs root and dockerd")
        self.root = Path(tempfile.mkdtemp(prefix="ub-"))
        self.host = f"unix://{self.root}/engine.sock"
        self._process: subprocess.Popen[bytes] | None = None
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "engine", str(self.root)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            self.root.rmdir()
            lacking("dockerd", "nothing can be mounted here")
        (self.root / "settings.json").write_text(json.dumps({}))

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        # An engine without a bridge removes the one that it finds: the machine's own engine needs that.
        words = [
            "unshare",
            "--net",
            "dockerd",
            "--host",
            self.host,
            "--config-file",
            str(self.root / "settings.json"),
        ]
        words += ["--data-root", str(self.root / "data"), "--exec-root", str(self.root / "run")]
        words += ["--pidfile", str(self.root / "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false"]
        words += ["--containerd-namespace=upbench-test", "--containerd-plugins-namespace=upbench-test-plugins"]
        for _ in range(TRIES):
            if self._comes_up(words):
                return
        said = (self.root / "log").read_text()[-600:]
        self.end()
        lacking("dockerd", f"an engine of one's own does not start: {said}")

    def _comes_up(self, words: list[str]) -> bool:
        (self.root / "pid").unlink(missing_ok=True)
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while self._process.poll() is None:
            asked = ["docker", "-H", self.host, "version"]
            if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
                return True
            time.sleep(0.2)
        self._kill_all("containerd")
        return False

    def load(self, image: str) -> None:
        """Give it an image of this machine's engine."""
        saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "-H", self.host, "load", "-q"], stdin=saved.stdout, check=True, capture_output=True
        )
        assert saved.wait() == 0

    def signal(self, number: int) -> None:
        """Send it a signal; it is waited for where that ends it."""
        assert self._process
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()
            self._kill_all("containerd")  # it belongs to it; the containers' own processes live on

    def end(self) -> None:
        """End it, whatever state it is in, and everything that it has started."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._kill_all("")
        time.sleep(0.2)
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            below = [line.split()[1] for line in mounts if line.split()[1].startswith(str(self.root))]
        for place in reversed(below):
            subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def _kill_all(self, name: str) -> None:
        """Kill the processes that name this engine's folder, and are called `name` where one is given."""
        for entry in Path("/proc").iterdir():
            words = _words(entry) if entry.name.isdigit() else b""
            if os.fsencode(self.root) in words and words.split(b"\0")[0].endswith(name.encode()):
                os.kill(int(entry.name), signal.SIGKILL)


def _words(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
