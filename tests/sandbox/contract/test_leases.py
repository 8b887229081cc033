from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from core import BadInput, SandboxFault
from sandbox import ProviderOptions, Resource, SandboxProvider, SandboxSpec, TreeLimits, provider
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def mine(made: SandboxProvider, key: str) -> list[Resource]:
    return [row for row in await made.resources() if row.workspace == key]


async def test_a_workspace_is_held_by_one_sandbox_at_a_time(openings: Openings) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    with pytest.raises(SandboxFault, match="is held by"):
        await openings(spec)
    assert (await sh(box, "echo untouched")).stdout.text == "untouched\n"
    await box.close()
    again = await openings(spec)
    assert (await sh(again, "echo on")).stdout.text == "on\n"


async def test_of_two_at_once_one_gets_it(openings: Openings) -> None:
    spec = SandboxSpec(workspace=openings.key())
    results = await asyncio.gather(openings(spec), openings(spec), return_exceptions=True)
    faults = [result for result in results if isinstance(result, BaseException)]
    assert [type(fault) for fault in faults] == [SandboxFault]


async def test_what_is_made_is_listed_and_says_whose_it_is(openings: Openings, made: SandboxProvider) -> None:
    spec = SandboxSpec(workspace=openings.key(), labels={"run": "r-1", "trial": "t-1"})
    box = await openings(spec)
    rows = await mine(made, spec.workspace)
    assert rows
    assert any(row.running for row in rows)
    assert {row.provider for row in rows} == {made.name}
    assert len({row.owner for row in rows}) == 1
    assert rows[0].owner
    await box.close()
    closed = await mine(made, spec.workspace)
    assert made.name == "e2b" or not any(row.running for row in closed)  # there the sandbox is the workspace


async def test_closing_leaves_the_workspace_and_discarding_nothing(
    openings: Openings, made: SandboxProvider
) -> None:
    box = await openings(spec := SandboxSpec(workspace=openings.key()))
    await box.close()
    await made.discard(spec.workspace)
    assert await mine(made, spec.workspace) == []


async def test_what_another_process_holds_is_not_discarded(
    openings: Openings, made: SandboxProvider, making: Callable[[], SandboxProvider]
) -> None:
    box = await openings(spec := SandboxSpec(workspace=openings.key()))
    await sh(box, "echo work > note")
    other = making()
    async with asyncio.timeout(60):
        with pytest.raises(SandboxFault, match="is held by"):
            await other.discard(spec.workspace)
    assert (await sh(box, "cat note")).stdout.text == "work\n"
    await box.close()
    await other.discard(spec.workspace)
    assert await mine(made, spec.workspace) == []


async def test_discarding_closes_what_is_open_here_first(openings: Openings, made: SandboxProvider) -> None:
    box = await openings(spec := SandboxSpec(workspace=openings.key()))
    await made.discard(spec.workspace)
    assert await mine(made, spec.workspace) == []
    with pytest.raises(SandboxFault, match="closed"):
        await sh(box, "true")


async def test_every_resource_can_be_removed_once_and_again(
    openings: Openings, made: SandboxProvider, tmp_path: Path
) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(box, "echo work > deliverables/a")
    await box.close()
    rows = await mine(made, spec.workspace)
    for row in (*rows, *rows):
        await made.remove(row)
    assert await mine(made, spec.workspace) == []
    if made.name == "e2b":
        return
    with pytest.raises(FileNotFoundError):
        await made.collect(spec.workspace, tmp_path / "out", TreeLimits())


async def test_another_owner_sees_nothing_of_it(openings: Openings, made: SandboxProvider, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    other = provider(made.name, tmp_path / "other", ProviderOptions(e2b_creations_per_second=100))
    assert await mine(other, spec.workspace) == []
    for row in await mine(made, spec.workspace):
        with pytest.raises(BadInput, match="belongs to another owner"):
            await other.remove(row)
    beside = await other.open(spec)  # the same key, another workspace
    await sh(box, "echo one > note")
    assert (await sh(beside, "ls note")).exit_code != 0
    await beside.close()
    await other.discard(spec.workspace)
    assert await mine(made, spec.workspace) != []
    assert (await sh(box, "cat note")).stdout.text == "one\n"
