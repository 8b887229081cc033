"""Machines of one's own on this one: each a network namespace behind a bridge, with a host name and a folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import lacking


def _ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {words}: {done.stderr}"


def _free_prefix() -> str:
    """The first three numbers of addresses that no other bridge of this machine has."""
    taken = subprocess.run(["ip", "-4", "-o", "address"], capture_output=True, text=True, check=True).stdout
    free = [number for number in range(1, 255) if f" 10.213.{number}." not in taken]
    return f"10.213.{secrets.choice(free)}"


@dataclass
class Machine:
    """One machine. Nothing of it is shared with another but what is reached over the network.

    Attributes:
        name: Its host name. bridge: What its cable is plugged into. cable: Our end of it.
    """

    name: str
    bridge: str
    cable: str
    folder: Path
    env: dict[str, str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """The data folder of its project."""
        return self.folder / ".upbench"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A process of the command line on this machine."""
        host = f'hostname {self.name.rpartition("-")[2]} && exec "$@"'
        within = ["nsenter", f"--net=/run/netns/{self.name}", "unshare", "--uts", "sh", "-c", host, "sh"]
        process = subprocess.Popen(
            [*within, sys.executable, "-m", "upbench", *arguments],
            cwd=self.folder,
            env=os.environ | self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def kill(self) -> None:
        """SIGKILL to what runs on it."""
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def cut(self) -> None:
        """Pull the cable out: what is sent is lost, and nobody is told."""
        _ip("link", "set", self.cable, "nomaster")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.cable, "master", self.bridge)


@dataclass
class Network:
    """A bridge and what is plugged into it.

    Attributes:
        address: Of this machine on it: that of database, bucket and model.
    """

    bridge: str
    prefix: str
    machines: list[Machine] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.prefix}.1"

    def machine(self, name: str, folder: Path, env: Mapping[str, str]) -> Machine:
        """Plug in a machine whose project lies in `folder`."""
        folder.mkdir()
        number = len(self.machines) + 2
        one = Machine(f"{self.bridge}-{name}", self.bridge, f"{self.bridge}v{number}", folder, dict(env))
        inside = f"{self.bridge}i{number}"
        self.machines.append(one)
        _ip("netns", "add", one.name)
        _ip("link", "add", one.cable, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", one.name)
        _ip("-n", one.name, "addr", "add", f"{self.prefix}.{number}/24", "dev", inside)
        for name_of_link in (inside, "lo"):
            _ip("-n", one.name, "link", "set", name_of_link, "up")
        _ip("link", "set", one.cable, "up", "master", self.bridge)
        return one


@contextmanager
def network() -> Iterator[Network]:
    """A bridge of this machine, and nothing left of it, or of what was plugged into it, afterwards."""
    lack = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
    if lack or os.geteuid() != 0:
        lacking("namespaces", f"{lack[0]} not found" if lack else "only root may make network namespaces")
    made = Network(f"ub{secrets.token_hex(3)}", _free_prefix())
    _ip("link", "add", made.bridge, "type", "bridge")
    try:
        _ip("addr", "add", f"{made.address}/24", "dev", made.bridge)
        _ip("link", "set", made.bridge, "up")
        yield made
    finally:
        for one in made.machines:
            one.kill()
            _ip("netns", "delete", one.name, check=False)
            _ip("link", "delete", one.cable, check=False)
        _ip("link", "delete", made.bridge, check=False)
