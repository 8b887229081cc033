"""A run is taken from one project into another by Python alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import BadInput
from runs import user
from tests.upbench.bundles import RUN, fill
from upbench import Bench


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    bench = Bench(tmp_path / "here")
    fill(bench.home)
    return bench


def test_a_run_goes_from_one_project_to_another(here: Bench, tmp_path: Path) -> None:
    written = here.export_run(RUN, tmp_path / "study.zip")
    assert (written.run, written.bytes) == (RUN, (tmp_path / "study.zip").stat().st_size)
    there = Bench(tmp_path / "there")
    taken = there.import_run(str(tmp_path / "study.zip"))
    assert (taken.run, taken.already, taken.rows, taken.blobs) == (RUN, False, written.rows, written.blobs)
    assert there.show(RUN).owner == user()
    assert list(there.attempts(RUN)) == list(here.attempts(RUN)) != []
    assert there.report(RUN) == here.report(RUN)
    assert there.import_run(tmp_path / "study.zip").already
    counts = there.export_folder(RUN, tmp_path / "read")
    assert counts["evaluations"] == len(there.evaluations(RUN)) > 0
    assert (tmp_path / "read" / "run.json").exists()
    for wrong in (lambda: here.export_run(RUN, tmp_path / "study.zip"), lambda: there.import_run(tmp_path / "no")):
        with pytest.raises(BadInput):
            wrong()
    here.close()
    there.close()


def test_who_has_no_name_takes_a_run_in_all_the_same(
    here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    here.export_run(RUN, tmp_path / "study.zip")
    monkeypatch.setattr("getpass.getuser", nameless)
    there = Bench(tmp_path / "there")
    there.import_run(tmp_path / "study.zip")
    assert there.show(RUN).owner == f"user-{os.getuid()}"
    here.close()
    there.close()
