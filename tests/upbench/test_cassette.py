"""`--cassette` and `--replay`: what is wrong with them is said before a run begins, and they are no identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents import agent_config
from core import BadInput
from jobs import load_pack
from runs.plan import identity_of
from tests.runs.support import write_pack
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings
from upbench.wiring import plan


def planned(folder: Path, **more: Any) -> Any:
    pack = folder / "small" if (folder / "small").exists() else write_pack(folder)
    bench = Bench(settings=Settings(project=folder))
    try:
        return plan(Order(pack=str(pack), agents=("nop",), **more), bench.home)[0]
    finally:
        bench.close()


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"replay": True, "network": "open"}, "--replay", "no kept pages are named"),
        ({"cassette": "tape"}, "--cassette", "without a network no page is fetched"),
        ({"cassette": "none-there", "replay": True, "network": "open"}, "--cassette", "No such file or directory"),
        ({"cassette": "file", "network": "open"}, "--cassette", "Not a directory"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], field: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=said) as caught:
        planned(tmp_path, **more)
    assert caught.value.field == field


def test_planning_makes_no_folder_and_kept_pages_are_no_identity(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    config = planned(tmp_path, cassette=str(tape), network="open")
    assert config.cassette == str(tape)
    assert not tape.exists()
    job, agent = load_pack(tmp_path / "small").jobs[0], agent_config("nop")
    plain = config.model_copy(update={"cassette": None})
    replay = config.model_copy(update={"replay": True})
    assert (
        identity_of(config, agent, job, 1)
        == identity_of(plain, agent, job, 1)
        == identity_of(replay, agent, job, 1)
    )
