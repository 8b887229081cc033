"""A bubblewrap sandbox dies with its harness, however that dies; its workspace stays, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, NetworkEvent, NetworkPolicy, SandboxLimits, SandboxSpec, provider, reap
from sandbox.bubblewrap.cgroups import controllers
from sandbox.bubblewrap.groups import group_names
from sandbox.leases.owner import owner_of
from sandbox.protocol import MIB
from tests.support import lacking

HARNESS = """
import asyncio, sys, threading, time
from pathlib import Path
from sandbox import Command, Mount, NetworkPolicy, SandboxSpec, provider

STUBBORN = (
    "trap '' TERM HUP INT; (setsid sh -c 'trap \\"\\" HUP TERM; sleep {mark} & wait' &) ;"
    " (setsid setsid env -i sleep {mark} &); echo kept > /job/deliverables/kept; sleep {mark} & sleep {mark}"
)

async def main(state, mark, inputs):
    made = provider("bwrap", Path(state))
    box = await made.open(SandboxSpec(workspace="w", inputs=Path(inputs), network=NetworkPolicy(mode="open")))
    line = STUBBORN.replace("{mark}", mark)
    asyncio.ensure_future(box.run(Command(argv=("bash", "-c", line), timeout_seconds=500, keep_background=True)))
    while not list(Path(state).glob("workspaces/w/deliverables/kept")):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await asyncio.sleep(500)

if sys.argv[1] == "thread":
    threading.Thread(target=lambda: asyncio.run(main(*sys.argv[2:]))).start()
    time.sleep(500)
else:
    asyncio.run(main(*sys.argv[2:]))
"""

REMOVED = """
import os, time
handle = os.open('/job/large', os.O_RDWR | os.O_CREAT)
os.unlink('/job/large')
if os.fork() == 0:
    os.setsid()
    os.write(handle, b'x' * 20_000_000)
    time.sleep(100)
