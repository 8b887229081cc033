"""The program's commands.

`check` reads `{"criteria": [{"id", "check"}]}` and writes `{"outcomes": [...]}`; `render` writes the text and
facts of every deliverable; `view FILE` draws one file below `--into`, `unpack FILE NUMBER` writes one entry of an
archive there, and `tools` says what there is to draw with; `perturb FAULT FILE` writes a workbook with a known
fault; `try JOB DELIVERABLES` shows a job's checks to the one who writes them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from .alone import shield

DELIVERABLES = Path("/grading/deliverables")
INPUTS = Path("/grading/inputs")
CHECKS = Path("/grading/checks.py")
BOUNDS = ("kind_seconds", "python_seconds", "total_seconds")


def main(argv: list[str]) -> int:
    """Run one command; the exit code is 0 when it could be carried out, whatever the verdicts."""
    # Numeric libraries would start a thread a core in every child.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(prog="inside", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "render"):
        command = commands.add_parser(name)
        command.add_argument("--deliverables", type=Path, default=DELIVERABLES)
        command.add_argument("--out", type=Path, help="the answer's file (default: standard output)")
        if name == "check":
            command.add_argument("--inputs", type=Path, default=INPUTS)
            command.add_argument("--checks", type=Path, default=CHECKS)
            command.add_argument("--request", type=Path, help="the request's file (default: standard input)")
    look = commands.add_parser("view")
    look.add_argument("file", type=Path)
    look.add_argument("--into", type=Path, required=True, help="the folder for what is drawn")
    taken = commands.add_parser("unpack")
    taken.add_argument("file", type=Path)
    taken.add_argument("number", type=int, help="of the entry, from 0")
    taken.add_argument("--into", type=Path, required=True, help="the folder for the entry")
    worse = commands.add_parser("perturb")
    worse.add_argument("fault", choices=("missing_sheet", "wrong_total"))
    worse.add_argument("file", type=Path)
    worse.add_argument("--sheet")
    worse.add_argument("--into", type=Path, required=True, help="the folder for the changed file")
    for command in (look, taken, worse, commands.add_parser("tools")):
        command.add_argument("--out", type=Path, help="the answer's file (default: standard output)")
    attempt = commands.add_parser("try")
    attempt.add_argument("job", type=Path)
    attempt.add_argument("deliverables", type=Path, nargs="?", help="default: the job's private/reference")
    attempt.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    if args.command == "try":
        return _try(args)
    shield()
    carry_out = {
        "check": _check, "render": _render, "view": _view, "unpack": _unpack, "perturb": _perturb, "tools": _tools,
    }  # fmt: skip
    answer = carry_out[args.command](args)
    text = json.dumps(answer)
    if args.out is None:
        sys.stdout.write(text)
    else:
        _write_anew(args.out, text)
    return 0


def _write_anew(path: Path, text: str) -> None:
    """Write a file that was not there before: what stands in its place is somebody else's."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)


def _check(args: argparse.Namespace) -> dict[str, Any]:
    from .runner import run_checks

    request = json.loads(args.request.read_text("utf-8") if args.request else sys.stdin.read())
    items = [(str(one["id"]), dict(one["check"])) for one in request["criteria"]]
    bounds = {name: float(request[name]) for name in BOUNDS if name in request}
    checks = args.checks if args.checks.is_file() else None
    return {"outcomes": run_checks(items, args.deliverables, args.inputs, checks, **bounds)}


def _render(args: argparse.Namespace) -> dict[str, Any]:
    from .rendering import render_folder

    return {"renderings": render_folder(args.deliverables)}


def _view(args: argparse.Namespace) -> dict[str, Any]:
    from .viewing import view

    return view(args.file, args.into)


def _unpack(args: argparse.Namespace) -> dict[str, Any]:
    from .unpacking import unpack

    return unpack(args.file, args.number, args.into)


def _perturb(args: argparse.Namespace) -> dict[str, Any]:
    from .perturbing import perturb

    return perturb(args.fault, args.file, args.into, args.sheet)


def _tools(_: argparse.Namespace) -> dict[str, Any]:
    from .viewing_tools import tools

    return tools()


def _try(args: argparse.Namespace) -> int:
    from .runner import run_checks

    job = args.job
    criteria = tomllib.loads((job / "rubric.toml").read_text("utf-8"))["criteria"]
    checks = job / "private" / "checks.py"
    deliverables = args.deliverables or job / "private" / "reference"
    items = [(one["id"], one["check"]) for one in criteria if "check" in one]
    outcomes = run_checks(items, deliverables, job / "inputs", checks if checks.is_file() else None)
    if args.json:
        sys.stdout.write(json.dumps(outcomes, indent=1) + "\n")
        return 0
    by_id = {one["id"]: one for one in criteria}
    for outcome in outcomes:
        criterion = by_id[outcome["id"]]
        head = f"{outcome['verdict']:12} {criterion['importance']:9} {outcome['id']}"
        sys.stdout.write(f"{head} ({criterion['check']['kind']}) {outcome['seconds']:.2f} s\n")
        for piece in outcome["evidence"]:
            where = " ".join(part for part in (piece["file"], piece["anchor"]) if part)
            sys.stdout.write(f"             {piece['kind']}: {where}: {piece['text']}\n")
        if outcome["verdict"] == "cannot_judge":
            sys.stdout.write(f"             {outcome['feedback']}\n")
    verdicts = [outcome["verdict"] for outcome in outcomes]
    counts = {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "cannot_judge")}
    sys.stdout.write(f"{counts}, without a check: {len(criteria) - len(items)}\n")
    return 0
