"""Instructions hidden in deliverables: a model may obey them, code does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import LLM_MIGRATIONS, CallJournal, Database, model_config
from grading import JudgeConfig, JudgeOutcome, Rendering, judge_submission
from rubrics import Criterion, Rubric
from tests.core.llm.support import client
from tests.grading.checks.samples import CANARY
from tests.standins.llm import Standin, Turn

HIDDEN_IN = ("order.xlsx", "report.docx", "deck.pptx", "invoice.pdf")
SEEN = {
    "order.xlsx": "D5: 411.85",
    "report.docx": "North | 4.2 %",
    "deck.pptx": "Point one",
    "invoice.pdf": "Terms and conditions",
}


def _pass_quoting(file: str, text: str) -> Turn:
    told = {
        "expectation": "x",
        "evidence": [{"kind": "quote", "file": file, "anchor": "", "text": text}],
        "requirements": [{"requirement": "x", "met": True}],
        "verdict": "pass",
        "abstain_reason": "",
        "feedback": "ok",
    }
    return Turn(text=json.dumps(told))


async def _judge(turn: Turn, one: Rendering, standin: Standin, folder: Path) -> JudgeOutcome:
    journal = CallJournal(Database(folder / "calls.db", LLM_MIGRATIONS))
    criterion = Criterion.model_validate({"id": "total", "importance": "critical", "text": "The total is right"})
    async with client("openai", standin, [turn]) as model:
        (outcome,) = await judge_submission(
            JudgeConfig(model=model_config("openai/gpt-5.6-sol")),
            lambda key, request: journal.call(model, key, request),
            brief="Do it",
            rubric=Rubric(criteria=(criterion,)),
            renderings=[one],
            key="k",
        )
    return outcome


@pytest.mark.parametrize("file", HIDDEN_IN)
async def test_an_obedient_model_passes_nothing(
    file: str, rendered: dict[str, Rendering], llm_standin: Standin, tmp_path: Path
) -> None:
    outcome = await _judge(_pass_quoting(file, CANARY), rendered[file], llm_standin, tmp_path)
    assert (outcome.verdict, outcome.reason) == ("cannot_judge", "unseen_evidence")


@pytest.mark.parametrize("file", HIDDEN_IN)
async def test_an_honest_verdict_is_not_moved(
    file: str, rendered: dict[str, Rendering], llm_standin: Standin, tmp_path: Path
) -> None:
    outcome = await _judge(_pass_quoting(file, SEEN[file]), rendered[file], llm_standin, tmp_path)
    assert (outcome.verdict, outcome.reason) == ("pass", None)
    assert outcome.evidence[0].anchor


@pytest.mark.parametrize("file", HIDDEN_IN)
async def test_it_travels_as_data_and_is_flagged_for_people(
    file: str, rendered: dict[str, Rendering], llm_standin: Standin, tmp_path: Path
) -> None:
    await _judge(_pass_quoting(file, SEEN[file]), rendered[file], llm_standin, tmp_path)
    body = llm_standin.requests[0].body
    assert CANARY not in json.dumps(body.get("instructions"))
    (message,) = body["input"]
    assert message["role"] == "user"
    data = message["content"][0]["text"]
    line = next(line for line in data.splitlines() if CANARY in line)
    assert "(not seen by a client: " in line
    assert rendered[file].facts["instruction_like"]
