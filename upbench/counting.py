"""Counting the figures of a run: of a large one in a process of its own, so that nobody at a server waits."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from core import BadInput, Cause, Fault
from grading import Figures, compute_figures
from rubrics import CompletionPolicy
from runs import count_attempts, evaluation_lines
from upbench.home import Home, open_home
from upbench.settings import Settings
from upbench.unblinding import search_reviewed

FEW = 200
"""So many attempts are counted faster than a process is started."""

NICE = 10
WRONG = 2
Ordered = tuple[Settings, str, CompletionPolicy | None]


def figures_of(home: Home, run: str, policy: CompletionPolicy | None = None) -> Figures:
    """The figures of a run, as `upbench report` has them.

    Args:
        home: The project.
        run: Its whole id.
        policy: What completes a job; default: the run's own policy.

    Raises:
        BadInput: Its lines contradict each other.
        Fault: They cannot be counted.
    """
    if count_attempts(home.database, run).total <= FEW:
        return _count(home, run, policy)
    ordered: Ordered = (home.settings, run, policy)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "upbench.counting"],
        input=pickle.dumps(ordered),
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == WRONG:
        raise BadInput(said)
    if done.returncode:
        why = said.splitlines()[-1:] or [f"the process ended with {done.returncode}"]
        raise Fault(Cause.harness_bug, f"the figures of run {run} are not counted: {why[0][:300]}")
    return Figures.model_validate_json(done.stdout)


@contextmanager
def uncollected() -> Iterator[None]:
    """Within the block nobody looks for what refers to itself.

    Lines and what is made of them are many, stay until all is counted and never refer to themselves: to go through
    all of them again and again would take a third of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _count(home: Home, run: str, policy: CompletionPolicy | None) -> Figures:
    search_reviewed(home, run)
    with uncollected():
        return compute_figures(evaluation_lines(home.database, run), policy=policy)


def main() -> int:
    """Count what is ordered on standard input, and write it as JSON."""
    os.nice(NICE)
    settings, run, policy = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by `figures_of`
    home = open_home(settings)
    try:
        found = _count(home, run, policy)
    except BadInput as error:
        sys.stderr.write(str(error))
        return WRONG
    finally:
        home.close()
    sys.stdout.write(found.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
