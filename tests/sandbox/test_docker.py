from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import subprocess
import tarfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox import (
    Mount,
    NetworkPolicy,
    ProviderOptions,
    SandboxLimits,
    SandboxSpec,
    TreeLimits,
    image_tag,
    owner_of,
    provider,
    toolbox_digest,
)
from sandbox.docker.box import DockerSandbox
from sandbox.docker.engine import Engine, engine
from sandbox.docker.facts import facts_in
from sandbox.docker.image import SUPERVISOR, TOOLBOX, VERSION, build_image
from sandbox.docker.provider import DockerProvider
from sandbox.docker.seccomp import profile
from sandbox.supervisor.program import program_digest
from tests.sandbox.contract.helpers import sh
from tests.sandbox.readiness import need


def docker(*words: str, stdin: bytes = b"") -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, input=stdin).stdout.decode().strip()


@pytest.fixture
def made(tmp_path: Path) -> DockerProvider:
    found = provider("docker", tmp_path / "state")
    need(found, "docker")
    assert isinstance(found, DockerProvider)
    return found


@pytest_asyncio.fixture
async def box(made: DockerProvider) -> AsyncIterator[DockerSandbox]:
    opened = await made.open(SandboxSpec(workspace="one", labels={"run": "r1", "trial": "t1"}))
    yield opened
    await opened.close()
    await made.discard("one")


@pytest.fixture
def image() -> Iterator[Callable[..., str]]:
    """Makes images with nothing in them, labelled as asked; they are removed in the end."""
    names: list[str] = []

    def make(labels: dict[str, str], architecture: str = "amd64") -> str:
        layer = packed({"nothing": b""})
        digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        }
        name = f"upbench-test-{uuid.uuid4().hex[:12]}:latest"
        manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        files = {"config.json": json.dumps(config), "manifest.json": json.dumps(manifest)}
        docker("load", stdin=packed({"layer.tar": layer, **{key: text.encode() for key, text in files.items()}}))
        names.append(name)
        return name

    yield make
    for name in names:
        docker("image", "rm", name)


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            row = tarfile.TarInfo(name)
            row.size = len(data)
            archive.addfile(row, io.BytesIO(data))
    return stream.getvalue()


async def test_the_hardening(made: DockerProvider, box: DockerSandbox) -> None:
    about = json.loads(docker("inspect", box.container))[0]
    config, host = about["Config"], about["HostConfig"]
    assert config["User"] == "1000:1000"
    assert (host["CapDrop"], host["CapAdd"], host["Privileged"]) == (["ALL"], None, False)
    assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={profile()}"]
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"], host["UTSMode"]) == ("none", "private", "", "")
    assert (host["ReadonlyRootfs"], host["Init"], host["AutoRemove"]) == (True, False, True)
    assert (host["CgroupnsMode"], host["LogConfig"]["Type"]) == ("private", "none")
    assert (host["Memory"], host["MemorySwap"]) == (2048 << 20, 2048 << 20)
    assert (host["PidsLimit"], host["NanoCpus"] > 0) == (257, True)
    limits = {row["Name"]: (row["Soft"], row["Hard"]) for row in host["Ulimits"]}
    assert limits == {"fsize": (1 << 30, 1 << 30), "core": (0, 0), "nofile": (4096, 4096)}
    assert sorted(host["Tmpfs"]) == ["/tmp", "/var/tmp"]
    assert {word for word in host["Tmpfs"]["/tmp"].split(",")} >= {"nosuid", "nodev", f"size={4096 << 20}"}
    assert [(row["Type"], row["Destination"], row["RW"]) for row in sorted(about["Mounts"], key=str)] == [
        ("bind", "/job/inputs", False),
        ("volume", "/job", True),
    ]
    assert (config["StdinOnce"], config["Tty"]) == (False, False)
    assert (await sh(box, "grep ^Seccomp: /proc/1/status")).stdout.text.split() == ["Seccomp:", "2"]


