from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path

import pytest

from sandbox import NetworkEvent, NetworkPolicy, ProviderOptions, SandboxProvider, SandboxSpec, provider
from sandbox.docker import provider as docker_provider
from sandbox.network.gate import open_gate
from tests.sandbox.contract.helpers import sh
from tests.sandbox.network.support import PUBLIC, Small, answering, serving
from tests.sandbox.readiness import need
from tests.support import lacking

ROOT = Path(__file__).parents[2]
ALLOW = NetworkPolicy.model_validate({"mode": "allow", "domains": ["example.org"]})
SPEC = SandboxSpec(workspace="net", network=ALLOW)
ASK = "python3 -c \"import urllib.request as u; print(u.urlopen('http://{}/', timeout=20).read().decode())\""
HARNESS = """
import asyncio, sys
from pathlib import Path
from sandbox import NetworkPolicy, ProviderOptions, SandboxSpec, provider

async def main():
    made = provider("docker", Path(sys.argv[1]), ProviderOptions(docker_runtime=sys.argv[2]))
    policy = NetworkPolicy.model_validate({"mode": "allow", "domains": ["example.org"]})
    await made.open(SandboxSpec(workspace="net", network=policy))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(params=["runc", "runsc"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(runtime: str, tmp_path: Path) -> SandboxProvider:
    found = provider("docker", tmp_path / "state", ProviderOptions(docker_runtime=runtime))
    need(found, "runsc" if runtime == "runsc" else "docker")
    if why := found.refuses(ALLOW):
        lacking("runsc", why)
    return found


async def asked(made: SandboxProvider, monkeypatch: pytest.MonkeyPatch, *, adopted: bool) -> list[NetworkEvent]:
    """Ask for an allowed page and for one that is not, and go around the gate; what was written down."""
    told: list[NetworkEvent] = []
    small = Small({"example.org": [PUBLIC], "example.com": [PUBLIC]})
    monkeypatch.setattr(docker_provider, "open_gate", functools.partial(open_gate, outside=small))
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) as port:
        small.ports[PUBLIC, 80] = port
        box = await made.open(SPEC, audit=told.append)
        assert box.info.adopted is adopted
        assert box.info.enforced["network"] == "gate"
        allowed = await sh(box, ASK.format("example.org"))
        assert allowed.stdout.text == "hello\n", allowed.stderr.text
        refused = await sh(box, ASK.format("example.com"))
        assert "403" in refused.stderr.text
        around = await sh(box, f"python3 -c \"import socket; socket.create_connection(('{PUBLIC}', 80), 3)\"")
        assert around.exit_code != 0
        assert [row.kind for row in await made.resources()] == ["container", "volume", "gate"]
        await box.close()
    assert [row.kind for row in await made.resources()] == ["volume"]
    await made.discard("net")
    return told


async def test_the_gate_is_the_only_way_out(made: SandboxProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    told = await asked(made, monkeypatch, adopted=False)
    assert [(line.host, line.verdict) for line in told] == [("example.org", "allowed"), ("example.com", "refused")]


async def test_an_adopted_sandbox_finds_the_new_gate(
    made: SandboxProvider, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HARNESS, str(tmp_path / "state"), runtime),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert harness.stdout is not None
    assert await harness.stdout.readline() == b"ready\n"
    harness.kill()
    await harness.wait()
    told = await asked(made, monkeypatch, adopted=True)
    assert [line.verdict for line in told] == ["allowed", "refused"]
