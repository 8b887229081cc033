"""A project's past, written into its records without running anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert

from core import (
    CallJournal,
    Cause,
    ChatReply,
    ChatRequest,
    Database,
    Message,
    ModelConfig,
    Stop,
    Submission,
    Text,
    Usage,
)
from grading import Book, CriterionVerdict, Evaluation
from jobs import Job
from rubrics import Verdict
from runs import RunConfig, plan_trials
from runs.sheets import add_sheets
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, TRIALS


@dataclass(frozen=True)
class Model:
    """Answers every request with as many tokens, at that price."""

    config: ModelConfig
    usage: Usage
    dollars: float | None

    async def reply(self, _request: ChatRequest) -> ChatReply:
        message = Message(role="assistant", parts=(Text(text="Done."),))
        return ChatReply(
            message=message, stop=Stop.end_turn, usage=self.usage, model=self.config.model, dollars=self.dollars
        )

    async def aclose(self) -> None:
        return


@dataclass
class Past:
    """Writes runs that have ended."""

    database: Database
    jobs: dict[str, Job]

    def run(self, name: str, config: RunConfig, *, created: str = "2026-01-01") -> list[str]:
        """A run whose trials have all handed in, in one execution each; the attempts' names in order."""
        trials = list(plan_trials(config, self.jobs, name))
        with self.database.write() as connection:
            connection.execute(
                insert(RUNS).values(
                    id=name, created=created, pack_root="pack", config=config.model_dump_json(), state="done"
                )
            )
            add_sheets(connection, name, [self.jobs[job] for job in config.jobs])
            for position, trial in enumerate(trials):
                connection.execute(insert(TRIALS).values(**trial.model_dump(), run=name, position=position))
        names = [f"{trial.id}.k1" for trial in trials]
        for attempt in names:
            self.attempt(name, attempt, Cause.submitted)
        return names

    def attempt(self, run: str, name: str, cause: Cause, *, k: int = 1, arm: str = "alone") -> None:
        with self.database.write() as connection:
            connection.execute(
                insert(ATTEMPTS).values(
                    id=name,
                    run=run,
                    trial=name.split(".", maxsplit=1)[0],
                    arm=arm,
                    k=k,
                    state="done",
                    cause=cause.value,
                    submission=Submission().model_dump_json(),
                )
            )

    def took(self, attempt: str, e: int, *, seconds: float, model: Model | None = None) -> None:
        """One execution of the attempt, with one call of its model."""
        name = f"{attempt}.e{e}"
        with self.database.write() as connection:
            connection.execute(
                insert(EXECUTIONS).values(
                    id=name, attempt=attempt, e=e, started="2026-01-01", cause="submitted", seconds=seconds
                )
            )
        if model is not None:
            request = ChatRequest(system="", messages=())
            asyncio.run(CallJournal(self.database).call(model, f"{name}/1", request))

    def judge(self, attempt: str, job: str, *, passes: bool, minutes: float | None = None) -> None:
        """A reviewer judges every criterion alike."""
        rubric = self.jobs[job].rubric
        verdict = Verdict.passed if passes else Verdict.failed
        Book(self.database).record(
            Evaluation(
                attempt_id=attempt,
                submission=Submission().digest,
                grading_digest=self.jobs[job].grading_digest,
                grader="r1",
                grader_kind="human",
                minutes=minutes,
                verdicts=tuple(CriterionVerdict(criterion=c.id, verdict=verdict) for c in rubric.criteria),
            )
        )


def prices_file(folder: Path, rows: Iterable[tuple[str, float, float]]) -> Path:
    """A price file: model, dollars a million tokens in and out."""
    file = folder / "prices.toml"
    file.write_text("".join(f'[[prices]]\nmodel = "{name}"\ninput = {i}\noutput = {o}\n' for name, i, o in rows))
    return file
