"""`Bench`: the verbs of the command line from Python."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core import BadInput
from tests.runs.project import bench_in
from tests.runs.support import write_pack
from tests.upbench.life import MENDED, WRONG, attempts, pack_of
from upbench import Bench, Order, Settings


def test_run_report_and_evaluations_from_python(tmp_path: Path) -> None:
    pack = str(write_pack(tmp_path, jobs=2))
    with bench_in(tmp_path) as bench:
        assert [job.id for job in bench.jobs(pack).jobs] == ["job-1", "job-2"]
        summary = bench.run(pack, agents=["oracle", "nop"], repeats=2)
        assert summary.causes == {"submitted": 8}
        assert [run.id for run in bench.runs()] == [summary.id]
        lines = bench.evaluations(summary.id)
        assert {(line.agent, line.repeat) for line in lines} == {(a, r) for a in ("oracle", "nop") for r in (1, 2)}
        figures = bench.report(summary.id)
        assert figures.agents["nop"].p1.value == 0.0
        assert figures.agents["oracle"].n.missing == 4, "a criterion for people is open"


def test_the_same_from_async_code(tmp_path: Path) -> None:
    pack = str(write_pack(tmp_path))

    async def work(bench: Bench) -> list[str]:
        first, second = await asyncio.gather(
            bench.run_async(pack, agents=["oracle"]), bench.run_async(pack, agents=["nop"])
        )
        return [first.attempts[0].agent, second.attempts[0].agent]

    with bench_in(tmp_path) as bench:
        assert asyncio.run(work(bench)) == ["oracle", "nop"]
        assert len(bench.runs()) == 2


def test_wrong_input_raises_before_anything_is_written(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        with pytest.raises(BadInput, match="nowhere"):
            bench.run("nowhere")
        with pytest.raises(BadInput, match="no job"):
            bench.begin(Order(pack=str(write_pack(tmp_path)), agents=("nop",), jobs=("job-7",)))
        assert bench.runs() == []


def test_a_run_whose_job_has_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    with bench_in(tmp_path) as bench:
        place = bench.begin(Order(pack=str(pack), agents=("nop",)))
        (pack / "jobs" / "job-1" / "brief.md").write_text("Something else.\n")
        with pytest.raises(BadInput, match="changed"):
            bench.resume(place.run_id)


def test_settings_of_a_missing_folder() -> None:
    with pytest.raises(BadInput, match="no such folder"):
        Bench("no-such-folder")
    assert Settings().concurrency >= 1


def test_the_life_of_a_run_from_python(tmp_path: Path) -> None:
    pack = pack_of(tmp_path / "own", attempts(WRONG, MENDED))
    with bench_in(tmp_path) as bench:
        order = {"agents": ["react", "nop"], "models": ["scripted/x"], "limits": ["steps=5"]}
        run = bench.run(str(pack), **order, budget=["tokens=1"], concurrency=1, repeats=3)
        assert run.stop is not None
        assert run.stop.reason == "run_budget"
        with pytest.raises(BadInput, match="raise it"):
            bench.resume(run.id)
        assert bench.resume(run.id, budget=["tokens=none"]).causes == {"submitted": 6}
        extended = bench.extend(run.id, attempts=2)
        assert [(one.agent, one.k) for one in extended.attempts if one.k > 1] == [
            (agent, 2) for _ in range(3) for agent in ("react-standard@scripted/x", "nop")
        ]
        assert extended.causes == {"submitted": 12}
        with pytest.raises(BadInput, match="nothing is left"):
            bench.cancel(run.id)
        place = bench.begin(Order(pack=str(pack), agents=("nop",)))
        assert bench.cancel(place.run_id).not_begun == 1
        assert bench.show(place.run_id).state == "stopped"
        assert bench.resume(place.run_id).causes == {"submitted": 1}
