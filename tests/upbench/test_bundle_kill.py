"""An import that is killed at any moment leaves a run entirely or not at all, and can be done again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs import Records
from tests.standins.postgres import database_place, fresh_database, postgres  # noqa: F401
from tests.upbench.bundles import RUN, fill, project
from upbench.bundle.take_in import take_in
from upbench.bundle.write import write_bundle
from upbench.home import Home

ROOT = Path(__file__).parents[2]
TAKE = """
import sys
from pathlib import Path
from core import Blobs, Database
from tests.upbench.bundles import MIGRATIONS
from upbench.bundle.take_in import take_in
from upbench.home import Home
from upbench.settings import Settings
settings = Settings(project=Path(sys.argv[1]))
place = sys.argv[2] if "://" in sys.argv[2] else Path(sys.argv[2])
home = Home(settings, settings.state, Database(place, MIGRATIONS), Blobs(settings.state / "blobs"))
print("begun", flush=True)
print(take_in(home, Path(sys.argv[3])).already, flush=True)
"""


def begin(home: Home, file: Path) -> subprocess.Popen[str]:
    """A process that takes the bundle into the project, and has opened it."""
    place = home.database.path or home.database.url.replace("+psycopg", "")
    arguments = [sys.executable, "-c", TAKE, str(home.settings.project), str(place), str(file)]
    child = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    return child


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    home = project(tmp_path / "here")
    fill(home, jobs=5, repeats=2)
    write_bundle(home, RUN, tmp_path / "a.zip")
    home.close()
    return tmp_path / "a.zip"


def test_killed_again_and_again_it_is_there_whole_in_the_end(bundle: Path, tmp_path: Path) -> None:
    timed = project(tmp_path / "timed")
    began = time.monotonic()
    take_in(timed, bundle)
    seconds = time.monotonic() - began
    timed.close()
    home, chance = project(tmp_path / "there"), random.Random(3)
    for _ in range(4):
        with begin(home, bundle) as child:
            time.sleep(chance.random() * seconds)
            child.send_signal(signal.SIGKILL)
        if Records(home.database).runs():
            assert len(Records(home.database).attempts(RUN)) == 20, "all of it or nothing"
    take_in(home, bundle)
    write_bundle(home, RUN, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == bundle.read_bytes()
    home.close()


def test_two_at_once_take_in_one_run(bundle: Path, tmp_path: Path, database_place: Path | str) -> None:  # noqa: F811
    home = project(tmp_path / "there", database_place)
    children = [begin(home, bundle) for _ in range(2)]
    said = sorted(child.communicate(timeout=300)[0].strip() for child in children)
    assert [child.returncode for child in children] == [0, 0]
    assert said == ["False", "True"]
    write_bundle(home, RUN, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == bundle.read_bytes()
    home.close()
