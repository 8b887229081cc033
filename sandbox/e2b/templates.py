"""Which template a sandbox is made from."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from e2b import AsyncSandbox

from core import Cause, SandboxFault
from sandbox.e2b import cloud
from sandbox.e2b.pack import PYTHON
from sandbox.e2b.stage import Stage
from sandbox.network.policy import NetworkPolicy
from sandbox.toolbox import toolbox_digest

PLAIN = "base"


def own_template() -> str:
    """The name of the template that holds our toolbox, where somebody has built one."""
    return f"upbench-{toolbox_digest()[:12]}-cp{PYTHON.replace('.', '')}"


class Templates:
    """The template that the user named; else the one with our toolbox where there is one, else E2B's `base`."""

    def __init__(self, named: str | None) -> None:
        self._named = named
        self._settled = named
        self._settling = asyncio.Lock()
        self._stages: dict[str, Stage] = {}

    def stage(self, template: str) -> Stage:
        """What is known of a template's machines."""
        return self._stages.setdefault(template, Stage(template))

    async def create(
        self, labels: Mapping[str, str], policy: NetworkPolicy, per_second: float, key: str
    ) -> tuple[AsyncSandbox, str]:
        """A new sandbox, and the template it was made from.

        Raises:
            SandboxFault: No sandbox can be had.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self._settled is None:  # one asks which it is, others wait for the answer
                await stack.enter_async_context(self._settling)
            if self._settled is None:
                try:
                    made = await cloud.create(own_template(), labels, policy, per_second=per_second, key=key)
                    self._settled = own_template()
                    return made, self._settled
                except cloud.NoTemplate:
                    self._settled = PLAIN
        template = self._settled
        try:
            return await cloud.create(template, labels, policy, per_second=per_second, key=f"{key}-2"), template
        except cloud.NoTemplate as error:
            what = f"E2B has no template `{template}` for this key"
            raise SandboxFault(Cause.sandbox_start, f"{what}; choose another e2b_template, or none") from error
