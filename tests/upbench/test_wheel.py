"""The installed wheel: it holds all that it needs, and another `agents/` in the way does not break it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel (and nothing else) is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, str(folder / "site"), str(wheel)], check=True, capture_output=True)
    return folder / "site"


def run_installed(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command with the locked packages of this environment, but not its editable install."""
    packages = sysconfig.get_path("purelib")
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": f"{site}{os.pathsep}{packages}"}
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    script = site / "bin" / "upbench"
    return subprocess.run(
        [base, str(script), *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_pack_toolbox_lock_and_pages(installed: Path) -> None:
    for name in (
        "jobs/packs/starter/pack.toml",
        "sandbox/toolbox.lock",
        "sandbox/images/Dockerfile",
        "sandbox/images/renderers.Dockerfile",
        "grading/review/templates/queue.html.j2",
        "core/__init__.pyi",
    ):
        assert (installed / name).exists(), name
    assert not (installed / "tests").exists()


def test_it_runs_from_a_folder_that_holds_another_agents(installed: Path, tmp_path: Path) -> None:
    for name in ("agents", "core", "jobs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')")
    version = run_installed(installed, tmp_path, "--version")
    assert version.stdout.startswith("upbench "), version.stderr
    listed = run_installed(installed, tmp_path, "jobs", "list", "starter", "--json")
    assert listed.returncode == 0, listed.stderr
    (pack,) = json.loads(listed.stdout)["packs"]
    assert len(pack["jobs"]) == 16
    wrong = run_installed(installed, tmp_path, "run", "starter", "--agent", "nobody")
    assert wrong.returncode == 2
    assert "unknown agent" in wrong.stderr
