"""What the cloud knows: templates, sandboxes, and what it may refuse on demand."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standins.e2b.envd.app import VERSION
from tests.standins.e2b.machine.plan import BASE_USERS

DEFAULT_SECONDS = 15  # of a sandbox whose creation names no timeout; the SDK always names one
CPUS, MEMORY_MB = 2, 1024


def iso(when: dt.datetime) -> str:
    """A time as the API writes it."""
    return when.isoformat().replace("+00:00", "Z")


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Template:
    """What a sandbox is made from.

    Attributes:
        name: As a creation names it.
        shown: Folders or files of this machine that are seen inside, read-only, as if the template held them:
            path inside to path here.
        users: Names and numbers of its users beside root.
        envs: Environment variables of every command.
        disk_bytes: The size of its disk, which lies in memory.
        archive: Files that its sandboxes begin with, of a template that was built here.
    """

    name: str
    shown: Mapping[str, Path] = field(default_factory=dict)
    users: Mapping[str, int] = field(default_factory=lambda: dict(BASE_USERS))
    envs: Mapping[str, str] = field(default_factory=dict)
    disk_bytes: int = 1 << 30
    archive: Path | None = None


@dataclass
class Sandbox:
    """One sandbox, from its creation to its end.

    Attributes:
        asked: The body of the request that created it.
        state: `running` or `paused`.
    """

    template: Template
    asked: Mapping[str, Any]
    socket: str = ""
    id: str = field(default_factory=lambda: "i" + secrets.token_hex(10)[:19])
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    started: dt.datetime = field(default_factory=now)
    ends: dt.datetime = field(default_factory=now)
    state: str = "running"
    network: dict[str, Any] = field(default_factory=dict)
    ready: bool = False

    @property
    def metadata(self) -> dict[str, str]:
        """What its creator wrote on it."""
        return dict(self.asked.get("metadata") or {})

    @property
    def pauses(self) -> bool:
        """Whether its timeout pauses it instead of ending it."""
        return bool(self.asked.get("autoPause"))

    def created(self) -> dict[str, Any]:
        """What a creation answers."""
        return {
            "templateID": self.template.name,
            "alias": self.template.name,
            "sandboxID": self.id,
            "clientID": "standin",
            "envdVersion": VERSION,
            "envdAccessToken": self.token,
            "trafficAccessToken": None,
            "domain": None,
        }

    def listed(self) -> dict[str, Any]:
        """Its row in a list."""
        return {
            "templateID": self.template.name,
            "alias": self.template.name,
            "sandboxID": self.id,
            "clientID": "standin",
            "startedAt": iso(self.started),
            "endAt": iso(self.ends),
            "cpuCount": CPUS,
            "memoryMB": MEMORY_MB,
            "diskSizeMB": self.template.disk_bytes >> 20,
            "metadata": self.metadata,
            "state": self.state,
            "envdVersion": VERSION,
        }

    def detail(self) -> dict[str, Any]:
        """All that is told about it."""
        return {
            **self.listed(),
            "envdAccessToken": self.token,
            "domain": None,
            "allowInternetAccess": self.asked.get("allow_internet_access"),
            "network": self.network,
            "lifecycle": {
                "autoResume": bool((self.asked.get("autoResume") or {}).get("enabled")),
                "onTimeout": "pause" if self.pauses else "kill",
            },
        }


@dataclass(frozen=True)
class Seen:
    """A request that the cloud answered, in the log of requests."""

    method: str
    path: str
    sandbox: str
    status: int


@dataclass
class Refusal:
    """What the next creations are answered instead of a sandbox."""

    status: int
    message: str
    headers: dict[str, str]
    left: int


@dataclass
class Cut:
    """Answers that are cut off after some bytes: of paths that contain `path`, the next `left`."""

    path: str
    after: int
    left: int
    delay: float = 0.0


@dataclass
class Limits:
    """What the cloud allows one key.

    Attributes:
        creations_per_second: More are answered 429; None for no limit.
        burst: How many may come at once.
        concurrent: Running sandboxes; None for no limit.
        seconds: The longest time that may be asked for a sandbox.
    """

    creations_per_second: float | None = None
    burst: int = 1
    concurrent: int | None = None
    seconds: int = 24 * 3600
