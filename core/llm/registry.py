"""Opening a model by its name `provider/model`. There is no default model."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from core.errors import BadInput
from core.llm.client import ApiModel
from core.llm.lanes import Lanes, account_of
from core.llm.prices import PriceTable
from core.llm.protocol import ChatModel, ModelConfig

ENTRY_POINTS = "upbench.models"
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "openai-chat": "OPENAI_CHAT_API_KEY"}
KEY_OPTIONAL = frozenset({"openai-chat"})
ADDRESSES = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "openai-chat": "OPENAI_CHAT_BASE_URL",
}

Opener = Callable[[ModelConfig, str | None, PriceTable], ChatModel]


def model_config(name: str, *, base_url: str | None = None, settings: dict[str, Any] | None = None) -> ModelConfig:
    """The configuration that `provider/model` names; needs no key and opens nothing.

    The environment (`ADDRESSES`) stands in for a missing `base_url`.

    Raises:
        BadInput: Not `provider/model`, an unknown provider, a wrong address, or `openai-chat` without an address.
    """
    provider, _, model = name.partition("/")
    if not provider or not model or name != name.strip():
        raise BadInput(f"`{name}` is no model", mend="name it provider/model, for instance openai/MODEL")
    known = providers()
    if provider not in known:
        raise BadInput(f"unknown model provider `{provider}`", mend=f"one of {', '.join(sorted(known))}")
    address = base_url or os.environ.get(ADDRESSES.get(provider, ""), "") or None
    if address is not None and not _is_address(address):
        raise BadInput(
            f"the base URL `{address}` of {provider} is no address of a server",
            mend="it begins with http:// or https:// and names a host",
        )
    if provider == "openai-chat" and address is None:
        raise BadInput(
            "openai-chat needs the address of the server",
            mend="give its base URL, such as http://localhost:8000/v1, or set OPENAI_CHAT_BASE_URL",
        )
    try:
        return ModelConfig(provider=provider, model=model, settings=settings or {}, base_url=address)
    except ValidationError as error:
        raise BadInput(f"the settings of {name} are wrong: {error.errors()[0]['msg']}") from error


def open_model(
    name: str,
    *,
    base_url: str | None = None,
    settings: dict[str, Any] | None = None,
    api_key: str | None = None,
    prices: PriceTable | None = None,
    lanes: Lanes | None = None,
) -> ChatModel:
    """A client for `provider/model`. The key comes from `api_key` or the provider's environment variable.

    With `lanes`, every try waits for its turn in the lane of its account, so that all the account's callers
    together keep within what the provider takes.

    Raises:
        BadInput: As `model_config`; or the key is missing (its variable is named), or a setting is unknown.
    """
    config = model_config(name, base_url=base_url, settings=settings)
    variable = KEYS.get(config.provider, "")
    key = api_key or os.environ.get(variable, "") or None
    if key is not None and not (key.isascii() and key.isprintable() and key == key.strip()):
        what = f"the API key for {config.name} holds a space, a line break or a letter that no key has"
        raise BadInput(what, mend=f"set the environment variable {variable} again")
    if variable and key is None and config.provider not in KEY_OPTIONAL:
        raise BadInput(f"no API key for {config.name}", mend=f"set the environment variable {variable}")
    model = providers()[config.provider]()(config, key, prices or PriceTable())
    if lanes is not None and isinstance(model, ApiModel):
        model.use(lanes.lane(account_of(config, key)))
    return model


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # a port that is no number, or brackets that do not close
        return False


def providers() -> dict[str, Callable[[], Opener]]:
    """Loaders of the providers by name: ours, and those of installed packages (entry points `upbench.models`).

    An entry point is a callable `(ModelConfig, api key or None, PriceTable) -> ChatModel`.
    """
    others: dict[str, Callable[[], Opener]] = {
        point.name: point.load for point in entry_points(group=ENTRY_POINTS)
    }
    return {**others, **_OURS}


# The SDKs take up to a second to import, so each is imported when one of its models is opened.
def _openai() -> Opener:
    from core.llm.openai_responses import OpenAIResponses

    return OpenAIResponses


def _openai_chat() -> Opener:
    from core.llm.openai_chat import OpenAIChat

    return OpenAIChat


def _anthropic() -> Opener:
    from core.llm.anthropic_messages import AnthropicMessages

    return AnthropicMessages


def _scripted() -> Opener:
    from core.llm.scripted import open_scripted

    return open_scripted


_OURS: dict[str, Callable[[], Opener]] = {
    "openai": _openai,
    "openai-chat": _openai_chat,
    "anthropic": _anthropic,
    "scripted": _scripted,
}
