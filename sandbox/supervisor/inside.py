"""The supervisor: runs inside a sandbox, starts its commands, and answers the harness over stdin and stdout.

    python3 -I -S inside.pyc --protocol 3 [--text] [--lease SECONDS]

Python 3.8 or later, built-in modules only: it starts once a sandbox, and every import costs. This file is the
wire; it says hello before it loads the commands (`inside_commands`, `inside_processes`) and, when asked,
`inside_files`.

**Frames.** Both directions carry `kind (1 byte), id (4), length (4)` and a payload of fields `length (4), bytes`;
numbers in fields are decimal text. With `--text` each frame is one line of base64. Requests:

    R  seconds, keep (0 or 1), cap, cwd, spill, count, argv..., (name, value)..., stdin    run a command
    K                                                           kill the command with this id
    W  path, flags, data      G  path, offset, length           write, read
    L  path, rows, depth      M  path                           list a tree, make a folder
    S  root, rows, folder...  A  how, path, more...             look at folders closely, put in order what is there
    P                                                           ping

Replies carry the id of their request: `D` done, with what the request gives; `E` errno and text. `R` gives exit
code, timed out (0 or 1), microseconds, and of stdout and stderr each: head, tail, total. Hello is `H` with id 0:
protocol, token (32 hex digits, new with every start), count of background commands that were left running.

**Adoption.** Where the transport keeps stdin open, the supervisor outlives its harness. The next one sends
`SYNC token nonce` (all of fixed length; a line of base64 with `--text`), and it counts wherever it comes, also in
the middle of a request: what came before it is dropped, and so are answers that nobody has read; commands that
nobody waits for any more are killed with all their processes, and then `HERE token nonce` is answered, and a fresh
hello. Background processes of answered commands stay. End of input ends the supervisor, and all processes with it.

**Lease.** So does the silence of the harness for `--lease` seconds; any input counts, a command that runs does
not.
"""

import posix
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn

PROTOCOL = 3
FOLDER = "/opt/upbench/"
SYNC, HERE = b"\nUPBENCH-SYNC ", b"\nUPBENCH-HERE "
NONCE = 32  # hex digits; so has the token
CHUNK = 1 << 18
MAX_FRAME = 80 << 20
WRONG = 3  # exit code: what comes is not from a harness of ours


def fields_of(payload: bytes) -> "list[bytes]":
    """The fields of a payload."""
    found = []
    at = 0
    while at < len(payload):
        start = at + 4
        at = start + int.from_bytes(payload[at:start], "big")
        found.append(payload[start:at])
    return found


def frame(kind: bytes, number: int, fields: "tuple[bytes | int, ...]") -> bytes:
    """A frame of `fields`; integers become decimal text."""
    parts = []
    for field in fields:
        data = b"%d" % field if isinstance(field, int) else field
        parts.append(len(data).to_bytes(4, "big") + data)
    body = b"".join(parts)
    return kind + number.to_bytes(4, "big") + len(body).to_bytes(4, "big") + body


