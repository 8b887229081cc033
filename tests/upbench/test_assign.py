"""`upbench review assign`, and how many people review the submissions of a run, on the command line."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import BadInput
from grading import People
from grading.tables import REVIEW_SLOTS
from tests.upbench.bundles import fill, project
from tests.upbench.test_cli import upbench
from upbench.order import Order
from upbench.settings import Settings


def test_reviewers_are_added_and_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    home = project(tmp_path)
    fill(home)
    words = ("review", "assign", "--reviewers", "2", "--json")
    first = upbench(*words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    changed = json.loads(first.stdout)
    assert 0 < changed["added"] < changed["items"] + 1
    assert json.loads(upbench(*words, cwd=tmp_path).stdout)["added"] == 0
    ann = People(home.database).add("ann@example.org", by="tests")
    given = upbench("review", "assign", "--to", "Ann@example.org", "--job", "job-1", cwd=tmp_path)
    assert "given" in given.stdout
    with home.database.read() as connection:
        required = connection.execute(select(REVIEW_SLOTS.c.required).distinct()).scalars().all()
    home.close()
    assert set(required) == {None, ann.id}


def test_nobody_is_given_what_they_may_not_review(tmp_path: Path) -> None:
    home = project(tmp_path)
    fill(home)
    home.close()
    add = ("review", "users", "add", "ann", "--no-password", "--conflict", "job:job-1")
    assert upbench(*add, cwd=tmp_path).returncode == 0
    left = upbench("review", "assign", "--to", "ann", "--job", "job-1", cwd=tmp_path)
    assert left.returncode == 1
    assert "not given, since that person may not review them" in left.stdout
    assert "conflicts of interest" in left.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing is to be changed"),
        (("--to", "p-1"), "--job"),
        (("--to", "local", "--job", "none"), "no submission"),
        (("--to", "nobody", "--job", "job-1"), "nobody called 'nobody'"),
        (("--overlap", "2"), "2"),
        (("--overlap", "nan"), "nan"),
        (("--gold", "nan"), "nan"),
        (("--reviewers", "0"), "0"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    project(tmp_path).close()
    refused = upbench("review", "assign", *words, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_run_is_told_how_many_review() -> None:
    options = Order(pack="p", reviewers=3, overlap=0.25).options(Settings())
    assert (options.reviewing.primary, options.reviewing.overlap) == (3, 0.25)
    assert Order(pack="p").options(Settings()).reviewing.primary == 1
    wrongs: tuple[tuple[dict[str, Any], str], ...]
    wrongs = (({"overlap": nan}, "--overlap"), ({"reviewers": 10}, "--reviewers"))
    for wrong, name in wrongs:
        with pytest.raises(BadInput, match=name):
            Order(pack="p", **wrong).options(Settings())
