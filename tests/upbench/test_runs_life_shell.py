"""`runs shell`: what an attempt's workspace held, in a sandbox of its own that changes nothing."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.runs.project import need_sandbox
from tests.upbench.life import MENDED, WRONG, attempts, hand_in, pack_of, slow_script, started, turn, until
from tests.upbench.mistakes import Upbench, refused
from tests.upbench.test_cli import without_keys

REACT = ("--agent", "react", "--model", "scripted/x")


def trial_of(upbench: Upbench) -> str:
    found: str = json.loads(upbench("runs", "show", "last", "--json")[1])["attempts"][0]["trial"]
    return found


def looked(upbench: Upbench, trial: str, line: str) -> dict[str, object]:
    code, out, err = upbench("runs", "shell", trial, "--json", "--", "bash", "-c", line)
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".upbench/workspaces").glob("shell-*"))


def test_what_was_handed_in_is_shown_where_nothing_else_is_kept(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, MENDED))
    upbench("run", "own/packs/small", *REACT, "--protocol", "retry")
    trial = trial_of(upbench)
    found = looked(
        upbench, trial, "cat /job/deliverables/* /job/inputs/amounts.csv /job/previous/total.csv; ls /job"
    )
    assert found["source"] == "submission"
    assert found["execution"] == f"{trial}.k2retry.e1", "the last attempt"
    assert found["stdout"] == "total\n60\namount\n10\n20\n30\ntotal\n59\ndeliverables\ninputs\nprevious\n"
    first = looked(
        upbench, f"{trial}.k1", "cat /job/deliverables/total.csv; echo 60 > /job/deliverables/total.csv"
    )
    assert first["stdout"] == "total\n59\n"
    assert looked(upbench, f"{trial}.k1", "cat /job/deliverables/total.csv")["stdout"] == "total\n59\n"
    code, out, err = upbench("runs", "shell", trial, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (code, out) == (7, "out\n")
    assert err.startswith(f"{trial}.k2retry.e1: what was handed in, and the inputs")
    assert err.endswith("\nerr\n")
    refused(upbench, ("runs", "shell", trial, "--json"), "--json", "-- COMMAND")
    refused(upbench, ("runs", "shell", f"{trial}.k9"), "no such attempt")
    refused(upbench, ("runs", "shell", "t000"), "no such trial")
    assert left_over(tmp_path) == []


def test_a_workspace_that_is_kept_is_copied_and_stays_as_it_was(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG))
    (tmp_path / "upbench.toml").write_text("keep_workspaces = true\n")
    upbench("run", "own/packs/small", *REACT)
    trial = trial_of(upbench)
    found = looked(upbench, trial, "cat /job/mine.txt; rm -r /job/mine.txt /job/deliverables/*; touch /job/new")
    assert (found["source"], found["stdout"]) == ("workspace", "mine\n")
    assert looked(upbench, trial, "ls /job")["stdout"] == "deliverables\ninputs\nmine.txt\n"
    assert left_over(tmp_path) == []


def test_an_attempt_that_is_at_work_is_left_alone_and_one_that_was_left_is_shown(
    upbench: Upbench, tmp_path: Path
) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path))
    with started("run", "own/packs/small", *REACT, cwd=tmp_path) as process:
        until(lambda: '"running": 1' in upbench("runs", "show", "last", "--json")[1])
        until(lambda: list((tmp_path / ".upbench/workspaces").glob("*/deliverables/total.csv")) or _deep(tmp_path))
        refused(upbench, ("runs", "shell", trial_of(upbench), "--", "true"), "is at work", "stop the run first")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    found = looked(upbench, trial_of(upbench), "cat /job/deliverables/total.csv; rm /job/deliverables/total.csv")
    assert (found["source"], found["stdout"]) == ("workspace", "half\n")
    assert _deep(tmp_path), "what a resume goes on with is as it was"


def _deep(folder: Path) -> list[Path]:
    """What the agent wrote, wherever the provider keeps it."""
    return list((folder / ".upbench/workspaces").rglob("total.csv"))


def test_commands_come_from_a_pipe(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    upbench("run", "packs/small", "--agent", "oracle", "--job", "job-1")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("upbench")), "runs", "shell", trial_of(upbench)],
        input="cd deliverables\nls\nexit 3\n",
        cwd=tmp_path,
        env=without_keys(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "note.txt\ntotal.csv\n"), done.stderr


class Person:
    """Sits at a terminal of 33 rows and 99 columns, at which a command runs."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.seen = b""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(cwd)
            program = str(Path(sys.executable).with_name("upbench"))
            os.execve(program, ["upbench", *arguments], without_keys() | {"TERM": "vt100"})
        self.resize(33, 99)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def types(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def sees(self, text: bytes, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.seen += os.read(self.terminal, 4096)
        self.seen = self.seen.partition(text)[2]

    def leaves(self) -> int:
        while True:
            try:
                self.seen += os.read(self.terminal, 4096)
            except OSError:
                return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_a_person_at_a_terminal_has_a_shell(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    upbench("run", "packs/small", "--agent", "oracle", "--job", "job-1")
    person = Person("runs", "shell", trial_of(upbench), cwd=tmp_path)
    person.sees(b":/job$ ")
    person.types(b"stty size; echo $((6*7)) $TERM\r")
    person.sees(b"33 99\r\n42 vt100\r\n")
    person.resize(44, 55)
    time.sleep(1)
    person.types(b"stty size\r")
    person.sees(b"44 55\r\n")
    person.types(b"sleep 1000\r")
    time.sleep(1)
    person.types(b"\x03")
    person.sees(b":/job$ ")
    person.types(b"exit 7\r")
    assert person.leaves() == 7
    assert left_over(tmp_path) == []


def test_a_workspace_that_was_lost_is_shown_as_it_was_last_kept(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    work = [turn("echo half > /job/deliverables/total.csv; echo mine > /job/mine.txt"), turn("sleep 60")]
    pack_of(tmp_path / "own", attempts([*work, hand_in("total.csv")]))
    (tmp_path / "upbench.toml").write_text("snapshots = true\n")
    with started("run", "own/packs/small", *REACT, cwd=tmp_path) as process:
        until(lambda: "sleep 60" in upbench("runs", "why", trial_of(upbench))[1] if _has_run(upbench) else None)
        found = looked(upbench, trial_of(upbench), "cat /job/mine.txt")
        assert (found["source"], found["stdout"]) == ("snapshot", "mine\n"), "it is at work, and left alone"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    for workspace in (tmp_path / ".upbench/workspaces").iterdir():
        shutil.rmtree(workspace, ignore_errors=True)
    found = looked(upbench, trial_of(upbench), "cat /job/mine.txt /job/deliverables/total.csv")
    assert (found["source"], found["stdout"]) == ("snapshot", "mine\nhalf\n")


def _has_run(upbench: Upbench) -> bool:
    return bool(json.loads(upbench("runs", "list", "--json")[1]))
