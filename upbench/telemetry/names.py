"""How our words for what happens are called in OpenTelemetry.

Model calls, agents and tools follow the semantic conventions for generative AI (`gen_ai.*`, still in development),
the rest is `upbench.*`.
"""

from __future__ import annotations

from collections.abc import Mapping

from core import Fact

Attribute = str | bool | int | float | tuple[str, ...]

_IDS = {"run": "upbench.run.id", "trial": "upbench.trial.id", "execution": "upbench.execution.id"}
_GEN_AI: Mapping[str, Mapping[str, str]] = {
    "model_call": {
        "provider": "gen_ai.provider.name",
        "model": "gen_ai.request.model",
        "max_output_tokens": "gen_ai.request.max_tokens",
        "answered_by": "gen_ai.response.model",
        "stop": "gen_ai.response.finish_reasons",
        "input_tokens": "gen_ai.usage.input_tokens",
        "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
        "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
        "output_tokens": "gen_ai.usage.output_tokens",
        "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
        "input": "gen_ai.input.messages",
        "output": "gen_ai.output.messages",
    },
    "tool_call": {
        "tool": "gen_ai.tool.name",
        "call": "gen_ai.tool.call.id",
        "arguments": "gen_ai.tool.call.arguments",
        "result": "gen_ai.tool.call.result",
    },
    "agent": {"agent": "gen_ai.agent.name", "model": "gen_ai.request.model"},
}
_OPERATIONS = {"model_call": "chat", "tool_call": "execute_tool", "agent": "invoke_agent"}
_TITLES = {"model_call": "model", "tool_call": "tool", "agent": "agent", "step": "step", "round": "round"}
# Two protocols of one provider are one provider.
_PROVIDERS = {"openai-chat": "openai"}


def title(kind: str, facts: Mapping[str, Fact]) -> str:
    """The name of a span: what is done, and to what, where there are few of those."""
    name = facts.get(_TITLES.get(kind, ""))
    what = _OPERATIONS.get(kind, kind)
    return f"{what} {name}" if name else what


def attributes(kind: str, facts: Mapping[str, Fact]) -> dict[str, Attribute]:
    """Facts as attributes; what is not known is left out."""
    names = _GEN_AI.get(kind, {})
    found: dict[str, Attribute] = {}
    for name, value in facts.items():
        if value is None:
            continue
        key = names.get(name) or _IDS.get(name) or f"upbench.{name}"
        if name == "error":
            key = "error.type"
        elif key == "gen_ai.provider.name":
            value = _PROVIDERS.get(str(value), value)  # noqa: PLW2901
        found[key] = (str(value),) if key == "gen_ai.response.finish_reasons" else value
    if kind in _OPERATIONS:
        found["gen_ai.operation.name"] = _OPERATIONS[kind]
    return found
