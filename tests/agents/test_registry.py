from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from agents import Desk, agent_config, open_agent
from core import BadInput, Cause, Fault
from sandbox import Sandbox
from tests.agents.support import assignment, transcript


class Uploads:
    """Only what the oracle asks of a sandbox."""

    def __init__(self) -> None:
        self.seen: list[tuple[Path, str]] = []

    async def upload(self, source: Path, target: str) -> None:
        self.seen.append((source, target))


def desk(folder: Path, sandbox: Any = None, reference: Path | None = None) -> Desk:
    async def call(_key: str, _request: object) -> Any:
        raise AssertionError("no model may be asked")

    return Desk(sandbox=cast(Sandbox, sandbox), transcript=transcript(folder), call=call, reference=reference)


async def test_nop_hands_in_nothing_and_may_be_asked_twice(tmp_path: Path) -> None:
    agent, where = open_agent(agent_config("nop")), desk(tmp_path)
    first = await agent.work(assignment(), where)
    second = await agent.work(assignment(), where)
    assert first == second
    assert first.cause is Cause.submitted
    assert [event.kind for event in where.transcript.events()] == ["ended"]


async def test_oracle_hands_in_the_reference_once(tmp_path: Path) -> None:
    uploads = Uploads()
    agent, where = open_agent(agent_config("oracle")), desk(tmp_path, uploads, tmp_path / "reference")
    first = await agent.work(assignment(), where)
    assert await agent.work(assignment(), where) == first
    assert first.cause is Cause.submitted
    assert uploads.seen == [(tmp_path / "reference", "/job/deliverables")]


async def test_oracle_without_a_reference_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        await open_agent(agent_config("oracle")).work(assignment(), desk(tmp_path))
    assert caught.value.cause is Cause.harness_bug


def test_an_unknown_agent_is_named_with_those_that_exist() -> None:
    with pytest.raises(BadInput, match=r"unknown agent `reakt`.*nop, oracle, react") as caught:
        agent_config("reakt")
    assert caught.value.exit_code == 2


PLUGIN = """
from agents import AgentConfig, AgentResult
from core import Cause

class Idle:
    def __init__(self, config):
        self.config = config

    async def work(self, assignment, desk):
        return AgentResult(cause=Cause.agent_gave_up)

class Kind:
    def configure(self, model, settings):
        return AgentConfig(name="idle", scaffold="idle", settings=settings)

    def open(self, config):
        return Idle(config)

kind = Kind()
"""


async def test_another_distribution_may_bring_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "idle_agent.py").write_text(PLUGIN)
    about = tmp_path / "idle_agent-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: idle-agent\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[upbench.agents]\nidle = idle_agent:kind\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = agent_config("idle", settings={"naps": 2})
    result = await open_agent(config).work(assignment(), desk(tmp_path))
    assert result.cause is Cause.agent_gave_up
    assert config.settings == {"naps": 2}
    with pytest.raises(BadInput, match="react-paper, idle"):
        agent_config("nobody")
