"""Mistakes at the command line: what is called, what is spoiled before, and what the one line must name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.runs.support import RUBRIC

Spoil = Callable[[Path], object]
Upbench = Callable[..., tuple[int, str, str]]
JOB = "packs/small/jobs/job-1/"
TOTAL = {"criterion": "total", "importance": "critical"}
NOTE = {"criterion": "note", "importance": "important"}
LINE = {"agent": "a", "job": "j", "attempt": 1, "arm": "alone", "criterion": None}


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
    "chance not a number": ((*RUN, "--overlap", "nan"), nothing, ("--overlap",)),
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
