"""The rework loop in real rounds: what each arm's agent is told, what reviewers get, and who dies on the way."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agents import SqlTranscript
from core.llm.protocol import ChatReply, ChatRequest
from core.llm.scripted import ScriptedModel
from grading import Book
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict
from runs import OPEN, AttemptRounds, Progress, Workplace, add_attempts, machinery
from runs.engine.inprocess import InProcessContext
from tests.runs.forking import Forked
from tests.runs.project import order, run_all
from tests.runs.support import write_pack
from tests.upbench.judging import BY_PEOPLE, awaiting, bench_at, count_attempts, judge
from tests.upbench.life import MENDED, WRONG, attempts, hand_in, turn
from upbench import Bench, reworking
from upbench.deciding import deciding
from upbench.why import story

SCRIPT = attempts(
    [turn("echo nobody > /job/deliverables/note.txt"), hand_in("note.txt")],
    [turn("sed s/nobody/Birch/ /job/previous/note.txt > /job/deliverables/note.txt"), hand_in("note.txt")],
)
SAID = "Names nobody."
"""What a reviewer of these tests writes where something fails."""


def items(bench: Bench) -> dict[str, Any]:
    """What is up for review, by attempt."""
    with bench.home.database.read() as connection:
        return {row.attempt_id: row for row in connection.execute(select(REVIEW_ITEMS))}


def reviewer(bench: Bench, settled: Any, passes: str) -> Any:
    """Judges whatever has been handed in: attempts of one arm pass, all others fail."""

    def say(_progress: Progress) -> None:
        for attempt, item in items(bench).items():
            if item.state == "awaiting":
                verdict = Verdict.passed if attempt.endswith(passes) else Verdict.failed
                judge(bench.home, item.alias, verdict, settled)

    return say


def told(bench: Bench, execution: str) -> str:
    """The whole transcript of an execution."""
    events = SqlTranscript(bench.home.database, bench.home.blobs, execution).events()
    return json.dumps([event.body for event in events])


def test_only_the_arm_with_remarks_is_told_them_and_an_echo_takes_no_work(bench: Bench, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "packs", rubric=BY_PEOPLE, script_text=SCRIPT)
    place = bench.begin(order(pack, "react", protocol="both", attempts=2, echo=True))
    with deciding(bench.home, print) as settled:
        progress = run_all(place, watcher=reviewer(bench, settled, "feedback"))
    assert progress.done == progress.total == 4
    rows = {row.arm: row for row in place.records.attempts(place.run_id)}
    one = rows["alone"].id
    feedback, retry = (told(bench, f"{rows[arm].id}.e1") for arm in ("feedback", "retry"))
    assert (SAID in feedback, "/job/previous/note.txt" in feedback) == (True, True)
    assert (SAID in retry, "You are not told why" in retry) == (False, True)
    assert "names the client" not in feedback, "the rubric stays where it was"
    handed_in = {
        arm: [file.sha256 for file in row.submission.files] for arm, row in rows.items() if row.submission
    }
    assert handed_in["echo"] == handed_in["alone"] != handed_in["feedback"] == handed_in["retry"]
    (echo,) = place.records.executions([rows["echo"].id])
    assert (echo.dollars, echo.steps, echo.sandbox) == (0.0, 0, None)
    assert told(bench, echo.id) == "[]"
    published = items(bench)
    shown_first = published[one].alias
    assert {row.previous for name, row in published.items() if name != one} == {shown_first}
    lines = "\n".join(story(bench.home, one).lines)
    assert f'remark: "{SAID}"' in lines
    echoed = lines.partition("attempt 2 (echo)")[2].partition("attempt 2")[0]
    assert "shown again, and no agent worked" in echoed
    assert bench.report(place.run_id).retry_control[rows["alone"].agent].feedback.value == 1.0


def test_a_conversation_is_carried_on_by_a_whole_round(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    reply = ScriptedModel.reply

    async def heard(model: ScriptedModel, request: ChatRequest) -> ChatReply:
        asked.append(json.dumps([message.model_dump(mode="json") for message in request.messages]))
        return await reply(model, request)

    monkeypatch.setattr(ScriptedModel, "reply", heard)
    # A script is refused, for it counts the turns of the whole conversation; this one knows that it is carried on.
    monkeypatch.setattr(reworking, "_context", lambda chosen, _config: chosen)
    script = attempts(WRONG, WRONG + MENDED)
    pack = write_pack(tmp_path / "packs", rubric=BY_PEOPLE, script_text=script)
    place = bench.begin(order(pack, "react", protocol="feedback", attempts=2, rework_context="transcript"))
    with deciding(bench.home, print) as settled:
        run_all(place, watcher=reviewer(bench, settled, "feedback"))
    first, second = place.records.attempts(place.run_id)
    assert [one.arm for one in (first, second)] == ["alone", "feedback"]
    assert len(asked) == 4, "what was said before is not asked for again"
    before, onwards = asked[1], asked[2]
    assert ("echo mine" in before, SAID in before) == (True, False)
    assert onwards.startswith(before[:-1]), "as it was said, to the letter"
    assert 0 < onwards.index("echo mine") < onwards.index(SAID)
    usage = [place.journal.usage_of(f"{one.id}.e1/").calls for one in (first, second)]
    assert usage == [2, 2], "and is not paid again"
    assert "echo mine" not in told(bench, f"{second.id}.e1"), "it is kept once, where it was said"


def test_the_steps_of_an_echo_may_be_taken_twice(tmp_path: Path) -> None:
    bench = bench_at(tmp_path / ".upbench" / "upbench.db", tmp_path)
    place = awaiting(bench, tmp_path, protocol="single", echo=True)
    one = place.records.attempts(place.run_id)[0]
    judge(bench.home, one.id, Verdict.failed, None)
    (planned,) = add_attempts(place).planned

    async def carry() -> None:
        async def here(_run: str) -> Workplace:
            return place

        with place.database.write() as connection:
            started = place.records.next_round(connection, planned.id)
        assert started is not None
        payload = {"run": place.run_id, "execution": started[0], "again": 0}
        async with place.at_work():
            await AttemptRounds(here).carry(InProcessContext(started[1], times=2), payload)

    asyncio.run(carry())
    echo = place.records.attempt(planned.id)
    assert (echo.state, echo.submission) == ("done", one.submission)
    assert items(bench)[echo.id].state == "awaiting"
    assert len(place.records.executions([echo.id])) == 1
    bench.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_that_is_killed_leaves_all_arms_or_none(tmp_path: Path, when: str) -> None:
    at = tmp_path / ".upbench" / "upbench.db"
    bench = bench_at(at, tmp_path)
    place = awaiting(bench, tmp_path, protocol="both", echo=True)
    one = place.records.attempts(place.run_id)[0].id
    with deciding(bench.home, print) as settled, machinery(bench.home.database, bench.home.state) as by:
        desk = judge(bench.home, one, Verdict.failed, settled, lock=False)
        entry = "tests.upbench.judging:lock_and_die"
        killed = Forked(entry, str(at), str(tmp_path), one, when, folder=tmp_path)
        assert killed.wait() == -signal.SIGKILL, killed.said
        there = 0 if when == "before" else 3
        assert len(by.engine.list(states=OPEN)) == there
        assert len(Book(bench.home.database).verdicts_of(one)) == bool(there)
        assert count_attempts(bench.home, place.run_id) == 1 + there
        if when == "before":
            desk.lock(one)
        assert len(by.engine.list(states=OPEN)) == 3
        assert [row.remarks is not None for row in place.records.attempts(place.run_id)].count(True) == 1
    bench.close()


def test_many_that_plan_at_once_plan_each_attempt_once(tmp_path: Path) -> None:
    bench = bench_at(tmp_path / ".upbench" / "upbench.db", tmp_path)
    place = awaiting(bench, tmp_path, 3, protocol="both", echo=True)
    for row in place.records.attempts(place.run_id):
        judge(bench.home, row.id, Verdict.failed, None)
    place.records.set_run_state(place.run_id, "running")
    ready = threading.Barrier(3)

    def plan() -> None:
        ready.wait(60)
        add_attempts(place)

    threads = [threading.Thread(target=plan) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert count_attempts(bench.home, place.run_id) == 3 * 4
    bench.close()
