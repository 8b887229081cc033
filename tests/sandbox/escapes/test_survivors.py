"""Outliving the command, the deadline, the sandbox: nothing may be left to change what is collected or graded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxSpec, TreeLimits
from tests.sandbox.escapes.attempt import escape, held
from tests.sandbox.escapes.scene import Scene
from tests.support import lacking

ASYNC = pytest.mark.asyncio(loop_scope="session")

FAMILY = "survivors"
SWEEP = held("supervisor's sweep", e2b="supervisor's sweep")
# Each starts a child that goes on by itself; it sleeps, or never stays the same process.
STAY = "import os, resource, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
SLEEP = "    time.sleep(1000)\n"
HELPERS = {
    "stopped": f"{STAY}    os.kill(os.getpid(), signal.SIGSTOP)\n{SLEEP}",
    "deaf": f"{STAY}    for n in {{1, 2, 3, 13, 14, 15, 24}}:\n        signal.signal(n, signal.SIG_IGN)\n{SLEEP}",
    "marked": (
        f"{STAY}    hard = min(resource.getrlimit(10)[1], 1 << 40)\n"
        f"    hard = (hard if hard > 0 else 1 << 40) - 1\n    resource.setrlimit(10, (hard, hard))\n{SLEEP}"
    ),
    "forking": (
        f"{STAY}    while True:\n        if os.fork() != 0:\n            os._exit(0)\n        time.sleep(0.0002)\n"
    ),
}


def script(name: str) -> str:
    """A shell line that runs a helper; its mark stands among the arguments."""
    code = HELPERS[name].replace("{", "{{").replace("}", "}}")
    return f"cat > /tmp/stay.py <<'E'\n{code}E\npython3 -S /tmp/stay.py {{0}}; sleep 0.2"


LINES = {
    "new session": "setsid sleep {0} & setsid nohup sleep {0} >/dev/null 2>&1 & sleep 0.1",
    "double fork": "( (setsid bash -c 'sleep {0} <&- >&- 2>&- & sleep {0} &' &) & ); sleep 0.1",
    "empty environment": "( (env -i setsid sleep {0} <&- >&- 2>&- &) & ); sleep 0.1",
    "stopped": script("stopped"),
    "deaf": script("deaf"),
    "other mark": script("marked"),
    "always forking": script("forking"),
}


@pytest.mark.parametrize("name", LINES)
def test_survives_where_nothing_sweeps(name: str) -> None:
    if os.geteuid() != 0:
        lacking("root", "only root can make a pid namespace to throw away")
    mark = seconds()
    line = (
        LINES[name].format(mark)
        + f"\nfor i in $(seq 400); do n=$(grep -l {mark} /proc/[0-9]*/cmdline 2>/dev/null | wc -l); echo found $n"
        "\n[ $n -ge 3 ] && break; sleep 0.1; done"
    )
    words = [
        "unshare",
        "--pid",
        "--mount",
        "--fork",
        "--mount-proc",
        "bash",
        "-c",
        f"mount -t tmpfs n /tmp; {line}",
    ]
    made = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=False)
    # The shell and grep themselves hold the mark in their command lines.
    assert max(int(line.split()[1]) for line in made.stdout.splitlines() if line.startswith(b"found")) >= 3
    assert outside(mark) == 0


def seconds() -> str:
    """A number of seconds to sleep that nobody else on this machine sleeps."""
    return f"98765.{secrets.randbelow(10**9):09d}"


async def inside(scene: Scene, box: Sandbox, mark: str) -> int:
    """How many living processes of the sandbox have `mark` in their command line."""
    code = (
        "import os\nn = 0\nfor p in os.listdir('/proc'):\n    if p.isdigit() and int(p) != os.getpid():\n"
        "        try:\n"
        f"            n += b'{mark}' in open(f'/proc/{{p}}/cmdline', 'rb').read()\n"
        "        except OSError:\n            pass\nprint(n)"
    )
    return int((await scene.python(box, code)).stdout.text)


def outside(mark: str) -> int:
    """The same on the host, where every process of a sandbox but gVisor's can be seen."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            count += mark.encode() in path.read_bytes()
    return count


async def left(scene: Scene, line: str, *, timed_out: bool = False) -> None:
    """Run a line that leaves `sleep {0}` behind; nothing may be left, inside or outside."""
    box = await scene.shared.box("shared")
    mark = seconds()
    result = await scene.sh(box, line.format(mark), seconds=1.0 if timed_out else 120)
    assert result.timed_out == timed_out, result.stderr.text
    assert await inside(scene, box, mark) == 0
    for _ in range(1200):  # the host sees the dead for a moment longer
        if outside(mark) == 0:
            break
        await asyncio.sleep(0.05)
    assert outside(mark) == 0