async def test_provenance(box: DockerSandbox) -> None:
    info = box.info
    about = json.loads(docker("image", "inspect", image_tag()))[0]
    assert (info.provider, info.image, info.runtime) == ("docker", about["Id"], "runc")
    assert info.version == docker("version", "--format", "{{.Server.Version}}")
    assert docker("inspect", "-f", "{{.Config.Image}} {{.Image}}", box.container).split() == [about["Id"]] * 2
    labels = about["Config"]["Labels"]
    assert (labels[TOOLBOX], labels[SUPERVISOR]) == (toolbox_digest(), program_digest())
    assert labels["upbench.base"]
    assert docker("image", "inspect", "-f", "{{.Id}}", labels["upbench.base.id"]) == labels["upbench.base.id"]
    how = info.enforced
    assert (how["memory"], how["processes"], how["cpus"]) == ("cgroup",) * 3
    assert (how["network"], how["syscalls"], how["workspace"]) == ("namespace", "seccomp", "watched")


async def test_everything_is_labelled_and_listed(made: DockerProvider, box: DockerSandbox, tmp_path: Path) -> None:
    owner = owner_of(tmp_path / "state")
    container, volume = await made.resources()
    assert (container.kind, container.running, volume.kind, volume.running) == ("container", True, "volume", False)
    for row in (container, volume):
        assert (row.provider, row.owner, row.workspace) == ("docker", owner, "one")
        assert (row.run, row.trial, len(row.lease)) == ("r1", "t1", 12)
    other = DockerProvider(tmp_path / "other", ProviderOptions())
    assert await other.resources() == ()
    with pytest.raises(BadInput, match="another owner"):
        await other.remove(volume)
    assert len(await made.resources()) == 2


async def test_a_volume_is_removed_with_the_containers_that_use_it(
    made: DockerProvider, box: DockerSandbox
) -> None:
    container, volume = await made.resources()
    await made.remove(volume)
    assert await made.resources() == ()
    await made.remove(volume)
    await made.remove(container)
    with pytest.raises(SandboxFault):
        await sh(box, "true")


async def test_collecting_leaves_nothing_and_needs_what_is_there(made: DockerProvider, tmp_path: Path) -> None:
    opened = await made.open(SandboxSpec(workspace="c"))
    await sh(opened, "cd deliverables; echo a > a; ln a b; mkfifo p; ln -s / l; truncate -s 900M big; echo z > z")
    await opened.close()
    taken = await made.collect("c", tmp_path / "out", TreeLimits(max_file_bytes=1 << 20))
    assert taken.files == ("a", "b", "z")
    assert {row.path for row in taken.left_out} == {"big", "l", "p"}
    assert [row.kind for row in await made.resources()] == ["volume"]
    again = await made.open(SandboxSpec(workspace="c"))
    await sh(again, "rm -r deliverables")
    await again.close()
    with pytest.raises(FileNotFoundError):
        await made.collect("c", tmp_path / "out2", TreeLimits())
    once_more = await made.open(SandboxSpec(workspace="c"))
    await sh(once_more, "rmdir deliverables; ln -s /etc deliverables")
    await once_more.close()
    with pytest.raises(NotADirectoryError):
        await made.collect("c", tmp_path / "out3", TreeLimits())
    await made.discard("c")
    assert await made.resources() == ()
    with pytest.raises(FileNotFoundError):
        await made.collect("c", tmp_path / "out4", TreeLimits())
    assert await made.resources() == ()  # and no volume is made by looking for it


async def test_an_unknown_runtime_is_named_with_those_there_are(made: DockerProvider, tmp_path: Path) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_runtime="kata"))
    with pytest.raises(BadInput, match=r"no runtime `kata`.*runc"):
        await other.open(SandboxSpec(workspace="x"))
    with pytest.raises(BadInput, match=r"`docker_runtime`.*no runtime `kata`"):
        other.problem()


@pytest.mark.parametrize("name", ["NOPE", "a/b:c:d", "a@b@c", "x" * 251])
def test_what_cannot_be_the_name_of_an_image_is_said(made: DockerProvider, tmp_path: Path, name: str) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_image=name))
    with pytest.raises(BadInput, match=r"`docker_image`.*cannot be the name of a Docker image"):
        other.problem()


