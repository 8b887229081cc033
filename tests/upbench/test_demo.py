"""`upbench demo`: sixteen jobs end to end without a key, and a person's verdicts that move the figures."""

from __future__ import annotations

import json
from pathlib import Path

from grading import CriterionVerdict, Evaluation
from jobs import load_pack
from rubrics import Verdict
from runs import Records
from tests.runs.project import need_sandbox
from tests.upbench.test_cli import upbench
from upbench import Bench, Settings


def test_demo_then_grading_by_a_person_changes_the_report(tmp_path: Path) -> None:
    need_sandbox()
    done = upbench("demo", "--json", "--concurrency", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["scripted"] is True
    assert summary["causes"] == {"submitted": 32}
    assert summary["cost"]["unpriced_calls"] == 0
    page = (tmp_path / ".upbench" / "reports" / f"{summary['id']}.html").read_text()
    assert "scripted" in page
    assert "review serve" in done.stderr
    before = json.loads(upbench("report", "last", "--json", cwd=tmp_path).stdout)
    judge_everything(tmp_path)
    after = json.loads(upbench("report", "last", "--json", cwd=tmp_path).stdout)
    (name,) = [agent for agent in before["agents"] if agent != "nop"]
    assert before["agents"][name]["n"]["missing"] > 0
    assert after["agents"][name]["n"]["value"] == 16
    assert after["agents"][name]["n"]["missing"] == 0
    assert 0 < after["agents"][name]["p1"]["value"] < 1, "some first attempts have honest flaws, others have none"
    assert after["agents"]["nop"]["p1"]["value"] == 0
    assert any(warning["kind"] == "scripted" for warning in after["warnings"])


def judge_everything(folder: Path) -> None:
    """Pass every criterion that only a person can judge."""
    bench = Bench(settings=Settings(project=folder))
    jobs = {job.id: job for job in load_pack("starter").jobs}
    for attempt in Records(bench.home.database).attempts(bench.show("last").id):
        if attempt.submission is None or not attempt.submission.files:
            continue
        job = jobs[attempt.job]
        place = bench.reopen("last", execute=False)
        place.book.record(
            Evaluation(
                attempt_id=attempt.id,
                submission=attempt.submission.digest,
                grading_digest=job.grading_digest,
                grader="reviewer-1",
                grader_kind="human",
                verdicts=tuple(
                    CriterionVerdict(criterion=criterion.id, verdict=Verdict.passed)
                    for criterion in job.rubric.criteria
                    if criterion.check is None
                ),
            )
        )
    bench.close()
