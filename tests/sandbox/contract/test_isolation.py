from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import BadInput
from sandbox import Command, Mount, Sandbox, SandboxProvider, SandboxSpec
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    (folder / "sub").mkdir(parents=True)
    (folder / "brief.txt").write_text("the brief")
    (folder / "sub" / "private.txt").write_text("only its owner may read it")
    (folder / "sub" / "private.txt").chmod(0o600)
    return folder


async def test_an_unprivileged_user(box: Sandbox) -> None:
    asked = "import ctypes; print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))"  # PR_GET_NO_NEW_PRIVS
    result = await sh(box, f"id -u; id -g; grep CapEff /proc/self/status; python3 -c '{asked}'")
    lines = result.stdout.text.split()
    assert lines[:2] == ["1000", "1000"]
    assert lines[3] == "0" * 16
    assert lines[4] == "1"


async def test_inputs_are_there_and_read_only(openings: Openings, inputs: Path) -> None:
    box = await openings(SandboxSpec(workspace=openings.key(), inputs=inputs))
    result = await sh(box, "cat /job/inputs/brief.txt /job/inputs/sub/private.txt")
    assert result.stdout.text == "the briefonly its owner may read it"
    for line in ("echo x > /job/inputs/brief.txt", "touch /job/inputs/new", "rm /job/inputs/brief.txt"):
        assert (await sh(box, line)).exit_code != 0
    for line in ("mv /job/inputs /job/gone", "rm -rf /job/inputs", "chmod 777 /job/inputs"):
        await sh(box, line)
    assert (inputs / "brief.txt").read_text() == "the brief"
    assert (await sh(box, "cat /job/inputs/brief.txt")).stdout.text == "the brief"


async def test_without_inputs_the_folder_is_empty_and_read_only(box: Sandbox) -> None:
    result = await sh(box, "ls -A /job/inputs | wc -l; touch /job/inputs/x; echo $?")
    assert result.stdout.text.split() == ["0", "1"]


async def test_mounts_are_read_only(openings: Openings, inputs: Path) -> None:
    mounts = (
        Mount(source=inputs, target="/grading/handed-in"),
        Mount(source=inputs / "brief.txt", target="/grading/b"),
    )
    box = await openings(SandboxSpec(workspace=openings.key(), mounts=mounts))
    result = await sh(
        box, "cat /grading/handed-in/brief.txt /grading/b; echo x > /grading/b; touch /grading/handed-in/x"
    )
    assert result.stdout.text == "the briefthe brief"
    assert result.exit_code != 0
    assert sorted(os.listdir(inputs)) == ["brief.txt", "sub"]