async def test_an_image_that_is_not_there(made: DockerProvider, tmp_path: Path) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_image="upbench-test-none:latest"))
    with pytest.raises(BadInput, match="there is no Docker image upbench-test-none:latest"):
        await other.open(SandboxSpec(workspace="x"))


def ours(**other: str) -> dict[str, str]:
    return {SUPERVISOR: program_digest(), TOOLBOX: toolbox_digest(), VERSION: image_tag(), **other}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "holds no supervisor"),
        (ours(**{SUPERVISOR: "0" * 64}), "holds no supervisor, or another version's"),
        (ours(**{TOOLBOX: "0" * 64}), "holds another toolbox"),
        (ours(**{VERSION: "old"}), "another version of UpBench"),
    ],
)
async def test_a_wrong_image_is_refused(
    made: DockerProvider, tmp_path: Path, image: Callable[..., str], labels: dict[str, str], said: str
) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_image=image(labels, machine())))
    with pytest.raises(BadInput, match=said):
        await other.open(SandboxSpec(workspace="x"))


async def test_an_image_for_other_machines_is_refused(
    made: DockerProvider, tmp_path: Path, image: Callable[..., str]
) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_image=image(ours(), "s390x")))
    with pytest.raises(BadInput, match="is for s390x machines"):
        await other.open(SandboxSpec(workspace="x"))


async def test_an_image_that_lies_does_not_start_and_leaves_nothing(
    made: DockerProvider, tmp_path: Path, image: Callable[..., str]
) -> None:
    other = DockerProvider(tmp_path / "state", ProviderOptions(docker_image=image(ours(), machine())))
    with pytest.raises(SandboxFault) as fault:
        await other.open(SandboxSpec(workspace="x"))
    assert fault.value.cause is Cause.sandbox_start
    assert {row.kind for row in await other.resources()} <= {"volume"}
    await made.discard("x")
    assert await made.resources() == ()


def machine() -> str:
    return engine().facts().machine


def test_a_base_that_is_not_there_is_said(made: DockerProvider) -> None:
    with pytest.raises(Exception, match="upbench-test-none:latest is not there and cannot be pulled"):
        build_image("upbench-test-none:latest", lambda line: None)


