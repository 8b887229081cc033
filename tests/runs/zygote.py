"""Starts processes by forking itself: what they import is imported already, so each begins in milliseconds.

Run as `python -m tests.runs.zygote`; reads a request a line, answers each with a line. See `tests.runs.forking`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
from typing import Any

import upbench.cli

SLOW_TO_IMPORT = (
    "agents.react.session",
    "core.llm.openai_responses",
    "dbos",
    "openai.resources.responses",
    "psycopg",
    "runs.engine.durable",
    "runs.runner",
    "sandbox.bubblewrap.provider",
    "sqlalchemy.dialects.postgresql.psycopg",
    "upbench.bench",
    "upbench.workers",
    "upbench.telemetry.start",
)


def _import_all() -> None:
    for module in pkgutil.iter_modules(upbench.cli.__path__):
        importlib.import_module(f"upbench.cli.{module.name}")
    for name in SLOW_TO_IMPORT:
        importlib.import_module(name)


def _turn_into(asked: dict[str, Any]) -> None:
    """What a process of its own has."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it does not outlive the tests
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name in enumerate(("/dev/null", asked["out"], asked["err"])):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _serve() -> dict[str, Any] | None:
    """What this process is to be, where it is one that was forked; None when nothing more is asked."""
    children: set[int] = set()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        if "poll" in asked:
            pid, status = os.waitpid(asked["poll"], os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if pid else None
            children.discard(pid)
            print(json.dumps(code), flush=True)
            continue
        child = os.fork()
        if child == 0:
            return asked
        children.add(child)
        print(child, flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return None


def main() -> None:
    """Serve, or be what was asked for: `module:function`, called with what JSON can say."""
    _import_all()
    if threading.active_count() != 1:
        raise RuntimeError("what has threads cannot be forked")
    gc.collect()
    gc.freeze()  # the end of a fork looks at what is its own, which is little
    print("ready", flush=True)
    asked = _serve()
    if asked is None:
        return
    _turn_into(asked)
    module, function = asked["entry"].split(":")
    sys.exit(getattr(importlib.import_module(module), function)(*asked["arguments"]))


if __name__ == "__main__":
    main()
