"""A check may start what was handed in; that can spoil neither another check nor the one who reports."""

from __future__ import annotations

import textwrap
from pathlib import Path

from grading import CheckOutcome, run_checks
from sandbox import SandboxProvider
from tests.grading.checks.support import rubric_of

CHECKS = """
import subprocess, sys, time
from pathlib import Path

def prints(ctx):
    words = [sys.executable, "-I", str(ctx.one("tool.py"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return ctx.passed() if done.stdout == "right\\n" else ctx.failed("it prints " + done.stdout)

def undisturbed(ctx):
    Path("/tmp/expected").write_text("of the check")
    time.sleep(0.5)
    text = Path("/tmp/expected").read_text()
    return ctx.passed() if text == "of the check" else ctx.failed("somebody wrote " + text)
"""
LEAVES_A_WRITER = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for number in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    while True:
        open("/tmp/expected", "w").write("of the agent")
        time.sleep(0.01)
print("wrong")
"""
ENDS_ALL = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()):
        try:
            if b"/grading/program" in open(f"/proc/{name}/cmdline", "rb").read():
                os.kill(int(name), signal.SIGNAL)
        except OSError:
            pass
"""
LOOKS_IN = """
import os
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        for file in ("mem", "environ", "fd/1", "fd/3"):
            try:
                if b"/grading/program" in open(f"/proc/{name}/cmdline", "rb").read():
                    open(f"/proc/{name}/{file}", "rb").close()
                    raise SystemExit("opened " + file)
            except OSError:
                pass
print("right")
"""


async def graded(bwrap: SandboxProvider, folder: Path, tool: str) -> dict[str, CheckOutcome]:
    deliverables = folder / "deliverables"
    deliverables.mkdir()
    (deliverables / "tool.py").write_text(textwrap.dedent(tool))
    (folder / "checks.py").write_text(CHECKS)
    rubric = rubric_of(
        {
            "prints": {"kind": "python", "function": "prints"},
            "named": {"kind": "text_contains", "file": "tool.py", "phrases": ["import"]},
            "undisturbed": {"kind": "python", "function": "undisturbed"},
        }
    )
    found = await run_checks(
        bwrap,
        key="check",
        rubric=rubric,
        deliverables=deliverables,
        inputs=deliverables,
        checks_file=folder / "checks.py",
    )
    return {one.criterion: one for one in found}


def verdicts(found: dict[str, CheckOutcome]) -> list[str]:
    return [found[name].verdict.value for name in ("prints", "named", "undisturbed")]


async def test_what_it_leaves_running_does_not_reach_the_next_check(
    bwrap: SandboxProvider, tmp_path: Path
) -> None:
    found = await graded(bwrap, tmp_path, LEAVES_A_WRITER)
    assert verdicts(found) == ["fail", "pass", "pass"], found


async def test_it_cannot_look_into_the_one_who_reports(bwrap: SandboxProvider, tmp_path: Path) -> None:
    found = await graded(bwrap, tmp_path, LOOKS_IN)
    assert verdicts(found) == ["pass", "pass", "pass"], found


async def test_if_it_ends_the_one_who_reports_only_its_own_check_is_left_to_people(
    bwrap: SandboxProvider, tmp_path: Path
) -> None:
    found = await graded(bwrap, tmp_path, ENDS_ALL.replace("SIGNAL", "SIGKILL"))
    assert verdicts(found) == ["cannot_judge", "pass", "pass"], found
    assert "stopped while it ran" in found["prints"].feedback
