from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core import BadInput
from sandbox import TreeLimits, collect_tree, remove_tree
from sandbox.places import absolute, name_problem, shown, writable
from sandbox.shown import readable


def test_a_folder_swapped_for_a_link_meanwhile_never_leads_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_text("of the host")
    root = tmp_path / "job"
    (root / "deliverables" / "d").mkdir(parents=True)
    for name in ("d/a", "z"):
        (root / "deliverables" / name).write_text("mine")
    stop = threading.Event()

    def swap() -> None:
        folder, aside = root / "deliverables" / "d", root / "aside"
        while not stop.is_set():
            folder.rename(aside)
            folder.symlink_to(secret)
            folder.unlink()
            aside.rename(folder)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = set()
        for number in range(300):
            target = tmp_path / f"out-{number}"
            taken = collect_tree(root, "deliverables", target, TreeLimits())
            seen |= {(target / name).read_text() for name in taken.files}
    finally:
        stop.set()
        swapper.join()
    assert seen == {"mine"}


def test_a_file_that_grows_is_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    grown = tmp_path / "d" / "log"
    grown.write_bytes(b"x")
    stop = threading.Event()

    def grow() -> None:
        with grown.open("ab", buffering=0) as stream:
            while not stop.is_set() and stream.tell() < 50_000_000:
                stream.write(b"x" * 65536)

    grower = threading.Thread(target=grow)
    grower.start()
    try:
        taken = collect_tree(tmp_path, "d", tmp_path / "out", TreeLimits(max_file_bytes=100_000))
    finally:
        stop.set()
        grower.join()
    copied = tmp_path / "out" / "log"
    assert not copied.exists() or copied.stat().st_size <= 100_000
    assert len(taken.files) + len(taken.left_out) == 1


def test_a_target_that_holds_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("new")
    (tmp_path / "precious").write_text("old")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "precious")
    assert collect_tree(tmp_path, "d", tmp_path / "out", TreeLimits()).files == ("a",)
    assert (tmp_path / "precious").read_text() == "old"
    assert (tmp_path / "out" / "a").read_text() == "new"


def test_what_is_left_out_is_counted_when_it_is_much(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(500):
        (tmp_path / "d" / f"l{number}").symlink_to("/etc/passwd")
    taken = collect_tree(tmp_path, "d", tmp_path / "out", TreeLimits())
    assert taken.files == ()
    assert taken.left_out[-1].why == "300 more"


def test_removing_follows_no_link_and_minds_no_mode(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "a").write_text("stays")
    root = tmp_path / "root"
    (root / "locked" / "in").mkdir(parents=True)
    (root / "locked" / "in" / "f").write_text("x")
    (root / "link").symlink_to(tmp_path / "precious")
    (root / "locked" / "link").symlink_to(tmp_path / "precious")
    (root / ".removed-0").mkdir()
    os.mkfifo(root / "fifo")
    (root / "locked" / "in").chmod(0)
    (root / "locked").chmod(0)
    remove_tree(root)
    assert not root.exists()
    assert (tmp_path / "precious" / "a").read_text() == "stays"
    remove_tree(root)


def test_removing_a_tree_of_any_depth(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    remove_tree(root)
    assert not root.exists()


@pytest.mark.parametrize("path", ["", "job", "/job/../etc", "/job/a\0", "//..//x"])
def test_paths_that_are_not_absolute_and_plain(path: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        absolute(path)


def test_writable_places() -> None:
    assert writable("/job//a/./b/") == b"/job/a/b"
    assert writable("/tmp", roots=True) == b"/tmp"
    for path in ("/job", "/jobs/a", "/etc/a", "/"):
        with pytest.raises(ValueError, match="not below"):
            writable(path)


@pytest.mark.parametrize(
    "name",
    [
        "a\\b",
        "a/./b",
        "a//b",
        "a\nb",
        "\x1b[0m",
        "a/../b",
        "/a",
        "x" * 2000,
        os.fsdecode(b"\xff"),
        "\u202egnp.exe",
        "a\u2028b",
    ],
)
def test_names_that_are_not_taken(name: str) -> None:
    assert name_problem(name)
    assert shown(name).isprintable()
    assert len(shown(name)) <= 1024


def test_names_that_are_taken() -> None:
    assert [name_problem(name) for name in ("a", "a/b c.txt", "ä/東.xlsx", "-rf", "..x")] == [None] * 5


def test_readable_keeps_what_all_may_read_and_copies_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("a")
    for path in (folder, folder / "sub"):
        path.chmod(0o755)
    assert readable(folder, tmp_path / "copies") == folder
    (folder / "sub" / "a").chmod(0o600)
    shown_at = readable(folder, tmp_path / "copies")
    assert (shown_at / "sub" / "a").read_text() == "a"
    if os.geteuid() == 0:
        assert (shown_at / "sub" / "a").stat().st_mode & 0o044
        assert readable(folder, tmp_path / "copies") == shown_at
        (folder / "sub" / "a").write_text("changed")
        assert (readable(folder, tmp_path / "copies") / "sub" / "a").read_text() == "changed"
    with pytest.raises(BadInput, match="no such"):
        readable(tmp_path / "none", tmp_path / "copies")


def test_what_would_lie_below_a_file_is_not_there_to_be_removed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    remove_tree(tmp_path / "file" / "tree")
    assert (tmp_path / "file").read_text() == "x"
