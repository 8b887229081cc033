"""`upbench.toml`: how submissions are reviewed where nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core import BadInput
from grading.tables import REVIEW_SLOTS
from runs import Records
from tests.runs.project import need_sandbox
from tests.upbench.mistakes import Upbench
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import load_settings

TABLE = "[reviewing]\nreviewers = 3\noverlap = 0.25\ngold = 0.1\n"


def test_reviews_are_as_the_file_says_unless_a_flag_says_otherwise(tmp_path: Path) -> None:
    assert load_settings(tmp_path).run_options.reviewing.primary == 1
    (tmp_path / "upbench.toml").write_text(TABLE)
    settings = load_settings(tmp_path)
    said = Order(pack="starter").options(settings).reviewing
    assert (said.primary, said.overlap, said.gold, said.continuity_hours) == (3, 0.25, 0.1, 72)
    flagged = Order(pack="starter", reviewers=1, overlap=0.0).options(settings).reviewing
    assert (flagged.primary, flagged.overlap, flagged.gold) == (1, 0.0, 0.1)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("reviewers = 0", "greater than or equal to 1"),
        ("overlap = 1.5", "less than or equal to 1"),
        ("primary = 2", "is called `reviewers` here"),
        ("people = 2", "people"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "upbench.toml").write_text(f"concurrency = 2\n[reviewing]\n{table}\n")
    with pytest.raises(BadInput, match=said) as refused:
        load_settings(tmp_path)
    assert "upbench.toml" in str(refused.value)


def test_what_was_made_elsewhere_is_reviewed_as_the_file_says(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    (tmp_path / "upbench.toml").write_text(TABLE)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "note.txt").write_text("For Birch & Loam")
    code, _, said = upbench("submit", "packs/small/job-1", "made", "--agent", "somebody")
    assert code == 0, said
    bench = Bench(tmp_path)
    (run,) = bench.runs()
    assert Records(bench.home.database).run(run.id).options.reviewing.primary == 3
    with bench.home.database.read() as connection:
        kinds = list(connection.execute(select(REVIEW_SLOTS.c.kind)).scalars())
    assert kinds.count("primary") == 3
    bench.close()
