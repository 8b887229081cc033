"""Deliverables made hostile: what is taken out of a sandbox never leads elsewhere, and never takes for ever."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from sandbox import Command, Sandbox, SandboxSpec, Taken, TreeLimits
from sandbox.places import name_problem
from tests.sandbox.escapes.attempt import escape, held
from tests.sandbox.escapes.scene import HERE, MIB, TOOLS, Scene
from tests.sandbox.escapes.witness import Witness

ASYNC = pytest.mark.asyncio(loop_scope="session")

FAMILY = "deliverables"
AT = "/job/deliverables"
COLLECTOR = held("collector")
COLLECTOR_AND_CLOUD = held("collector", e2b="collector")
LIMITS = TreeLimits(max_files=200, max_file_bytes=4 * MIB, max_total_bytes=16 * MIB)


async def hostile(scene: Scene, name: str, *, keep: bool = False, **facts: object) -> tuple[str, Sandbox]:
    """A workspace whose deliverables a program has made, or (`keep`) goes on making."""
    key = scene.key()
    box = await scene.open_key(key)
    told = json.dumps(scene.witness.facts(scene.param) | {"at": AT, **facts})
    line = f"python3 -S -m inside tree:{name}"
    line += " >/tmp/said 2>&1 & sleep 0.3" if keep else ""
    command = Command(
        argv=("bash", "-c", line), cwd=TOOLS, env={"FACTS": told}, timeout_seconds=120, keep_background=keep
    )
    result = scene.said(await box.run(command))
    assert result.exit_code == 0, result.stderr.text
    return key, box


async def taken(scene: Scene, key: str, box: Sandbox, limits: TreeLimits = LIMITS) -> tuple[Taken, Path]:
    """Take them out by both ways: from the open sandbox, and after its end, which is what counts."""
    target = scene.folder / "open"
    started = time.monotonic()
    await box.download(AT, target, limits)
    look(scene, target, limits)
    await box.close()
    target = scene.folder / "closed"
    found = await scene.made.collect(key, target, limits)
    look(scene, target, limits, found)
    assert time.monotonic() - started < 60
    return found, target


def look(scene: Scene, target: Path, limits: TreeLimits, found: Taken | None = None) -> None:
    """Only plain regular files, none of the host's, within the caps, each with a name that can be kept."""
    files, size = [], 0
    for path in target.rglob("*"):
        about = path.lstat()
        if stat.S_ISDIR(about.st_mode):
            continue
        assert stat.S_ISREG(about.st_mode), path
        assert not about.st_mode & 0o7111, "no setuid bit, and no program"
        assert about.st_size <= limits.max_file_bytes
        name = path.relative_to(target).as_posix()
        assert name_problem(name) is None
        if about.st_size < MIB:
            assert scene.witness.secret.encode() not in path.read_bytes()
        files.append(name)
        size += about.st_size
    assert len(files) <= limits.max_files
    assert size <= limits.max_total_bytes
    if found is not None:
        assert sorted(files) == sorted(found.files)
        assert all(row.path.isprintable() for row in found.left_out)


async def raced(scene: Scene, name: str, rounds: int = 8) -> None:
    """Take them out again and again while they change."""
    key, box = await hostile(scene, name, keep=True)
    for number in range(rounds):
        target = scene.folder / f"race{number}"
        try:
            await box.download(AT, target, LIMITS)
        except OSError:
            continue
        look(scene, target, LIMITS)
    said = await scene.sh(box, "cat /tmp/said; ls /job")
    assert "Error" not in said.stdout.text, "it raced all the time"
    await taken(scene, key, box)


@pytest.mark.parametrize("name", ["swap_file", "swap_folder"])
def test_a_naive_collector_is_led_out(name: str, witness: Witness, tmp_path: Path) -> None:
    (tmp_path / "job" / "deliverables").mkdir(parents=True)
    at = tmp_path / "job" / "deliverables"
    facts = json.dumps(witness.facts("control") | {"at": str(at), "last": 20})
    racer = subprocess.Popen(
        [sys.executable, "-S", "-m", "inside", f"tree:{name}"], cwd=HERE, env={"FACTS": facts}
    )
    path = at / ("a.txt" if name == "swap_file" else "d/secret.txt")
    found, end = "", time.monotonic() + 15
    while witness.secret not in found and time.monotonic() < end:
        try:
            if not path.is_symlink() and not path.parent.is_symlink():
                found = path.read_text()
        except OSError:
            continue
    racer.kill()
    racer.wait()
    assert witness.secret in found