async def test_a_missing_input_folder_is_named(openings: Openings, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none"):
        await openings(SandboxSpec(workspace=openings.key(), inputs=tmp_path / "none"))


async def test_no_network(box: Sandbox) -> None:
    code = (
        "import socket\n"
        "print([name for _, name in socket.if_nameindex() if name != 'lo'])\n"
        "for where in (('1.1.1.1', 53), ('169.254.169.254', 80), ('10.0.0.1', 80)):\n"
        "    try:\n        socket.create_connection(where, 2); print('connected', where)\n"
        "    except OSError as e: print(type(e).__name__)\n"
        "try:\n    socket.getaddrinfo('example.com', 80); print('resolved')\n"
        "except OSError: print('no names')\n"
    )
    result = await box.run(Command(argv=("python3", "-c", code), timeout_seconds=60))
    assert "connected" not in result.stdout.text
    assert "resolved" not in result.stdout.text
    assert "no names" in result.stdout.text


async def test_the_host_s_loopback_is_not_the_sandbox_s(box: Sandbox) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert (await box.run(Command(argv=("python3", "-c", code)))).exit_code != 0


async def test_nothing_of_the_host_s_environment(openings: Openings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-host")
    box = await openings()
    result = await sh(box, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")
    assert "sk-of-the-host" not in result.stdout.text
    assert "PATH=" in result.stdout.text


async def test_nothing_of_the_host_s_open_files(openings: Openings, tmp_path: Path) -> None:
    handle = os.open(tmp_path / "secret", os.O_CREAT | os.O_RDWR)
    os.write(handle, b"of the host")
    os.set_inheritable(handle, True)  # as a shell that starts the harness may leave one
    try:
        box = await openings()
        result = await box.run(
            Command(argv=("python3", "-S", "-c", "import os; print(os.listdir('/proc/self/fd'))"))
        )
    finally:
        os.close(handle)
    assert result.stdout.text == "['0', '1', '2', '3']\n"


async def test_nothing_of_the_host_s_files(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    home = Path.home()
    line = f"cat {tmp_path}/secret; ls -A {home} {Path.cwd()}; cat /etc/shadow; find /home /tmp /job -name secret"
    result = await sh(box, line)
    assert "of the host" not in result.stdout.text
    assert "secret" not in result.stdout.text
    names = {row.split(":")[0] for row in (await sh(box, "cat /etc/passwd")).stdout.text.splitlines()}
    assert os.environ.get("SUDO_USER", "no one") not in names


async def test_nothing_of_the_host_s_processes(box: Sandbox) -> None:
    code = "import os; print(sum(p.isdigit() for p in os.listdir('/proc')))"
    result = await box.run(Command(argv=("python3", "-S", "-c", code)))
    assert int(result.stdout.text) < 12


async def test_the_system_is_read_only(box: Sandbox) -> None:
    for path in (
        "/usr/x",
        "/etc/x",
        "/opt/toolbox/x",
        "/opt/upbench/x",
        "/x",
        "/usr/bin/python3",
        "/proc/sys/kernel/hostname",
    ):
        assert (await sh(box, f"echo x > {path}")).exit_code != 0, path


async def test_devices_cannot_be_made(box: Sandbox) -> None:
    # gVisor makes the node in its own memory, with nothing behind it.
    line = "for disk in /job/disk /tmp/disk; do mknod $disk b 8 0; mknod $disk-254 b 254 0; done; "
    line += "for disk in /job/disk* /tmp/disk* /dev/sda /dev/vda; do head -c 1 $disk && echo opened; done"
    assert (await sh(box, f"{line}; rm -f /tmp/disk*")).stdout.text == ""


async def test_scratch_is_private(openings: Openings) -> None:
    one, two = await openings(), await openings()
    await sh(one, "echo mine > /tmp/note; echo mine > /job/note")
    assert (await sh(two, "ls -A /tmp; ls /job/note")).stdout.text == ""
    assert "note" not in os.listdir("/tmp")


async def test_programs_may_run_from_the_workspace_and_scratch(box: Sandbox) -> None:
    for folder in ("/job", "/tmp"):
        await box.write(f"{folder}/go", b"#!/bin/sh\necho went\n")
        assert (await sh(box, f"chmod +x {folder}/go && {folder}/go")).stdout.text == "went\n"


async def test_every_scratch_folder_can_be_written(box: Sandbox) -> None:
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        result = await sh(box, f"echo here > {folder}/note && cat {folder}/note && rm {folder}/note")
        assert result.stdout.text == "here\n", (folder, result.stderr.text)


async def test_what_programs_expect_of_a_system(box: Sandbox) -> None:
    code = (
        "import multiprocessing as m, os, pty, pwd, tempfile\n"
        "os.close(pty.openpty()[0])\n"
        "print(m.Pool(2).map(abs, [-1, -2]), pwd.getpwuid(os.getuid()).pw_name, tempfile.gettempdir())\n"
        "for path in ('/dev/null', '/dev/zero', '/dev/urandom', '/dev/shm', '/var/tmp', '/etc/hosts'):\n"
        "    assert os.path.exists(path), path\n"
    )
    result = await box.run(Command(argv=("python3", "-c", code)))
    assert result.stdout.text == "[1, 2] agent /tmp\n", result.stderr.text


async def test_provenance(box: Sandbox, made: SandboxProvider) -> None:
    info = box.info
    assert info.provider == made.name
    assert info.version
    assert len(info.toolbox) == 64
    assert set(info.enforced) >= {"wall", "output", "memory", "processes", "file", "cpus", "workspace"}
    assert set(info.enforced.values()) <= {
        *("cgroup", "rlimit", "seccomp", "namespace", "gate", "supervisor", "watched", "provider", "not")
    }
