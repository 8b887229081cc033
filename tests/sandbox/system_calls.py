"""What the filters of system calls are tried with: calls that are refused, and work that goes on."""

from __future__ import annotations

import errno
import json
import re

from sandbox import Command, Sandbox
from sandbox.syscalls import LOOKED_INTO, NOT_PERMITTED, NOT_THERE

# Call, arguments, and the error; an engine's profile can only say EPERM, or let it pass.
CASES: list[tuple[str, tuple[int, ...], int]] = [
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
    ("prlimit64", (0, 7, 0x7FFE_0000_0010, 0), 0),
    ("prlimit64", (1, 5, 0, 0x7FFE_0000_0010), 0),  # reading
    ("prlimit64", (1, 7, 0x7FFE_0000_0010, 0), errno.EPERM),
    ("prlimit64", (1, 7, 0x7FFE_0000_0000, 0), errno.EPERM),
    ("prlimit64", (1, 7, 0x1_0000_0000, 0), errno.EPERM),
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
]

# Reads {name: number}, calls each with zeros, and prints {name: error}.
CALLS = (
    "import ctypes, json, sys\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(number, *args):\n"
    "    ctypes.set_errno(0)\n"
    "    return 0 if libc.syscall(number, *map(ctypes.c_long, args)) >= 0 else ctypes.get_errno()\n"
    "print(json.dumps({name: call(number, 0, 0, 0, 0, 0, 0)"
    " for name, number in json.load(sys.stdin).items()}))\n"
)


def sockets_and_terminals(column: int) -> str:
    """A program that prints what it is answered; `column` is of the architecture in the table of calls."""
    return (
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
        f"print(call({LOOKED_INTO['clone'][column]}, 0x10000011, 0, 0, 0, 0))\n"
        f"print(call({LOOKED_INTO['personality'][column]}, 0x40000))\n"
    )


# A program that asks for its process id by the x32 interface; with an argument, by the 32-bit one.
OTHER_INTERFACES = (
    "#include <unistd.h>\n#include <sys/syscall.h>\n#include <stdio.h>\n#include <errno.h>\n"
    "int main(int argc, char **argv) {\n"
    '  if (argc > 1) { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); printf("%ld\\n", r); }\n'
    '  else { long r = syscall(0x40000000 + 39); printf("%ld %d\\n", r, errno); }\n  return 0;\n}\n'
)

# What agents use, by the program that it needs or another name.
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


async def refused_inside(box: Sandbox, column: int) -> tuple[dict[str, int], dict[str, int]]:
    """Make every refused call in a sandbox that is filtered; the errors that came, and those of our tables.

    Args:
        box: Where.
        column: Of the tables: the architecture.
    """
    asked = {name: row[column] for name, row in (NOT_PERMITTED | NOT_THERE).items() if row[column] is not None}
    result = await box.run(Command(argv=("python3", "-S", "-c", CALLS), stdin=json.dumps(asked).encode()))
    said: dict[str, int] = json.loads(result.stdout.text)
    assert box.info.enforced["syscalls"] == "seccomp"
    status = (await box.run(Command(argv=("cat", "/proc/self/status")))).stdout.text
    assert re.search(r"^Seccomp:\s2$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    return said, {name: errno.EPERM if name in NOT_PERMITTED else errno.ENOSYS for name in asked}