@ASYNC
@escape(
    FAMILY,
    "file swapped for a link",
    "Exchanges a file and a link to the host's secret, all the time.",
    COLLECTOR_AND_CLOUD,
)
async def test_swap_file(scene: Scene) -> None:
    await raced(scene, "swap_file")


@ASYNC
@escape(
    FAMILY, "folder swapped for a link", "Exchanges a folder and a link to the host's, all the time.", COLLECTOR
)
async def test_swap_folder(scene: Scene) -> None:
    await raced(scene, "swap_folder")


@ASYNC
@escape(FAMILY, "folders that move", "Moves folders out of the tree and back while they are walked.", COLLECTOR)
async def test_move_folder(scene: Scene) -> None:
    await raced(scene, "move_folder")


@ASYNC
@escape(FAMILY, "file that grows", "Makes a file larger than its cap while it is copied.", COLLECTOR)
async def test_grow(scene: Scene) -> None:
    await raced(scene, "grow", rounds=6)


@ASYNC
@escape(
    FAMILY,
    "links",
    "Links of every kind: absolute, relative, chained, ringed, through /proc.",
    COLLECTOR_AND_CLOUD,
)
async def test_links(scene: Scene) -> None:
    key, box = await hostile(scene, "links")
    found, _ = await taken(scene, key, box)
    assert found.files == ("real",)
    assert len(found.left_out) == 11


@ASYNC
@escape(FAMILY, "fifos and sockets", "Lays out what a reader waits on for ever.", COLLECTOR_AND_CLOUD)
async def test_odd_kinds(scene: Scene) -> None:
    key, box = await hostile(scene, "odd_kinds")
    found, _ = await taken(scene, key, box)
    assert found.files == ("real",)
    # Those that only the sandbox's own kernel knows are not there for others; an engine's archive has no sockets.
    assert {row.path for row in found.left_out} <= {"fifo", "fifo.docx", "socket"}


@ASYNC
@escape(FAMILY, "too many files", "Hands in 100,000 files (10,000 where that is slow).", COLLECTOR)
async def test_many(scene: Scene) -> None:
    key, box = await hostile(scene, "many", most=100_000 if scene.param == "bwrap" else 10_000)
    found, _ = await taken(scene, key, box)
    assert len(found.files) == LIMITS.max_files
    assert 0 < len(found.left_out) < 1000


@ASYNC
@escape(FAMILY, "too deep", "Hands in folders deeper than any path can say.", COLLECTOR)
async def test_deep(scene: Scene) -> None:
    key, box = await hostile(scene, "deep", most=2500)
    found, _ = await taken(scene, key, box)
    assert found.files == ()
    await scene.made.discard(key)
    with pytest.raises(FileNotFoundError):
        await scene.made.collect(key, scene.folder / "gone", LIMITS)


@ASYNC
@escape(FAMILY, "sparse giants", "Hands in 36 GB that take no disk.", COLLECTOR)
async def test_sparse(scene: Scene) -> None:
    key, box = await hostile(scene, "sparse")
    found, _ = await taken(scene, key, box)
    assert found.files == ()
    assert 0 < len(found.left_out) <= 40


@ASYNC
@escape(
    FAMILY,
    "hostile names",
    "Names with line ends, terminal codes, reversed text, bytes that are no text.",
    COLLECTOR_AND_CLOUD,
)
async def test_names(scene: Scene) -> None:
    from tests.sandbox.escapes.inside.tree import NAMES

    key, box = await hostile(scene, "names")
    found, _ = await taken(scene, key, box)
    assert len(found.files) + len(found.left_out) == len(NAMES)
    assert len(found.left_out) >= 9
    odd = [name for name in found.files if any(unicodedata.category(c) in KINDS or c in TURNS for c in name)]
    assert not odd, "names that lie about themselves where they are printed"


@ASYNC
@escape(
    FAMILY, "modes and times", "Setuid, unreadable and ancient files, a folder that nobody may enter.", COLLECTOR
)
async def test_modes(scene: Scene) -> None:
    key, box = await hostile(scene, "modes")
    found, target = await taken(scene, key, box)
    assert {"plain", "suid"} <= set(found.files)
    assert (target / "suid").read_text() == "#!/bin/sh\n"


@ASYNC
@escape(
    FAMILY,
    "archives",
    "Zip, Office and tar files whose names lead to the host, and that swell.",
    held("nothing is unpacked"),
)
async def test_archives(scene: Scene) -> None:
    key, box = await hostile(scene, "archives")
    found, target = await taken(scene, key, box)
    assert set(found.files) == {"evil.zip", "evil.docx", "evil.xlsx", "evil.tar"}
    assert sorted(path.name for path in target.rglob("*")) == sorted(found.files)


