from __future__ import annotations

import errno
import json
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
from sandbox.bubblewrap.syscalls import HIGHEST, LOOKED_INTO, NOT_PERMITTED, NOT_THERE
from tests.support import lacking

ALL = NOT_PERMITTED | NOT_THERE | LOOKED_INTO
HEADERS = {
    0: ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    1: ("/usr/include/asm-generic/unistd.h",),  # aarch64 has these
}
HERE = os.uname().machine
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
        pytest.skip("this machine has no kernel headers")
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
    [
        ("clone", (0x01200011,), 0),
        ("clone", (0x003D0F00,), 0),  # a thread
        *[("clone", (1 << bit | 17,), errno.EPERM) for bit in (17, 25, 26, 27, 28, 29, 30)],
        ("ioctl", (0, 0x5401), 0),
        ("ioctl", (0, 0x5412), errno.EPERM),
        ("ioctl", (0, 0xFFFF_FFFF_0000_5412), errno.EPERM),  # the kernel reads the lower half
        ("ioctl", (0, 0x541C), errno.EPERM),
        ("personality", (0xFFFFFFFF,), 0),
        ("personality", (0,), 0),
        ("personality", (0x0040000,), errno.EPERM),  # ADDR_NO_RANDOMIZE
        ("socket", (1, 1, 0), 0),
        ("socket", (2, 0x80801, 6), 0),
        ("socket", (10, 2, 17), 0),
        ("socket", (16, 3, 0), 0),
        ("socket", (16, 3, 9), errno.EPROTONOSUPPORT),  # the kernel's audit
        ("socket", (2, 3, 1), errno.EPERM),  # raw
        ("socket", (2, 1, 132), errno.EPROTONOSUPPORT),  # sctp
        ("socket", (2, 2, 1), errno.EPROTONOSUPPORT),
        *[("socket", (family, 1, 0), errno.EAFNOSUPPORT) for family in (0, 3, 17, 21, 29, 30, 31, 38, 40, 44)],
        ("socketpair", (1, 1, 0), 0),
        ("socketpair", (30, 1, 0), errno.EOPNOTSUPP),
    ],
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
    column = list(ARCHITECTURES).index(HERE)
    asked = {name: row[column] for name, row in (NOT_PERMITTED | NOT_THERE).items() if row[column] is not None}
    code = (
        "import ctypes, json, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(number, *args):\n"
        "    ctypes.set_errno(0)\n"
        "    return 0 if libc.syscall(number, *map(ctypes.c_long, args)) >= 0 else ctypes.get_errno()\n"
        "print(json.dumps({name: call(number, 0, 0, 0, 0, 0, 0)"
        " for name, number in json.load(sys.stdin).items()}))\n"
    )
    result = await box.run(Command(argv=("python3", "-S", "-c", code), stdin=json.dumps(asked).encode()))
    said = json.loads(result.stdout.text)
    expected = {name: errno.EPERM if name in NOT_PERMITTED else errno.ENOSYS for name in asked}
    assert said == expected
    assert box.info.enforced["syscalls"] == "seccomp"
    status = (await box.run(Command(argv=("cat", "/proc/self/status")))).stdout.text
    assert re.search(r"^Seccomp:\s2$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)


@known
@pytest.mark.asyncio(loop_scope="module")
async def test_sockets_namespaces_and_terminals_inside(box: Sandbox) -> None:
    code = (
        "import ctypes, fcntl, os, pty, socket\n"
        "def error(function, *args):\n"
        "    try:\n        function(*args)\n        return 0\n"
        "    except OSError as problem:\n        return problem.errno\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(number, *args):\n"
        "    return 0 if libc.syscall(number, *map(ctypes.c_long, args)) >= 0 else ctypes.get_errno()\n"
        "main, side = pty.openpty()\n"
        "print([error(socket.socket, *args) for args in ((1, 1), (2, 1), (10, 2), (16, 3, 0), (2, 3, 1), (17, 3),"
        " (40, 1), (38, 5))])\n"
        "print(error(fcntl.ioctl, side, 0x5412, b'x'), error(fcntl.ioctl, main, 0x5401, b' ' * 64))\n"
        f"print(call({LOOKED_INTO['clone'][list(ARCHITECTURES).index(HERE)]}, 0x10000011, 0, 0, 0, 0))\n"
        f"print(call({LOOKED_INTO['personality'][list(ARCHITECTURES).index(HERE)]}, 0x40000))\n"
    )
    result = await box.run(Command(argv=("python3", "-S", "-c", code)))
    lines = result.stdout.text.splitlines()
    eaf = errno.EAFNOSUPPORT
    assert lines == [f"[0, 0, 0, 0, {errno.EPERM}, {eaf}, {eaf}, {eaf}]", "1 0", "1", "1"], result.stderr.text


@pytest.mark.skipif(HERE != "x86_64" or not shutil.which("gcc"), reason="needs gcc on x86_64")
@pytest.mark.asyncio(loop_scope="module")
async def test_calls_by_the_other_interfaces_of_the_processor(box: Sandbox) -> None:
    source = (
        "#include <unistd.h>\n#include <sys/syscall.h>\n#include <stdio.h>\n#include <errno.h>\n"
        "int main(int argc, char **argv) {\n"
        '  if (argc > 1) { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); printf("%ld\\n", r); }\n'
        '  else { long r = syscall(0x40000000 + 39); printf("%ld %d\\n", r, errno); }\n  return 0;\n}\n'
    )
    await box.write("/job/other.c", source.encode())
    built = await box.run(Command(argv=("gcc", "-o", "/job/other", "/job/other.c")))
    assert built.exit_code == 0, built.stderr.text
    assert (await box.run(Command(argv=("/job/other",)))).stdout.text == f"-1 {errno.ENOSYS}\n"
    old = await box.run(Command(argv=("/job/other", "32")))
    assert old.stdout.text == ""
    assert old.exit_code < 0  # by SIGSYS, or by SIGSEGV where the kernel has no such interface


WORKS = {
    "threads and processes": (
        "python3",
        "-c",
        "import concurrent.futures as c, multiprocessing as m, subprocess, threading\n"
        "if __name__ == '__main__':\n"
        "    with c.ThreadPoolExecutor(8) as t: assert sum(t.map(abs, range(50))) == 1225\n"
        "    with m.get_context('fork').Pool(2) as p: assert p.map(abs, [-1]) == [1]\n"
        "    with m.get_context('spawn').Pool(2) as p: assert p.map(abs, [-1]) == [1]\n"
        "    assert subprocess.run(['sh', '-c', 'exit 3']).returncode == 3\n"
        "    from multiprocessing import shared_memory\n"
        "    s = shared_memory.SharedMemory(create=True, size=100); s.close(); s.unlink()\n",
    ),
    "numpy and pandas": (
        "python3",
        "-c",
        "import numpy as n, pandas as p\n"
        "a = n.random.rand(300, 300); assert (a @ n.linalg.inv(a)).shape == (300, 300)\n"
        "p.DataFrame({'a': [1, 2]}).to_excel('/tmp/a.xlsx'); assert len(p.read_excel('/tmp/a.xlsx')) == 2\n",
    ),
    "asyncio": (
        "python3",
        "-c",
        "import asyncio\n"
        "async def go():\n"
        "    s = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)\n"
        "    r, w = await asyncio.open_connection(*s.sockets[0].getsockname())\n"
        "    assert await r.read() == b''\n"
        "    p = await asyncio.create_subprocess_exec('true'); assert await p.wait() == 0\n"
        "asyncio.run(go())\n",
    ),
    "plots": (
        "python3",
        "-c",
        "import matplotlib.pyplot as p; p.plot([1, 2]); p.savefig('/tmp/a.png')",
    ),
    "sqlite": (
        "python3",
        "-c",
        "import sqlite3 as s; d = s.connect('/job/a.db'); d.execute('pragma journal_mode=wal');"
        " d.execute('create table t(a)'); d.commit()",
    ),
    "git": (
        "bash",
        "-c",
        "cd /job && git init -q g && cd g && echo a > a && git add a"
        " && git -c user.name=a -c user.email=a@b.c commit -qm a && git clone -q . ../h && git gc -q",
    ),
    "gcc": (
        "bash",
        "-c",
        "cd /job && echo '#include <pthread.h>\nvoid *f(void *x) { return x; }\n"
        "int main() { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0); }' > p.c"
        " && gcc -pthread -o p p.c && ./p && make -v > /dev/null",
    ),
    "tar": (
        "bash",
        "-c",
        "cd /job && mkfifo f && ln -s f l && tar czf t.tgz f l && mkdir x && tar xzf t.tgz -C x",
    ),
    "script": ("bash", "-c", "script -qec 'tty' /dev/null | grep -q /dev/pts"),
    "soffice": (
        "bash",
        "-c",
        "cd /tmp && echo hello > a.txt && soffice --headless --convert-to pdf a.txt >/dev/null 2>&1"
        " && head -c 4 a.pdf | grep -q %PDF",
    ),
    "ps": ("bash", "-c", "ps aux | grep -q 'ps aux'"),
    "perl": ("perl", "-e", "fork() or exit 0; wait; exit($?)"),
    "node": ("node", "-e", "new (require('worker_threads').Worker)('', {eval: true})"),
    "java": ("java", "-version"),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WORKS)
async def test_what_agents_use_goes_on_working(box: Sandbox, name: str) -> None:
    program = name if name in ("git", "gcc", "soffice", "script", "ps", "perl", "node", "java") else "sh"
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed here")
    result = await box.run(Command(argv=WORKS[name], timeout_seconds=180))
    assert result.exit_code == 0, result.stdout.text + result.stderr.text
