"""`upbench review export` on a run that is graded and partly reviewed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core import BadInput
from grading import compute_figures, read_audit, read_lines
from runs import evaluation_lines
from tests.upbench.bundles import RUN, fill
from upbench.cli.exporting import write_pieces
from upbench.cli.main import cli
from upbench.exporting import RunExports
from upbench.home import Home, open_home
from upbench.settings import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    opened = open_home(load_settings(tmp_path))
    fill(opened)
    return opened


def export(*words: str) -> Result:
    return CliRunner().invoke(cli, ["review", "export", *words])


def test_an_export_has_the_figures_of_its_run_and_none_of_its_names(home: Home) -> None:
    told = json.loads(export("--json").stdout)
    assert (told["runs"], told["file"]) == ([RUN], str(Path("verdicts.jsonl").absolute()))
    text = Path("verdicts.jsonl").read_text()
    assert len(text.splitlines()) == told["lines"]
    assert "react" not in text
    assert "gpt-standin" not in text
    own = list(evaluation_lines(home.database, RUN))
    read = list(read_lines(Path("verdicts.jsonl")))
    assert len(read) == len(own)
    assert [line.agent_digest for line in read] != [line.agent_digest for line in own]
    agents = [sorted(one.model_dump_json() for one in compute_figures(x).agents.values()) for x in (own, read)]
    assert agents[0] == agents[1]
    revealed = export(RUN[:8], RUN, "--format", "csv", "--reveal", "--out", "-")
    rows = list(csv.DictReader(io.StringIO(revealed.stdout, newline="")))
    assert len(rows) == len(own)
    assert {row["agent"] for row in rows} == {line.agent for line in own}
    wide = list(csv.DictReader(io.StringIO(export("--format", "wide", "--out", "-").stdout, newline="")))
    assert [row["record"] for row in wide if row["criterion"] == "total"].count("fail") == 1  # a person's word
    assert [row.action for row in read_audit(home.database)] == ["export"] * 3
    home.close()


def test_lines_are_the_same_however_many_are_read_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    exports = RunExports(home)
    whole = list(exports.lines(RUN))
    monkeypatch.setattr("upbench.exporting._AT_ONCE", 1)
    assert list(exports.lines(RUN)) == whole == list(evaluation_lines(home.database, RUN))
    assert exports.jobs(RUN) == {line.job for line in whole}
    assert exports.graders(RUN) == {(one.grader, one.grader_kind) for one in whole if one.grader_kind is not None}
    home.close()


def test_what_cannot_be_is_one_line_and_leaves_what_was_there(home: Home) -> None:
    home.close()
    for words, said in ((["nix"], "no such run"), (["--out", "-", "--json"], "is where the export goes")):
        refused = export(*words)
        assert isinstance(refused.exception, BadInput)
        assert said in str(refused.exception)
    for nowhere in ("none/a.jsonl", ".", "..", "/"):
        assert isinstance(export("--out", nowhere).exception, BadInput)
    home = open_home(load_settings(Path()))
    assert [row for row in read_audit(home.database) if row.action == "export"] == [], "nothing was exported"
    home.close()
    kept = Path("kept.csv")
    kept.write_text("before")
    with pytest.raises(ZeroDivisionError):
        write_pieces(kept, (str(1 // number) for number in (1, 0)))
    assert kept.read_text() == "before"
    assert [path.name for path in Path().glob(".kept*")] == []
