"""`python -m grading.checks JOB [DELIVERABLES]`: a job's checks, carried out as in a run, shown to its author."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from core import BadInput, UpBenchError
from grading.checks.run import CheckOutcome, run_checks
from jobs import Job, find_job
from sandbox import provider


def main() -> int:
    """Print every check's verdict and evidence. Exit code 1 when a check fails or cannot judge."""
    parser = argparse.ArgumentParser(prog="python -m grading.checks", description=__doc__)
    parser.add_argument("job", help="PACK/JOB, or the job's folder")
    parser.add_argument("deliverables", type=Path, nargs="?", help="default: the job's private/reference")
    parser.add_argument("--sandbox", default="bwrap")
    args = parser.parse_args()
    try:
        job = find_job(args.job)
        deliverables = args.deliverables or job.root / "private" / "reference"
        if not deliverables.is_dir():
            raise BadInput("no such folder", file=deliverables)
        outcomes = _run(job, deliverables, args.sandbox)
    except UpBenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for outcome in outcomes:
        _show(outcome)
    rest = sum(criterion.check is None for criterion in job.rubric.criteria)
    good = sum(outcome.verdict == "pass" for outcome in outcomes)
    sys.stdout.write(f"{good} of {len(outcomes)} checks pass; {rest} criteria have no check\n")
    return 0 if good == len(outcomes) else 1


def _run(job: Job, deliverables: Path, sandbox: str) -> list[CheckOutcome]:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty")
        empty.mkdir()
        running = run_checks(
            provider(sandbox, Path(folder, "state")),
            key="checks",
            rubric=job.rubric,
            deliverables=deliverables,
            inputs=job.inputs_dir or empty,
            checks_file=job.checks_file,
        )
        return asyncio.run(running)


def _show(outcome: CheckOutcome) -> None:
    sys.stdout.write(f"{outcome.verdict.value:13}{outcome.criterion}  ({outcome.seconds:.2f} s)\n")
    for seen in outcome.evidence:
        where = " ".join(part for part in (seen.file, seen.anchor) if part)
        sys.stdout.write(f"{'':13}{seen.kind}: {where}: {seen.text}\n")
    if not outcome.evidence:
        sys.stdout.write(f"{'':13}{outcome.feedback}\n")


if __name__ == "__main__":
    sys.exit(main())
