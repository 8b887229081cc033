"""Processes inside a sandbox: starting them with a mark, and ending all that carry it.

A command's processes are told from another's by a mark that fork, exec, setsid and `env -i` all keep: the hard
limit of RLIMIT_RSS, which no kernel enforces (and which gVisor knows as well). It goes down by one a command, so
that a process can only make itself look younger, never older; a mark that belongs to no live command is swept with
the next one.
"""

import errno
import posix
import resource

MARK = 5  # RLIMIT_RSS
OPEN_FILES = 7  # RLIMIT_NOFILE
# Every signal that may be ignored; a command gets them back as they are by default. 17 is the death of a child.
SIGNALS = tuple(number for number in range(1, 65) if number not in (9, 17, 19, 32, 33))
PASSES = 12
VICTIM = b"500"  # oom_score_adj of commands: where memory is short, half of it counts as theirs


class Victims:
    """While this is entered, what is started is killed for want of memory before the supervisor is.

    The score goes up and comes back down, which needs no privilege. A supervisor that is closed to its own user
    (its interpreter cannot be read) may not: there the command's is set once it runs.
    """

    def __init__(self, score: int) -> None:
        self.score = score
        self.own = posix.read(score, 16) if score >= 0 else b""

    def __enter__(self) -> None:
        self.set(VICTIM)

    def __exit__(self, *_: object) -> None:
        self.set(self.own)

    def late(self, pid: int) -> None:
        """Set the score of a command that has just been started, where it could not inherit it."""
        if self.score < 0:
            try:
                handle = posix.open(f"/proc/{pid}/oom_score_adj", posix.O_WRONLY)
            except OSError:
                return  # gone already, or there is no such file here
            try:
                posix.write(handle, VICTIM)
            except OSError:
                pass
            finally:
                posix.close(handle)

    def set(self, value: bytes) -> None:
        """Write the score of this process, which those that it starts inherit."""
        if self.score >= 0:
            try:
                posix.pwrite(self.score, value, 0)
            except OSError:
                posix.close(self.score)
                self.score = -1


def open_files() -> int:
    """How many files this process may have open."""
    most: int = resource.getrlimit(OPEN_FILES)[0]
    return most if most >= 0 else 1 << 30


def spawn(argv: "list[bytes]", added: "dict[bytes, bytes]", ends: "list[int]", mark: int) -> int:
    """Start a program in a session of its own, with `ends` as its standard streams; its process id.

    Raises:
        OSError: It cannot be started. ValueError: This process may not set the mark any more.
    """
    resource.setrlimit(MARK, (mark, mark))
    env = {**posix.environ, **added}
    actions = [(posix.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(ends)]
    program = argv[0]
    places = [b""] if b"/" in program else env.get(b"PATH", b"/usr/bin:/bin").split(b":")
    problem: OSError = FileNotFoundError(errno.ENOENT, "No such file or directory")
    for place in places:
        path = place + b"/" + program if place else program
        try:
            return posix.posix_spawn(
                path, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=SIGNALS
            )
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            problem = error
    raise problem


def first_of(path: str) -> bytes:
    """The beginning of a file of /proc; empty when its process is gone.

    Raises:
        OSError: No file can be opened any more.
    """
    handle = -1
    try:
        handle = posix.open(path, posix.O_RDONLY)
        return posix.read(handle, 4096)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return b""
    finally:
        if handle >= 0:
            posix.close(handle)


def mark_of(name: str) -> "tuple[int, bytes]":
    """Mark and state (`R`, `S`, `T` stopped ...) of a living process; mark -1 when it is dead or of no command."""
    stat = first_of("/proc/" + name + "/stat")
    state = stat[stat.rfind(b")") + 2 :][:1]
    if state in (b"Z", b"X", b""):
        return -1, b""
    try:
        mark: int = resource.prlimit(int(name), MARK)[1]
    except OSError:
        return -1, b""
    return mark, state  # unlimited is -1 as well; a process may have set it to anything lower, 0 included


def marked(me: int) -> "dict[int, tuple[int, bytes]]":
    """Every living process that a command has started: its mark and state."""
    found = {}
    for name in posix.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, me):
            mark, state = mark_of(name)
            if mark >= 0:
                found[int(name)] = mark, state
    return found


def marks(me: int, otherwise: "set[int]") -> "set[int]":
    """The marks of all living processes; `otherwise` where they cannot be looked at."""
    try:
        return {mark for mark, _ in marked(me).values()}
    except OSError:
        return otherwise


def end_all() -> bool:
    """Kill all but this and process 1, at once: nothing can fork away from it. True when nothing was left."""
    try:
        posix.kill(-1, 9)
    except OSError:
        return True
    return False


def end_marked(me: int, mark: int, others: "set[int]") -> "tuple[bool, set[int]]":
    """Kill what carries `mark`, or a mark that is not of `others`.

    Its processes are stopped before they are killed, until no running one is found: a stopped process forks no
    more and still counts, so that even at the limit of processes none can take a dead one's place.

    Returns:
        Whether nothing was left, and all marks that were seen.
    """
    clean = True
    ours: dict[int, bytes] = {}
    seen: set[int] = set()
    for _ in range(PASSES):
        living = marked(me)
        seen = {of for of, _ in living.values()}
        ours = {pid: state for pid, (of, state) in living.items() if of == mark or of not in others}
        clean = clean and not ours
        running = [pid for pid, state in ours.items() if state not in (b"T", b"t")]
        signal_all(running or list(ours), 19 if running else 9)
        if not running:
            return clean, seen
    signal_all(list(ours), 9)
    return clean, seen


def signal_all(processes: "list[int]", number: int) -> None:
    """Send a signal to each."""
    for pid in processes:
        try:
            posix.kill(pid, number)
        except OSError:
            continue
