"""What a machine is made of: sent from the cloud to the zygote as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

BASE_USERS: Mapping[str, int] = {"user": 1000}


@dataclass(frozen=True)
class MachinePlan:
    """One machine.

    Attributes:
        name: The sandbox's id.
        socket: The host's path of the unix socket that envd listens on.
        token: What envd asks for.
        envs: Environment variables of every command.
        shown: Folders and files of the host that are seen inside, read-only: path inside to path on the host.
        users: Names and numbers of users beside root.
        ids: The host's user and group number that is root inside; 65536 from there belong to the machine.
        disk_bytes: The size of its disk, which lies in memory.
        archive: The host's path of an archive of files that it begins with.
        processes: How many processes may run in it.
    """

    name: str
    socket: str
    token: str
    envs: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, int] = field(default_factory=lambda: dict(BASE_USERS))
    ids: int = 1 << 24
    disk_bytes: int = 1 << 30
    archive: str | None = None
    processes: int = 1024

    def dump(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