os.close(handle)
time.sleep(100)
"""
MAPPED = """
import mmap, os, time
handle = os.open('/job/large', os.O_RDWR | os.O_CREAT)
os.unlink('/job/large')
os.ftruncate(handle, 20_000_000)
memory = mmap.mmap(handle, 20_000_000)
os.closerange(3, 100)  # Python's own copy as well
memory[:] = b'x' * 20_000_000
time.sleep(100)
"""


def _ready(state: Path) -> None:
    problem = provider("bwrap", state).problem()
    if problem:
        lacking("bwrap", problem[0])


def processes_with(mark: str) -> list[int]:
    """The host's processes with `mark` in their command line (not this one)."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                if mark in Path("/proc", name, "cmdline").read_text(errors="replace"):
                    found.append(int(name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("where", ["main", "thread"])
async def test_nothing_stays_of_a_harness_that_was_killed(tmp_path: Path, where: str) -> None:
    state = tmp_path / f"state-{secrets.token_hex(6)}"
    _ready(state)
    inputs = tmp_path / "inputs"
    inputs.mkdir(mode=0o700)
    (inputs / "a").write_text("a")
    (inputs / "a").chmod(0o600)
    mark = f"31{secrets.randbelow(10**6):06}.25"
    arguments = [sys.executable, "-c", HARNESS, where, str(state), mark, str(inputs)]
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else goes on here
        arguments, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "ready\n"
        inside = [pid for pid in processes_with(mark) if pid != harness.pid]
        assert len(inside) >= 4
        launchers = [pid for pid in processes_with(state.name) if pid != harness.pid]
        assert launchers
        made = provider("bwrap", state)
        before = await made.resources()
        assert {one.kind for one in before if one.running} >= {"workspace", "gate"}
        with pytest.raises(SandboxFault) as fault:
            await made.open(SandboxSpec(workspace="w"))
        assert fault.value.cause is Cause.sandbox_start
        harness.send_signal(signal.SIGKILL)
        harness.wait()
    deadline = time.monotonic() + 60
    while processes_with(mark) or processes_with(state.name) or any(one.running for one in await made.resources()):
        assert time.monotonic() < deadline, "something of the sandbox outlives its harness"
        await asyncio.sleep(0.02)
    if os.geteuid() == 0:
        assert {one.kind for one in before} >= {"copy"}
    box = await made.open(SandboxSpec(workspace="w"))  # a new one of the same workspace
    assert await box.read("/job/deliverables/kept", max_bytes=100) == b"kept\n"
    await box.close()
    await reap(state, [made], lambda _workspace: True)
    kinds = [one.kind for one in await made.resources() if not one.running]
    assert set(kinds) <= {"workspace", "gate"}
    await made.discard("w")
    assert {one.kind for one in await made.resources()} <= {"cgroup"}
    assert all(group_names(owner_of(state)).values())  # those that this process keeps for its next sandbox


async def test_a_workspace_that_grows_too_large_ends_its_sandbox(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _ready(state)
    made = provider("bwrap", state)
    bytes_, files = SandboxLimits(workspace_bytes=4 * MIB), SandboxLimits(workspace_files=100)
    lines = [
        (bytes_, "head -c 20000000 /dev/zero > /job/large; sleep 60"),
        (bytes_, f"python3 -S -c {shlex.quote(REMOVED)}"),
        (files, "mkdir /job/d; seq 300 | xargs -I{} touch /job/d/{}; sleep 60"),
    ]
    if os.geteuid() == 0:  # others are not told what is mapped
        lines.append((bytes_, f"python3 -S -c {shlex.quote(MAPPED)}"))
    for limits, line in lines:
        box = await made.open(SandboxSpec(workspace="grows", limits=limits))
        assert box.info.enforced["workspace"] == "watched"
        started = time.monotonic()
        with pytest.raises(SandboxFault) as fault:
            await box.run(Command(argv=("bash", "-c", line), timeout_seconds=100))
        assert fault.value.cause is Cause.workspace_full
        assert time.monotonic() - started < 90
        with pytest.raises(SandboxFault) as again:
            await box.run(Command(argv=("true",)))
        assert again.value.cause is Cause.workspace_full
        await box.close()
        await made.discard("grows")
    assert [one.kind for one in await made.resources() if one.kind != "cgroup"] == []


async def test_a_gate_is_the_only_way_out_and_goes_with_its_sandbox(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _ready(state)
    made = provider("bwrap", state)
    heard: list[NetworkEvent] = []
    policy = NetworkPolicy(mode="allow", domains=("allowed.example",))
    assert made.refuses(policy) is None
    box = await made.open(SandboxSpec(workspace="net", network=policy), audit=heard.append)
    assert box.info.enforced["network"] == "gate"
    code = (
        "import socket, urllib.request, urllib.error\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        "try:\n    urllib.request.urlopen('http://denied.example/', timeout=10)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
    )
    result = await box.run(Command(argv=("python3", "-c", code)))
    assert result.stdout.text == "['lo']\n403\n", result.stderr.text
    assert [(event.host, event.verdict) for event in heard] == [("denied.example", "refused")]
    assert [one.kind for one in await made.resources() if one.workspace == "net"] == ["workspace", "gate"]
    await box.close()
    await made.discard("net")
    assert [one for one in await made.resources() if one.workspace] == []


async def test_one_holder_at_a_time_and_what_is_removed_is_gone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _ready(state)
    made, other = provider("bwrap", state), provider("bwrap", state)
    assert await made.resources() == ()
    box = await made.open(SandboxSpec(workspace="one", labels={"run": "r1", "trial": "t1"}))
    await made.discard("never-opened")
    with pytest.raises(SandboxFault, match="held by process"):
        await other.open(SandboxSpec(workspace="one"))
    held = [one for one in await other.resources() if one.kind == "workspace"]
    assert [(one.id, one.workspace, one.running, one.owner) for one in held] == [
        ("one", "one", True, owner_of(state))
    ]
    assert [(one.run, one.trial, bool(one.lease)) for one in held] == [("r1", "t1", True)]
    await box.close()
    assert [(one.run, one.running) for one in await made.resources() if one.workspace] == [("r1", False)]
    again = await other.open(SandboxSpec(workspace="one"))
    await again.close()
    for resource in await made.resources():
        await made.remove(resource)
        await made.remove(resource)
    assert [one.kind for one in await made.resources() if one.kind != "cgroup"] == []


async def test_a_process_that_is_only_in_the_group_is_ended_with_the_sandbox(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _ready(state)
    made = provider("bwrap", state)
    box = await made.open(SandboxSpec(workspace="stray"))
    if box.info.enforced["memory"] != "cgroup":
        await box.close()
        lacking("cgroups", "this process may make no limiting cgroup here")
    (name,) = [one.id for one in await made.resources() if one.kind == "cgroup"]
    with subprocess.Popen(["sleep", "600"]) as stray:  # noqa: ASYNC220  # as if the kernel had missed one
        for one in controllers():
            if (one.folder / name).is_dir():
                (one.folder / name / "cgroup.procs").write_text(str(stray.pid))
        await box.close()
        assert stray.wait(60) == -signal.SIGKILL
