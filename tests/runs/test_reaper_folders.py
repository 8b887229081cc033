"""What a process holds of the project's folders while it lives, and what is found when it is dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import BadInput
from runs import left_behind, own_folder
from runs.lock import only_one, sweep

HOLD = """
import sys
from pathlib import Path
from runs.lock import only_one, own_folder
at = Path(sys.argv[1])
with only_one("run", at), own_folder(at / "scratch-1"):
    (at / "scratch-1" / "file").write_text("on its way")
    print("held", flush=True)
    sys.stdin.read()
"""

RACE = """
import sys, time
from pathlib import Path
from core import BadInput
from runs.lock import only_one, own_folder, sweep
at, name = Path(sys.argv[1]), sys.argv[2]
until, got = time.monotonic() + 1.0, 0
while time.monotonic() < until:
    try:
        with only_one("run", at):
            (at / "alone").mkdir()  # fails where two are in here
            (at / "alone").rmdir()
            got += 1
    except BadInput:
        pass
    with own_folder(at / "scratch" / name) as own:
        (own / "file").write_text("x")
        sweep(at / "scratch")
        assert (own / "file").read_text() == "x"
print(got)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_what_a_living_process_holds_stays_and_what_a_dead_one_held_goes(tmp_path: Path) -> None:
    own = tmp_path / "scratch-1"
    (tmp_path / "other.txt").write_text("not of this kind")
    with holder(tmp_path) as process:
        sweep(tmp_path)
        assert (own / "file").exists()
        with left_behind(own) as dead:
            assert not dead
        with pytest.raises(BadInput, match="another process"), only_one("run", tmp_path):
            pass
        process.kill()
        process.wait()
        with left_behind(own) as dead:
            assert dead
        sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
    with only_one("run", tmp_path):
        assert (tmp_path / "run.lock").exists()


def test_all_is_gone_at_the_end_of_the_block(tmp_path: Path) -> None:
    with only_one("run", tmp_path / "a"), own_folder(tmp_path / "a" / "scratch") as own:
        (own / "below").mkdir()
    assert list((tmp_path / "a").iterdir()) == []
    with left_behind(tmp_path / "nothing") as dead:
        assert not dead


def test_one_after_the_other_never_two(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), f"own-{number}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    said = [racer.communicate(timeout=60) for racer in racers]
    assert [error for _, error in said] == [""] * 3
    assert sum(int(out) for out, _ in said) > 20
    assert list((tmp_path / "scratch").iterdir()) == []
