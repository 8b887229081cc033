from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import BadInput
from sandbox import owner_of

ASK = "import sys; from pathlib import Path; from sandbox import owner_of; print(owner_of(Path(sys.argv[1])))"


def test_an_owner_is_drawn_once_and_kept(tmp_path: Path) -> None:
    first = owner_of(tmp_path / "state")
    assert len(first) == 16
    assert owner_of(tmp_path / "state") == first
    assert owner_of(tmp_path / "other") != first
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["owner"]


def test_everyone_who_asks_at_the_same_time_gets_the_same_name(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        threads = set(pool.map(lambda _: owner_of(tmp_path / "threads"), range(64)))
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(tmp_path / "processes")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    processes = {process.communicate()[0].strip() for process in asked}
    assert len(threads) == len(processes) == 1
    assert [file.name for file in (tmp_path / "processes").iterdir()] == ["owner"]


@pytest.mark.parametrize("data", [b"", b"nobody\n", b"\xff\xfe\x00", b"0123456789abcdefg", b"0123456789ABCDEF"])
def test_a_changed_owner_is_refused_and_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "owner"
    file.write_bytes(data)
    with pytest.raises(BadInput, match="owner") as caught:
        owner_of(tmp_path)
    assert caught.value.exit_code == 2
    assert file.read_bytes() == data
