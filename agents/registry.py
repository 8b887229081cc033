"""Agents by name: the ones of this room, and those of other distributions (entry points `upbench.agents`)."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Any, Protocol

from agents.protocol import Agent, AgentConfig
from core import BadInput, ModelConfig

GROUP = "upbench.agents"
BUILT_IN = ("nop", "oracle", "react", "react-standard", "react-paper")


class Scaffold(Protocol):
    """What an entry point of the group `upbench.agents` names; the entry point's name is the agent's name."""

    def configure(self, model: ModelConfig | None, settings: dict[str, Any]) -> AgentConfig:
        """The configuration, its `scaffold` equal to the entry point's name. Raises `BadInput`."""
        ...

    def open(self, config: AgentConfig) -> Agent:
        """The agent for a configuration made by `configure`."""
        ...


def agent_config(
    name: str, *, model: ModelConfig | None = None, settings: dict[str, Any] | None = None
) -> AgentConfig:
    """The configuration of the agent that a user calls `name`.

    Args:
        name: `nop`, `oracle`, `react` (short for `react-standard`), `react-paper`, or an entry point's name.
        model: For agents that use one; the others pass over it.
        settings: Overrides of the agent's own settings (`agents.react.config.Settings` for react).

    Raises:
        BadInput: No such agent, no model for an agent that needs one, or a setting that it does not know.
    """
    overrides = dict(settings or {})
    if name in {"nop", "oracle"}:
        return AgentConfig(name=name, scaffold=name)
    if name in BUILT_IN:
        from agents.react.config import react_config  # pydantic models and prompt files: only where used

        return react_config(name, model, overrides)
    return _foreign(name).configure(model, overrides)


def open_agent(config: AgentConfig) -> Agent:
    """The agent that `config` describes. Raises `BadInput` when its scaffold is not installed here."""
    if config.scaffold == "nop":
        from agents.nop import NopAgent

        return NopAgent(config)
    if config.scaffold == "oracle":
        from agents.oracle import OracleAgent

        return OracleAgent(config)
    if config.scaffold == "react":
        from agents.react.agent import ReactAgent  # LangGraph takes most of a second to import

        return ReactAgent(config)
    return _foreign(config.scaffold).open(config)


def reported_name(scaffold: str, model: ModelConfig) -> str:
    """`scaffold@provider/model`, in the characters that a name may have and at most 100 of them."""
    return re.sub(r"[^A-Za-z0-9._:/@+-]", "-", f"{scaffold}@{model.name}")[:100]


def _foreign(name: str) -> Scaffold:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join([*BUILT_IN, *sorted(found)])
        raise BadInput(f"unknown agent `{name}`", field="--agent", mend=f"use one of: {known}")
    scaffold: Scaffold = found[name].load()
    return scaffold
