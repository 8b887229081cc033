"""The supervisor: runs inside a sandbox, starts its commands, and answers the harness over stdin and stdout.

Self-contained, Python 3.8 or later, built-in modules only: it starts once per sandbox, and every import costs.
Both directions carry frames `kind (1 byte), id (4 bytes), length (4 bytes)`, then a payload of fields, each
`length (4 bytes), bytes`; numbers in fields are decimal text. Requests: `R` run, `K` kill a command, `W` write,
`G` read, `L` list a tree. Replies: `H` hello (once, id 0), `D` done, `E` errno and text.

A command's processes are told from another's by a mark that fork, exec, setsid and `env -i` all keep: the hard
limit of RLIMIT_LOCKS (which no kernel enforces). It goes down by one a command, so that a process can only make
itself look younger, never older; a mark that belongs to no live command is swept with the next one.
"""

import _signal
import errno
import posix
import resource
import select
import time

LOCKS = 10  # RLIMIT_LOCKS
FIRST_MARK = 1 << 40
CHUNK = 1 << 18
MAX_FRAME = 80 << 20
SWEEP_SECONDS = 3.0  # how long dying processes and their pipes are waited for


class Stream:
    """First and last bytes of a stream, and how many there were."""

    def __init__(self, cap):
        self.head_cap = cap - cap // 2
        self.tail_cap = cap // 2
        self.head = b""
        self.tail = b""
        self.total = 0

    def add(self, data):
        self.total += len(data)
        room = self.head_cap - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data and self.tail_cap:
            self.tail = (self.tail + data[-self.tail_cap :])[-self.tail_cap :]


class Job:
    """A command that runs, or whose background processes still do."""

    def __init__(self, number, fields):
        seconds, keep, cap, cwd, spill, count = fields[:6]
        count = int(count)
        self.number = number
        self.keep = keep == b"1"
        self.cwd = cwd
        self.spill_path = spill
        self.argv = fields[6 : 6 + count]
        pairs = fields[6 + count : -1]
        self.env = dict(zip(pairs[0::2], pairs[1::2]))
        self.stdin = memoryview(fields[-1])
        self.out = Stream(int(cap))
        self.err = Stream(int(cap))
        self.started = time.monotonic()
        self.deadline = self.started + float(seconds)
        self.pid = self.mark = 0
        self.spill = self.status = self.give_up = None
        self.timed_out = self.replied = False
        self.fds = {}


