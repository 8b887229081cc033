from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Taken, TreeLimits
from sandbox.docker import archive
from sandbox.docker.archive import BrokenArchive, unpack

Row = tuple[str, bytes, bytes, str]  # name, kind, content, link


def packed(*rows: Row, form: int = tarfile.PAX_FORMAT, root: bytes = tarfile.DIRTYPE) -> bytes:
    """A tar as the engine sends it: the folder itself, then what is in it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form, errors="surrogateescape") as made:
        for name, kind, content, link in (("", root, b"", "/etc"), *rows):
            row = tarfile.TarInfo("deliverables/" + name if name else "deliverables")
            row.type, row.size, row.linkname = kind, len(content), link
            made.addfile(row, io.BytesIO(content))
    return stream.getvalue()


def file(name: str, content: bytes = b"x") -> Row:
    return name, tarfile.REGTYPE, content, ""


def folder(name: str) -> Row:
    return name, tarfile.DIRTYPE, b"", ""


def parts(data: bytes, size: int = 700) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def taken(target: Path, *rows: Row, limits: TreeLimits | None = None) -> Taken:
    return unpack(parts(packed(*rows)), target, limits or TreeLimits())


def why(found: Taken) -> dict[str, str]:
    return {row.path: row.why for row in found.left_out}


def on_disk(target: Path) -> list[str]:
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("size", [1, 511, 512, 513, 1 << 20])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_files_come_out_whole_however_the_bytes_come(tmp_path: Path, form: int, size: int) -> None:
    long = "d/" + "n" * 200 + "/ä.txt"
    content = bytes(range(256)) * 5
    data = packed(file("a", b""), file("b", b"y" * 512), file(long, content), form=form)
    found = unpack(parts(data, size), tmp_path / "out", TreeLimits())
    assert found == Taken(files=("a", "b", long))
    assert (tmp_path / "out" / long).read_bytes() == content


def test_links_devices_and_fifos_are_left_out_and_named(tmp_path: Path) -> None:
    kinds = {"l": tarfile.SYMTYPE, "c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE, "p": tarfile.FIFOTYPE, "z": b"Z"}
    found = taken(tmp_path, *((name, kind, b"", "/etc/passwd") for name, kind in kinds.items()), file("real"))
    assert found.files == ("real",)
    assert why(found) == {"l": "a link", **dict.fromkeys("cbpz", "not a regular file")}
    assert on_disk(tmp_path) == ["real"]


def test_an_unknown_kind_with_content_does_not_shift_what_follows(tmp_path: Path) -> None:
    found = taken(tmp_path, ("odd", b"Z", packed(file("inner")), ""), file("real", b"of the agent"))
    assert (found.files, set(why(found))) == (("real",), {"odd"})
    assert (tmp_path / "real").read_bytes() == b"of the agent"


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/etc/x", "a//b", "./a", "new\nline", "back\\slash", "\udcff"]
)
def test_names_that_lead_out_or_are_odd_are_left_out(tmp_path: Path, name: str) -> None:
    found = taken(tmp_path / "in", file(name), file("real"))
    assert found.files == ("real",)
    assert len(found.left_out) == 1
    assert found.left_out[0].path.isprintable()
    assert on_disk(tmp_path) == ["in/real"]


def test_a_folder_s_place_taken_by_a_link_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    row = ("d", tarfile.SYMTYPE, b"", str(tmp_path / "outside"))
    found = taken(tmp_path / "in", row, file("d/x"))
    assert why(found) == {"d": "a link"}
    assert on_disk(tmp_path / "outside") == []
    assert on_disk(tmp_path / "in") == ["d/x"]


def test_a_second_name_of_a_file_is_a_copy_of_it(tmp_path: Path) -> None:
    links = [
        (name, tarfile.LNKTYPE, b"", to) for name, to in (("b", "deliverables/a"), ("c", "deliverables/none"))
    ]
    links.append(("d", tarfile.LNKTYPE, b"", "/etc/passwd"))
    links.append(("e", tarfile.LNKTYPE, b"", "deliverables/../../etc/passwd"))
    found = taken(tmp_path, file("a", b"one"), *links)
    assert found.files == ("a", "b")
    assert set(why(found)) == {"c", "d", "e"}
    assert (tmp_path / "b").read_bytes() == b"one"
    assert os.stat(tmp_path / "a").st_nlink == 1


def test_copies_count_against_the_caps(tmp_path: Path) -> None:
    links = [(f"l{n}", tarfile.LNKTYPE, b"", "deliverables/a") for n in range(5)]
    found = taken(tmp_path, file("a", b"x" * 100), *links, limits=TreeLimits(max_total_bytes=250))
    assert found.files == ("a", "l0")
    assert len(found.left_out) == 4


def test_the_caps(tmp_path: Path) -> None:
    rows = [file(f"f{n}", b"x" * 100) for n in range(8)]
    limits = TreeLimits(max_files=3, max_file_bytes=150)
    found = taken(tmp_path, file("big", b"x" * 151), *rows, limits=limits)
    assert found.files == ("f0", "f1", "f2")
    assert why(found)["big"] == "larger than 150 bytes"
    assert len(found.left_out) == 6


def test_too_deep_is_named_once_and_what_follows_is_taken(tmp_path: Path) -> None:
    rows = [folder("d/" * level + "d") for level in range(6)]
    found = taken(tmp_path, *rows, file("d/" * 6 + "f"), file("d/d/g"), file("t"), limits=TreeLimits(max_depth=3))
    assert found.files == ("d/d/g", "t")
    assert why(found) == {"d/d/d": "too deep"}


def test_the_number_of_entries_is_bounded(tmp_path: Path) -> None:
    rows = [folder(f"d{n:04}") for n in range(300)]
    found = taken(tmp_path, *rows, file("z"), limits=TreeLimits(max_files=10))
    assert found.files == ()
    assert why(found) == {"...": "more entries than are looked at"}


def test_reading_over_what_is_left_out_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SKIPPED_LEAST", 0)
    limits = TreeLimits(max_file_bytes=1000, max_total_bytes=1000)
    huge = packed(file("a", b"x" * 3000), file("b"), file("c", b"x" * 3000), file("d"))
    read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for part in parts(huge, 512):
            read += len(part)
            yield part

    found = unpack(counted(), tmp_path, limits)
    assert found.files == ("b",)
    assert list(why(found)) == ["a", "c", "..."]
    assert read < len(huge) - 3000


def test_a_stream_that_ends_in_the_middle_is_no_archive(tmp_path: Path) -> None:
    whole = packed(file("a", b"x" * 2000), file("b"))
    for end in (0, 100, 512, 1024, 1600, 3072, 3600):
        with pytest.raises(BrokenArchive):
            unpack(parts(whole[:end]), tmp_path / str(end), TreeLimits())
    assert not (tmp_path / "1600" / "a").exists()  # nothing is left half copied


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.REGTYPE, tarfile.FIFOTYPE])
def test_something_else_in_the_folder_s_place(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(NotADirectoryError):
        unpack(parts(packed(file("a"), root=kind)), tmp_path / "out", TreeLimits())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "header",
    [
        b"\xff" * 512,
        tarfile.TarInfo("x").tobuf()[:100] + b"garbage" + tarfile.TarInfo("x").tobuf()[107:],
        b"not a tar".ljust(512, b"."),
    ],
)
def test_nonsense_is_no_archive(tmp_path: Path, header: bytes) -> None:
    good = packed()
    with pytest.raises(BrokenArchive):
        unpack(parts(good[:512] + header + good[512:]), tmp_path, TreeLimits())


@pytest.mark.parametrize(
    "record", [b"99999 path=x\n", b"x path=y\n", b"0 path=y\n", b"-5 path=y\n", b"9 size=zz\n", b"12 size=-100\n"]
)
def test_nonsense_in_an_extended_header_is_no_archive(tmp_path: Path, record: bytes) -> None:
    head = tarfile.TarInfo("deliverables/h")
    head.type, head.size = tarfile.XHDTYPE, len(record)
    good = packed(file("a"))
    data = good[:512] + head.tobuf() + record.ljust(512, b"\0") + good[512:]
    with pytest.raises(BrokenArchive):
        unpack(parts(data), tmp_path, TreeLimits())


def test_a_header_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    head = tarfile.TarInfo("deliverables/h")
    head.type, head.size = tarfile.XHDTYPE, 1 << 30
    with pytest.raises(BrokenArchive, match="too long"):
        unpack(iter([packed()[:512] + head.tobuf(), b"x" * 512]), tmp_path, TreeLimits())
