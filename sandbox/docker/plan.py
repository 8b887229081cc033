"""What a sandbox's container is made from, and whether another was made from the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.docker.facts import Runtime
from sandbox.docker.seccomp import profile
from sandbox.leases.book import DEAD_MAN_SECONDS
from sandbox.protocol import SandboxLimits
from sandbox.supervisor.program import FOLDER, arguments

# This copy of the interpreter may be run but not read: the kernel shows nothing of the supervisor to others then.
PYTHON = f"{FOLDER}/python3"
# Where gVisor does not know what GNU `ls` and `stat` ask for, others do.
GVISOR = ("sh", "-c", 'stat / >/dev/null 2>&1 || PATH="/opt/plain:$PATH"; exec python3 "$@"', "sh")
# gVisor runs no file that it may not read. There the supervisor closes itself to others before it begins.
CLOSED = (
    "import ctypes, sys, _frozen_importlib_external as loading;"
    "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0);"  # PR_SET_DUMPABLE
    "code = loading.SourcelessFileLoader('__main__', sys.argv[1]).get_code('__main__');"
    "exec(code, {'__name__': '__main__', '__file__': sys.argv[1]})"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sandbox's container is made from.

    Attributes:
        image: The image's id (a digest).
        binds: Target inside -> host file or folder, all read-only.
        filter: Of system calls, as the engine takes it; None under gVisor, which lets none through to the kernel.
        labels: Among them `plan`: the digest of everything here that is not of this opening alone.
    """

    name: str
    image: str
    volume: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    binds: Mapping[str, Path]
    filter: str | None
    labels: Mapping[str, str]
    limits: SandboxLimits
    runtime: Runtime


def make_plan(
    *,
    image: str,
    runtime: Runtime,
    volume: str,
    binds: Mapping[str, Path],
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    lease: str,
    limits: SandboxLimits,
) -> Plan:
    """A plan with its digest, and a name of its own."""
    command = _command(runtime)
    shown = {target: str(path) for target, path in binds.items()}
    calls = None if runtime.gvisor else profile()
    facts = [image, runtime.name, volume, shown, dict(environment), calls, dict(labels), command]
    facts.append(limits.model_dump())
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return Plan(
        name=f"{volume}-{lease}",
        image=image,
        volume=volume,
        command=command,
        environment=environment,
        binds=binds,
        filter=calls,
        labels={**labels, "lease": lease, "plan": digest},
        limits=limits,
        runtime=runtime,
    )


def _command(runtime: Runtime) -> tuple[str, ...]:
    words = arguments(lease=DEAD_MAN_SECONDS)
    if not runtime.gvisor:
        return PYTHON, *words
    at = next(number for number, word in enumerate(words) if not word.startswith("-"))
    return *GVISOR, *words[:at], "-c", CLOSED, *words[at:]
