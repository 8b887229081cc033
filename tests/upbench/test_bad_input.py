"""Mistakes at the command line: one line on standard error, exit code 2, nothing half written, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.lock import only_one
from tests.runs.forking import completed
from tests.runs.project import need_sandbox
from tests.runs.support import write_pack
from tests.upbench.mistakes import CASES, LIST, RUN, Spoil, Upbench, refused, tree


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run of two agents on two jobs."""
    need_sandbox()
    folder = tmp_path_factory.mktemp("finished")
    write_pack(folder / "packs", jobs=2)
    done = completed("run", "packs/small", "--agent", "nop", "--agent", "oracle", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("arguments", "spoil", "named"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_one_line(
    upbench: Upbench, arguments: tuple[str, ...], spoil: Spoil, named: tuple[str, ...]
) -> None:
    spoil(Path.cwd())
    refused(upbench, arguments, *named)
    if Path("upbench.toml").exists() or Path(".upbench").is_file() or arguments in {LIST, RUN}:
        return
    assert json.loads(upbench("runs", "list", "--json")[1]) == [], "nothing half written"


@pytest.mark.parametrize("key", ["a\nb", " sk-1", "sk-\u00e9", "sk-1\r"])
def test_a_key_that_no_header_can_carry_is_refused(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    refused(upbench, ("run", "packs/small", "--model", "openai/x"), "OPENAI_API_KEY")


def test_a_port_in_use_is_named(upbench: Upbench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        refused(upbench, ("review", "serve", "--no-open", "--port", str(port)), f"port {port} is taken")


def statement(sql: str) -> Spoil:
    def spoil(folder: Path) -> None:
        with sqlite3.connect(folder / ".upbench/upbench.db") as connection:
            connection.execute(sql)
        connection.close()

    return spoil


def cut(folder: Path) -> None:
    file = folder / ".upbench/upbench.db"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])


def without_blobs(folder: Path) -> None:
    shutil.rmtree(folder / ".upbench/blobs")


DAMAGED: dict[str, tuple[tuple[str, ...], Spoil, int, str]] = {
    "cut off": (("runs", "show", "last"), cut, 2, "upbench.db: cannot be opened"),
    "newer": (LIST, statement("INSERT INTO migrations VALUES ('runs', 99)"), 2, "newer UpBench"),
    "of something else": (LIST, statement("DROP TABLE migrations"), 2, "a database of something else"),
    "a record no JSON": (("runs", "show", "last"), statement("UPDATE runs SET config = '{'"), 1, "is damaged"),
    "a table gone": (("runs", "show", "last"), statement("DROP TABLE executions"), 1, "no such table"),
    "blobs gone": (("runs", "export", "last", "--to", "o"), without_blobs, 1, "is missing"),
}


@pytest.mark.parametrize(("arguments", "spoil", "code", "named"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_store_is_one_line_and_left_alone(
    upbench: Upbench,
    monkeypatch: pytest.MonkeyPatch,
    finished: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    spoil: Spoil,
    code: int,
    named: str,
) -> None:
    copy = shutil.copytree(finished, tmp_path / "copy")
    spoil(copy)
    before = tree(copy)
    monkeypatch.chdir(copy)
    found, out, err = upbench(*arguments)
    assert (found, out) == (code, ""), err
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert "fault of UpBench" not in err
    assert tree(copy) == before


@pytest.mark.parametrize("column", ["cause", "submission", "remarks"])
def test_a_damaged_attempt_is_named_counts_as_missing_and_hides_no_other(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, finished: Path, tmp_path: Path, column: str
) -> None:
    copy = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(copy)
    (one, *others) = json.loads(upbench("runs", "show", "last", "--json")[1])["attempts"]
    assert others
    statement(f"UPDATE attempts SET {column} = '{{' WHERE id = '{one['attempt']}'")(copy)
    says = f"the record of {one['attempt']} is damaged: its {column} cannot be read"
    code, out, err = upbench("runs", "show", "last")
    assert (code, err, out.count(says)) == (0, "", 1)
    assert all(other["trial"] in out for other in others)
    assert says in upbench("runs", "why", one["trial"])[1]
    report = json.loads(upbench("report", "last", "--json")[1])
    counted = [missing["first"].get("store_damaged", 0) for missing in report["missing"].values()]
    assert sum(counted) == 1
    refused_export = upbench("runs", "export", "last")
    assert refused_export[0] != 0
    assert len(refused_export[2].strip().splitlines()) == 1


def owner(change: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        file = folder / ".upbench/owner"
        file.unlink()
        change(file)

    return spoil


OWNERS: dict[str, Spoil] = {
    "empty": owner(lambda file: file.write_bytes(b"")),
    "huge": owner(lambda file: file.write_bytes(b"a" * 1_000_000)),
    "not text": owner(lambda file: file.write_bytes(b"\xff\xfe" * 8)),
    "a folder": owner(lambda file: file.mkdir()),
    "a pipe": owner(os.mkfifo),
    "a link that leads nowhere": owner(lambda file: file.symlink_to("gone")),
}


@pytest.mark.parametrize("spoil", OWNERS.values(), ids=OWNERS.keys())
def test_an_owner_that_cannot_be_read_is_said_before_anything_is_begun(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, finished: Path, tmp_path: Path, spoil: Spoil
) -> None:
    copy = shutil.copytree(finished, tmp_path / "copy")
    spoil(copy)
    monkeypatch.chdir(copy)
    before = upbench("runs", "list", "--json")[1]
    for arguments in (RUN, ("runs", "resume", "last")):
        refused(upbench, arguments, ".upbench/owner", "owner")
    assert upbench("runs", "list", "--json")[1] == before


@pytest.mark.parametrize(
    ("to", "named"),
    [
        ("packs", "is there already"),
        ("packs/small/pack.toml", "is there already"),
        ("packs/small/pack.toml/o", "cannot be written"),
        ("/proc/nowhere/o", "cannot be written"),
        ("o" * 300, "File name too long"),
    ],
)
def test_an_export_goes_into_a_new_folder_or_nowhere(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, finished: Path, to: str, named: str
) -> None:
    monkeypatch.chdir(finished)
    refused(upbench, ("runs", "export", "last", "--to", to), "--to", named)


def test_a_run_is_found_from_another_folder(upbench: Upbench, finished: Path) -> None:
    code, out, err = upbench("--project", str(finished), "runs", "resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["state"] == "done"


def test_a_run_that_another_process_executes_is_left_alone(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, finished: Path
) -> None:
    monkeypatch.chdir(finished)
    run = json.loads(upbench("runs", "list", "--json")[1])[0]["id"]
    with only_one(run, finished / ".upbench/scratch"):
        refused(upbench, ("runs", "resume", run), "another process is executing run", "wait for it")
    assert upbench("runs", "resume", run)[0] == 0


def test_two_runs_at_one_time_share_a_project(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    command = [str(Path(sys.executable).with_name("upbench")), *RUN, "--repeats", "5", "--json"]
    both = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=300) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert [json.loads(out)["causes"] for out, _ in said] == [{"submitted": 10}] * 2
    assert len(json.loads(upbench("runs", "list", "--json")[1])) == 2


def test_help_is_shown_where_a_command_is_missing(upbench: Upbench) -> None:
    for arguments in ((), ("runs",), ("jobs",)):
        code, out, err = upbench(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("Usage: upbench")
        assert "\nCommands:\n" in err


@pytest.mark.parametrize("command", [["jobs", "list", "starter"], ["jobs", "list", "starter", "--json"]])
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, command: list[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as stream:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("upbench")), *command],
            cwd=tmp_path,
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            timeout=180,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert os.strerror(errno.ENOSPC) in done.stderr


def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path: Path) -> None:
    command = f"{Path(sys.executable).with_name('upbench')} jobs show starter/bank-reconciliation | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
