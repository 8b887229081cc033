"""The supervisor: runs inside a sandbox, starts its commands, and answers the harness over stdin and stdout.

Python 3.8 or later, built-in modules only: it starts once a sandbox, and every import costs. Both directions
carry frames `kind (1 byte), id (4), length (4)` with a payload of fields `length (4), bytes`; numbers in fields
are decimal text. Requests: `R` run, `K` kill a command, `W` write, `G` read, `L` list a tree, `M` make a
folder. Replies: `H` hello (once, id 0), `D` done, `E` errno and text.

A command's processes are told from another's by a mark that fork, exec, setsid and `env -i` all keep: the hard
limit of RLIMIT_LOCKS (which no kernel enforces). It goes down by one a command, so that a process can only make
itself look younger, never older; a mark that belongs to no live command is swept with the next one.
"""

import _signal  # type: ignore[import-not-found]
import errno
import posix
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

LOCKS = 10  # RLIMIT_LOCKS
FIRST_MARK = 1 << 40
CHUNK = 1 << 18
MAX_FRAME = 80 << 20
SWEEP_SECONDS = 3.0  # how long dying processes and their pipes are waited for


class Stream:
    """First and last bytes of a stream, and how many there were."""

    def __init__(self, cap: int) -> None:
        self.head_cap, self.tail_cap = cap - cap // 2, cap // 2
        self.head = self.tail = b""
        self.total = 0

    def add(self, data: bytes) -> None:
        """Count `data` and keep what fits."""
        self.total += len(data)
        room = self.head_cap - len(self.head)
        self.head += data[:room]
        data = data[room:]
        if data and self.tail_cap:
            self.tail = (self.tail + data[-self.tail_cap :])[-self.tail_cap :]


class Job:
    """A command that runs, or whose background processes still do."""

    def __init__(self, number: int, fields: "list[bytes]") -> None:
        seconds, keep, cap, self.cwd, self.spill_path, count = fields[:6]
        end = 6 + int(count)
        self.number = number
        self.keep = keep == b"1"
        self.argv = fields[6:end]
        self.env = dict(zip(fields[end:-1:2], fields[end + 1 : -1 : 2]))  # noqa: B905  # Python 3.8
        self.stdin = memoryview(fields[-1])
        self.streams = {"out": Stream(int(cap)), "err": Stream(int(cap))}
        self.started = time.monotonic()
        self.deadline = self.started + float(seconds)
        self.pid = self.mark = 0
        self.spill = -1
        self.status = -1  # of the leader, once it is dead
        self.give_up = 0.0  # when dying processes are no longer waited for; 0 while none is dying
        self.timed_out = self.replied = False
        self.pipes: dict[str, int] = {}


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


def files() -> "ModuleType":
    """The module beside this one that handles files, imported when it is first needed."""
    if "inside_files" not in sys.modules:
        sys.path.insert(0, __file__.rpartition("/")[0])
    return __import__("inside_files")


