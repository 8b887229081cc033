"""The react agent's configuration: its settings, and the digests of its prompts and tools."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from pydantic import Field, ValidationError

from agents.presets import tools_of
from agents.protocol import AgentConfig
from agents.react.words import all_words
from agents.registry import reported_name
from core import BadInput, Frozen, ModelConfig, digest_of


class Settings(Frozen):
    """What may be set of the react agent.

    Attributes:
        context_tokens: The model's window. At 65 % of it the conversation is made shorter.
        max_output_tokens: Of one reply.
        silent_replies: So many replies in a row without a tool call, and the agent has given up.
    """

    context_tokens: int = Field(default=200_000, ge=2_000)
    max_output_tokens: int = Field(default=16_000, ge=256)
    silent_replies: int = Field(default=3, ge=1)


def prompt(name: str) -> str:
    """The prompt `name` (`standard`, `paper`, `summarise`)."""
    return files("agents.react.prompts").joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()


def react_config(name: str, model: ModelConfig | None, overrides: dict[str, Any]) -> AgentConfig:
    """The configuration of `react`, `react-standard` or `react-paper`.

    Raises:
        BadInput: There is no model, or a setting that does not exist or has the wrong type.
    """
    if model is None:
        raise BadInput(
            f"the agent `{name}` needs a model", field="--model", mend="give one, for instance --model openai/NAME"
        )
    preset = "paper" if name == "react-paper" else "standard"
    try:
        settings = Settings.model_validate(overrides)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"agent `{name}`: {first['msg']}", field=where) from error
    tools = [tool.spec.model_dump(mode="json") for tool in tools_of(preset, network=True).values()]
    return AgentConfig(
        name=reported_name(f"react-{preset}", model),
        scaffold="react",
        preset=preset,
        model=model,
        settings={
            **settings.model_dump(),
            "prompts": digest_of([prompt(preset), prompt("summarise"), *all_words()]),
            "tools": digest_of(tools),
        },
    )


def settings_of(config: AgentConfig) -> Settings:
    """The settings in a configuration made by `react_config`."""
    return Settings.model_validate(
        {key: config.settings[key] for key in Settings.model_fields if key in config.settings}
    )
