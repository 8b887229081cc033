"""A project whose records are on PostgreSQL does what one with a file of its own does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runs.project import bench_in
from tests.runs.support import write_pack

# What differs from run to run.
OF_THE_RUN = {"run", "execution", "ts", "minutes", "cost"}


def lines(folder: Path, pack: Path, **settings: Any) -> list[dict[str, Any]]:
    """The run of a pack from its plan to the neutral record of its grading."""
    with bench_in(folder, **settings) as bench:
        summary = bench.run(str(pack), agents=["oracle", "nop"], repeats=2)
        assert summary.causes == {"submitted": 8}
        assert bench.resume(summary.id).causes == {"submitted": 8}
        assert bench.report(summary.id).agents["nop"].p1.value == 0.0
        return [line.model_dump(mode="json", exclude=OF_THE_RUN) for line in bench.evaluations(summary.id)]


def test_a_run_is_the_same_on_either_database(tmp_path: Path, fresh_database: str) -> None:
    pack = write_pack(tmp_path, jobs=2)
    own = lines(tmp_path / "own", pack)
    assert own
    assert own == lines(tmp_path / "shared", pack, database=fresh_database)


def test_every_project_on_a_database_sees_all_runs(tmp_path: Path, fresh_database: str) -> None:
    pack = str(write_pack(tmp_path))
    with (
        bench_in(tmp_path / "a", database=fresh_database) as first,
        bench_in(tmp_path / "b", database=fresh_database) as second,
    ):
        begun = [bench.run(pack, agents=["nop"]).id for bench in (first, second)]
        for bench in (first, second):
            assert sorted(run.id for run in bench.runs()) == sorted(begun)
            assert {bench.show(run).state for run in begun} == {"done"}
