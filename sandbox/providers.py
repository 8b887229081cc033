"""Finding a sandbox provider by its name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core import BadInput, MissingTool
from sandbox.options import ProviderOptions
from sandbox.protocol import SandboxProvider

BUILT_IN = ("bwrap", "docker", "e2b")
GROUP = "upbench.sandboxes"


def provider_names() -> tuple[str, ...]:
    """The names that `provider` knows: the built-in ones, then those of installed plug-ins."""
    others = sorted({point.name for point in entry_points(group=GROUP)} - set(BUILT_IN))
    return (*BUILT_IN, *others)


def provider(name: str, state: Path, options: ProviderOptions | None = None) -> SandboxProvider:
    """The provider `name`, keeping its workspaces below the folder `state`.

    A plug-in's entry point is called with the state folder and the options.

    Raises:
        BadInput: There is no such provider.
        MissingTool: Its plug-in cannot be loaded.
    """
    options = options or ProviderOptions()
    if name == "bwrap":
        from sandbox.bubblewrap.provider import BubblewrapProvider

        return BubblewrapProvider(state)
    if name == "docker":
        from sandbox.docker.provider import DockerProvider  # the docker SDK is slow to import

        return DockerProvider(state, options)
    if name == "e2b":
        from sandbox.e2b.provider import E2BProvider  # so is E2B's

        return E2BProvider(state, options)
    for point in entry_points(group=GROUP):
        if point.name == name:
            return _loaded(point)(state, options)
    known = ", ".join(provider_names())
    raise BadInput(f"unknown sandbox provider `{name[:100]}`", mend=f"use one of: {known}")


def _loaded(point: EntryPoint) -> Callable[[Path, ProviderOptions], SandboxProvider]:
    whose = f" of {point.dist.name}" if point.dist else ""
    try:
        found: Callable[[Path, ProviderOptions], SandboxProvider] = point.load()
    except (ImportError, AttributeError) as error:
        what = f"the sandbox provider `{point.name}`{whose} cannot be loaded: {error}"
        raise MissingTool(what, mend="install or remove the distribution that brings it") from error
    return found
