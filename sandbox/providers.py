"""Finding a sandbox provider by its name."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from core import BadInput
from sandbox.protocol import SandboxProvider

BUILT_IN = ("bwrap", "docker")
GROUP = "upbench.sandboxes"


def provider_names() -> tuple[str, ...]:
    """The names that `provider` knows: the built-in ones, then those of installed plug-ins."""
    others = sorted({point.name for point in entry_points(group=GROUP)} - set(BUILT_IN))
    return (*BUILT_IN, *others)


def provider(name: str, state: Path) -> SandboxProvider:
    """The provider `name`, keeping its workspaces below the folder `state`.

    Raises:
        BadInput: There is no such provider.
    """
    if name == "bwrap":
        from sandbox.bubblewrap.provider import BubblewrapProvider

        return BubblewrapProvider(state)
    if name == "docker":
        from sandbox.docker.provider import DockerProvider  # the docker SDK is slow to import

        return DockerProvider(state)
    for point in entry_points(group=GROUP):
        if point.name == name:
            made: SandboxProvider = point.load()(state)
            return made
    known = ", ".join(provider_names())
    if name == "e2b":
        raise BadInput("the sandbox provider `e2b` is not built in yet", mend=f"use one of: {known}")
    raise BadInput(f"unknown sandbox provider `{name}`", mend=f"use one of: {known}")
