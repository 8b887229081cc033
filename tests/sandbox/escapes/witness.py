"""What is planted on the host for the attempts to find, and how it is seen that they did not."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox.bubblewrap.process import host_id
from tests.sandbox.escapes.inside.kit import call

GIB = 1 << 30


class Witness:
    """A host with secrets in every place where one may be: only isolation keeps a sandbox from them."""

    def __init__(self) -> None:
        self.mark = "upesc" + secrets.token_hex(6)
        self.secret = "sk-" + secrets.token_hex(20)
        self.folder = Path(tempfile.mkdtemp(prefix=self.mark))
        self.folder.chmod(0o755)  # everybody may look: no mode protects it
        self._write("secret.txt", 0o644)
        self._write("ledger.txt", 0o666)
        self._write("workspaces/neighbour/note.txt", 0o644)
        self.home_secret = Path.home() / f".{self.mark}"
        self.home_secret.write_text(self.secret)
        self.posix_shm = Path("/dev/shm") / self.mark
        self.posix_shm.write_text(self.secret)
        os.environ["UPBENCH_ESCAPE_KEY"] = self.secret
        self._shm = call("shmget", 0x5EC0 + os.getpid() % 1000, 64, 0o1000 | 0o666)
        self._key = self._add_key()
        self._bystanders = {uid: self._bystander(uid) for uid in self._users()}
        self._listen()
        self._clock = time.time() - time.monotonic()
        self._before = self._state()

    def _write(self, name: str, mode: int) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.secret)
        path.chmod(mode)

    def _add_key(self) -> int:
        try:
            serial = call("add_key", b"user", self.mark.encode(), self.secret.encode(), len(self.secret), -3)
        except OSError:
            return 0  # no keyrings for this user
        with contextlib.suppress(OSError):
            call("keyctl", 5, serial, 0x3F3F3F3F)  # everybody may read it
        return serial

    @staticmethod
    def _users() -> tuple[int, ...]:
        """Of the agents of the providers, as the host numbers them."""
        return tuple({host_id() or 0, 1000}) if os.geteuid() == 0 else (os.geteuid(),)

    def _bystander(self, uid: int) -> subprocess.Popen[bytes]:
        """A process of the host that belongs to the very user that a sandbox's agent is."""
        more: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.Popen(
            [f"sleep-{self.mark}", "3600"],
            executable=shutil.which("sleep"),
            env={"ESCAPE_KEY": self.secret},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **more,
        )

    def _listen(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._abstract, self._path = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self._abstract.bind(f"\0{self.mark}")
        self._path.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o666)
        for one in (self._abstract, self._path):
            one.listen(64)

    def _sockets(self) -> tuple[socket.socket, ...]:
        return self._tcp, self._udp, self._abstract, self._path

    def facts(self, provider: str) -> dict[str, Any]:
        """What the attempts are told of the host: more than an agent would ever know."""
        wanted = host_id() or os.geteuid() if provider == "bwrap" else 1000
        bystander = self._bystanders.get(wanted) or next(iter(self._bystanders.values()))
        about = os.stat("/")
        return {
            "mark": self.mark,
            "folder": str(self.folder),
            "secret": str(self.folder / "secret.txt"),
            "ledger": str(self.folder / "ledger.txt"),
            "home_secret": str(self.home_secret),
            "state": str(self.folder / "workspaces"),
            "neighbour": str(self.folder / "workspaces/neighbour/note.txt"),
            "posix_shm": str(self.posix_shm),
            "shm": 0x5EC0 + os.getpid() % 1000,
            "key": self.mark,
            "bystander": bystander.pid,
            "harness": os.getpid(),
            "port": self._tcp.getsockname()[1],
            "udp_port": self._udp.getsockname()[1],
            "addresses": _addresses(),
            "abstract": self.mark,
            "socket": str(self.folder / "socket"),
            "disk": [os.major(about.st_dev), os.minor(about.st_dev)],
        }

    def _state(self) -> dict[str, str]:
        """Everything of the host that must stay as it is."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            about = path.lstat()
            text = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = f"{about.st_mode} {about.st_uid} {about.st_nlink} {about.st_mtime_ns} {text}"
        for path in (self.home_secret, self.posix_shm):
            found[str(path)] = path.read_text()
        for name in ("hostname", "domainname", "core_pattern", "modprobe", "pid_max", "random/boot_id"):
            with contextlib.suppress(OSError):
                found[name] = Path("/proc/sys/kernel", name).read_text()
        for program in ("bwrap", "runc", "runsc", "docker", "python3", "env"):
            if where := shutil.which(program):
                about = os.stat(where)
                found[where] = f"{about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"
        return found

    def alive(self) -> bool:
        """Whether the bystanders live and are not stopped."""
        states = []
        for process in self._bystanders.values():
            try:
                text = Path(f"/proc/{process.pid}/stat").read_text()
            except OSError:
                return False
            states.append(text.rpartition(")")[2].split()[0])
        return set(states) <= {"S", "R"}

    def visitors(self) -> int:
        """How many of the host's sockets somebody has come to; they are emptied."""
        count = 0
        for one in self._sockets():
            while select.select([one], [], [], 0)[0]:
                count += 1
                if one is self._udp:
                    one.recv(1000)
                else:
                    one.accept()[0].close()
        return count

    def check(self) -> None:
        """The host is as it was."""
        assert self.alive(), "a process of the host was ended or stopped"
        assert self.visitors() == 0, "somebody came to a socket of the host"
        now = self._state()
        changed = {name for name in now.keys() | self._before.keys() if now.get(name) != self._before.get(name)}
        assert not changed, f"changed on the host: {changed}"
        assert abs(time.time() - time.monotonic() - self._clock) < 60, "the host's clock was set"
        assert self.mark not in Path("/proc/self/mountinfo").read_text()

    def end(self) -> None:
        """Take away all that was planted."""
        for process in self._bystanders.values():
            process.kill()
            process.wait()
        for one in self._sockets():
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.home_secret.unlink(missing_ok=True)
        self.posix_shm.unlink(missing_ok=True)
        os.environ.pop("UPBENCH_ESCAPE_KEY", None)
        ctypes.CDLL(None).shmctl(self._shm, 0, None)
        if self._key:
            with contextlib.suppress(OSError):
                call("keyctl", 9, self._key, -3)


def _addresses() -> list[str]:
    try:
        found = socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []
    return [name for name in found if not name.startswith("127.")]
