"""The recipes beside compose.yaml: they say what the command line knows, and leave time to finish."""

from __future__ import annotations

import shlex
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]

from tests.deploy.composed import ROOT
from upbench.cli.main import cli

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()))


def parsed(words: list[str]) -> dict[str, Any]:
    """What the command line makes of `upbench ...`; fails where it does not know a word of it."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
    return dict(command.make_context("upbench", list(words), parent=context).params)


def unit(path: Path) -> RawConfigParser:
    found = RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(path)
    return found


def test_compose_leaves_time_to_finish() -> None:
    text = (ROOT / "compose.yaml").read_text()
    worker = yaml.safe_load(text)["services"]["worker"]
    assert worker["stop_signal"] == "SIGTERM"
    assert worker["stop_grace_period"] == "${UPBENCH_GRACE:-10m}"
    words = [
        word.replace("${UPBENCH_SLOTS:-4}", "4").replace("${UPBENCH_DRAIN_SECONDS:-540}", "540")
        for word in worker["command"]
    ]
    assert parsed(words[1:])["drain_seconds"] < 600


def test_no_secret_has_a_default() -> None:
    (secret,) = documents("secrets.yaml")
    assert set(secret["stringData"].values()) == {""}
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text())
    told = {
        name: value for one in composed["services"].values() for name, value in one.get("environment", {}).items()
    }
    for name, value in told.items():
        if any(word in name for word in ("PASSWORD", "SECRET", "KEY")):
            assert value is None or str(value).startswith("/run/upbench/"), name


def test_kubernetes_drains_before_it_kills() -> None:
    deployment, budget = documents("workers.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (worker,) = pod["containers"]
    assert parsed(worker["args"][1:])["drain_seconds"] < pod["terminationGracePeriodSeconds"]
    scripts = [worker["lifecycle"]["preStop"]["exec"]["command"], worker["livenessProbe"]["exec"]["command"]]
    for word in (word for words in scripts for word in words):
        assert (DEPLOY / Path(word).name).stat().st_mode & 0o111, word
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["kind"] == "PodDisruptionBudget"
    assert budget["spec"]["selector"]["matchLabels"] == labels
    used = {one[kind]["name"] for one in worker["envFrom"] for kind in one}
    assert used == {
        document["metadata"]["name"] for file in ("secrets.yaml", "settings.yaml") for document in documents(file)
    }


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_start_what_there_is_and_let_it_finish(path: Path) -> None:
    service = unit(path)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/upbench")
    assert parsed(words)
    assert (service["Restart"], service["KillMode"]) == ("always", "mixed")


def test_the_worker_has_longer_than_it_asks_for() -> None:
    service = unit(DEPLOY / "systemd" / "upbench-worker@.service")["Service"]
    asked = parsed(shlex.split(service["ExecStart"])[1:])["drain_seconds"]
    assert asked < int(service["TimeoutStopSec"])
