"""A run on two machines that share nothing but database and bucket, while machines, cables and servers fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.killing import left_below, still_naming
from tests.runs.machines.network import Machine
from tests.runs.machines.world import World, world
from tests.runs.project import need_sandbox


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two machines."""
    need_sandbox()
    with world(tmp_path) as made:
        for name, value in made.s3.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def test_what_a_dead_machine_left_goes_on_on_the_other(two: World) -> None:
    run = two.hand_over()
    two.hold()
    two.first.start("worker", "--slots", "4")
    two.wait("snapshots", lambda: two.with_snapshot() == two.jobs)
    two.first.kill()
    assert two.done() == 0
    two.go_on()
    second = two.second.start("worker", "--slots", "4", "--until-idle")
    out, _ = second.communicate(timeout=200)
    assert second.returncode == 0, out
    assert two.kept("restored") == two.jobs, "what each agent had made was put back on the other machine"
    two.verify(run)
    _nothing_is_left(two.second)
    # The dead machine comes back: what it had is wanted no more.
    back = two.first.start("worker", "--until-idle")
    assert back.wait(200) == 0
    _nothing_is_left(two.first)


def test_a_machine_that_is_cut_off_is_replaced_and_gives_up_when_it_is_back(two: World) -> None:
    run = two.hand_over()
    two.hold()
    zombie = two.first.start("worker", "--slots", "4")
    two.wait("snapshots", lambda: two.with_snapshot() == two.jobs)
    second = two.second.start("worker", "--slots", "4")
    two.first.cut()
    two.go_on()
    two.wait("all trials", lambda: two.done() == two.jobs)
    two.first.mend()
    out, _ = zombie.communicate(timeout=200)
    assert zombie.returncode == 1, out
    assert "gives its rounds up" in out
    two.verify(run)
    second.terminate()
    assert second.wait(100) == 0
    _nothing_is_left(two.second)
    assert two.first.start("worker", "--until-idle").wait(200) == 0
    _nothing_is_left(two.first)


def test_database_and_bucket_die_and_come_back(two: World) -> None:
    run = two.hand_over()
    two.hold()
    workers = [machine.start("worker", "--slots", "2") for machine in (two.first, two.second)]
    two.wait("both at work", lambda: bool(two.carried_by(two.first) and two.carried_by(two.second)))
    two.go_on()
    two.postgres.kill()
    time.sleep(3)
    two.postgres.start()
    two.wait("work after that", lambda: two.kept("snapshot") >= 3)
    two.s3.kill()
    time.sleep(4)
    two.s3.start()
    two.wait("all trials", lambda: two.done() == two.jobs)
    gone = [worker for worker in workers if worker.poll() is not None]
    assert not gone, f"neither gave anything up: {gone[0].communicate()[0]}"
    two.verify(run)
    for worker in workers:
        worker.terminate()
        assert worker.wait(100) == 0
    _nothing_is_left(two.first)
    _nothing_is_left(two.second)


def _nothing_is_left(machine: Machine) -> None:
    assert left_below(machine.state) == []
    assert still_naming(str(machine.folder)) == []
