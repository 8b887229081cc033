"""Commands inside a sandbox: one loop over the wire, the commands' pipes and the deaths of children."""

import _signal  # type: ignore[import-not-found]
import errno
import posix
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from sandbox.supervisor import inside_processes as processes
    from sandbox.supervisor.inside import Link
else:
    import inside_processes as processes

FIRST_MARK = 1 << 40
CHUNK = 1 << 18
SWEEP_SECONDS = 3.0  # how long dying processes and their pipes are waited for
OWN_FILES = 16  # stdin, stdout and so on, and what one request or one sweep opens for a moment
FILES_EACH = 4  # of a command: three pipes and its spill


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
        self.number = number  # of its request; negative when nobody waits for it any more
        self.keep = keep == b"1"
        self.argv = fields[6:end]
        if not self.argv or end >= len(fields):
            raise ValueError("No program")
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


def files() -> "ModuleType":
    """The module beside this one that handles files, imported when it is first needed."""
    return __import__("inside_files")


class Supervisor:
    """Runs commands and answers requests over a `Link`. `score` is its open `oom_score_adj`, or -1."""

    def __init__(self, link: "Link", lease: float, score: int) -> None:
        self.link, self.lease = link, lease
        self.victims = processes.Victims(score)
        self.poll = link.poll
        self.jobs: dict[int, Job] = {}  # number -> what has not been answered yet
        self.kept: set[int] = set()  # marks of commands whose background processes were left running
        self.owners: dict[int, tuple[Job, str]] = {}  # our end of a pipe -> whose it is
        self.mark = FIRST_MARK
        self.me = posix.getpid()
        self.null = posix.open("/dev/null", posix.O_RDWR)
        self.wake, wake_end = posix.pipe()
        for handle in (self.wake, wake_end):
            posix.set_blocking(handle, False)
        for number in processes.SIGNALS:
            _signal.signal(number, _signal.SIG_IGN)
        _signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda number, stack: None)
        self.poll.register(self.wake, select.EPOLLIN)

    def serve(self) -> None:
        """Serve until the process ends."""
        while True:
            self.turn()

    def request(self, kind: bytes, number: int, fields: "list[bytes]") -> None:
        """Do what a request asks."""
        try:
            if kind == b"R":
                self.start(Job(number, fields))
            elif kind == b"K":
                if number in self.jobs:
                    self.expire(self.jobs[number])
            elif kind == b"P":
                self.link.send(b"D", number, ())
            else:
                self.link.send(b"D", number, files().WORK[kind](*fields))
        except OSError as error:
            self.link.send(b"E", number, (error.errno or 0, str(error.strerror).encode()))
        except MemoryError:
            self.link.send(b"E", number, (errno.ENOMEM, b"Cannot allocate memory"))
        except (ValueError, TypeError, LookupError) as error:  # no harness of ours asks so
            self.link.send(b"E", number, (errno.EINVAL, str(error).encode()[:200]))

    def abandon(self) -> None:
        """Nobody waits for the commands that run: kill them, and answer nobody."""
        for job in list(self.jobs.values()):
            if job.number > 0:
                del self.jobs[job.number]
                job.number = -job.mark
                self.jobs[job.number] = job
                self.expire(job)

    def adopted(self) -> None:
        """Greet the new harness, once nothing is left of the commands of the last."""
        if all(number > 0 for number in self.jobs):
            self.kept &= processes.marks(self.me, self.kept)
            self.link.hello(len(self.kept))

    def start(self, job: Job) -> None:
        """Start a command, or answer as a shell would: 127 no such program, 126 it cannot be started."""
        self.jobs[job.number] = job
        pairs: list[tuple[int, int]] = []
        what, code = job.cwd, 126
        try:
            posix.chdir(job.cwd)
            if OWN_FILES + FILES_EACH + self.in_use() > processes.open_files():
                raise OSError(errno.EMFILE, "Too many commands are open")
            if job.spill_path:
                what = job.spill_path
                job.spill = files().open_spill(job.spill_path)
            what, code = job.argv[0], 127
            pairs = [posix.pipe() for _ in range(3 if job.stdin else 2)]
            self.mark -= 1
            job.mark = self.mark
            ends = [pairs[2][0] if job.stdin else self.null, pairs[0][1], pairs[1][1]]
            with self.victims:
                job.pid = processes.spawn(job.argv, job.env, ends, job.mark)
            self.victims.late(job.pid)
        except (OSError, ValueError, MemoryError) as error:
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
            self.poll.register(mine, select.EPOLLOUT if role == "in" else select.EPOLLIN)

    def in_use(self) -> int:
        """How many files commands keep open here."""
        return len(self.owners) + len({job.spill for job, _ in self.owners.values()})

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
            return processes.end_all()
        try:
            clean, seen = processes.end_marked(self.me, job.mark, others)
        except OSError:
            return processes.end_all()  # no file can be opened to tell them apart
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
        if job.number > 0:
            self.link.send(b"D", job.number, (code, int(job.timed_out), micros, *kept))

    def patience(self) -> "float | None":
        """Seconds until something is to be done though nothing happens."""
        if any(job.give_up for job in self.jobs.values()):
            return 0.002
        times = [job.deadline for job in self.jobs.values()]
        if self.lease:
            times.append(self.link.heard + self.lease)
        return max(0.0, min(times) - time.monotonic()) + 0.001 if times else None

    def turn(self) -> None:
        """One turn of the loop."""
        for handle, _ in self.poll.poll(self.patience()):
            if handle == 0:
                requests = self.link.receive()
                if self.link.sync:
                    self.abandon()
                for request in requests:
                    self.request(*request)
            elif handle == 1:
                self.link.flush()
            elif handle == self.wake:
                posix.read(self.wake, 4096)
            elif handle in self.owners:
                self.pump(handle)
        self.reap()
        self.age(time.monotonic())
        if self.link.sync:
            self.adopted()
        if self.lease and time.monotonic() >= self.link.heard + self.lease:
            self.link.end()

    def age(self, now: float) -> None:
        """See what the time asks of the commands."""
        for job in list(self.jobs.values()):
            if job.status < 0 and now >= job.deadline and not job.timed_out:
                self.expire(job)
            if job.status < 0 and job.give_up and now >= job.give_up:
                job.status = 9  # it does not die; say so rather than wait for it
            if job.status >= 0:
                self.settle(job)
