"""The zygote: imports envd once, then forks a keeper for every machine.

It reads requests as lines of JSON on standard input and writes what happened on standard output; when its input
ends, it ends every machine and then itself. `python -m tests.standins.e2b.machine.zygote`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import traceback
from contextlib import suppress
from typing import Any

from tests.standins.e2b.machine import keeper
from tests.standins.e2b.machine.warm import warm

WORDS = {"end": b"e", "stop": b"s", "continue": b"c", "crash": b"k", "take": b"t"}
HAPPENED = {b"o": "opened", b"s": "stopped", b"c": "continued", b"k": "crashed", b"t": "taken"}


class Zygote:
    """The requests and the keepers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._controls: dict[str, socket.socket] = {}
        self._input = b""

    def run(self) -> None:
        """Until standard input ends."""
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ, None)
        self._say({"happened": "ready"})
        while self._controls or 0 in self._selector.get_map():
            for key, _ in self._selector.select():
                if key.data is None:
                    self._read()
                else:
                    self._hear(key.data)

    def _say(self, what: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more: the input ends too
            os.write(1, json.dumps(what).encode() + b"\n")

    def _read(self) -> None:
        data = os.read(0, 1 << 16)
        if not data:
            self._selector.unregister(0)
            for name in list(self._controls):
                self._tell(name, "end")
        self._input += data
        *lines, self._input = self._input.split(b"\n")
        for line in lines:
            request = json.loads(line)
            if request["do"] == "open":
                self._open(request["plan"])
            else:
                self._tell(request["name"], request["do"])

    def _tell(self, name: str, what: str) -> None:
        if name in self._controls:
            try:
                self._controls[name].send(WORDS[what])
            except OSError:  # it ends just now; its socket will say so
                return

    def _open(self, plan: dict[str, Any]) -> None:
        ours, its = socket.socketpair()
        if os.fork() == 0:
            status = 1
            try:
                self._become_keeper(plan, its)
                status = 0
            except (OSError, RuntimeError):
                traceback.print_exc()
            finally:
                os._exit(status)
        its.close()
        self._controls[plan["name"]] = ours
        self._selector.register(ours, selectors.EVENT_READ, plan["name"])

    def _become_keeper(self, plan: dict[str, Any], control: socket.socket) -> None:
        for other in self._controls.values():
            other.close()
        self._selector.close()
        nothing = os.open("/dev/null", os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        keeper.run(plan, control)

    def _hear(self, name: str) -> None:
        word = self._controls[name].recv(1)
        if word:
            self._say({"happened": HAPPENED[word], "name": name})
            return
        self._selector.unregister(self._controls[name])
        self._controls.pop(name).close()
        self._say({"happened": "ended", "name": name})


def main() -> None:
    """Serve until standard input ends; keepers are reaped by the kernel."""
    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Zygote().run()


if __name__ == "__main__":
    main()