def fields_of(payload):
    """The fields of a payload."""
    found = []
    at = 0
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        found.append(payload[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def frame(kind, number, fields):
    """A frame of `fields`; integers become decimal text."""
    parts = []
    for field in fields:
        data = b"%d" % field if isinstance(field, int) else field
        parts.append(len(data).to_bytes(4, "big") + data)
    body = b"".join(parts)
    return kind + number.to_bytes(4, "big") + len(body).to_bytes(4, "big") + body


def make_parents(path):
    """Make the folders above `path`."""
    at = path.find(b"/", 1)
    while at > 0:
        try:
            posix.mkdir(path[:at], 0o755)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise
        at = path.find(b"/", at + 1)


def open_regular(path, flags):
    """Open a regular file; never waits on a fifo. Raises OSError (EISDIR, EINVAL for what is no file)."""
    handle = posix.open(path, flags | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC, 0o644)
    kind = posix.fstat(handle).st_mode & 0o170000
    if kind != 0o100000:
        posix.close(handle)
        raise OSError(errno.EISDIR if kind == 0o040000 else errno.EINVAL, "Not a regular file")
    return handle


def write_all(handle, data):
    """Write every byte of `data`."""
    view = memoryview(data)
    while view:
        view = view[posix.write(handle, view) :]


def do_write(path, flags, data):
    """`W`: `first` truncates and makes folders, `exec` marks a program; later chunks are appended."""
    first = b"f" in flags
    if first:
        make_parents(path)
    handle = open_regular(path, posix.O_WRONLY | (posix.O_CREAT if first else posix.O_APPEND))
    try:
        if first:
            posix.ftruncate(handle, 0)
            if b"x" in flags:
                posix.fchmod(handle, 0o755)
        write_all(handle, data)
    finally:
        posix.close(handle)
    return ()


def do_read(path, offset, length):
    """`G`: the file's size, and `length` bytes from `offset`."""
    handle = open_regular(path, posix.O_RDONLY)
    try:
        size = posix.fstat(handle).st_size
        return size, posix.pread(handle, min(int(length), MAX_FRAME // 2), int(offset))
    finally:
        posix.close(handle)


def do_list(root, most, depth):
    """`L`: (kind, size, path below root) of what is under `root`; `f` file, `l` link, `o` other, `x` too deep."""
    found = []
    room = int(most)
    stack = [(root, b"", 0)]
    while stack:
        folder, below, level = stack.pop()
        try:
            with posix.scandir(folder) as entries:
                for entry in entries:
                    if not room:
                        return [*found, b"+", 0, b""]
                    room -= 1
                    kind = entry.stat(follow_symlinks=False)
                    mode = kind.st_mode & 0o170000
                    name = below + entry.name
                    if mode == 0o040000 and level + 1 < int(depth):
                        stack.append((folder + b"/" + entry.name, name + b"/", level + 1))
                    elif mode == 0o040000:
                        found += (b"x", 0, name)
                    else:
                        letter = {0o100000: b"f", 0o120000: b"l"}.get(mode, b"o")
                        found += (letter, kind.st_size, name)
        except OSError:
            if not level:
                raise
            found += (b"u", 0, below.rstrip(b"/"))
    return found


def do_mkdir(path):
    """`M`: make a folder and those above it."""
    make_parents(path + b"/")
    return ()


FILE_WORK = {b"M": do_mkdir, b"W": do_write, b"G": do_read, b"L": do_list}


class Supervisor:
    """One poll loop over the wire, the commands' pipes and the deaths of children."""

    def __init__(self):
        self.poll = select.poll()
        self.jobs = {}  # number -> Job that has not answered yet
        self.kept = set()  # marks of commands whose background processes were left running
        self.owners = {}  # fd -> (Job, "out" | "err" | "in")
        self.inbox = bytearray()
        self.outbox = []
        self.waiting = False  # whether descriptor 1 is polled
        self.mark = FIRST_MARK
        self.null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
        self.wake, wake_end = posix.pipe()
        for handle in (self.wake, wake_end, 0, 1):
            posix.set_blocking(handle, False)
        _signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda number, stack: None)
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)

    # The wire

    def send(self, kind, number, fields):
        self.outbox.append(frame(kind, number, fields))
        self.flush()

    def flush(self):
        while self.outbox:
            try:
                sent = posix.write(1, self.outbox[0])
            except BlockingIOError:
                break
            rest = self.outbox[0][sent:]
            if rest:
                self.outbox[0] = rest
            else:
                del self.outbox[0]
        if bool(self.outbox) != self.waiting:
            self.waiting = bool(self.outbox)
            if self.waiting:
                self.poll.register(1, select.POLLOUT)
            else:
                self.poll.unregister(1)

    def receive(self):
        data = posix.read(0, CHUNK)
        if not data:
            posix._exit(0)  # the harness is gone; as process 1 of its namespace this ends everything in it
        box = self.inbox
        box += data
        while len(box) >= 9:
            size = int.from_bytes(box[5:9], "big")
            if size > MAX_FRAME:
                posix._exit(3)
            if len(box) < 9 + size:
                break
            kind, number = bytes(box[:1]), int.from_bytes(box[1:5], "big")
            payload = bytes(memoryview(box)[9 : 9 + size])
            del box[: 9 + size]
            self.request(kind, number, fields_of(payload))

    def request(self, kind, number, fields):
        if kind == b"R":
            self.start(Job(number, fields))
        elif kind == b"K":
            job = self.jobs.get(number)
            if job:
                self.expire(job)
        else:
            try:
                self.send(b"D", number, FILE_WORK[kind](*fields))
            except OSError as error:
                self.send(b"E", number, (error.errno or 0, str(error.strerror).encode()))
            except ValueError as error:
                self.send(b"E", number, (errno.EINVAL, str(error).encode()))

    # Commands

    def start(self, job):
        self.jobs[job.number] = job
        env = dict(posix.environ)
        env.update(job.env)
        pipes = []
        try:
            posix.chdir(job.cwd)
            if job.spill_path:
                make_parents(job.spill_path)
                job.spill = open_regular(job.spill_path, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC)
            self.mark -= 1
            resource.setrlimit(LOCKS, (self.mark, self.mark))
            job.mark = self.mark
            for _ in range(3 if job.stdin else 2):
                pipes.append(posix.pipe())
            ends = [pipes[2][0] if job.stdin else self.null, pipes[0][1], pipes[1][1]]
            job.pid = self.spawn(job.argv, env, ends)
        except (OSError, ValueError) as error:
            for pair in pipes:
                posix.close(pair[0])
                posix.close(pair[1])
            self.refuse(job, error)
            return
        finally:
            posix.chdir("/")
        for pair, role in zip(pipes, ("out", "err", "in")):
            mine, theirs = (pair[1], pair[0]) if role == "in" else pair
            posix.close(theirs)
            posix.set_blocking(mine, False)
            job.fds[role] = mine
            self.owners[mine] = (job, role)
            self.poll.register(mine, select.POLLOUT if role == "in" else select.POLLIN)

    def spawn(self, argv, env, ends):
        actions = [(posix.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(ends)]
        places = [b""] if b"/" in argv[0] else env.get(b"PATH", b"/usr/bin:/bin").split(b":")
        problem = FileNotFoundError(errno.ENOENT, "No such file or directory")
        for place in places:
            program = place + b"/" + argv[0] if place else argv[0]
            try:
                return posix.posix_spawn(
                    program, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=(13, 25)
                )
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                problem = error
        raise problem

    def refuse(self, job, error):
        """Answer as a shell would: 127 when there is no such program, 126 when it cannot be started."""
        missing = isinstance(error, FileNotFoundError)
        said = getattr(error, "strerror", None) or str(error)
        job.err.add(job.argv[0][:200] + b": " + said.encode() + b"\n")
        job.status = (127 if missing else 126) << 8
        self.answer(job)

    def pump(self, handle):
        """Move bytes of one pipe."""
        job, role = self.owners[handle]
        try:
            if role == "in":
                job.stdin = job.stdin[posix.write(handle, job.stdin[:65536]) :]
                ended = not job.stdin
            else:
                data = posix.read(handle, CHUNK)
                ended = not data
                self.take(job, role, data)
        except BlockingIOError:
            return False
        except OSError:
            ended = True
        if ended:
            self.drop(job, role)
        return not ended

    def take(self, job, role, data):
        if not job.replied:
            (job.out if role == "out" else job.err).add(data)
        if job.spill is not None:
            try:
                write_all(job.spill, data)
            except OSError:
                posix.close(job.spill)
                job.spill = None

    def drop(self, job, role):
        handle = job.fds.pop(role)
        self.poll.unregister(handle)
        posix.close(handle)
        del self.owners[handle]
        if job.replied and not job.fds and job.spill is not None:
            posix.close(job.spill)
            job.spill = None

    # Ends

    def reap(self):
        """Collect the dead: leaders by their command, orphans because this is process 1."""
        leaders = {job.pid: job for job in self.jobs.values() if job.status is None}
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            job = leaders.get(pid)
            if job:
                job.status = status
                job.give_up = time.monotonic() + SWEEP_SECONDS

    def expire(self, job):
        if not job.timed_out:
            job.timed_out = True
            job.keep = False
            job.give_up = time.monotonic() + SWEEP_SECONDS
        self.sweep(job)

    def sweep(self, job):
        """Kill what is left of a command. True when nothing is."""
        others = [other for other in self.jobs.values() if other is not job and other.pid]
        if not others and not self.kept:
            try:
                posix.kill(-1, 9)
            except ProcessLookupError:
                return True
            except PermissionError:
                return True
            return False
        live = {other.mark for other in others} | self.kept
        clean = True
        seen = set()
        for name in posix.listdir("/proc"):
            if name.isdigit() and int(name) != posix.getpid() and name != "1":
                mark = mark_of(name)
                seen.add(mark)
                if mark == job.mark or (mark and mark not in live):
                    clean = False
                    try:
                        posix.kill(int(name), 9)
                    except OSError:
                        pass
        self.kept &= seen
        return clean

    def settle(self, job):
        """Answer for a command whose leader is dead, once its processes and pipes are done with."""
        if job.keep:
            for role in ("out", "err"):
                while role in job.fds and self.pump(job.fds[role]):
                    pass
            self.kept.add(job.mark)
            self.answer(job)
            return
        over = time.monotonic() >= job.give_up
        clean = self.sweep(job)
        for role in ("out", "err"):
            while role in job.fds and self.pump(job.fds[role]):
                pass
        piped = "out" in job.fds or "err" in job.fds
        if over or (clean and not piped):
            self.answer(job)

    def answer(self, job):
        if not job.keep:
            for role in list(job.fds):
                self.drop(job, role)
            if job.spill is not None:
                posix.close(job.spill)
                job.spill = None
        elif "in" in job.fds:
            self.drop(job, "in")
        job.replied = True
        del self.jobs[job.number]
        code = -(job.status & 0x7F) if job.status & 0x7F else job.status >> 8
        micros = int((time.monotonic() - job.started) * 1e6)
        out, err = job.out, job.err
        self.send(
            b"D",
            job.number,
            (code, int(job.timed_out), micros, out.head, out.tail, out.total, err.head, err.tail, err.total),
        )

    def turn(self):
        """One turn of the loop."""
        wait = None
        if self.jobs:
            now = time.monotonic()
            first = min(0.0 if job.give_up else job.deadline for job in self.jobs.values())
            ending = any(job.give_up for job in self.jobs.values())
            wait = 2 if ending else max(0, int((first - now) * 1000) + 1)
        for handle, event in self.poll.poll(wait):
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
            if job.status is None and now >= job.deadline:
                self.expire(job)
            if job.status is not None:
                self.settle(job)
            elif job.give_up and now >= job.give_up:
                job.status = 9
                self.answer(job)


def mark_of(name):
    """The mark of a living process, or 0 when it is dead or unknown."""
    try:
        handle = posix.open("/proc/" + name + "/limits", posix.O_RDONLY | posix.O_CLOEXEC)
        text = posix.read(handle, 4096)
        posix.close(handle)
        handle = posix.open("/proc/" + name + "/stat", posix.O_RDONLY | posix.O_CLOEXEC)
        stat = posix.read(handle, 1024)
        posix.close(handle)
    except OSError:
        return 0
    if stat[stat.rfind(b")") + 2 :][:1] in (b"Z", b"X", b""):
        return 0
    at = text.find(b"Max file locks")
    words = text[at + 14 : at + 60].split()
    return int(words[1]) if at >= 0 and words[1].isdigit() else 0


def main():
    """Drop to the sandbox's user where started as root, say hello, serve until the wire ends."""
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