@ASYNC
@escape(FAMILY, "names that collide", "Names that differ by case or by how accents are written.", COLLECTOR)
async def test_cases(scene: Scene) -> None:
    key, box = await hostile(scene, "cases")
    found, target = await taken(scene, key, box)
    assert len(found.files) == 7
    assert sorted((target / name).read_text() for name in found.files) == list("0123456")


KINDS = ("Cc", "Cs", "Zl", "Zp")
TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # of the direction of writing

REPLACED = {
    "a link to the host's folder": "ln -s {folder} deliverables",
    "a link to everything": "ln -s / deliverables",
    "a link to the inputs": "ln -s inputs deliverables",
    "a file": "echo x > deliverables",
    "a fifo": "mkfifo deliverables",
    "nothing": "true",
}


@ASYNC
@escape(
    FAMILY,
    "folder replaced",
    "Puts links, a file, a fifo or nothing in place of the deliverables' folder.",
    COLLECTOR_AND_CLOUD,
)
async def test_replaced(scene: Scene) -> None:
    lines = list(REPLACED.values())[: 1 if scene.param == "e2b" else None]  # opening takes its time there
    await asyncio.gather(*(replaced(scene, line, f"replaced{number}") for number, line in enumerate(lines)))


async def replaced(scene: Scene, line: str, name: str) -> None:
    """One thing in the folder's place, in a workspace of its own."""
    spec = SandboxSpec(workspace=scene.key())
    box = await scene.again(spec)
    folder = scene.witness.folder
    await scene.sh(box, f"cd /job && rm -rf deliverables && {line.format(folder=folder)}")
    await box.close()
    target = scene.folder / name
    try:
        found = await scene.made.collect(spec.workspace, target, LIMITS)
    except OSError:
        found = Taken()
    assert found.files == (), line
    look(scene, target, LIMITS)
    again = await scene.again(spec)  # it can be worked in again
    said = await scene.sh(again, "touch /job/deliverables/x && echo ok; ls -ld /job/deliverables >&2")
    assert said.stdout.text == "ok\n", f"{line}: {said.stderr.text}"
    await again.close()


@ASYNC
@escape(
    FAMILY,
    "links under the harness's hands",
    "Links where the harness reads, writes and uploads.",
    held("supervisor has the agent's rights"),
)
async def test_file_calls(scene: Scene) -> None:
    box = await scene.open()
    facts = scene.witness.facts(scene.param)
    await scene.sh(
        box, f"ln -s {facts['secret']} /job/s; ln -s {facts['ledger']} /job/l; ln -s {facts['folder']} /job/f"
    )
    with pytest.raises(OSError):  # noqa: PT011  # by what lies at that path inside
        scene.heard(await box.read("/job/s", max_bytes=1000))
    for path in ("/job/l", "/job/f/ledger.txt"):
        with pytest.raises(OSError):  # noqa: PT011
            await box.write(path, b"overwritten")
    (scene.folder / "up").mkdir()
    (scene.folder / "up" / "ledger.txt").write_text("overwritten")
    with pytest.raises(OSError):  # noqa: PT011
        await box.upload(scene.folder / "up", "/job/f")


@ASYNC
@escape(
    FAMILY,
    "poisoned workspace",
    "Lays out modules and settings that a supervisor or a shell would load next time.",
    held("isolated start"),
)
async def test_poison(scene: Scene) -> None:
    spec = SandboxSpec(workspace=scene.key())
    box = await scene.again(spec)
    names = "sitecustomize usercustomize encodings posix errno select time resource inside inside_files"
    line = "open('/job/poisoned', 'a').write(__name__)\nopen('/tmp/poisoned', 'a').write(__name__)\n"
    for name in names.split():
        for folder in ("/job", "/job/deliverables", "/tmp"):
            await box.write(f"{folder}/{name}.py", line.encode())
    for name in (".bashrc", ".profile", ".bash_profile", ".pythonrc.py", "pyvenv.cfg", "python311._pth"):
        await box.write(f"/job/{name}", b"touch /job/poisoned\n")
    await box.close()
    again = await scene.again(spec)
    await again.write("/job/x", b"x")
    await again.run(Command(argv=("bash", "-c", "true")))
    await again.run(Command(argv=("true",)))
    await again.download("/job", scene.folder / "all", LIMITS)
    await asyncio.sleep(0)
    assert "poisoned" not in os.listdir(scene.folder / "all")