async def test_an_engine_that_can_filter_no_system_calls_is_refused(
    made: DockerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What such an engine says of itself; this machine's is not restarted for it.
    said = {**engine().api.info(), "SecurityOptions": ["name=apparmor"]}
    monkeypatch.setattr(Engine, "facts", lambda self: facts_in(said))
    with pytest.raises(MissingTool, match="cannot filter the system calls"):
        await made.open(SandboxSpec(workspace="x"))


async def test_a_socket_that_may_not_be_used_is_said(
    made: DockerProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "engine.sock").touch()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    monkeypatch.setattr(os, "access", lambda *_args, **_more: False)  # the tests may run as root
    with pytest.raises(MissingTool, match="this user may not use") as error:
        await made.open(SandboxSpec(workspace="x"))
    assert "usermod" in error.value.mend


@pytest.mark.parametrize("host", ["unix:///nowhere/engine.sock", "tcp://127.0.0.1:1", "nonsense"])
async def test_no_engine_is_said(made: DockerProvider, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(MissingTool):
        await made.open(SandboxSpec(workspace="x"))
    assert made.problem() is not None


async def test_a_cancelled_opening_leaves_nothing(made: DockerProvider) -> None:
    for wait in (0.0, 0.05, 0.15, 0.3):
        opening = asyncio.create_task(made.open(SandboxSpec(workspace="c")))
        await asyncio.sleep(wait)
        if opening.cancel():
            with pytest.raises(asyncio.CancelledError):
                await opening
        else:  # this machine was quick
            await (await opening).close()
        assert {row.kind for row in await made.resources()} <= {"volume"}
    await made.discard("c")
    assert await made.resources() == ()


async def test_inputs_that_are_not_there_leave_nothing(made: DockerProvider, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace="i", mounts=(Mount(source=tmp_path / "none", target="/x"),))
    with pytest.raises(BadInput):
        await made.open(spec)
    assert await made.resources() == ()
    box = await made.open(SandboxSpec(workspace="i"))  # its lease was let go
    await box.close()
    await made.discard("i")


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
@pytest.mark.parametrize(
    "line",
    [
        "for i in 1 2 3 4 5; do head -c 16000000 /dev/urandom > f$i; done; sleep 60",
        "mkdir d; cd d; seq 3000 | xargs touch; sleep 60",
        "exec 5> f; rm f; head -c 80000000 /dev/urandom >&5; sleep 60",
    ],
    ids=["bytes", "files", "a removed file"],
)
async def test_a_workspace_that_grows_too_large_is_ended(
    made: DockerProvider, tmp_path: Path, line: str, runtime: str
) -> None:
    made = DockerProvider(tmp_path / "state", ProviderOptions(docker_runtime=runtime))
    need(made, "docker" if runtime == "runc" else runtime)
    limits = SandboxLimits(workspace_bytes=32 << 20, workspace_files=1000)
    box = await made.open(SandboxSpec(workspace="big", limits=limits))
    with pytest.raises(SandboxFault) as fault:
        await sh(box, line, seconds=20)
    assert fault.value.cause is Cause.workspace_full
    await box.close()
    await made.discard("big")


async def test_the_engine_says_what_a_volume_takes_where_we_may_not_look(
    made: DockerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.docker.usage.os.access", lambda *_args, **_more: False)
    limits = SandboxLimits(workspace_bytes=32 << 20)
    box = await made.open(SandboxSpec(workspace="big", limits=limits))
    with pytest.raises(SandboxFault) as fault:
        await sh(box, "for i in 1 2 3 4 5; do head -c 16000000 /dev/urandom > f$i; done; sleep 100", seconds=120)
    assert fault.value.cause is Cause.workspace_full
    await box.close()
    await made.discard("big")


@pytest.mark.parametrize(("arguments", "refused"), [([], True), (["--host-uds=open"], False)])
def test_a_runtime_without_a_way_to_the_gate_refuses_a_network(
    made: DockerProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], refused: bool
) -> None:
    said = {**engine().api.info(), "Runtimes": {"runsc": {"path": "runsc", "runtimeArgs": arguments}}}
    monkeypatch.setattr(Engine, "facts", lambda self: facts_in(said))
    other = DockerProvider(tmp_path, ProviderOptions(docker_runtime="runsc"))
    assert other.refuses(NetworkPolicy()) is None
    why = other.refuses(NetworkPolicy.model_validate("open"))
    assert (why is not None) is refused


async def test_a_container_that_a_killed_collection_left_is_in_nobody_s_way(made: DockerProvider) -> None:
    box = await made.open(SandboxSpec(workspace="left"))
    await box.close()
    (volume,) = await made.resources()
    docker("create", "--label", "app=upbench", "-v", f"{volume.id}:/job", image_tag(), "true")
    await made.discard("left")
    assert await made.resources() == ()


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
async def test_a_paused_container_is_closed(made: DockerProvider, tmp_path: Path, runtime: str) -> None:
    made = DockerProvider(tmp_path / "state", ProviderOptions(docker_runtime=runtime))
    need(made, "docker" if runtime == "runc" else runtime)
    box = await made.open(SandboxSpec(workspace="paused"))
    docker("pause", box.container)
    await box.close()
    assert [row.kind for row in await made.resources()] == ["volume"]
    await made.discard("paused")


async def test_a_volume_that_has_lost_its_labels_is_found_by_its_name(made: DockerProvider) -> None:
    box = await made.open(SandboxSpec(workspace="v.e1"))
    await box.close()
    [volume] = [row for row in await made.resources() if row.kind == "volume"]
    await made.discard("v.e1")
    api = engine().api
    api.create_volume(volume.id)
    api.create_volume(f"x{volume.id}")
    try:
        found = await made.resources()
        assert [(row.kind, row.id, row.workspace, row.owner) for row in found] == [
            ("volume", volume.id, "v.e1", volume.owner)
        ]
        await made.remove(found[0])
        assert await made.resources() == ()
    finally:
        api.remove_volume(f"x{volume.id}", force=True)
