"""What holds inside a container: its first process, and a workspace that was left in disorder."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Command, ProviderOptions, SandboxSpec, TreeLimits
from sandbox.docker.box import DockerSandbox
from sandbox.docker.provider import DockerProvider
from tests.sandbox.contract.helpers import sh
from tests.sandbox.readiness import need

RUNTIMES = ("runc", "runsc")
LOOK = (
    "import os\n"
    "for name in ('fd/0', 'fd/1', 'mem', 'environ', 'maps'):\n"
    "    try:\n        os.close(os.open('/proc/1/' + name, os.O_RDONLY | os.O_NONBLOCK)); print(name)\n"
    "    except OSError:\n        pass\n"
)
ORPHANS = "for i in $(seq 20); do (setsid sh -c 'sleep 0.1' &) ; done; sleep 0.5; ls /proc | grep -c '^[0-9]'"
PLACES = {
    "nothing": "rm -r deliverables",
    "a link": "rm -r deliverables; ln -s /tmp deliverables",
    "a link to itself": "rm -r deliverables; ln -s deliverables deliverables",
    "a file": "rm -r deliverables; echo x > deliverables",
    "a fifo": "rm -r deliverables; mkfifo deliverables",
    "a closed workspace": "rm -r deliverables; chmod 0 /job",
}


def made_for(state: Path, runtime: str) -> DockerProvider:
    made = DockerProvider(state, ProviderOptions(docker_runtime=runtime))
    need(made, "docker" if runtime == "runc" else runtime)
    return made


@pytest_asyncio.fixture
async def box(tmp_path: Path) -> AsyncIterator[DockerSandbox]:
    made = made_for(tmp_path / "state", "runc")
    opened = await made.open(SandboxSpec(workspace="one"))
    yield opened
    await opened.close()
    await made.discard("one")


async def test_the_supervisor_is_the_first_process_and_cannot_be_ended(box: DockerSandbox) -> None:
    assert "/opt/upbench/inside" in (await sh(box, "tr '\\0' ' ' < /proc/1/cmdline")).stdout.text
    numbers = [number for number in signal.valid_signals() if number not in (32, 33)]
    await sh(box, f"for n in {' '.join(map(str, map(int, numbers)))}; do kill -$n 1; done; kill -9 -1")
    limit = "import resource as r; print(r.prlimit(1, r.RLIMIT_CPU)); r.prlimit(1, r.RLIMIT_CPU, (1, 1))"
    lowered = await box.run(Command(argv=("python3", "-S", "-c", limit)))
    assert lowered.stdout.text == "(-1, -1)\n"
    assert "PermissionError" in lowered.stderr.text
    assert (await sh(box, "echo still there")).stdout.text == "still there\n"
    started = time.monotonic()
    await box.close()
    assert time.monotonic() - started < 60  # it takes no signal, and is not asked to


async def test_orphans_are_reaped(box: DockerSandbox) -> None:
    result = await sh(box, ORPHANS, seconds=100)
    assert int(result.stdout.text) < 6
    status = await box.run(Command(argv=("sh", "-c", "cat /proc/[0-9]*/stat | grep -c ') Z '")))
    assert status.stdout.text == "0\n"


@pytest.mark.parametrize(
    ("runtime", "seen"), [("runc", set[str]()), ("runsc", {"fd/0", "fd/1", "environ", "maps"})]
)
async def test_the_supervisors_memory_is_closed_to_its_own_user(
    tmp_path: Path, runtime: str, seen: set[str]
) -> None:
    made = made_for(tmp_path / "state", runtime)
    opened = await made.open(SandboxSpec(workspace="one"))
    result = await opened.run(Command(argv=("python3", "-S", "-c", LOOK)))
    assert set(result.stdout.text.split()) <= seen
    assert result.exit_code == 0
    await opened.close()
    await made.discard("one")


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_a_workspace_left_in_disorder_can_be_worked_in_again(tmp_path: Path, runtime: str) -> None:
    made = made_for(tmp_path / "state", runtime)
    for key, (what, line) in enumerate(PLACES.items()):
        spec = SandboxSpec(workspace=f"d{key}")
        opened = await made.open(spec)
        assert (await sh(opened, f"echo kept > kept; {line}")).exit_code == 0, what
        await opened.close()
        again = await made.open(spec)
        said = await sh(again, "cat kept; stat -c '%F %a' deliverables; touch deliverables/new")
        assert said.stdout.text == "kept\ndirectory 755\n", what
        await again.close()
        taken = await made.collect(spec.workspace, tmp_path / f"out{key}", TreeLimits())
        assert taken.files == ("new",)
        await made.discard(spec.workspace)


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_the_inputs_folder_cannot_be_replaced(tmp_path: Path, runtime: str) -> None:
    made = made_for(tmp_path / "state", runtime)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "brief.txt").write_text("brief")
    spec = SandboxSpec(workspace="i", inputs=tmp_path / "in")
    opened = await made.open(spec)
    lines = (
        "mv inputs away",
        "rm -r inputs",
        "rmdir inputs",
        "mv -T deliverables inputs",
        "cd / && mv /job /job2",
    )
    for line in lines:
        assert (await sh(opened, line)).exit_code != 0, line
    await opened.close()
    again = await made.open(spec)
    assert await again.read("/job/inputs/brief.txt", max_bytes=10) == b"brief"
    await again.close()
    await made.discard("i")
