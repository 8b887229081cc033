from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.support import write_pack
from upbench.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    write_pack(tmp_path / "small")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_list(run: Run) -> None:
    code, out, _ = run("jobs", "list", "small")
    assert code == 0
    assert "small 1.0.0: 2 jobs, CC0-1.0" in out
    assert "invoices  45.50 USD  3 criteria  Accounting & Consulting  Add up the invoices" in out


def test_list_as_json(run: Run) -> None:
    code, out, _ = run("jobs", "list", "small", "--json")
    assert code == 0
    pack = json.loads(out)["packs"][0]
    assert (pack["name"], [job["id"] for job in pack["jobs"]]) == ("small", ["invoices", "receipts"])
    assert pack["jobs"][0]["payout"] == {"amount": "45.5", "currency": "USD"}
    assert (pack["jobs"][0]["criteria"], pack["jobs"][0]["checked"]) == (3, 2)


def test_show(run: Run) -> None:
    code, out, _ = run("jobs", "show", "small/invoices")
    assert code == 0
    for words in (
        "Please add them up.",
        "list.csv  (4 bytes)",
        "notes/*.txt  (optional)",
        "[check: cell, decides]",
    ):
        assert words in out


def test_show_as_json(run: Run) -> None:
    code, out, _ = run("jobs", "show", "small/jobs/invoices", "--json")
    assert code == 0
    body = json.loads(out)
    assert body["key"] == "small/invoices"
    assert [item["path"] for item in body["inputs"]] == ["2025/march.txt", "list.csv"]
    assert body["criteria"][0]["check"]["kind"] == "cell"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "nowhere"), "nowhere: no such pack"),
        (("show", "small"), "'small' names no job"),
        (("show", "small/invoice"), "did you mean invoices?"),
        (("show",), "PACK/JOB"),
    ],
)
def test_wrong_usage_is_named(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run("jobs", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_lint_reads_whole_packs_and_jobs(run: Run) -> None:
    code, out, _ = run("rubrics", "lint", "small", "--json")
    assert code == 1
    found = json.loads(out)["findings"]
    assert {(item["job"], item["rule"]) for item in found} == {("invoices", "count"), ("receipts", "count")}
    assert json.loads(run("rubrics", "lint", "small/jobs/invoices", "--json")[1])["rubrics"] == 1


@pytest.mark.parametrize("name", ["list", "show", "validate"])
def test_help_has_an_example(run: Run, name: str) -> None:
    code, out, _ = run("jobs", name, "--help")
    assert code == 0
    assert f"Example: upbench jobs {name}" in out
