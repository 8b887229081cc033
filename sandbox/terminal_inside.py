"""The end of a terminal that lies within the sandbox; run there by the sandbox's own python3.

It runs a program on a pseudo-terminal. Keys come through the pipe `in` of its folder, what the program writes goes
to the file `out`; `size` holds rows and columns (read at each SIGWINCH), `end` the exit code once it has ended.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
from types import FrameType

CHUNK = 1 << 16


def serve(folder: str, argv: list[str]) -> None:
    """Carry keys and output until the program ends."""
    os.mkfifo(folder + "/in", 0o600)
    keys = os.open(folder + "/in", os.O_RDWR)  # for writing too: who writes keys comes and goes
    out = os.open(folder + "/out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    child, master = pty.fork()
    if child == 0:
        for number in (signal.SIGINT, signal.SIGQUIT):  # which a shell lets its background processes ignore
            signal.signal(number, signal.SIG_DFL)
        try:
            os.execvp(argv[0], argv)  # noqa: S606 - what is asked for
        finally:
            os._exit(127)

    def resize(_number: int = 0, _frame: "FrameType | None" = None) -> None:
        with open(folder + "/size") as stream:
            rows, columns = stream.read().split()
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))

    resize()
    signal.signal(signal.SIGWINCH, resize)
    _put(folder, "pid", os.getpid())
    while True:
        ready, _, _ = select.select([master, keys], [], [])
        if keys in ready:
            os.write(master, os.read(keys, CHUNK))
        if master in ready:
            try:
                data = os.read(master, CHUNK)
            except OSError:  # the program has ended, and nobody else holds its terminal
                break
            os.write(out, data)
    _put(folder, "end", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _put(folder: str, name: str, value: int) -> None:
    with open(folder + "/" + name + ".new", "w") as stream:
        stream.write(str(value))
    os.rename(folder + "/" + name + ".new", folder + "/" + name)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
