from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from core import SandboxFault
from sandbox import ProviderOptions, SandboxLimits, SandboxProvider, SandboxSpec, TreeLimits, provider
from sandbox.docker.box import DockerSandbox
from sandbox.docker.provider import DockerProvider
from tests.sandbox.contract.helpers import sh
from tests.sandbox.readiness import need

ROOT = Path(__file__).parents[2]
HARNESS = """
import asyncio, sys
from pathlib import Path
from sandbox import Command, ProviderOptions, SandboxLimits, SandboxSpec, provider

async def main():
    made = provider("docker", Path(sys.argv[1]), ProviderOptions(docker_runtime=sys.argv[2]))
    box = await made.open(SandboxSpec(workspace="kept", limits=SandboxLimits(processes=64)))
    line = "echo here > /tmp/note; echo work > deliverables/a; while :; do echo x >> /job/beat; sleep 0.1; done & "
    line += "until [ -s /job/beat ]; do :; done"
    await box.run(Command(argv=("bash", "-c", line), keep_background=True))
    # A command that nobody will wait for, and a request that is cut in the middle by the kill.
    asyncio.create_task(box.run(Command(argv=("sleep", "1000"), timeout_seconds=500)))
    asyncio.create_task(box.write("/job/large", b"x" * (48 << 20)))
    await asyncio.sleep(0.3)
    print(box.container, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
SPEC = SandboxSpec(workspace="kept", limits=SandboxLimits(processes=64))


@pytest.fixture(params=["runc", "runsc"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> DockerProvider:
    found = provider("docker", tmp_path, ProviderOptions(docker_runtime=request.param))
    need(found, "runsc" if request.param == "runsc" else "docker")
    assert isinstance(found, DockerProvider)
    return found


@pytest_asyncio.fixture
async def orphan(made: DockerProvider, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The container of a harness that was killed by -9; its name."""
    runtime = request.node.callspec.params["made"]
    harness = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HARNESS, str(tmp_path), runtime), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert harness.stdout is not None
    name = (await harness.stdout.readline()).decode().strip()
    harness.kill()
    await harness.wait()
    assert name
    yield name
    await made.discard("kept")
    assert await made.resources() == ()


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


async def beats(box: DockerSandbox) -> int:
    return int((await sh(box, "wc -c < /job/beat")).stdout.text)


async def test_a_live_container_is_adopted(made: DockerProvider, orphan: str, tmp_path: Path) -> None:
    held = await made.resources()
    assert [(row.kind, row.workspace, row.running) for row in held] == [
        ("container", "kept", True),
        ("volume", "kept", False),
    ]
    box = await made.open(SPEC)
    assert (box.info.adopted, box.container) == (True, orphan)
    assert (await sh(box, "cat /tmp/note")).stdout.text == "here\n"
    first = await beats(box)
    async with asyncio.timeout(60):  # the background process goes on
        while await beats(box) <= first:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    left = "import os; print(sum(b'sleep\\0' + b'1000' in open(f'/proc/{p}/cmdline', 'rb').read()"
    left += " for p in os.listdir('/proc') if p.isdigit()))"
    assert (await sh(box, f'python3 -S -c "{left}"')).stdout.text == "0\n"
    await box.close()
    assert (await made.collect("kept", tmp_path / "out", TreeLimits())).files == ("a",)
    again = await made.open(SPEC)
    assert not again.info.adopted
    assert (await sh(again, "ls -A /tmp")).stdout.text == ""
    await again.close()


async def test_another_spec_gets_a_container_of_its_own(made: DockerProvider, orphan: str) -> None:
    box = await made.open(SandboxSpec(workspace="kept", limits=SandboxLimits(processes=65)))
    assert not box.info.adopted
    assert (await sh(box, "ls -A /tmp; cat deliverables/a")).stdout.text == "work\n"
    assert docker("ps", "-aq", "--filter", f"name={orphan}") == ""
    await box.close()


HARM: dict[str, Callable[[str], object]] = {
    "paused": lambda name: docker("pause", name),
    "killed": lambda name: docker("kill", name),
    "being removed": lambda name: subprocess.Popen(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL).pid,
    "its supervisor stopped": lambda name: docker("kill", "-s", "STOP", name),  # from outside it is heard
}


@pytest.mark.parametrize("harm", HARM)
async def test_one_that_cannot_be_adopted_is_replaced(
    made: DockerProvider, orphan: str, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.supervisor.client.SYNC_SECONDS", 3.0)
    await asyncio.to_thread(HARM[harm], orphan)
    box = await asyncio.wait_for(made.open(SPEC), 60)
    if box.info.adopted:  # its removal had not begun
        assert harm == "being removed"
        with pytest.raises(SandboxFault, match="sandbox_lost"):
            await sh(box, "sleep 20")
        await box.close()
        box = await made.open(SPEC)
    assert not box.info.adopted
    assert box.container != orphan
    assert (await sh(box, "ls -A /tmp; cat deliverables/a")).stdout.text == "work\n"
    await box.close()


async def test_what_is_written_down_is_checked(made: DockerProvider, orphan: str, tmp_path: Path) -> None:
    other = DockerProvider(tmp_path / "other", ProviderOptions())
    book = (tmp_path / "leases" / "docker" / "kept").read_bytes()
    stolen = tmp_path / "other" / "leases" / "docker" / "kept"
    stolen.parent.mkdir(parents=True)
    stolen.write_bytes(book)  # a container of another owner
    box = await other.open(SPEC)
    assert not box.info.adopted
    await box.close()
    await other.discard("kept")
    assert orphan in docker("ps", "-a", "--format", "{{.Names}}")


async def test_it_ends_by_itself_when_nobody_comes(
    made: SandboxProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.docker.plan.DEAD_MAN_SECONDS", 5)
    monkeypatch.setattr("sandbox.docker.opening.PULSE_SECONDS", 0.5)
    box = await made.open(SandboxSpec(workspace="alone"))
    assert isinstance(box, DockerSandbox)
    await asyncio.sleep(6)
    assert (await sh(box, "echo alive")).stdout.text == "alive\n"  # it was asked all the time
    box._wire._pulse.cancel()  # type: ignore[union-attr]
    for _ in range(400):
        if not [row for row in await made.resources() if row.kind == "container"]:
            break
        await asyncio.sleep(0.2)
    assert [row.kind for row in await made.resources()] == ["volume"]
    await box.close()
    await made.discard("alone")
    assert os.listdir(tmp_path / "leases" / "docker") == []
