from __future__ import annotations

import errno
import os
import re
import shutil
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Command, Sandbox, SandboxSpec, provider
from sandbox.bubblewrap.seccomp import ALLOW, ARCHITECTURES, ERROR, KILL, assemble, syscall_filter
from sandbox.syscalls import HIGHEST, LOOKED_INTO, NOT_PERMITTED, NOT_THERE
from tests.sandbox.system_calls import CASES, OTHER_INTERFACES, WORKS, refused_inside, sockets_and_terminals
from tests.support import lacking

ALL = NOT_PERMITTED | NOT_THERE | LOOKED_INTO
HEADERS = {
    0: ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    1: ("/usr/include/asm-generic/unistd.h",),  # aarch64 has these
}
HERE = os.uname().machine
# Of `WORKS`, those that are programs of their own, and not on every machine.
PROGRAMS = ("git", "gcc", "soffice", "script", "ps", "perl", "node", "java")
known = pytest.mark.skipif(HERE not in ARCHITECTURES, reason="no filter is made for this architecture")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    made = provider("bwrap", tmp_path_factory.mktemp("state"))
    problem = made.problem()
    if problem:
        lacking("bwrap", problem[0])
    opened = await made.open(SandboxSpec(workspace="calls"))
    yield opened
    await opened.close()


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would answer: its virtual machine for such programs, as far as ours use it."""
    program = syscall_filter(machine)
    assert program is not None
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture or ARCHITECTURES[machine], 0, *words)
    accumulator = at = 0
    while True:
        code, then, other, constant = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, constant)[0]
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x06:
            return int(constant)
        else:
            holds = {0x15: accumulator == constant, 0x25: accumulator > constant, 0x45: accumulator & constant}[
                code
            ]
            at += then if holds else other


@pytest.mark.parametrize("column", [0, 1])
def test_the_numbers_are_those_of_the_headers(column: int) -> None:
    file = next((Path(name) for name in HEADERS[column] if Path(name).exists()), None)
    if file is None:
        lacking("gcc", "the kernel's headers, which come with it, are not installed")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", file.read_text()))
    younger = {name for name, row in ALL.items() if (row[column] or 0) > max(map(int, defined.values()))}
    # Calls that are no more are in the table of the one architecture and not in the headers of the other.
    wrong = {
        name: (row[column], defined.get(name))
        for name, row in ALL.items()
        if name not in younger and str(row[column] if row[column] is not None else None) != str(defined.get(name))
    }
    assert wrong == {}
    assert len(ALL) - len(younger) > 80


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_refused_and_what_is_not(machine: str) -> None:
    column = list(ARCHITECTURES).index(machine)
    for table, error in ((NOT_PERMITTED, errno.EPERM), (NOT_THERE, errno.ENOSYS)):
        for name, row in table.items():
            if row[column] is not None:
                assert verdict(machine, row[column] or 0) == ERROR | error, name
    refused = {row[column] for row in ALL.values()}
    for number in set(range(HIGHEST + 1)) - refused:
        assert verdict(machine, number, 1, 2, 3) == ALLOW, number
    for number in (HIGHEST + 1, 100_000, 0x40000000, 0x40000000 + 101, -1):
        assert verdict(machine, number) == ERROR | errno.ENOSYS, number
    for foreign in {0x40000003, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}:
        assert verdict(machine, 1, architecture=foreign) == KILL


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    CASES,
)
def test_what_is_refused_by_its_arguments(machine: str, name: str, arguments: tuple[int, ...], error: int) -> None:
    number = LOOKED_INTO[name][list(ARCHITECTURES).index(machine)]
    assert verdict(machine, number or 0, *arguments) == (ERROR | error if error else ALLOW)


def test_other_architectures_have_no_filter() -> None:
    assert syscall_filter("riscv64") is None
    assert syscall_filter("i686") is None


def test_the_program_is_one_that_the_kernel_takes() -> None:
    for machine in ARCHITECTURES:
        program = syscall_filter(machine)
        assert program is not None
        assert len(program) % 8 == 0
        assert len(program) // 8 <= 4096
    with pytest.raises(AssertionError, match="nowhere"):
        assemble([(0x15, 1, "nowhere", "")])


@known
@pytest.mark.asyncio(loop_scope="module")
async def test_every_refused_call_is_refused_inside(box: Sandbox) -> None:
    said, expected = await refused_inside(box, list(ARCHITECTURES).index(HERE))
    assert said == expected


@known
@pytest.mark.asyncio(loop_scope="module")
async def test_sockets_namespaces_and_terminals_inside(box: Sandbox) -> None:
    result = await box.run(
        Command(argv=("python3", "-S", "-c", sockets_and_terminals(list(ARCHITECTURES).index(HERE))))
    )
    lines = result.stdout.text.splitlines()
    eaf = errno.EAFNOSUPPORT
    assert lines == [f"[0, 0, 0, 0, {errno.EPERM}, {eaf}, {eaf}, {eaf}]", "1 0", "1", "1"], result.stderr.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("machine", [name for name in ("x86_64",) if name == HERE])
async def test_calls_by_the_other_interfaces_of_the_processor(box: Sandbox, machine: str) -> None:
    if not shutil.which("gcc"):
        lacking("gcc", f"the other interfaces of {machine} are called by a program in C")
    await box.write("/job/other.c", OTHER_INTERFACES.encode())
    built = await box.run(Command(argv=("gcc", "-o", "/job/other", "/job/other.c")))
    assert built.exit_code == 0, built.stderr.text
    assert (await box.run(Command(argv=("/job/other",)))).stdout.text == f"-1 {errno.ENOSYS}\n"
    old = await box.run(Command(argv=("/job/other", "32")))
    assert old.stdout.text == ""
    assert old.exit_code < 0  # by SIGSYS, or by SIGSEGV where the kernel has no such interface


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in WORKS if name not in PROGRAMS or shutil.which(name)])
async def test_what_agents_use_goes_on_working(box: Sandbox, name: str) -> None:
    result = await box.run(Command(argv=WORKS[name], timeout_seconds=180))
    assert result.exit_code == 0, result.stdout.text + result.stderr.text
