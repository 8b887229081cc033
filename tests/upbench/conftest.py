from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs import Machinery, machinery
from tests.runs.project import bench_in
from tests.runs.support import write_pack
from tests.upbench.mistakes import Upbench
from upbench import Bench
from upbench.cli.main import main


@pytest.fixture
def upbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Upbench:
    """Calls the command line within this process, in a folder with a pack."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("UPBENCH_")]:
        monkeypatch.delenv(name)
    write_pack(tmp_path / "packs", jobs=2)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A project of one's own."""
    with bench_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def by(bench: Bench) -> Iterator[Machinery]:
    """What executes runs in that project."""
    with machinery(bench.home.database, bench.home.state) as found:
        found.engine.prepare()
        yield found
