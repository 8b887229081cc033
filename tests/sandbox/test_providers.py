from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

import pytest

from core import BadInput, MissingTool
from sandbox import (
    Command,
    SandboxSpec,
    install_toolbox,
    provider,
    provider_names,
    toolbox_digest,
    toolbox_packages,
    toolbox_path,
)
from sandbox import toolbox as toolbox_module
from sandbox.bubblewrap import provider as bubblewrap
from sandbox.bubblewrap import start, system
from sandbox.bubblewrap.cgroups import controllers
from sandbox.bubblewrap.process import host_id_in
from sandbox.supervisor.program import PROGRAM
from tests.support import lacking


def test_the_built_in_providers(tmp_path: Path) -> None:
    names = ("bwrap", "docker", "e2b")
    assert provider_names()[:3] == names
    assert tuple(provider(name, tmp_path).name for name in names) == names


def test_an_unknown_provider_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown sandbox provider `vm`.*bwrap, docker"):
        provider("vm", tmp_path)


async def test_without_bubblewrap_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="bubblewrap") as error:
        await provider("bwrap", tmp_path).open(SandboxSpec(workspace="x"))
    assert error.value.mend == start.MEND
    assert not (tmp_path / "workspaces").exists()


async def test_without_the_toolbox_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    with pytest.raises(MissingTool):
        await provider("bwrap", tmp_path).open(SandboxSpec(workspace="x"))


WANTED = {"openpyxl", "python-docx", "python-pptx", "pandas", "matplotlib", "pillow", "pypdf", "reportlab"}


def test_the_lock_names_packages_with_hashes_and_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = toolbox_packages()
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    locked, text = toolbox_packages(), toolbox_module.LOCK.read_text()
    assert set(locked) >= WANTED
    assert set(installed) == set(locked)
    assert text.count("==") == sum(len(versions.split(" or ")) for versions in locked.values())
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(locked)
    assert "://" not in text


def test_the_toolbox_lies_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    assert toolbox_path().is_relative_to(tmp_path / "upbench" / "toolbox")
    assert toolbox_path().name.startswith(toolbox_digest()[:16])


def test_a_failed_installation_leaves_nothing_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "toolbox.lock"
    lock.write_text("colorama==0.0.1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(toolbox_module, "LOCK", lock)
    said: list[str] = []
    with pytest.raises(Exception, match="could not install"):
        install_toolbox(said.append)
    assert said
    assert not toolbox_path().exists()
    assert [path.suffix for path in toolbox_path().parent.iterdir()] == [".lock"]


def test_the_program_inside_is_small_and_plain() -> None:
    imports = set()
    for source in PROGRAM:
        imports |= set(re.findall(r"^(?:import|from) (\w+)", source.read_text(), re.MULTILINE))
    assert imports <= {"_signal", "errno", "posix", "resource", "select", "sys", "time"}


def test_cgroups_are_found_or_not_but_never_in_the_way() -> None:
    found = controllers()
    limits = [limit for one in found for limit in one.limits]
    assert len(limits) == len(set(limits))
    assert set(limits) <= {"memory", "processes", "cpus"}


async def test_a_python_other_than_the_system_s_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if problem := provider("bwrap", tmp_path).problem():
        lacking("bwrap", problem[0])
    tag = f"{sys.version_info.major}.{sys.version_info.minor}"

    def elsewhere() -> tuple[str, Path]:
        return f"/opt/python/bin/python{tag}", Path(sys.base_prefix)

    monkeypatch.setattr(system, "python_inside", elsewhere)
    monkeypatch.setattr(bubblewrap, "python_inside", elsewhere)
    system.system_arguments.cache_clear()
    made = provider("bwrap", tmp_path)
    box = await made.open(SandboxSpec(workspace="other-python"))
    try:
        code = "import sys, ssl, sqlite3, numpy; print(sys.executable, sys.version.split()[0], numpy.__file__)"
        result = await box.run(Command(argv=("python3", "-c", code)))
        assert result.stdout.text.split()[:2] == ["/opt/python/bin/python3", platform.python_version()], result
        assert result.stdout.text.split()[2].startswith("/opt/toolbox/")
    finally:
        await box.close()
        system.system_arguments.cache_clear()


@pytest.mark.parametrize(
    ("uid_map", "expected"),
    [
        ("         0          0 4294967295\n", 600_000),
        ("0 100000 65536\n", 65_535),
        ("0 1000 1\n1 100000 65536\n", 65_536),
        ("0 1000 1\n", None),
    ],
)
def test_the_host_s_id_is_one_that_this_machine_has(uid_map: str, expected: int | None) -> None:
    assert host_id_in(uid_map) == expected


async def test_a_bubblewrap_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bwrap"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "bubblewrap 0.4.1" && exit 0\nexit 1\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for cached in (start.program, start.version):
        cached.cache_clear()
    try:
        problem = start.bubblewrap_problem()
    finally:
        for cached in (start.program, start.version):
            cached.cache_clear()
    assert problem is not None
    assert "too old" in problem[0]
