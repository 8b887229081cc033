"""The app's image as compose.yaml starts it: sandboxes work in it, though it is neither root nor privileged."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from sandbox import toolbox_path
from tests.deploy.composed import ROOT, Images, open_to_all
from tests.runs.support import write_pack

SAYS = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
seen = [name for name in os.listdir("/proc") if name.isdigit()]
print(json.dumps({"uid": os.geteuid(), "caps": status["CapEff"].strip(), "processes": len(seen)}))
"""


def service(name: str) -> dict[str, Any]:
    """A service of compose.yaml, its variables at their defaults."""
    text = (ROOT / "compose.yaml").read_text().replace("${UPBENCH_SYSTEMPATHS:-systempaths=unconfined}", "{}")
    found = yaml.safe_load(text.replace("- {}", "- systempaths=unconfined"))["services"][name]
    assert isinstance(found, dict)
    return found


def in_container(images: Images, options: list[str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the image with these options of `docker run`."""
    toolbox = f"{toolbox_path().parent}:/opt/cache/upbench/toolbox:ro"
    named = ["--rm", "--name", f"upbench-test-{secrets.token_hex(4)}", "--network", "none", "-v", toolbox]
    return subprocess.run(
        ["docker", "run", *named, *options, images.app, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def shipped() -> list[str]:
    """The worker's options, as `docker run` takes them."""
    worker = service("worker")
    return [
        *(f"--cap-drop={one}" for one in worker["cap_drop"]),
        *(f"--security-opt={one}" for one in worker["security_opt"]),
    ]


def test_sandboxes_work_under_the_shipped_profile(images: Images, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "packs")
    open_to_all(pack.parent)
    run = ["upbench", "run", "/packs/small", "--agent", "react", "--model", "scripted/test", "--json"]
    ran = in_container(images, [*shipped(), "-v", f"{pack.parent}:/packs:ro"], *run)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout)["causes"] == {"submitted": 1}


def test_the_container_itself_may_do_nothing(images: Images) -> None:
    said = json.loads(in_container(images, shipped(), "python3", "-c", SAYS).stdout)
    assert said["uid"] == 10001
    assert int(said["caps"], 16) == 0


def test_without_the_profile_the_mend_is_said(images: Images) -> None:
    ran = in_container(images, ["--cap-drop=ALL"], "upbench", "run", "starter", "--agent", "nop")
    assert ran.returncode == 3
    assert "bubblewrap cannot make namespaces here" in ran.stderr


def test_the_profile_lets_no_more_through_than_bubblewrap_needs() -> None:
    profile = json.loads((ROOT / "deploy" / "seccomp-bwrap.json").read_text())
    free = {name for rule in profile["syscalls"] if _for_all(rule) for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"clone", "mount", "pivot_root", "umount2", "unshare"} <= free
    kernel = {
        "bpf",
        "init_module",
        "kexec_load",
        "keyctl",
        "open_by_handle_at",
        "perf_event_open",
        "ptrace",
        "setns",
    }
    assert not kernel - {"ptrace"} & free


def _for_all(rule: dict[str, Any]) -> bool:
    """Whether a rule lets a call through without further ado."""
    return rule["action"] == "SCMP_ACT_ALLOW" and not {"args", "includes"} & set(rule)


def test_what_builds_the_wheel_is_what_the_developers_have() -> None:
    locked = (ROOT / "requirements" / "dev.lock").read_text()
    lines = [line for line in (ROOT / "deploy" / "build.lock").read_text().splitlines() if line[0] != "#"]
    assert lines
    assert all(line.rstrip(" \\") in locked for line in lines)


def test_all_that_is_copied_into_the_image_reaches_the_builder() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in _dockerfile() if line.startswith("COPY ") and "--from" not in line]
    for source in (Path(one) for line in copied for one in line):
        assert {str(source), *map(str, source.parents)} & let_through, source


def _dockerfile() -> list[str]:
    return (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
