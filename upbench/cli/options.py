"""Options of the commands that execute runs: how, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from upbench.cli.output import SHARE

F = TypeVar("F", bound=Callable[..., Any])
POLICIES = ["paper", "strict", "all", "judgement"]


def execution_options(command: F) -> F:
    """Give a command the options of `upbench.order.changed_options`, and `--detach`."""
    options = (
        click.option("--concurrency", type=click.IntRange(1, 512), help="Attempts at one time."),
        click.option(
            "--budget",
            multiple=True,
            metavar="NAME=VALUE",
            help="Of the whole run: dollars, tokens or hours (repeatable; none lifts it).",
        ),
        click.option(
            "--crash-rate", metavar="RATE", help="Stop when more of the attempts crash (0.2); off: never."
        ),
        click.option(
            "--preflight/--no-preflight",
            default=None,
            help="One attempt of each agent goes before the others (default: where it has 20 or more).",
        ),
        click.option("--reviewers", type=click.IntRange(1, 9), help="People who review each submission (1)."),
        click.option(
            "--overlap",
            type=SHARE,
            metavar="P",
            help="Probability of one review more, which decides nothing (0).",
        ),
        click.option(
            "--gold",
            type=SHARE,
            metavar="P",
            help="Probability of a review beside it of a submission whose verdicts are known (0).",
        ),
        click.option(
            "--qualified/--unqualified",
            default=None,
            help="Only who has qualified by such reviews may review (default: anybody).",
        ),
        click.option("--detach", is_flag=True, help="Leave it to workers, and do not wait for it."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def policy_option(says: str) -> Callable[[F], F]:
    """Gives a command `--policy`, None where nobody says any."""
    return click.option("--policy", type=click.Choice(POLICIES), help=says)


def rework_options(command: F) -> F:
    """Give a command the options of `upbench.reworking.reworked`."""
    options = (
        click.option(
            "--echo", is_flag=True, help="Show reviewers what failed at first once more, as it is: verdict noise."
        ),
        click.option(
            "--feedback-form", metavar="FORM", help="Agents are told the remarks (default), or criteria as well."
        ),
        click.option(
            "--rework-context",
            metavar="WHAT",
            help="Agents go on from their submission (default), or from their transcript as well.",
        ),
        click.option(
            "--rework-budget",
            multiple=True,
            metavar="NAME=VALUE",
            help="No further attempt at a trial that has cost so many dollars or minutes of review (repeatable).",
        ),
        click.option(
            "--early-stop", is_flag=True, default=None, help="No further attempt where one scored no better."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
