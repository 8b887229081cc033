"""The groups of tests name tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.schedule import GROUPS, group_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pattern", GROUPS)
def test_a_group_names_files_that_are_there(pattern: str) -> None:
    of_files = re.compile(pattern.partition("::")[0])
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert [file for file in files if of_files.match(file)]


def test_what_is_in_no_group_is_one_of_its_own() -> None:
    lonely = "tests/sandbox/contract/test_files.py::test_an_empty_file[bwrap]"
    assert group_of(lonely) == lonely


def test_a_parameter_can_make_several_groups() -> None:
    ids = [
        f"tests/sandbox/network/test_internet.py::test_{n}[{kind}]" for kind in ("bwrap", "docker") for n in "ab"
    ]
    groups = [group_of(one) for one in ids]
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert groups[1] != groups[2]
