from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sandbox import Command, Sandbox, TreeLimits
from tests.sandbox.contract.helpers import Openings, deep, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


def why(left: object) -> dict[str, str]:
    assert isinstance(left, tuple)
    return {row.path: row.why for row in left}


async def test_what_is_written_is_read(box: Sandbox) -> None:
    data = os.urandom(3_000_000)
    await box.write("/job/made/deep/file.bin", data)
    assert await box.read("/job/made/deep/file.bin", max_bytes=3_000_000) == data


async def test_an_empty_file(box: Sandbox) -> None:
    await box.write("/tmp/empty", b"")
    assert await box.read("/tmp/empty", max_bytes=0) == b""


async def test_writing_again_replaces_all_of_it(box: Sandbox) -> None:
    await box.write("/job/twice", b"a long first text")
    await box.write("/job/twice", b"short")
    assert await box.read("/job/twice", max_bytes=100) == b"short"


async def test_what_is_written_belongs_to_the_agent(box: Sandbox) -> None:
    await box.write("/job/mine/note.txt", b"x")
    result = await sh(
        box, "echo more >> /job/mine/note.txt && rm /job/mine/note.txt && rmdir /job/mine && echo ok"
    )
    assert result.stdout.text == "ok\n"


async def test_unicode_and_spaces_in_names(box: Sandbox) -> None:
    await box.write("/job/Büro 東/ein name.txt", b"x")
    assert (await sh(box, "cat '/job/Büro 東/ein name.txt'")).stdout.text == "x"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/opt/x", "relative", "/job/../etc/x", "/jobs/x", "/job", "/tmp/a\0b"]
)
async def test_writing_elsewhere_is_refused(box: Sandbox, path: str) -> None:
    with pytest.raises(ValueError, match=r"path|below"):
        await box.write(path, b"x")


async def test_writing_into_the_inputs_is_refused(box: Sandbox) -> None:
    with pytest.raises(OSError, match=r"Read-only|Permission denied"):  # gVisor looks at the rights first
        await box.write("/job/inputs/x", b"x")


async def test_writing_onto_a_folder_is_refused(box: Sandbox) -> None:
    with pytest.raises(OSError, match=r"directory|regular"):
        await box.write("/job/deliverables", b"x")


async def test_reading_what_is_not_there(box: Sandbox) -> None:
    with pytest.raises(FileNotFoundError):
        await box.read("/job/none", max_bytes=10)


async def test_reading_more_than_allowed_is_refused(box: Sandbox) -> None:
    await box.write("/job/eleven", b"12345678901")
    with pytest.raises(OSError, match="larger than 10"):
        await box.read("/job/eleven", max_bytes=10)


async def test_reading_an_endless_file_ends(box: Sandbox) -> None:
    await sh(box, "truncate -s 900M /job/sparse")
    with pytest.raises(OSError, match="larger"):
        await box.read("/job/sparse", max_bytes=5_000_000)
    await sh(box, "rm /job/sparse")


@pytest.mark.parametrize("make", ["mkfifo /tmp/odd", "mkdir /tmp/odd", "ln -s /dev/zero /tmp/odd"])
async def test_reading_what_is_no_regular_file_is_refused(box: Sandbox, make: str) -> None:
    await sh(box, f"rm -rf /tmp/odd; {make}")
    with pytest.raises(OSError, match=r"regular|directory"):
        await box.read("/tmp/odd", max_bytes=100)


