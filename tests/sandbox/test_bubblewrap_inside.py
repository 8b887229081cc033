"""What a bubblewrap sandbox sees of this machine, beyond what every provider's contract says."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Command, Sandbox, SandboxProvider, SandboxSpec, provider
from sandbox.bubblewrap import masks
from sandbox.bubblewrap.process import host_id
from tests.support import lacking

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def made(state: Path) -> SandboxProvider:
    found = provider("bwrap", state)
    if problem := found.problem():
        lacking("bwrap", problem[0])
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(made: SandboxProvider) -> AsyncIterator[Sandbox]:
    opened = await made.open(SandboxSpec(workspace="inside"))
    yield opened
    await opened.close()


async def said(box: Sandbox, code: str) -> str:
    result = await box.run(Command(argv=("python3", "-S", "-c", code)))
    assert result.exit_code == 0, result.stderr.text
    return result.stdout.text


async def test_proc_tells_nothing_of_keys_kernel_and_hardware(box: Sandbox) -> None:
    code = (
        "import os\n"
        f"for name in {masks.OF_THE_HOST!r}:\n"
        "    path = '/proc/' + name\n"
        "    try:\n        found = os.listdir(path) if os.path.isdir(path) else open(path).read()\n"
        "    except OSError:\n        continue\n"
        "    if name == 'kallsyms': found = {line.split()[0].strip('0') for line in found.splitlines()} - {''}\n"
        "    if found: print(name)\n"
    )
    assert await said(box, code) == ""


async def test_proc_cannot_be_written_to(box: Sandbox) -> None:
    code = (
        "import os\n"
        "for folder, folders, files in os.walk('/proc'):\n"
        "    folders[:] = [name for name in folders if not name.isdigit()"
        " and name not in ('self', 'thread-self', 'net')]\n"
        "    for name in files:\n"
        "        path = folder + '/' + name\n"
        "        try:\n            os.write(os.open(path, os.O_WRONLY), b'1'); print(path)\n"
        "        except OSError: pass\n"
    )
    assert await said(box, code) == ""


async def test_settings_are_those_of_its_own_namespaces(box: Sandbox) -> None:
    code = (
        "import os\n"
        "print(open('/proc/sys/kernel/hostname').read().strip(), os.listdir('/proc/sys/net/ipv4/conf'))\n"
    )
    assert await said(box, code) == "sandbox ['all', 'default', 'lo']\n"


async def test_programs_find_what_they_need_in_proc(box: Sandbox) -> None:
    code = (
        "for name in ('meminfo', 'stat', 'cpuinfo', 'uptime', 'loadavg', 'version', 'filesystems', 'mounts',"
        " 'self/status', 'self/maps', 'net/dev', 'sys/kernel/random/boot_id', 'sys/vm/overcommit_memory'):\n"
        "    assert open('/proc/' + name).read(), name\n"
    )
    assert await said(box, code) == ""


async def test_the_supervisor_s_memory_and_descriptors_are_closed_to_commands(box: Sandbox) -> None:
    code = (
        "import os\n"
        "for name in ('mem', 'environ', 'fd', 'cwd', 'root', 'maps', 'fd/0', 'fd/1'):\n"
        "    path = '/proc/1/' + name\n"
        "    for act in (lambda: os.listdir(path), lambda: open(path, 'rb').read(1), lambda: open(path, 'wb')):\n"
        "        try:\n            act(); print('open', name)\n"
        "        except OSError: pass\n"
    )
    assert await said(box, code) == ""
    assert await said(box, "print('still answers')") == "still answers\n"


async def test_no_capability_is_left_in_any_set_that_counts(box: Sandbox) -> None:
    code = (
        "rows = [line.split() for line in open('/proc/self/status') if line.startswith('Cap')]\n"
        "print(sorted(name for name, value in rows if int(value, 16)))\n"
    )
    assert await said(box, code) in ("[]\n", "['CapBnd:']\n")


async def test_there_is_no_terminal_and_few_devices(box: Sandbox) -> None:
    code = (
        "import os, stat\n"
        "try:\n    os.open('/dev/tty', os.O_RDWR); print('a terminal')\n"
        "except OSError: pass\n"
        "print(sorted(name for name in os.listdir('/dev') if stat.S_ISCHR(os.lstat('/dev/' + name).st_mode)"
        " or stat.S_ISBLK(os.lstat('/dev/' + name).st_mode)))\n"
        "try:\n    open('/dev/new', 'w'); print('written')\n"
        "except OSError: pass\n"
        "print(os.path.exists('/sys'), os.path.exists('/run'), os.path.exists('/root'), os.path.exists('/home'))\n"
    )
    nodes = "['full', 'null', 'random', 'tty', 'urandom', 'zero']"
    assert await said(box, code) == f"{nodes}\nFalse False False False\n"


async def test_sockets_of_the_host_are_not_there(box: Sandbox, tmp_path: Path) -> None:
    name = f"upbench-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as named:
        abstract.bind(f"\0{name}")
        named.bind(str(tmp_path / "s"))
        for one in (abstract, named):
            one.listen()
        code = (
            "import socket\n"
            f"for address in ('\\0{name}', {str(tmp_path / 's')!r}, '/run/docker.sock', '/var/run/docker.sock',"
            " '/run/dbus/system_bus_socket'):\n"
            "    try:\n        socket.socket(socket.AF_UNIX).connect(address); print('connected', address)\n"
            "    except OSError: pass\n"
            f"print({name!r} in open('/proc/net/unix').read())\n"
        )
        assert await said(box, code) == "False\n"


async def test_sandboxes_do_not_reach_each_other(box: Sandbox, made: SandboxProvider, state: Path) -> None:
    other = await made.open(SandboxSpec(workspace="other"))
    try:
        await other.write("/job/secret", b"of the other")
        await other.run(
            Command(
                argv=("sh", "-c", "(sleep 300 & echo $! > /job/pid)"), keep_background=True, timeout_seconds=20
            )
        )
        where = state / "workspaces" / "other" / "secret"
        code = (
            "import os, signal\n"
            f"for path in ({str(where)!r}, '/job/../other/secret', '/proc/1/root/job/secret'):\n"
            "    assert not os.path.exists(path), path\n"
            "try:\n    os.kill(-1, 0)\n"
            "except OSError: pass\n"
            "for pid in range(2, 40000):\n"
            "    if pid == os.getpid(): continue\n"
            "    try:\n        os.kill(pid, 9); print('killed', pid)\n"
            "    except OSError: pass\n"
        )
        await said(box, code)
        alive = await other.run(Command(argv=("sh", "-c", "kill -0 $(cat /job/pid) && cat /job/secret")))
        assert alive.stdout.text == "of the other"
    finally:
        await other.close()


async def test_nobody_else_on_the_host_reaches_a_workspace(box: Sandbox, state: Path) -> None:
    assert box.info.provider == "bwrap"
    root = state / "workspaces"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert root.stat().st_uid == os.geteuid()
    assert (root / "inside").stat().st_uid == (host_id() if host_id() is not None else os.geteuid())


async def test_upbench_itself_is_not_shown(
    made: SandboxProvider, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    shown = next(path for path in Path("/usr/share").iterdir() if path.is_dir() and any(path.iterdir()))  # noqa: ASYNC240
    monkeypatch.setattr(masks, "PACKAGES", shown)
    box = await made.open(SandboxSpec(workspace="installed"))
    try:
        assert await said(box, f"import os; print(os.listdir({str(shown)!r}))") == "[]\n"
    finally:
        await box.close()
    own = masks._own_masks.__wrapped__
    packages = state / "usr" / "site-packages"
    for name in ("jobs", "rubrics", "numpy"):
        (packages / name).mkdir(parents=True)
    monkeypatch.setattr(masks, "_shown_folders", lambda: [(state / "usr", Path("/usr"))])
    covered = own(state / "usr" / "data", packages)
    assert [word for word in covered if word.startswith("/usr/")] == [
        "/usr/site-packages/jobs",
        "/usr/site-packages/rubrics",
    ]
    (state / "usr" / "data").mkdir()
    assert "/usr/data" in own(state / "usr" / "data", packages)


async def test_the_launcher_s_environment_is_the_sandbox_s_own(
    made: SandboxProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-the-host")
    box = await made.open(SandboxSpec(workspace="environment"))
    try:
        launcher = Path("/proc") / str(box.process.launcher) / "environ"  # type: ignore[attr-defined]
        assert b"sk-of-the-host" not in launcher.read_bytes()
    finally:
        await box.close()
