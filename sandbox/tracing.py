"""What of sandboxes is told as spans: their opening, and commands in them. Never the commands themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from core import span
from sandbox.protocol import Sandbox, SandboxSpec


class _Named(Protocol):
    name: str


P = TypeVar("P", bound=_Named)
S = TypeVar("S", bound=Sandbox)
Q = ParamSpec("Q")
Open = Callable[Concatenate[P, SandboxSpec, Q], Coroutine[Any, Any, S]]


def traced_open(open_: Open[P, Q, S]) -> Open[P, Q, S]:
    """Decorates a provider's `open`."""

    @functools.wraps(open_)
    async def opened(self: P, spec: SandboxSpec, *args: Q.args, **kwargs: Q.kwargs) -> S:
        with span(
            "sandbox_open", provider=self.name, workspace=spec.workspace, network=spec.network.mode.value
        ) as told:
            sandbox = await open_(self, spec, *args, **kwargs)
            info = sandbox.info
            told.note(version=info.version, runtime=info.runtime, image=info.image, adopted=info.adopted)
            return sandbox

    return opened
