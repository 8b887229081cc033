"""Models by name: what is missing or wrong is one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import BadInput, ModelConfig, PriceTable, model_config, open_model
from core.llm import registry
from tests.core.llm.support import ask
from tests.standins.llm import KEY, Standin


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpt-5", "provider/model"),
        ("openai/", "provider/model"),
        ("/gpt", "provider/model"),
        ("", "provider/model"),
        (" openai/x", "provider/model"),
        ("opeani/gpt-5", "anthropic, openai, openai-chat, scripted"),
        ("openai-chat/llama", "base URL"),
        ("openai/gpt-5.6-sol", "OPENAI_API_KEY"),
        ("anthropic/claude-opus-5", "ANTHROPIC_API_KEY"),
        ("scripted/demo", "script"),
    ],
)
def test_what_is_wrong_is_said(name: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_model(name)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_address_is_said() -> None:
    with pytest.raises(BadInput, match="http"):
        model_config("openai-chat/llama", base_url="localhost:8000")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("openai/gpt-5.6-sol", {"temprature": 1}),
        ("openai/gpt-5.6-sol", {"store": True}),
        ("openai-chat/llama", {"messages": []}),
        ("anthropic/claude-opus-5", {"max_tokens": 5}),
        ("anthropic/claude-opus-5", {"reasoning": {"effort": "high"}}),
    ],
)
def test_a_wrong_setting_is_said(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        open_model(name, settings=settings, api_key="k", base_url="http://127.0.0.1:9")
    assert f"`{next(iter(settings))}`" in str(caught.value)


def test_a_configuration_needs_no_key() -> None:
    config = model_config("anthropic/claude-opus-5", settings={"thinking": {"type": "adaptive"}})
    assert config == ModelConfig(
        provider="anthropic", model="claude-opus-5", settings={"thinking": {"type": "adaptive"}}
    )
    assert model_config("openai-chat/org/model:7b", base_url="http://h/v1").model == "org/model:7b"


@pytest.mark.parametrize(
    ("name", "variable", "address"),
    [
        ("openai/gpt-5.6-sol", "OPENAI", "openai_url"),
        ("anthropic/claude-opus-5", "ANTHROPIC", "url"),
    ],
)
async def test_the_environment_gives_key_and_address(
    name: str, variable: str, address: str, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{variable}_API_KEY", KEY)
    monkeypatch.setenv(f"{variable}_BASE_URL", getattr(standin, address))
    model = open_model(name)
    reply = await model.reply(ask("go"))
    await model.aclose()
    assert reply.message.parts[0].text == "hello"  # type: ignore[union-attr]
    assert model.config.base_url == getattr(standin, address)


async def test_chat_completions_need_no_key_and_take_none_from_the_environment(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    model = open_model("openai-chat/llama", base_url=standin.openai_url)
    await model.reply(ask("go"))
    await model.aclose()
    assert "sk-of-someone-else" not in json.dumps(standin.requests[0].headers)


async def test_chat_completions_have_a_key_and_an_address_of_their_own(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_CHAT_API_KEY", "sk-of-the-server")
    monkeypatch.setenv("OPENAI_CHAT_BASE_URL", standin.openai_url)
    model = open_model("openai-chat/llama")
    await model.reply(ask("go"))
    await model.aclose()
    assert standin.requests[0].headers["authorization"] == "Bearer sk-of-the-server"


async def test_a_script_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"version": 1, "attempts": [[{"say": "one"}], [{"say": "two"}]]}')
    model = open_model("scripted/mine", settings={"script": str(path), "attempt": 2})
    reply = await model.reply(ask("go"))
    assert reply.message.parts[0].text == "two"  # type: ignore[union-attr]
    assert str(tmp_path) not in model.config.model_dump_json()


def test_an_installed_package_may_bring_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "mine"

        def load(self) -> Any:
            return lambda config, key, prices: (config.name, key, type(prices))

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == "upbench.models" else [])
    opened: Any = open_model("mine/model", api_key="k")
    assert opened == ("mine/model", "k", PriceTable)


def test_no_sdk_is_imported_until_a_model_needs_it() -> None:
    code = (
        "import sys, core; core.open_model, core.CallJournal, core.ScriptedModel, core.PriceTable;"
        "core.model_config('anthropic/x');"
        "sys.exit(int(bool({'openai', 'anthropic', 'httpx2', 'genai_prices'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 0
