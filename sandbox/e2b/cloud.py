"""E2B's control plane as the provider uses it: bounded calls, and causes for whatever goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2b import AsyncSandbox, SandboxInfo, SandboxNetworkUpdate, SandboxQuery
from e2b.connection_config import ConnectionConfig
from e2b.exceptions import SandboxException

from core import Cause, SandboxFault
from sandbox.e2b.faults import ERRORS, GONE, as_faults, fault_of
from sandbox.e2b.rate import creation_gate
from sandbox.leases.book import DEAD_MAN_SECONDS
from sandbox.network.policy import Network, NetworkPolicy

CALL_SECONDS = 30.0
KEY_SECONDS = 10.0
CREATE_SECONDS = 120.0  # for one creation
RATE_SECONDS = 600.0  # for having one, waiting for the account's rate and room included
FIRST_PAUSE, LAST_PAUSE = 2.0, 15.0
# The SDK itself waits as long as a `Retry-After` says, or backs off, within the time of the call.
RETRIES, CREATE_RETRIES = 4, 30
NOT_FOUND, FORBIDDEN = 404, 403
EVERYWHERE = "0.0.0.0/0"
REACH = "check the network, and E2B_API_URL where it is set"
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")


class NoTemplate(Exception):
    """There is no template of that name."""


def network_options(policy: NetworkPolicy) -> dict[str, Any]:
    """How E2B enforces a policy: arguments of a creation. Its rules take names and addresses, but no ports."""
    if policy.mode is Network.none:
        return {"allow_internet_access": False, "network": {"allow_public_traffic": False}}
    if policy.mode is Network.allow:
        rules: dict[str, Any] = {"allow_out": list(policy.domains), "deny_out": [EVERYWHERE]}
    else:
        rules = {"deny_out": list(PRIVATE)}
    return {"network": {**rules, "allow_public_traffic": False}}


async def create(
    template: str, labels: Mapping[str, str], policy: NetworkPolicy, *, per_second: float, key: str
) -> AsyncSandbox:
    """Ask for a new sandbox, within the account's rate. Asking again with the same `key` makes no second one.

    When this is cancelled, what was being made is removed before the cancellation goes on.

    Raises:
        NoTemplate: E2B does not know the template.
        SandboxFault: No sandbox can be had.
    """
    until, pause = time.monotonic() + RATE_SECONDS, FIRST_PAUSE
    while True:
        try:
            return await _create(template, labels, policy, per_second, key)
        except SandboxFault as fault:
            # The account may have no room for another sandbox until one of its others ends.
            if fault.cause is not Cause.sandbox_rate_limited or time.monotonic() + pause > until:
                raise
        await asyncio.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311
        pause = min(2 * pause, LAST_PAUSE)


async def _create(
    template: str, labels: Mapping[str, str], policy: NetworkPolicy, per_second: float, key: str
) -> AsyncSandbox:
    account = ConnectionConfig()
    await creation_gate(account.api_url, account.api_key or "").turn(per_second)
    making = asyncio.create_task(
        AsyncSandbox.create(
            template,
            timeout=DEAD_MAN_SECONDS,
            metadata=dict(labels),
            lifecycle={"on_timeout": "pause", "auto_resume": False},
            idempotency_key=key,
            request_timeout=CREATE_SECONDS,
            retries=CREATE_RETRIES,
            **network_options(policy),
        )
    )
    try:
        made = await asyncio.shield(making)
    except asyncio.CancelledError:
        with contextlib.suppress(*ERRORS):
            await kill((await making).sandbox_id)
        raise
    except SandboxException as error:
        if error.status_code == NOT_FOUND:
            raise NoTemplate(template) from error
        raise fault_of(error, Cause.sandbox_start) from error
    except ERRORS as error:
        raise fault_of(error, Cause.sandbox_start) from error
    # What was right for one long creation is too patient for everything after it.
    made.connection_config.request_timeout = CALL_SECONDS
    made.connection_config.retries = RETRIES
    return made


async def connect(sandbox_id: str, otherwise: Cause = Cause.sandbox_start) -> AsyncSandbox | None:
    """A sandbox that is there, woken where it is paused, and its life extended; None when there is none.

    Raises:
        SandboxFault: E2B does not say.
    """
    try:
        return await AsyncSandbox.connect(
            sandbox_id, timeout=DEAD_MAN_SECONDS, request_timeout=CALL_SECONDS, retries=RETRIES
        )
    except GONE:
        return None
    except ERRORS as error:
        raise fault_of(error, otherwise) from error


async def find(labels: Mapping[str, str]) -> list[SandboxInfo]:
    """All sandboxes, running or paused, that carry `labels`.

    Raises:
        SandboxFault: E2B does not say.
    """
    found: list[SandboxInfo] = []
    with as_faults(Cause.sandbox_start):
        query = SandboxQuery(metadata=dict(labels))
        pages = AsyncSandbox.list(query, request_timeout=CALL_SECONDS, retries=RETRIES)
        while pages.has_next:
            found += await pages.next_items()
    # The query is a filter of the service's; what is removed by what this returns should not rest on it alone.
    return [one for one in found if all(one.metadata.get(name) == value for name, value in labels.items())]


async def kill(sandbox_id: str) -> None:
    """Remove a sandbox with all that is in it, paused or not. One that is gone is fine.

    Raises:
        SandboxFault: E2B did not do it.
    """
    with as_faults(Cause.sandbox_lost), contextlib.suppress(*GONE):
        await AsyncSandbox.kill(sandbox_id, request_timeout=CALL_SECONDS, retries=RETRIES)


async def live_for(sandbox_id: str, seconds: int) -> None:
    """Let a sandbox live for `seconds` from now; then it is paused.

    Raises:
        SandboxFault: E2B did not do it; `sandbox_lost` when there is no such sandbox.
    """
    with as_faults(Cause.sandbox_lost):
        await AsyncSandbox.set_timeout(sandbox_id, seconds, request_timeout=CALL_SECONDS, retries=RETRIES)


async def set_network(sandbox_id: str, policy: NetworkPolicy) -> None:
    """Put a sandbox under another policy than it was made with.

    Raises:
        SandboxFault: E2B did not do it.
    """
    options = network_options(policy)
    rules = options.pop("network")
    update = SandboxNetworkUpdate()
    if "allow_internet_access" in options:
        update["allow_internet_access"] = options["allow_internet_access"]
    if "allow_out" in rules:
        update["allow_out"] = rules["allow_out"]
    if "deny_out" in rules:
        update["deny_out"] = rules["deny_out"]
    with as_faults(Cause.sandbox_start):
        await AsyncSandbox.update_network(sandbox_id, update, request_timeout=CALL_SECONDS, retries=RETRIES)


_accepted: set[tuple[str, str | None]] = set()


def key_problem(key: str) -> tuple[str, str] | None:
    """Ask E2B whether it accepts the key: None when it does, else (what is wrong, what mends it).

    What it has accepted it is not asked about again. Waits; may be called while an event loop runs.
    """
    asked = key, os.environ.get("E2B_API_URL")
    if asked in _accepted:
        return None
    with ThreadPoolExecutor(1) as thread:
        problem = thread.submit(lambda: asyncio.run(_check(KEY_SECONDS))).result()
    if problem is None:
        _accepted.add(asked)
    return problem


async def _check(seconds: float) -> tuple[str, str] | None:
    try:
        async with asyncio.timeout(seconds):
            await AsyncSandbox.list(limit=1, request_timeout=seconds, retries=0).next_items()
    except TimeoutError:
        return f"E2B does not answer within {seconds:g} seconds", REACH
    except ERRORS as error:
        fault: SandboxFault = fault_of(error, Cause.sandbox_start)
        if fault.cause is Cause.sandbox_unauthorised:
            return "E2B does not accept the key", "export E2B_API_KEY=... with a key of your E2B team"
        return fault.detail, REACH
    return None
