"""A sandbox of the stand-in is a machine of its own, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from e2b import AsyncSandbox, CommandExitException, TimeoutException

from tests.standins.e2b import E2BCloud, unusable
from tests.support import lacking


def processes_below(root: int) -> dict[int, str]:
    """The processes that descend from `root`, and their commands."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            rest = (path / "stat").read_text().rpartition(")")[2].split()
            names[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        parents[int(path.name)] = int(rest[1])
    found: set[int] = {root}
    while True:
        more = {one for one, parent in parents.items() if parent in found} - found
        if not more:
            return {one: names.get(one, "") for one in found - {root}}
        found |= more


def folders() -> set[Path]:
    """What clouds make for their sockets."""
    return set(Path(tempfile.gettempdir()).glob("e2b-*"))


def existing(processes: Iterable[int]) -> set[int]:
    """Those that have not ended."""
    return {one for one in processes if Path(f"/proc/{one}").exists()}


async def test_each_has_processes_of_its_own(e2b_cloud: E2BCloud) -> None:
    one = await AsyncSandbox.create(**e2b_cloud.options)
    two = await AsyncSandbox.create(**e2b_cloud.options)
    await one.commands.run("sleep 77 > /dev/null 2>&1 &")
    assert (await one.commands.run("pgrep -xa sleep | grep -c 'sleep 77'")).stdout == "1\n"
    seen = (await two.commands.run("ps -eo args=", user="root")).stdout
    assert "sleep 77" not in seen
    assert "envd" in seen
    assert len(seen.splitlines()) < 8


async def test_each_has_files_of_its_own(e2b_cloud: E2BCloud, tmp_path: Path) -> None:
    one = await AsyncSandbox.create(**e2b_cloud.options)
    two = await AsyncSandbox.create(**e2b_cloud.options)
    (tmp_path / "secret").write_text("of the host")
    for folder in ("/tmp", "/home/user", "/opt", "/etc", "/root", "/var", "/srv", "/"):
        await one.files.write(f"{folder}/mark".replace("//", "/"), "x", user="root")
    line = f"find / -xdev -name mark; cat {tmp_path}/secret; ls -A /root /tmp; ls -d {Path.cwd()}; true"
    result = await two.commands.run(line, user="root")
    assert "mark" not in result.stdout
    assert "of the host" not in result.stdout
    assert result.stdout.split() == ["/root:", "/tmp:"]


async def test_its_root_is_nobody_outside(e2b_cloud: E2BCloud) -> None:
    one = await AsyncSandbox.create(**e2b_cloud.options)
    two = await AsyncSandbox.create(**e2b_cloud.options)
    firsts = [int((await box.commands.run("cat /proc/self/uid_map")).stdout.split()[1]) for box in (one, two)]
    assert firsts[0] != firsts[1]
    assert min(firsts) >= 1 << 24
    for line in (
        "touch /usr/bin/x",
        "mount -o remount,rw /usr",
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo c > /proc/sysrq-trigger",
        "mknod /tmp/disk b 8 0",
        "kill -9 1",
        "date -s 2000-01-01",
    ):
        with pytest.raises(CommandExitException):
            await one.commands.run(line, user="root")
    assert await one.is_running()


async def test_its_root_does_there_what_roots_do(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    script = (
        "set -e; mkdir /m; mount -t tmpfs none /m; touch /m/x; umount /m; mkdir /a /b; touch /a/x;"
        "mount --bind /a /b; mount -o remount,bind,ro /b; ls /b; touch /b/y 2> /dev/null || echo refused;"
        "echo agent:x:1500:1500::/home/agent:/bin/bash >> /etc/passwd; echo agent:x:1500: >> /etc/group;"
        "install -d -o 1500 -g 1500 /home/agent; stat -c %U /home/agent"
    )
    assert (await box.commands.run(script, user="root")).stdout == "x\nrefused\nagent\n"
    assert (await box.commands.run("id -u; pwd", user="agent")).stdout == "1500\n/home/agent\n"


async def test_the_user_is_not_root(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    result = await box.commands.run(
        "grep -c CapEff:.*0000000000000000 /proc/self/status;"
        "touch /etc/x /opt/x /x; cat /etc/shadow; touch ~/x && echo ok"
    )
    assert result.stdout == "1\nok\n"
    assert result.stderr.count("Permission denied") == 4


async def test_there_is_no_network(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    port = e2b_cloud.api_url.rpartition(":")[2]
    code = (
        "import socket\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        f"for where in (('127.0.0.1', {port}), ('1.1.1.1', 53)):\n"
        "    try: socket.create_connection(where, 2); print('connected')\n"
        "    except OSError: print('refused')\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(s.getsockname()); print('loopback')\n"
    )
    await box.files.write("/tmp/t.py", code)
    assert (await box.commands.run("python3 /tmp/t.py")).stdout == "['lo']\nrefused\nrefused\nloopback\n"


async def test_its_python_is_the_system_s_and_has_none_of_our_packages(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    result = await box.commands.run(
        "python3 -c 'import sys; print(sys.executable)'; python3 -c 'import e2b' || echo none"
    )
    assert result.stdout.splitlines()[1] == "none"
    assert str(Path(sys.prefix)) not in (await box.commands.run("ps -eo args=; env; mount")).stdout


async def test_a_killed_one_leaves_no_process(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    marks = [f"sleep 9{os.getpid()}{number}" for number in range(3)]
    await box.commands.run(
        f"exec > /dev/null 2>&1; {marks[0]} & setsid {marks[1]} & (setsid nohup {marks[2]} &) &"
        "while [ $(pgrep -c -f '^sleep 9') -lt 3 ]; do :; done"
    )

    def alive() -> list[str]:
        told = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
        return [mark for mark in marks if mark in told.splitlines()]

    assert alive() == marks
    await box.kill()
    assert alive() == []


async def test_opening_is_quick(e2b_cloud: E2BCloud) -> None:
    seconds = []
    for _ in range(8):
        started = time.monotonic()
        box = await AsyncSandbox.create(**e2b_cloud.options)
        await box.commands.run("true")
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1.0, seconds


async def test_many_leave_no_open_files(e2b_cloud: E2BCloud) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def one() -> None:
        box = await AsyncSandbox.create(**e2b_cloud.options)
        running = await box.commands.run("sleep 60", background=True)
        await asyncio.gather(*(box.files.read("/etc/passwd") for _ in range(3)))
        await box.kill()
        with pytest.raises(TimeoutException):
            await running.wait()

    grown = [opened()]
    for _ in range(12):  # connections are kept for the next: they grow in number, but not with every round
        await asyncio.gather(*(one() for _ in range(8)))
        grown.append(opened())
        if grown[-1] - grown[-2] < 8:
            return
    pytest.fail(f"every round leaves a file for each of its sandboxes: {grown}")


@pytest.fixture
def usable() -> None:
    problem = unusable()
    if problem is not None:
        lacking("e2b", problem)


def namespaces_of(processes: Iterable[int]) -> set[str]:
    """The pid namespaces of those that are still there."""
    found = set()
    for one in processes:
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{one}/ns/pid"))
    return found


async def test_the_cloud_leaves_nothing(usable: None) -> None:
    async with E2BCloud() as cloud:
        boxes = await asyncio.gather(*(AsyncSandbox.create(**cloud.options) for _ in range(3)))
        await boxes[0].commands.run("sleep 600 > /dev/null 2>&1 &")
        async with asyncio.timeout(60):
            while len(namespaces_of(running := {cloud.process, *processes_below(cloud.process)})) != 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # something that made one of them may be about to end
        folder = cloud.folder
        assert folder in folders()
    assert not existing(running)
    assert folder not in folders()


def test_nothing_is_left_when_the_tests_are_killed(usable: None) -> None:
    script = (
        "import os, signal\n"
        "from e2b import Sandbox\n"
        "from tests.standins.e2b import E2BCloud\n"
        "with E2BCloud() as cloud:\n"
        "    box = Sandbox.create(**cloud.options)\n"
        "    box.commands.run('setsid sleep 600 > /dev/null 2>&1 &')\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        below = processes_below(child.pid)
        assert any("sleep" in name for name in below.values())
        child.send_signal(signal.SIGKILL)
        child.wait()
    end = time.monotonic() + 60
    left = set(below)
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = existing(left)
    assert not left
