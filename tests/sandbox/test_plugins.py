"""Providers that other distributions bring: found by their entry points, named when they cannot be loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core import MissingTool
from sandbox import ProviderOptions, provider, provider_names
from upbench.cli.main import cli

PLUGIN = """
class Box:
    name = "box"
    def __init__(self, state, options):
        self.state, self.options = state, options
    def problem(self):
        return None
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "box_plugin.py").write_text(PLUGIN)
    about = tmp_path / "box_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: box-plugin\nVersion: 1.0\n")
    points = ("box = box_plugin:Box", "nowhere = box_plugin_nowhere:Box", "nothing = box_plugin:Nothing")
    (about / "entry_points.txt").write_text("\n".join(("[upbench.sandboxes]", *points, "")))
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("plugin")
def test_another_distribution_may_bring_a_provider(tmp_path: Path) -> None:
    options = ProviderOptions(docker_runtime="runsc")
    made = provider("box", tmp_path, options)
    assert {"box", "nowhere", "nothing"} <= set(provider_names())
    assert (made.name, vars(made)) == ("box", {"state": tmp_path, "options": options})


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("name", ["nowhere", "nothing"])
def test_one_that_cannot_be_loaded_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingTool, match=f"`{name}` of box-plugin cannot be loaded"):
        provider(name, tmp_path)


@pytest.mark.usefixtures("plugin")
def test_doctor_looks_at_all_of_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--project", str(tmp_path), "doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["box"]["ok"]
    assert "cannot be loaded" in checks["nowhere"]["detail"]
    assert checks["nowhere"]["mend"]
