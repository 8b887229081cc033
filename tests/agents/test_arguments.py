from __future__ import annotations

import pytest

from agents.tools.pages import page_numbers
from agents.tools.paths import in_deliverables, in_job


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ("3", [3]),
        ("1-3,7", [1, 2, 3, 7]),
        ("7, 1 - 2,2", [1, 2, 7]),
        ("5-3", []),
    ],
)
def test_pages(text: str | None, numbers: list[int] | None) -> None:
    assert page_numbers(text) == numbers


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1;2", "1-9999", "0x1", "1-500,501-1000,1001-1500,2000"])
def test_what_names_no_pages(text: str) -> None:
    with pytest.raises(ValueError, match="pages"):
        page_numbers(text)


@pytest.mark.parametrize(
    ("path", "full"),
    [
        ("a.txt", "/job/deliverables/a.txt"),
        ("./a.txt", "/job/deliverables/a.txt"),
        ("sub/a.txt", "/job/deliverables/sub/a.txt"),
        ("deliverables/a.txt", "/job/deliverables/a.txt"),
        ("/job/deliverables/a.txt", "/job/deliverables/a.txt"),
        (" /job/deliverables//x/../a.txt ", "/job/deliverables/a.txt"),
        ("/job/deliverables", None),
        ("/job/deliverables/../x", None),
        ("../x", None),
        ("/job/inputs/x", None),
        ("/job/deliverables2/x", None),
        ("/etc/passwd", None),
    ],
)
def test_paths_below_the_deliverables(path: str, full: str | None) -> None:
    assert in_deliverables(path) == full


def test_paths_in_the_workspace() -> None:
    assert in_job("inputs/x") == "/job/inputs/x"
    assert in_job("/job/./x") == "/job/x"
    assert in_job("../etc") == "/etc"