class Link:
    """The supervisor's end of the wire. Nothing here ever waits.

    Attributes:
        poll: What the one loop waits for; stdin is registered, and stdout while something is left to write.
        heard: When the harness was last heard.
    """

    def __init__(self, *, text: bool, lasting: bool) -> None:
        self.base64: ModuleType | None = __import__("binascii") if text else None
        self.lasting = lasting  # a reader that is gone may be followed by another
        self.poll = select.epoll()  # as poll, but no limit that others set on this process ends it
        self.token = posix.urandom(NONCE // 2).hex().encode()
        self.heard = time.monotonic()
        self.sync = b""  # the nonce of a harness that waits to adopt this sandbox
        self.inbox = bytearray()
        self.deaf = False  # what came is no request: until the next sync nothing is
        self.tail = b""  # the last of what came, in which a sync may have begun
        self.line = bytearray()
        self.outbox: list[bytes] = []
        self.polled = False
        posix.set_blocking(0, False)
        posix.set_blocking(1, False)
        self.poll.register(0, select.EPOLLIN)

    def end(self) -> "NoReturn":
        """End every process that can be ended, and this one."""
        try:
            posix.kill(-1, 9)
        except OSError:
            posix._exit(0)  # nobody is left
        posix._exit(0)

    def hello(self, background: int) -> None:
        """Say who this is; to a harness that adopts it, first that it has been found."""
        said = frame(b"H", 0, (b"%d" % PROTOCOL, self.token, background))
        if self.sync:
            said = HERE + self.token + self.sync + said
            self.sync = b""
        self.write(said)

    def send(self, kind: bytes, number: int, fields: "tuple[bytes | int, ...]") -> None:
        """Queue a reply, and write what can be written."""
        self.write(frame(kind, number, fields))

    def write(self, data: bytes) -> None:
        """Queue bytes, and write what can be written."""
        self.outbox.append(self.base64.b2a_base64(data) if self.base64 else data)
        self.flush()

    def flush(self) -> None:
        """Write what is queued as far as the harness reads it."""
        while self.outbox:
            try:
                rest = self.outbox[0][posix.write(1, self.outbox[0]) :]
            except BlockingIOError:
                break
            except OSError:
                if not self.lasting:
                    self.end()
                self.outbox.clear()  # nobody reads; the next harness begins with a sync
                break
            self.outbox[:1] = [rest] if rest else []
        if bool(self.outbox) != self.polled:
            self.polled = not self.polled
            if self.polled:
                self.poll.register(1, select.EPOLLOUT)
            else:
                self.poll.unregister(1)

    def receive(self) -> "list[tuple[bytes, int, list[bytes]]]":
        """Take in what there is; the requests that are whole now."""
        try:
            data = posix.read(0, CHUNK)
        except BlockingIOError:
            return []  # somebody else has taken it
        except OSError:
            data = b""
        if not data:
            self.end()  # the harness is gone
        self.heard = time.monotonic()
        found: list[tuple[bytes, int, list[bytes]]] = []
        if self.base64:
            for line in self.lines(data):
                self.tail = b""
                self.inbox.clear()
                self.take(line, found)
        else:
            self.take(data, found)
        return found

    def lines(self, data: bytes) -> "list[bytes]":
        """What the lines say that are whole now; a line that was cut says nothing."""
        assert self.base64
        first, *more = data.split(b"\n")
        self.line += first
        found = []
        for part in more:
            try:
                found.append(self.base64.a2b_base64(bytes(self.line)))
            except ValueError:
                continue  # its harness died while writing it
            finally:
                self.line[:] = part
        if len(self.line) > 2 * MAX_FRAME:
            self.line.clear()
        return found

    def take(self, data: bytes, found: "list[tuple[bytes, int, list[bytes]]]") -> None:
        """Cut bytes into requests; a sync in them undoes what came before it."""
        marker = SYNC + self.token
        whole = len(marker) + NONCE
        window = self.tail + data
        at = window.rfind(marker, 0, len(window) - NONCE)
        self.tail = window[1 - whole :]
        if at >= 0:
            self.sync = window[at + len(marker) : at + whole]
            data = window[at + whole :]
            self.tail = data[1 - whole :]
            self.deaf = False
            found.clear()
            self.inbox.clear()
            self.outbox.clear()
            if self.base64:
                self.outbox.append(b"\n")  # ends a line that was cut
        if self.deaf:
            return
        box = self.inbox
        box += data
        while len(box) >= 9:
            size = 9 + int.from_bytes(box[5:9], "big")
            if size > MAX_FRAME:
                if not self.lasting:
                    posix._exit(WRONG)
                box.clear()
                self.deaf = not self.base64  # a line ends by itself
                return
            if len(box) < size:
                break
            found.append((bytes(box[:1]), int.from_bytes(box[1:5], "big"), fields_of(bytes(box[9:size]))))
            del box[:size]


def value_after(option: str, words: "list[str]") -> str:
    """The word after `option`, or nothing."""
    return words[words.index(option) + 1] if option in words[:-1] else ""


def main() -> None:
    """Drop to the sandbox's user where started as root, say hello, serve until the harness is gone for good."""
    posix.closerange(3, 1 << 16)  # what the harness was started with is not for the sandbox's commands
    words = sys.argv[1:]
    if not __file__.startswith(FOLDER):
        posix.write(2, b"this ends all processes of its user: it starts in a sandbox only\n")
        posix._exit(WRONG)
    if value_after("--protocol", words) != str(PROTOCOL):
        posix.write(2, b"the supervisor of this image speaks protocol %d, not the one asked for\n" % PROTOCOL)
        posix._exit(WRONG)
    try:
        score = posix.open("/proc/self/oom_score_adj", posix.O_RDWR)  # as root still: later it is not ours
    except OSError:
        score = -1
    if posix.getuid() == 0:
        posix.setgroups([])
        posix.setgid(1000)
        posix.setuid(1000)
    posix.umask(0o022)
    lease = float(value_after("--lease", words) or 0)
    link = Link(text="--text" in words, lasting=bool(lease))
    link.hello(0)
    sys.path.insert(0, __file__.rpartition("/")[0])
    __import__("inside_commands").Supervisor(link, lease, score).serve()


if __name__ == "__main__":
    main()
