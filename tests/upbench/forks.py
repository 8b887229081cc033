"""The command line as processes that are forked from one in which it is imported: each begins in milliseconds.

What a process of its own has, these have: arguments, folder, environment, streams, and an end of the interpreter.
Only what happens while modules are imported has happened before.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 180  # after which what hangs is killed
SERVER = """
import gc, importlib, json, os, pkgutil, signal, sys, threading
import upbench.cli
from upbench.cli.main import main
for module in pkgutil.iter_modules(upbench.cli.__path__):
    importlib.import_module(f"upbench.cli.{module.name}")
for name in ("upbench.bench", "runs.runner", "agents.react.session", "sandbox.bubblewrap.provider", "dbos"):
    importlib.import_module(name)
assert threading.active_count() == 1, "what has threads cannot be forked"
gc.collect()
gc.freeze()  # the end of a fork looks at what is its own, which is little

def turn_into(asked):
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name in enumerate(("/dev/null", asked["out"], asked["err"])):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["upbench", *asked["arguments"]]
    signal.alarm(asked["seconds"])

answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        answers = None
        turn_into(json.loads(line))
        break
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, file=answers, flush=True)
else:
    sys.exit()
main()
"""


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Lives as long as this process, which holds its standard input."""
    words = [sys.executable, "-c", SERVER]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def forked(*arguments: str, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `upbench` in a folder, and wait for its end."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.NamedTemporaryFile("r+") as out, tempfile.NamedTemporaryFile("r+") as err:
        asked = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "seconds": SECONDS}
        asked |= {"out": out.name, "err": err.name}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())
