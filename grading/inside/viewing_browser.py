"""Chromium, where it is there, as a program that is spoken to by two pipes: a page is loaded, looked at, printed.

It has no network but what its sandbox has (none), a fresh profile each time, and is ended whole. Its own sandbox
is off: it needs what a sandbox does not give, and the one that it runs in holds nothing but the file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from .alone import end_descendants
from .outcome import clip

WITHOUT = "Chromium is not there in this sandbox"
PLACES = ("/usr/lib/chromium/chromium", "/opt/google/chrome/chrome")
NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS, CALL_SECONDS, SETTLE_SECONDS = 60.0, 10.0, 0.7
MAX_MESSAGE = 48 << 20
LOADED = "loaded"
FLAGS = (
    "--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-breakpad", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-features=Translate,MediaRouter,OptimizationHints,AudioServiceOutOfProcess",
    "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-default-browser-check", "--mute-audio", "--hide-scrollbars", "--force-color-profile=srgb",
    "--renderer-process-limit=1", "--deny-permission-prompts", "--no-proxy-server", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium speaks on descriptors 3 and 4; they are put there in a process of its own.
_LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class BrowserFailed(Exception):
    """The browser did not do what it was asked: it says why not."""


# A page that has taken the browser over may answer anything.
FAILURES = (BrowserFailed, KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError)


def chromium() -> str | None:
    """Where Chromium is; None where it is not."""
    return next((place for place in PLACES if os.access(place, os.X_OK)), None) or next(
        (found for name in NAMES if (found := shutil.which(name))), None
    )


class Browser:
    """Chromium with one page, within a `with` block.

    Attributes:
        events: Count of what came unasked, by name.
        until: `time.monotonic()` at which all must be over.
    """

    def __init__(self, until: float) -> None:
        self.events: Counter[str] = Counter()
        self.until = until
        self._session: str | None = None
        self._address = self._frame = ""
        self._number = 0
        self._buffer = b""

    def __enter__(self) -> Browser:
        program = chromium()
        if program is None:
            raise BrowserFailed(WITHOUT)
        self._folder = Path(tempfile.mkdtemp(prefix="browser-"))
        theirs, self._writer = _pipe()
        self._reader, back = _pipe()
        home = {
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        }
        argv = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(theirs), str(back), program, *FLAGS]
        self._process = subprocess.Popen(
            [*argv, f"--user-data-dir={self._folder}/profile", "about:blank"], env=home | {"LANG": "C.UTF-8"},
            cwd=self._folder, pass_fds=(theirs, back), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.close(back)
        with contextlib.ExitStack() as undone:
            undone.callback(self._end)
            self._attach()
            undone.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        end_descendants()
        os.close(self._reader)
        os.close(self._writer)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _attach(self) -> None:
        found = self.call("Target.getTargets", seconds=START_SECONDS)["targetInfos"]
        page = next((one["targetId"] for one in found if one["type"] == "page"), None)
        if page is None:
            page = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Browser.setDownloadBehavior", behavior="deny")
        self._session, self._frame = session, page
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        self.call("Fetch.enable", patterns=[{"urlPattern": "*"}])

    def call(self, method: str, *, seconds: float = CALL_SECONDS, **params: Any) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol. Raises `BrowserFailed`."""
        number = self._send(method, params)
        limit = min(time.monotonic() + seconds, self.until)
        while True:
            said = self._next(limit, method)
            if said.get("id") == number:
                if "error" in said:
                    raise BrowserFailed(clip(f"{method}: {said['error'].get('message', '')}", 200))
                return dict(said["result"])
            self._hear(said)

    def load(self, address: str, seconds: float) -> bool:
        """Load a page, and let it come to rest; False where it goes on loading."""
        self.events.clear()
        self._address = address
        self.call("Page.navigate", url=address, seconds=seconds)
        loaded = self._wait(LOADED, seconds)
        with contextlib.suppress(BrowserFailed):
            self._wait("", SETTLE_SECONDS)
        return loaded

    def taken(self, method: str, **params: Any) -> bytes:
        """The bytes of a screenshot or a print. Raises `BrowserFailed`."""
        try:
            return base64.b64decode(self.call(method, **params)["data"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise BrowserFailed(f"{method} gave no bytes") from error

    def _wait(self, event: str, seconds: float) -> bool:
        limit = min(time.monotonic() + seconds, self.until)
        while not self.events[event]:
            if (said := self._read(limit)) is None:
                return False
            self._hear(said)
        return True

    def _hear(self, said: dict[str, Any]) -> None:
        name = str(said.get("method", ""))
        self.events[name] += 1
        if name == "Page.javascriptDialogOpening":  # it would wait for somebody to answer
            self._send("Page.handleJavaScriptDialog", {"accept": False})
        # One that is led elsewhere as it loads fires no event of its own, and stops.
        if name == "Page.loadEventFired" or (
            name == "Page.frameStoppedLoading" and said["params"]["frameId"] == self._frame
        ):
            self.events[LOADED] += 1
        if name == "Fetch.requestPaused":
            self._decide(said["params"])
        if name == "Inspector.targetCrashed":
            raise BrowserFailed("the page crashed the browser")

    def _decide(self, asked: dict[str, Any]) -> None:
        """Let nothing be loaded but the page itself: it stays where it is, and shows no other file."""
        number, address = asked["requestId"], str(asked["request"]["url"]).partition("#")[0]
        if address == self._address or address.startswith(("data:", "blob:")):
            self._send("Fetch.continueRequest", {"requestId": number})
        else:
            # A page that is led elsewhere in vain stays; with another reason an error would take its place.
            self._send("Fetch.failRequest", {"requestId": number, "errorReason": "Aborted"})

    def _send(self, method: str, params: dict[str, Any]) -> int:
        self._number += 1
        body: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None and not method.startswith(("Target.", "Browser.")):
            body["sessionId"] = self._session
        data = json.dumps(body).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._writer, data) :]
        except OSError as error:
            raise BrowserFailed("the browser ended") from error
        return self._number

    def _next(self, limit: float, what: str) -> dict[str, Any]:
        said = self._read(limit)
        if said is None:
            raise BrowserFailed(f"the browser did not answer in time ({what})")
        return said

    def _read(self, limit: float) -> dict[str, Any] | None:
        """The next message, or None where none comes in time."""
        while b"\0" not in self._buffer:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self._reader], [], [], left)[0]:
                return None
            chunk = os.read(self._reader, 1 << 20)
            if not chunk:
                raise BrowserFailed("the browser ended")
            self._buffer += chunk
            if len(self._buffer) > MAX_MESSAGE:
                raise BrowserFailed("the browser's answer is too large")
        line, _, self._buffer = self._buffer.partition(b"\0")
        try:
            said = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BrowserFailed("the browser's answer is malformed") from error
        return said if isinstance(said, dict) else {}


def _pipe() -> tuple[int, int]:
    """A pipe (end to read, end to write) whose descriptors are neither 3 nor 4."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
