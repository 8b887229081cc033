from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox import Command, ProviderOptions, Sandbox, SandboxSpec
from sandbox.bubblewrap.seccomp import ARCHITECTURES
from sandbox.docker.provider import DockerProvider
from sandbox.docker.seccomp import profile
from sandbox.syscalls import ALLOWED, LOOKED_INTO, NOT_PERMITTED, NOT_THERE
from tests.sandbox.readiness import need
from tests.sandbox.system_calls import CASES, OTHER_INTERFACES, WORKS, refused_inside, sockets_and_terminals
from tests.support import lacking

HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h")
# What the headers name and processors of this architecture have no use for.
NO_CALLS = {"uretprobe", "uprobe"}
ALL = {*ALLOWED, *NOT_PERMITTED, *NOT_THERE, *LOOKED_INTO}
HERE = os.uname().machine
NOT_IN_THE_IMAGE = ("git", "gcc", "soffice", "node", "java")
known = pytest.mark.skipif(HERE not in ARCHITECTURES, reason="the numbers of this architecture are not known")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    made = DockerProvider(tmp_path_factory.mktemp("state"), ProviderOptions())
    need(made, "docker")
    opened = await made.open(SandboxSpec(workspace="calls"))
    yield opened
    await opened.close()
    await made.discard("calls")


def allows(name: str, arguments: tuple[int, ...]) -> bool:
    """Whether a rule of the profile lets a call pass."""
    words = [*arguments, 0, 0, 0, 0, 0, 0]
    rules: list[dict[str, Any]] = json.loads(profile())["syscalls"]
    return any(
        name in rule["names"]
        and rule["action"] == "SCMP_ACT_ALLOW"
        and all(words[row["index"]] & row["value"] == row["valueTwo"] for row in rule.get("args", ()))
        for rule in rules
    )


def test_every_call_is_in_one_table() -> None:
    tables = [ALLOWED, frozenset(NOT_PERMITTED), frozenset(NOT_THERE), frozenset(LOOKED_INTO)]
    assert sum(map(len, tables)) == len(ALL)
    for file in map(Path, HEADERS):
        if file.exists():
            assert set(re.findall(r"#define __NR_(\w+)", file.read_text())) - NO_CALLS <= ALL


def test_what_the_profile_allows() -> None:
    said = json.loads(profile())
    assert said["defaultAction"] == "SCMP_ACT_ERRNO"
    assert "architectures" not in said  # this one alone
    for name in ALLOWED:
        assert allows(name, ())
    for name in (*NOT_PERMITTED, *NOT_THERE, "a_call_of_next_year"):
        assert not allows(name, ())


@pytest.mark.parametrize(("name", "arguments", "error"), CASES)
def test_what_it_looks_into(name: str, arguments: tuple[int, ...], error: int) -> None:
    assert allows(name, arguments) is (error == 0)


def test_what_it_allows_of_a_terminal() -> None:
    refused = {0x5412, 0x541C, 0x5423}
    for request in (*range(0x5300, 0x5500), 0, 0xFFFFFFFF, 0x80045430, 0xC0285412):
        assert allows("ioctl", (0, request)) is (request not in refused), hex(request)


@known
@pytest.mark.asyncio(loop_scope="module")
async def test_every_refused_call_is_refused_inside(box: Sandbox) -> None:
    said, expected = await refused_inside(box, list(ARCHITECTURES).index(HERE))
    # What the engine's library has no name for is refused the one way or the other.
    odd = {name: error for name, error in said.items() if error != expected[name]}
    assert set(odd.values()) <= {errno.EPERM, errno.ENOSYS}
    assert len(odd) < 20
    assert said["clone3"] == said["io_uring_setup"] == errno.ENOSYS


@known
@pytest.mark.asyncio(loop_scope="module")
async def test_sockets_namespaces_and_terminals_inside(box: Sandbox) -> None:
    code = sockets_and_terminals(list(ARCHITECTURES).index(HERE))
    result = await box.run(Command(argv=("python3", "-S", "-c", code)))
    lines = result.stdout.text.splitlines()
    assert lines == ["[0, 0, 0, 0, 1, 1, 1, 1]", "1 0", "1", "1"], result.stderr.text


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A program that calls by the processor's other interfaces."""
    if not shutil.which("gcc"):
        lacking("gcc", "the processor's other interfaces are called by a program in C")
    (tmp_path / "other.c").write_text(OTHER_INTERFACES)
    subprocess.run(["gcc", "-static", "-o", tmp_path / "other", tmp_path / "other.c"], check=True)
    return tmp_path / "other"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("machine", [name for name in ("x86_64",) if name == HERE])
async def test_calls_by_the_other_interfaces_of_the_processor(box: Sandbox, other: Path, machine: str) -> None:
    assert os.uname().machine == machine
    await box.upload(other, "/job/other")
    for words in ((), ("32",)):
        result = await box.run(Command(argv=("/job/other", *words)))
        assert not re.match(r"[1-9]", result.stdout.text), "the call was carried out"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in WORKS if name not in NOT_IN_THE_IMAGE])
async def test_what_agents_use_goes_on_working(box: Sandbox, name: str) -> None:
    result = await box.run(Command(argv=WORKS[name], timeout_seconds=180))
    assert result.exit_code == 0, result.stdout.text + result.stderr.text
