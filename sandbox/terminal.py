"""A terminal in an open sandbox, for people who look into a workspace; over commands alone, so in every sandbox.

Within the sandbox a program serves a pseudo-terminal from a folder (`terminal_inside.py`). Keys are sent by one
command each time some were typed, and another waits for output: tens of milliseconds, which suffices for a person.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core import Cause, SandboxFault
from sandbox.protocol import Command, Sandbox

FOLDER = "/tmp/.terminal"  # noqa: S108 - within the sandbox
PROGRAM = Path(__file__).with_name("terminal_inside.py")
CHUNK = 60_000
WAIT_SECONDS = 20.0
START_SECONDS = 30.0
_READ = """
import os, sys, time
folder, offset, until = sys.argv[1], int(sys.argv[2]), time.monotonic() + float(sys.argv[4])
while True:
    ended = os.path.exists(folder + "/end")
    with open(folder + "/out", "rb") as stream:
        stream.seek(offset)
        data = stream.read(int(sys.argv[3]))
    if data or ended or time.monotonic() > until:
        break
    time.sleep(0.01)
sys.stdout.buffer.write(data)
sys.exit(3 if ended and not data else 0)
"""
_ENDED = 3


async def terminal(sandbox: Sandbox, argv: Sequence[str], *, keys: int = 0, screen: int = 1) -> int:
    """Run a program on a terminal in the sandbox, joined to this process's own, until it ends.

    Args:
        sandbox: Open.
        argv: The program, for instance `("bash", "-i")`.
        keys: File descriptor of a terminal, which is raw meanwhile.
        screen: File descriptor that output is written to.

    Returns:
        Its exit code; -N when signal N ended it.

    Raises:
        SandboxFault: The sandbox is lost, or gives no terminal.
    """
    await _start(sandbox, argv, screen)
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    with _raw(keys):
        loop.add_reader(keys, lambda: _take(keys, typed))
        loop.add_signal_handler(signal.SIGWINCH, lambda: typed.put_nowait(b""))
        typing = asyncio.create_task(_send(sandbox, typed, screen))
        try:
            await _show(sandbox, screen)
        finally:
            loop.remove_reader(keys)
            loop.remove_signal_handler(signal.SIGWINCH)
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
    return int(await sandbox.read(f"{FOLDER}/end", max_bytes=16))


async def _start(sandbox: Sandbox, argv: Sequence[str], screen: int) -> None:
    await sandbox.write(f"{FOLDER}/serve.py", PROGRAM.read_bytes())
    await sandbox.write(f"{FOLDER}/size", _size(screen))
    line = 'python3 "$0/serve.py" "$0" "$@" < /dev/null > "$0/said" 2>&1 &'
    env = {"TERM": os.environ.get("TERM", "xterm")}
    await sandbox.run(Command(argv=("sh", "-c", line, FOLDER, *argv), env=env, keep_background=True))
    line = 'for i in $(seq 600); do [ -e "$0/pid" ] && exit 0; sleep 0.05; done; cat "$0/said" >&2; exit 1'
    begun = await sandbox.run(Command(argv=("sh", "-c", line, FOLDER), timeout_seconds=START_SECONDS))
    if begun.exit_code != 0:
        raise SandboxFault(Cause.sandbox_protocol, f"it gives no terminal: {begun.stderr.text.strip()[-200:]}")


async def _show(sandbox: Sandbox, screen: int) -> None:
    offset = 0
    while True:
        argv = ("python3", "-c", _READ, FOLDER, str(offset), str(CHUNK), str(WAIT_SECONDS))
        found = await sandbox.run(Command(argv=argv, timeout_seconds=2 * WAIT_SECONDS))
        data = found.stdout.head + found.stdout.tail
        view = memoryview(data)
        while view:
            view = view[os.write(screen, view) :]
        offset += len(data)
        if found.exit_code == _ENDED:
            return
        if found.exit_code != 0:
            raise SandboxFault(Cause.sandbox_protocol, "its terminal was lost")


async def _send(sandbox: Sandbox, typed: asyncio.Queue[bytes], screen: int) -> None:
    while True:
        some = await typed.get()
        if not some:
            await sandbox.write(f"{FOLDER}/size", _size(screen))
            await sandbox.run(Command(argv=("sh", "-c", 'kill -WINCH "$(cat "$0/pid")"', FOLDER)))
            continue
        while not typed.empty():
            some += typed.get_nowait()
        await sandbox.run(Command(argv=("sh", "-c", 'cat > "$0/in"', FOLDER), stdin=some))


def _take(keys: int, typed: asyncio.Queue[bytes]) -> None:
    try:
        some = os.read(keys, 4096)
    except OSError:  # whoever sat there is gone
        some = b""
    if some:
        typed.put_nowait(some)
    else:
        asyncio.get_running_loop().remove_reader(keys)
        typed.put_nowait(b"\x04")


def _size(screen: int) -> bytes:
    try:
        size = os.get_terminal_size(screen)
    except OSError:
        size = shutil.get_terminal_size()
    return f"{size.lines} {size.columns}".encode()


@contextmanager
def _raw(keys: int) -> Iterator[None]:
    before = termios.tcgetattr(keys)
    tty.setraw(keys, termios.TCSADRAIN)  # what was typed meanwhile counts
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