@ASYNC
@escape(FAMILY, "new session", "Leaves its session and process group.", SWEEP)
async def test_setsid(scene: Scene) -> None:
    await left(scene, LINES["new session"])


@ASYNC
@escape(FAMILY, "double fork", "Lets its parent and grandparent end, with closed streams.", SWEEP)
async def test_double_fork(scene: Scene) -> None:
    await left(scene, LINES["double fork"])


@ASYNC
@escape(FAMILY, "empty environment", "Loses every variable that could mark it, after a double fork.", SWEEP)
async def test_empty_environment(scene: Scene) -> None:
    await left(scene, LINES["empty environment"])


@ASYNC
@escape(FAMILY, "past the deadline", "Is still starting children when its deadline comes.", SWEEP)
async def test_deadline(scene: Scene) -> None:
    await left(scene, "f() {{ setsid env -i sleep {0} & sleep 0.01; f; }}; f", timed_out=True)


@ASYNC
@escape(FAMILY, "stopped", "Stops itself, so that it takes no signal but one.", SWEEP)
async def test_stopped(scene: Scene) -> None:
    await left(scene, LINES["stopped"])


@ASYNC
@escape(FAMILY, "deaf", "Ignores every signal that can be ignored and holds the pipes.", SWEEP)
async def test_deaf(scene: Scene) -> None:
    await left(scene, LINES["deaf"])


@ASYNC
@escape(FAMILY, "other mark", "Lowers the limit that marks a command's processes, to pass for another's.", SWEEP)
async def test_mark(scene: Scene) -> None:
    await left(scene, LINES["other mark"])


@ASYNC
@escape(
    FAMILY,
    "always forking",
    "Is another process each moment, so that no list of processes holds it.",
    held("supervisor's sweep"),
)
async def test_forking(scene: Scene) -> None:
    box = await scene.open()
    mark = seconds()
    code = LINES["always forking"].format(mark)
    other = asyncio.create_task(scene.sh(box, "sleep 2; echo lived"))
    await asyncio.sleep(0.2)  # beside another command nothing may simply end all
    await scene.sh(box, code, seconds=10)
    await asyncio.sleep(0.3)
    assert (await other).stdout.text == "lived\n"
    await scene.sh(box, "true")
    assert await inside(scene, box, mark) == 0


@ASYNC
@escape(
    FAMILY,
    "kept past the end",
    "A kept background process waits for the sandbox to close.",
    held("removal of the container", bwrap="end of the pid namespace"),
)
async def test_kept(scene: Scene) -> None:
    spec = SandboxSpec(workspace=scene.key())
    box = await scene.again(spec)
    mark = seconds()
    write = f"while :; do echo x >> /job/deliverables/late; sleep 0.05; : {mark}; done"
    await scene.sh(
        box, f"(setsid bash -c '{write}' &) & until [ -s deliverables/late ]; do sleep 0.02; done", keep=True
    )
    assert await inside(scene, box, mark) >= 1
    await box.close()
    assert outside(mark) == 0
    target = scene.folder / "one"
    await scene.made.collect(spec.workspace, target, TreeLimits())
    size = (target / "late").stat().st_size
    again = await scene.again(spec)
    assert await inside(scene, again, mark) == 0
    await asyncio.sleep(0.3)
    assert int((await scene.sh(again, "stat -c %s /job/deliverables/late")).stdout.text) == size


@ASYNC
@escape(
    FAMILY,
    "waiting for the grading",
    "A kept process watches for what another sandbox does.",
    held("pid and mount namespace"),
)
async def test_grading(scene: Scene) -> None:
    first = await scene.open()
    mark = seconds()
    look = f"while :; do ls /job /proc > /tmp/seen; sleep 0.05; : {mark}; done"
    await scene.sh(first, f"(setsid bash -c '{look}' &) &", keep=True)
    second = await scene.again(SandboxSpec(workspace=scene.key()))
    await second.write("/job/of-the-grading", b"x")
    await scene.sh(second, f"sleep 0.5; : {mark}")
    assert await inside(scene, second, mark) == 0
    assert "of-the-grading" not in (await scene.sh(first, "cat /tmp/seen")).stdout.text