class Supervisor:
    """One poll loop over the wire, the commands' pipes and the deaths of children."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.jobs: dict[int, Job] = {}  # number -> what has not been answered yet
        self.kept: set[int] = set()  # marks of commands whose background processes were left running
        self.owners: dict[int, tuple[Job, str]] = {}  # our end of a pipe -> whose it is
        self.inbox = bytearray()
        self.outbox: list[bytes] = []
        self.outbox_polled = False
        self.mark = FIRST_MARK
        self.me = posix.getpid()
        self.null = posix.open("/dev/null", posix.O_RDWR)
        self.wake, wake_end = posix.pipe()
        for handle in (self.wake, wake_end, 0, 1):
            posix.set_blocking(handle, False)
        _signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda number, stack: None)
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)

    def send(self, kind: bytes, number: int, fields: "tuple[bytes | int, ...]") -> None:
        """Queue a reply, and write what can be written."""
        self.outbox.append(frame(kind, number, fields))
        self.flush()

    def flush(self) -> None:
        """Write queued replies as far as the harness reads them; this never waits."""
        while self.outbox:
            try:
                rest = self.outbox[0][posix.write(1, self.outbox[0]) :]
            except BlockingIOError:
                break
            self.outbox[:1] = [rest] if rest else []
        if bool(self.outbox) != self.outbox_polled:
            self.outbox_polled = not self.outbox_polled
            if self.outbox_polled:
                self.poll.register(1, select.POLLOUT)
            else:
                self.poll.unregister(1)

    def receive(self) -> None:
        """Take in requests."""
        data = posix.read(0, CHUNK)
        if not data:
            posix._exit(0)  # the harness is gone; as process 1 of its namespace this ends everything in it
        box = self.inbox
        box += data
        while len(box) >= 9:
            end = 9 + int.from_bytes(box[5:9], "big")
            if end > MAX_FRAME:
                posix._exit(3)
            if len(box) < end:
                break
            kind, number, fields = bytes(box[:1]), int.from_bytes(box[1:5], "big"), fields_of(bytes(box[9:end]))
            del box[:end]
            self.request(kind, number, fields)

    def request(self, kind: bytes, number: int, fields: "list[bytes]") -> None:
        """Do what a request asks."""
        if kind == b"R":
            self.start(Job(number, fields))
        elif kind == b"K":
            if number in self.jobs:
                self.expire(self.jobs[number])
        else:
            try:
                self.send(b"D", number, files().WORK[kind](*fields))
            except OSError as error:
                self.send(b"E", number, (error.errno or 0, str(error.strerror).encode()))
            except ValueError as error:
                self.send(b"E", number, (errno.EINVAL, str(error).encode()))

    def start(self, job: Job) -> None:
        """Start a command, or answer as a shell would: 127 no such program, 126 it cannot be started."""
        self.jobs[job.number] = job
        pairs: list[tuple[int, int]] = []
        what, code = job.cwd, 126
        try:
            posix.chdir(job.cwd)
            if job.spill_path:
                what = job.spill_path
                job.spill = files().open_spill(job.spill_path)
            what, code = job.argv[0], 127
            pairs = [posix.pipe() for _ in range(3 if job.stdin else 2)]
            self.mark -= 1
            resource.setrlimit(LOCKS, (self.mark, self.mark))
            job.mark = self.mark
            self.spawn(job, [pairs[2][0] if job.stdin else self.null, pairs[0][1], pairs[1][1]])
        except (OSError, ValueError) as error:
            for pair in pairs:
                posix.close(pair[0])
                posix.close(pair[1])
            missing = code == 127 and isinstance(error, FileNotFoundError)
            said = getattr(error, "strerror", None) or str(error)
            job.streams["err"].add(what[:200] + b": " + said.encode() + b"\n")
            job.status = (127 if missing else 126) << 8
            self.answer(job)
            return
        finally:
            posix.chdir("/")
        for role, (read_end, write_end) in zip(("out", "err", "in"), pairs):  # noqa: B905  # Python 3.8
            mine, theirs = (write_end, read_end) if role == "in" else (read_end, write_end)
            posix.close(theirs)
            posix.set_blocking(mine, False)
            job.pipes[role] = mine
            self.owners[mine] = (job, role)
            self.poll.register(mine, select.POLLOUT if role == "in" else select.POLLIN)

    def spawn(self, job: Job, ends: "list[int]") -> None:
        """Start the leader in a session of its own with `ends` as its standard streams."""
        env = {**posix.environ, **job.env}
        actions = [(posix.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(ends)]
        program = job.argv[0]
        places = [b""] if b"/" in program else env.get(b"PATH", b"/usr/bin:/bin").split(b":")
        problem: OSError = FileNotFoundError(errno.ENOENT, "No such file or directory")
        for place in places:
            path = place + b"/" + program if place else program
            try:
                job.pid = posix.posix_spawn(
                    path, job.argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=(13, 25)
                )
                return
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                problem = error
        raise problem

    def pump(self, handle: int) -> bool:
        """Move bytes of one pipe; whether there may be more."""
        job, role = self.owners[handle]
        try:
            if role == "in":
                job.stdin = job.stdin[posix.write(handle, job.stdin[:65536]) :]
                more = bool(job.stdin)
            else:
                data = posix.read(handle, CHUNK)
                more = bool(data)
                if not job.replied:
                    job.streams[role].add(data)
                if job.spill >= 0:
                    files().write_all(job.spill, data)
        except BlockingIOError:
            return False
        except OSError as error:
            more = role != "in" and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)
            if more:
                self.end_spill(job)
        if not more:
            self.drop(job, role)
        return more

    def drop(self, job: Job, role: str) -> None:
        """Close one pipe."""
        handle = job.pipes.pop(role)
        self.poll.unregister(handle)
        posix.close(handle)
        del self.owners[handle]
        if job.replied and not job.pipes:
            self.end_spill(job)

    def end_spill(self, job: Job) -> None:
        """Close the spill file: the command is over, or the disk is full."""
        if job.spill >= 0:
            posix.close(job.spill)
            job.spill = -1

    def reap(self) -> None:
        """Collect the dead: leaders for their commands, orphans because this may be process 1."""
        leaders = {job.pid: job for job in self.jobs.values() if job.status < 0}
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in leaders:
                leaders[pid].status, leaders[pid].give_up = status, time.monotonic() + SWEEP_SECONDS

    def expire(self, job: Job) -> None:
        """Begin to kill a command: its deadline has come, or the harness no longer wants it."""
        job.timed_out, job.keep = True, False
        job.give_up = time.monotonic() + SWEEP_SECONDS
        self.sweep(job)

    def sweep(self, job: Job) -> bool:
        """Kill what is left of a command. True when nothing is."""
        others = {other.mark for other in self.jobs.values() if other is not job} | self.kept
        if not others:
            try:
                posix.kill(-1, 9)  # everything but this and process 1, at once: nothing can fork away from it
            except OSError:
                return True
            return False
        clean, seen = True, set()
        for name in posix.listdir("/proc"):
            if not name.isdigit() or int(name) in (1, self.me):
                continue
            mark = mark_of(name)
            seen.add(mark)
            if mark and (mark == job.mark or mark not in others):
                clean = False
                try:
                    posix.kill(int(name), 9)
                except OSError:
                    continue
        self.kept &= seen
        return clean

    def settle(self, job: Job) -> None:
        """Answer for a command whose leader is dead, once its processes and pipes are done with."""
        clean = job.keep or self.sweep(job)
        for role in ("out", "err"):
            for _ in range(16):  # a background process may write for ever
                if role not in job.pipes or not self.pump(job.pipes[role]):
                    break
        done = clean and not any(role in job.pipes for role in ("out", "err"))
        if job.keep:
            self.kept.add(job.mark)
        if done or job.keep or time.monotonic() >= job.give_up:
            self.answer(job)

    def answer(self, job: Job) -> None:
        """Send a command's result; pipes of background processes stay open and are drained."""
        job.replied = True
        for role in list(job.pipes):
            if role == "in" or not job.keep:
                self.drop(job, role)
        if not job.pipes:
            self.end_spill(job)
        del self.jobs[job.number]
        code = -(job.status & 0x7F) if job.status & 0x7F else job.status >> 8
        micros = int((time.monotonic() - job.started) * 1e6)
        out, err = job.streams["out"], job.streams["err"]
        kept = (out.head, out.tail, out.total, err.head, err.tail, err.total)
        self.send(b"D", job.number, (code, int(job.timed_out), micros, *kept))

    def turn(self) -> None:
        """One turn of the loop."""
        wait = None
        if any(job.give_up for job in self.jobs.values()):
            wait = 2
        elif self.jobs:
            first = min(job.deadline for job in self.jobs.values())
            wait = max(0, int((first - time.monotonic()) * 1000) + 1)
        for handle, _ in self.poll.poll(wait):
            if handle == 0:
                self.receive()
            elif handle == 1:
                self.flush()
            elif handle == self.wake:
                posix.read(self.wake, 4096)
            elif handle in self.owners:
                self.pump(handle)
        self.reap()
        now = time.monotonic()
        for job in list(self.jobs.values()):
            if job.status < 0 and now >= job.deadline and not job.timed_out:
                self.expire(job)
            if job.status < 0 and job.give_up and now >= job.give_up:
                job.status = 9  # it does not die; say so rather than wait for it
            if job.status >= 0:
                self.settle(job)


def mark_of(name: str) -> int:
    """The mark of a living process, or 0 when it is dead or unknown."""
    texts = []
    for file in ("/limits", "/stat"):
        try:
            handle = posix.open("/proc/" + name + file, posix.O_RDONLY)
            texts.append(posix.read(handle, 4096))
            posix.close(handle)
        except OSError:
            return 0
    limits, stat = texts
    if stat[stat.rfind(b")") + 2 :][:1] in (b"Z", b"X", b""):
        return 0
    words = limits[limits.find(b"Max file locks") + 14 :].split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def main() -> None:
    """Drop to the sandbox's user where started as root, say hello, serve until the wire ends."""
    posix.closerange(3, 1 << 16)  # what the harness was started with is not for the sandbox's commands
    if posix.getuid() == 0:
        posix.setgroups([])
        posix.setgid(1000)
        posix.setuid(1000)
    posix.umask(0o022)
    supervisor = Supervisor()
    supervisor.send(b"H", 0, (b"1",))
    while True:
        supervisor.turn()


if __name__ == "__main__":
    main()