async def test_a_link_leads_nowhere_outside(box: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("of the host")
    await sh(box, f"mkdir -p /tmp/s; ln -sfn {secret} /job/link; ln -sfn {tmp_path} /job/folder")
    with pytest.raises(FileNotFoundError):
        await box.read("/job/link", max_bytes=100)
    with pytest.raises(OSError):  # noqa: PT011  # which one depends on where the host's folder would be
        await box.write("/job/folder/secret.txt", b"overwritten")
    assert secret.read_text() == "of the host"
    await sh(box, "rm /job/link /job/folder")


async def test_uploading_a_tree(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "data.bin").write_bytes(b"\0" * 2_500_000)
    (tmp_path / "a" / "empty").mkdir()
    (tmp_path / "a" / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "a" / "run.sh").chmod(0o755)
    await box.upload(tmp_path / "a", "/job/up")
    result = await sh(box, "cd /job/up; stat -c %s b/data.bin; test -d empty && ./run.sh")
    assert result.stdout.text == "2500000\nran\n"


async def test_uploading_onto_the_workspace_itself(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    (tmp_path / "deliverables").mkdir()
    (tmp_path / "deliverables" / "a.txt").write_text("a")
    await box.upload(tmp_path, "/job")
    assert await box.read("/job/deliverables/a.txt", max_bytes=10) == b"a"


async def test_uploading_a_link_out_of_the_tree_is_refused(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="leads out"):
        await box.upload(tmp_path / "t", "/job/links")


async def test_uploading_what_is_not_there(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await box.upload(tmp_path / "none", "/job/none")


async def test_downloading_a_tree(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(
        box,
        "mkdir -p deliverables/x/y; echo a > deliverables/a; head -c 3000000 /dev/urandom > deliverables/x/y/b",
    )
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert taken.files == ("a", "x/y/b")
    assert taken.left_out == ()
    assert (tmp_path / "out" / "a").read_text() == "a\n"
    digest = (await sh(box, "sha256sum deliverables/x/y/b")).stdout.text.split()[0]
    assert hashlib.sha256((tmp_path / "out" / "x" / "y" / "b").read_bytes()).hexdigest() == digest


async def test_downloading_from_the_scratch_folder(box: Sandbox, tmp_path: Path) -> None:
    await sh(box, "mkdir -p /tmp/res; echo r > /tmp/res/r.txt; ln -sf r.txt /tmp/res/l")
    taken = await box.download("/tmp/res", tmp_path / "out", TreeLimits())
    assert taken.files == ("r.txt",)
    assert set(why(taken.left_out)) == {"l"}


async def test_downloading_what_is_not_there(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await box.download("/job/none", tmp_path / "out", TreeLimits())


async def test_links_fifos_and_sockets_are_left_out(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    await sh(
        box,
        f"cd deliverables; ln -s {secret} abs; ln -s ../../../etc/passwd rel; ln -s / root; mkfifo pipe;"
        "ln -s abs abs2;"
        "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\"; echo ok > real",
    )
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert taken.files == ("real",)
    assert set(why(taken.left_out)) == {"abs", "rel", "root", "abs2", "pipe", "sock"}
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["real"]


async def test_a_link_in_place_of_the_folder_is_not_followed(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "secret").write_text("of the host")
    await sh(box, f"rm -r deliverables; ln -s {tmp_path / 'host'} deliverables")
    with pytest.raises(OSError):  # noqa: PT011  # a link, or nothing there: either way nothing is taken
        await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert not list((tmp_path / "out").rglob("*"))


async def test_odd_names_are_left_out_and_named(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    code = (
        "import os\nos.chdir(b'/job/deliverables')\n"
        "odd = (b'esc\\x1b[31m', b'fine \\xc3\\xa4.txt', b'..x', b'-rf')\n"
        "for n in (*odd, b'back\\\\slash', b'new\\nline', b'\\xff\\xfe'):\n"
        "    open(n, 'w').write('x')\n"
    )
    await box.run(Command(argv=("python3", "-S", "-c", code)))
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert taken.files == ("-rf", "..x", "fine ä.txt")
    assert len(taken.left_out) == 4
    assert all(row.path.isprintable() for row in taken.left_out)


async def test_a_deep_tree_is_cut_at_its_depth(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "echo top > deliverables/t")
    await box.run(deep(3000))
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits(max_depth=4))
    assert taken.files == ("t",)
    assert why(taken.left_out) == {"d/d/d/d": "too deep"}


async def test_too_many_files_are_cut(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "cd deliverables; seq 1 3000 | xargs touch")
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits(max_files=10))
    assert len(taken.files) == 10
    assert 0 < len(taken.left_out) <= 201


async def test_large_files_are_left_out(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "cd deliverables; truncate -s 800M huge; echo s > small; head -c 2000 /dev/zero > middle")
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits(max_file_bytes=1000))
    assert taken.files == ("small",)
    assert set(why(taken.left_out)) == {"huge", "middle"}


async def test_all_files_together_are_capped(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "cd deliverables; for i in 1 2 3 4 5; do head -c 1000 /dev/zero > f$i; done")
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits(max_total_bytes=2500))
    assert taken.files == ("f1", "f2")
    assert len(taken.left_out) == 3


async def test_a_hard_link_is_a_file_like_any_other(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "cd deliverables; echo one > a; ln a b; ln /etc/passwd c 2>/dev/null")
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert taken.files == ("a", "b")


async def test_files_of_any_mode_are_left_out_or_taken_whole(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "cd deliverables; echo a > a; chmod 0 a; mkdir d; echo b > d/b; chmod 0 d")
    taken = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert set(taken.files) | set(why(taken.left_out)) >= {"a"}
    assert not set(taken.files) & set(why(taken.left_out))


async def test_downloading_twice_into_one_folder(openings: Openings, tmp_path: Path) -> None:
    box = await openings()
    await sh(box, "echo 1 > deliverables/a")
    first = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    await sh(box, "echo 22 > deliverables/a")
    second = await box.download("/job/deliverables", tmp_path / "out", TreeLimits())
    assert first == second
    assert (tmp_path / "out" / "a").read_text() == "22\n"
