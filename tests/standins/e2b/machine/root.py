"""The machine's files: a private writable root, with the host's system shown read-only in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.standins.e2b.machine.plan import MachinePlan

SYSTEM = ("/usr",)
MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs of /usr read in /etc, where the host has it. Nothing that says who or where the host is.
SETTINGS = (
    *("/etc/alternatives", "/etc/ssl", "/etc/ca-certificates", "/etc/fonts", "/etc/mime.types", "/etc/magic"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/python3", "/etc/python3.11"),
    *("/etc/pam.d", "/etc/security", "/etc/login.defs", "/etc/bash.bashrc", "/etc/debian_version"),
    *("/etc/os-release", "/etc/libreoffice", "/etc/papersize", "/etc/ImageMagick-6", "/etc/terminfo"),
)
FOLDERS = ("/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var", "/var/tmp")
OPEN_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
PROFILE = """\
if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
else
  PATH="/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
fi
export PATH
"""


def bwrap_arguments(plan: MachinePlan) -> list[str]:
    """How `bwrap` makes the machine; it is kept alive by a process that only sleeps."""
    arguments = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--die-with-parent", "--new-session", "--cap-add", "ALL", "--clearenv"]
    arguments += ["--size", str(plan.disk_bytes), "--tmpfs", "/"]
    for path in SYSTEM:
        arguments += ["--ro-bind", path, path]
    for path in MERGED:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    for path in FOLDERS:
        arguments += ["--perms", "1777" if path in OPEN_FOLDERS else "0755", "--dir", path]
    for path in SETTINGS:
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--symlink", "/run", "/var/run"]
    for inside, outside in plan.shown.items():
        arguments += ["--ro-bind", outside, inside]
    return [*arguments, "--chdir", "/", "--", "/bin/sh", "-c", "echo; exec sleep infinity"]


def _texts(plan: MachinePlan) -> Iterator[tuple[str, str, int]]:
    users = plan.users.items()
    passwd = ["root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    passwd += [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash" for name, uid in users]
    groups = ["root:x:0:", "tty:x:5:", "nogroup:x:65534:", *(f"{name}:x:{uid}:" for name, uid in users)]
    yield "/etc/passwd", "\n".join(passwd) + "\n", 0o644
    yield "/etc/group", "\n".join(groups) + "\n", 0o644
    yield "/etc/shadow", "\n".join(f"{name}:*:20000:0:99999:7:::" for name in ("root", *plan.users)) + "\n", 0o600
    yield "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 e2b.local\n", 0o644
    yield "/etc/hostname", "e2b.local\n", 0o644
    yield "/etc/resolv.conf", "nameserver 8.8.8.8\n", 0o644
    yield "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n", 0o644
    yield "/etc/profile", PROFILE, 0o644
    yield "/etc/timezone", "Etc/UTC\n", 0o644


def furnish(plan: MachinePlan) -> None:
    """Write the machine's own files and give them to its users; runs inside, still as the host's root."""
    for path, text, mode in _texts(plan):
        Path(path).write_text(text, encoding="utf-8")
        os.chmod(path, mode)
        os.chown(path, plan.ids, plan.ids)
    for path in ("/", *FOLDERS):
        os.chown(path, plan.ids, plan.ids)
    for path in OPEN_FOLDERS:
        os.chmod(path, 0o1777)
    for name, uid in plan.users.items():
        home = f"/home/{name}"
        os.makedirs(home, exist_ok=True)
        os.chmod(home, 0o755)
        os.chown(home, plan.ids + uid, plan.ids + uid)
