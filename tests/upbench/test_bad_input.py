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
from tests.runs.project import need_sandbox
from tests.runs.support import RUBRIC, write_pack
from upbench.cli.main import main

Spoil = Callable[[Path], object]
Upbench = Callable[..., tuple[int, str, str]]
JOB = "packs/small/jobs/job-1/"
TOTAL = {"criterion": "total", "importance": "critical"}
NOTE = {"criterion": "note", "importance": "important"}
LINE = {"agent": "a", "job": "j", "attempt": 1, "arm": "alone", "criterion": None}


@pytest.fixture
def upbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Upbench:
    """Calls the command line within this process, in a folder with a pack."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("UPBENCH_")]:
        monkeypatch.delenv(name)
    write_pack(tmp_path / "packs", jobs=2)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run of two agents on two jobs."""
    need_sandbox()
    folder = tmp_path_factory.mktemp("finished")
    write_pack(folder / "packs", jobs=2)
    command = [str(Path(sys.executable).with_name("upbench")), "run", "packs/small", "--agent", "nop"]
    done = subprocess.run(
        [*command, "--agent", "oracle"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if ".upbench" not in path.parts}


def refused(upbench: Upbench, arguments: tuple[str, ...], *named: str, folder: Path | None = None) -> None:
    """The call is refused as it must be, and leaves the folder as it was."""
    folder = folder or Path.cwd()
    before = tree(folder)
    code, out, err = upbench(*arguments)
    assert code == 2, err
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    for text in ("upbench: ", *named):
        assert text in err
    assert "fault of UpBench" not in err
    assert tree(folder) == before


def whole(file: str, content: str | bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def each(*spoils: Spoil) -> Spoil:
    return lambda folder: [spoil(folder) for spoil in spoils]


def part(file: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return spoil


def nothing(_folder: Path) -> None:
    return


def lines(*bodies: dict[str, object]) -> Spoil:
    return whole("e.jsonl", "".join(json.dumps(LINE | body) + "\n" for body in bodies))


def prices(text: str) -> Spoil:
    return each(whole("upbench.toml", 'prices = "p.toml"'), whole("p.toml", text))


RUN = ("run", "packs/small", "--agent", "nop")
SCRIPTED = ("run", "packs/small", "--model", "scripted/x")
SUBMIT = ("submit", "packs/small/job-1", "work", "--agent", "me")
LIST = ("runs", "list")
HUGE = "9" * 6000

CASES: dict[str, tuple[tuple[str, ...], Spoil, tuple[str, ...]]] = {
    # Arguments of any command
    "argument empty": (("runs", "show", ""), nothing, ("argument is empty",)),
    "option empty": ((*RUN, "--sandbox="), nothing, ("--sandbox", "empty")),
    "argument not UTF-8": (("jobs", "list", "caf\udce9"), nothing, ("no UTF-8 text",)),
    "command misspelt": (("jobs", "vlidate", "starter"), nothing, ("Did you mean 'validate'",)),
    "name too long": (("rubrics", "lint", "x" * 5000), nothing, ("File name too long",)),
    "project too long": (("--project", "x" * 5000, *LIST), nothing, ("--project", "no such folder")),
    "project a file": (("--project", "f", *LIST), whole("f", ""), ("f: field `--project`",)),
    "project missing for the doctor": (("--project", "nope", "doctor"), nothing, ("nope",)),
    # Settings
    "settings a folder": (LIST, lambda folder: (folder / "upbench.toml").mkdir(), ("not a regular file",)),
    "settings lead nowhere": (
        LIST,
        lambda folder: (folder / "upbench.toml").symlink_to("gone"),
        ("upbench.toml: a link that leads nowhere",),
    ),
    "settings not UTF-8": (LIST, whole("upbench.toml", b"home = '\xff'"), ("upbench.toml:1: not UTF-8",)),
    "settings of a wrong type": (LIST, whole("upbench.toml", "\nconcurrency = true"), ("upbench.toml:2: field",)),
    "settings with text for a number": (LIST, whole("upbench.toml", 'concurrency = "4"'), ("`concurrency`",)),
    "settings with infinity": (LIST, whole("upbench.toml", "concurrency = inf"), ("`concurrency`",)),
    "settings with a huge number": (LIST, whole("upbench.toml", f"concurrency = {HUGE}"), ("upbench.toml",)),
    "settings too deep": (LIST, whole("upbench.toml", "a = " + "[" * 5000), ("nested too deeply",)),
    "home empty": (LIST, whole("upbench.toml", 'home = ""'), ("field `home`",)),
    "home with a NUL": (LIST, whole("upbench.toml", 'home = "a\\u0000b"'), ("field `home`", "NUL")),
    "home a file": (LIST, whole(".upbench", "x"), (".upbench", "cannot be made")),
    "sandbox unknown": (RUN, whole("upbench.toml", 'sandbox = "vm"'), ("`vm`", "bwrap, docker")),
    "sandbox unknown to validate": (
        ("jobs", "validate", "packs/small", "--concurrency", "513"),
        nothing,
        ("512",),
    ),
    "prices missing": ((*RUN, "--dry-run"), whole("upbench.toml", 'prices = "p.toml"'), ("p.toml: no such",)),
    "prices infinite": (RUN, prices("[[prices]]\nmodel = 'a/b'\ninput = inf\noutput = 1"), ("p.toml", "input")),
    "prices negative": (RUN, prices("[[prices]]\nmodel = 'a/b'\ninput = -1\noutput = 1"), ("p.toml", "input")),
    "prices misspelt": (RUN, prices("[[price]]\nmodel = 'a/b'\ninput = 1\noutput = 1"), ("p.toml", "price")),
    # The store
    "database a folder": (
        LIST,
        lambda folder: (folder / ".upbench/upbench.db").mkdir(parents=True),
        ("upbench.db: not a regular file", "move it away"),
    ),
    "database a text": (LIST, whole(".upbench/upbench.db", "no database" * 99), ("not a SQLite database",)),
    "database a short text": (LIST, whole(".upbench/upbench.db", "x"), ("not a SQLite database",)),
    "blobs a file": (LIST, whole(".upbench/blobs", "x"), ("blobs", "cannot be made")),
    "scratch a file": (RUN, whole(".upbench/scratch", "x"), ("scratch", "cannot be made")),
    # Packs, rubrics, scripts
    "pack a file": (("jobs", "list", "packs/small/pack.toml"), nothing, ("not a folder",)),
    "importance unknown": (RUN, part(JOB + "rubric.toml", "critical", "crucial"), ("rubric.toml:4", "importance")),
    "criterion twice": (RUN, part(JOB + "rubric.toml", '"note"', '"total"'), ("rubric.toml:10", "twice")),
    "check infinite": (RUN, part(JOB + "rubric.toml", "equals = 60", "equals = inf"), ("rubric.toml:7", "equals")),
    "script no JSON": (SCRIPTED, whole(JOB + "private/scripted.json", "{"), ("scripted.json:1",)),
    "script wrong": (
        (*SCRIPTED, "--dry-run"),
        whole(JOB + "private/scripted.json", '{"version": 1, "attempts": [[{"calls": [{"tool": 1}]}]]}'),
        ("scripted.json", "field"),
    ),
    "script missing": (
        SCRIPTED,
        lambda folder: (folder / JOB / "private/scripted.json").unlink(),
        ("scripted.json", "no script"),
    ),
    "reference missing": (
        ("run", "packs/small", "--agent", "oracle"),
        lambda folder: shutil.rmtree(folder / JOB / "private/reference"),
        ("private/reference", "the oracle"),
    ),
    # Runs
    "base url without host": ((*SCRIPTED, "--base-url", "http://"), nothing, ("`http://`", "names a host")),
    "base url without a model": ((*RUN, "--base-url", "http://x"), nothing, ("--base-url", "uses a model")),
    "setting without a model": ((*RUN, "--setting", "x=1"), nothing, ("--setting", "uses a model")),
    "setting unknown": ((*SCRIPTED, "--setting", "nope=1"), nothing, ("nope",)),
    "setting huge": ((*SCRIPTED, "--setting", f"context_tokens={HUGE}"), nothing, ("context_tokens",)),
    "limit not a number": ((*RUN, "--limit", "wall_seconds=nan"), nothing, ("--limit wall_seconds",)),
    "limit infinite": ((*RUN, "--limit", "wall_seconds=1e400"), nothing, ("--limit wall_seconds",)),
    "limit negative": ((*RUN, "--limit", "steps=-1"), nothing, ("--limit steps",)),
    "no runs to show": (("runs", "show", "last"), nothing, ("no such run", "runs list")),
    "no runs to grade": (("grade", "last", "--checks"), nothing, ("no such run",)),
    "no runs to export": (("runs", "export", "last", "--to", "o"), nothing, ("no such run",)),
    "no runs to retry": (("runs", "retry", "last", "--cause", "sandbox_lost"), nothing, ("no such run",)),
    "cause of the agent": (("runs", "retry", "last", "--cause", "submitted"), nothing, ("it stands",)),
    "judge and checks": (("grade", "last", "--judge", "a/b", "--checks"), nothing, ("--judge",)),
    "address for the checks": (("grade", "last", "--checks", "--base-url", "http://x"), nothing, ("--base-url",)),
    # Submitting
    "minutes not a number": ((*SUBMIT, "--minutes", "nan"), whole("work/a", "x"), ("--minutes",)),
    "cost infinite": ((*SUBMIT, "--cost", "inf"), whole("work/a", "x"), ("--cost",)),
    "cost over all bounds": ((*SUBMIT, "--cost", "1e300"), whole("work/a", "x"), ("--cost",)),
    "name of an agent": ((*SUBMIT, "--agent", "a b"), whole("work/a", "x"), ("--agent", "letters, digits")),
    "folder empty": (SUBMIT, lambda folder: (folder / "work").mkdir(), ("work", "nothing to hand in")),
    "folder of a link alone": (
        SUBMIT,
        each(lambda at: (at / "work").mkdir(), lambda at: (at / "work/etc").symlink_to("/etc/passwd")),
        ("nothing to hand in", "etc"),
    ),
    # Evaluations
    "evaluations empty": (("report", "e.jsonl"), whole("e.jsonl", "\n\n"), ("e.jsonl: holds no evaluations",)),
    "evaluations of another kind": (("report", "e.jsonl", "--json"), whole("e.jsonl", "[]"), ("e.jsonl:1",)),
    "evaluations in UTF-16": (("report", "e.jsonl"), whole("e.jsonl", "{}".encode("utf-16")), ("e.jsonl:1",)),
    "evaluations too deep": (("report", "e.jsonl"), whole("e.jsonl", "[" * 200000), ("e.jsonl:1: nested",)),
    "key twice": (
        ("report", "e.jsonl", "--json"),
        whole("e.jsonl", '\n{"agent": "a", "agent": "b"}'),
        ("e.jsonl:2: field `agent`: is there twice",),
    ),
    "number of thousands of digits": (
        ("report", "e.jsonl", "--json"),
        whole("e.jsonl", f'{{"attempt": {HUGE}}}'),
        ("e.jsonl:1:", "number"),
    ),
    "payout not a number": (
        ("report", "e.jsonl"),
        lines({"payout": float("nan")}),
        ("e.jsonl:1: field `payout`",),
    ),
    "payouts that overflow": (("report", "e.jsonl"), lines({}, {"payout": 1e308}), ("e.jsonl:2: field `payout`",)),
    "cost infinite in a file": (("report", "e.jsonl"), lines({"cost": {"model": 1e999}}), ("`cost.model`",)),
    "attempt of a huge number": (
        ("report", "e.jsonl"),
        lines({"attempt": 10**30, "arm": "retry"}),
        ("`attempt`",),
    ),
    "true for a number": (("report", "e.jsonl"), lines({}, {"repeat": True}), ("e.jsonl:2: field `repeat`",)),
    "text for a number": (("report", "e.jsonl"), lines({"payout": "80"}), ("e.jsonl:1: field `payout`",)),
    "half a character": (("report", "e.jsonl"), lines({"agent": "\ud800"}), ("e.jsonl:1: field `agent`",)),
    "facts that contradict": (
        ("report", "e.jsonl"),
        lines(TOTAL | {"payout": 1}, NOTE | {"payout": 2}),
        ("e.jsonl:2", "payout"),
    ),
    "evaluations a folder": (("report", "e.jsonl"), lambda at: (at / "e.jsonl").mkdir(), ("not a regular file",)),
    # Where a report goes
    "report into a folder": (("report", "e.jsonl", "--out", "."), lines({}), ("--out", "does not end in")),
    "report onto a folder": (
        ("report", "e.jsonl", "--out", "d.html"),
        each(lines({}), lambda folder: (folder / "d.html").mkdir()),
        ("d.html: field `--out`: cannot be written",),
    ),
    "report of an unknown form": (("report", "e.jsonl", "--out", "r.pdf"), lines({}), ("r.pdf", "--format")),
    "report below a file": (
        ("report", "e.jsonl", "--out", "e.jsonl/r.html"),
        lines({}),
        ("--out", "cannot be written"),
    ),
    # Rubrics
    "verdict unknown": (
        ("rubrics", "score", JOB + "rubric.toml", "v.json"),
        whole("v.json", '{"total": "ok"}'),
        ("v.json: field `total`",),
    ),
    "tree in a circle": (
        ("rubrics", "score", "r/rubric.toml", "v.json"),
        each(
            whole("v.json", "{}"),
            whole("r/rubric.toml", RUBRIC),
            whole("r/rubric.tree.json", '{"nodes": [{"id": "a", "parent": "b"}, {"id": "b", "parent": "a"}]}'),
        ),
        ("rubric.tree.json", "cyclic"),
    ),
    "importer unknown": (("rubrics", "import", "--from", "zzz", "f", "--to", "o.toml"), nothing, ("zzz",)),
    "import below a file": (
        ("rubrics", "import", "--from", "text", "f.txt", "--to", "f.txt/o.toml"),
        whole("f.txt", "critical - Contains 3 rows"),
        ("f.txt/o.toml", "cannot be written"),
    ),
    # Review
    "port without a next one": (("review", "serve", "--no-open", "--port", "65535"), nothing, ("--port",)),
    "host of the world": (("review", "serve", "--no-open", "--host", "0.0.0.0"), nothing, ("--host", "ssh -L")),
}


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
    "a record no JSON": (LIST, statement("UPDATE runs SET config = '{'"), 1, "is damaged"),
    "a cause unknown": (("runs", "show", "last"), statement("UPDATE attempts SET cause = 'x'"), 1, "is damaged"),
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
    said = [one.communicate(timeout=120) for one in both]
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
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert os.strerror(errno.ENOSPC) in done.stderr


def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path: Path) -> None:
    command = f"{Path(sys.executable).with_name('upbench')} jobs show starter/bank-reconciliation | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
