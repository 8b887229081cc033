"""What of sandboxes is told as spans: their opening, and commands in them. Never the commands themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from core import span
from sandbox.protocol import Sandbox, SandboxSpec

Open = TypeVar("Open", bound=Callable[..., Coroutine[Any, Any, Sandbox]])


def traced_open(method: Open) -> Open:
    """Decorates a provider's `open`."""

    @functools.wraps(method)
    async def opened(self: Any, spec: SandboxSpec, **more: Any) -> Sandbox:
        with span(
            "sandbox_open", provider=self.name, workspace=spec.workspace, network=spec.network.mode.value
        ) as told:
            sandbox = await method(self, spec, **more)
            info = sandbox.info
            told.note(version=info.version, runtime=info.runtime, image=info.image, adopted=info.adopted)
            return sandbox

    return cast(Open, opened)
