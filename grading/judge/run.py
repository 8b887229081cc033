"""Pre-grading one submission: one criterion a call, and code decides what code can decide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from core import Cause, ChatReply, ChatRequest, Frozen, Image, Message, ModelFault, Stop, Text
from grading.evaluations import Evidence
from grading.inside.files import matcher
from grading.judge.answer import ANSWER_SCHEMA, LOOKING_SCHEMA, JudgeAnswer, parse_answer
from grading.judge.config import JudgeConfig
from grading.judge.pictures import NO_PICTURES, Pictures
from grading.judge.prompt import AGAIN, image_parts, shared_prefix, system, tail
from grading.judge.verify import Shown, verified
from grading.render.texts import Rendering
from rubrics import Criterion, Rubric, Verdict

Call = Callable[[str, ChatRequest], Awaitable[ChatReply]]
TRIES = 2

VOID = {
    "evidence_not_found": "the judge cited something that is not in the deliverables; its verdict is void",
    "no_evidence": "the judge gave no evidence; its verdict is void",
    "unseen_evidence": "the judge passed it on text that a client does not see; its verdict is void",
    "contradiction": "the judge's verdict contradicts its own findings; it is void",
    "truncated_input": "the judge found something absent in a file of which it did not see all",
    "malformed_answer": "the judge did not answer in the form asked for",
    "refused": "the judge refused to answer",
    "context_overflow": "the deliverables are too long for the judge",
    "answer_cut_off": "the judge's answer was cut off at its token limit",
}


class JudgeOutcome(Frozen):
    """A judge's word on one criterion.

    Attributes:
        verdict: `cannot_judge` also where code voided the model's verdict.
        evidence: Verified; of a voided verdict, what was verified before.
        feedback: For the one who did the work, or why there is no verdict.
        reason: Why it cannot judge: the model's own reason or one of ours (`evidence_not_found`, `no_evidence`,
            `contradiction`, `truncated_input`, `malformed_answer`, `refused`, `missing_file` ...); else None.
        by_code: Decided without asking the model.
        dollars: Of its calls, or None when one has no price.
    """

    criterion: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    feedback: str = ""
    reason: str | None = None
    by_code: bool = False
    dollars: float | None = 0.0


async def judge_submission(
    config: JudgeConfig,
    call: Call,
    *,
    brief: str,
    rubric: Rubric,
    renderings: Sequence[Rendering],
    key: str,
    pictures: Pictures = NO_PICTURES,
) -> list[JudgeOutcome]:
    """The judge's word on every criterion, in the rubric's order.

    Args:
        config: Which judge.
        call: `call(key, request)` as `CallJournal.call` of that model: a reply once received is never paid again.
        brief: What the client wrote.
        rubric: The importance is never shown, its polarity is.
        renderings: The submission, as `render_texts` gives it.
        key: Prefix of the calls' keys.
        pictures: Its pages as images, as `pictures_of` gives them for `config.page_images`.

    Raises:
        ModelFault: The model cannot be reached; what was received is in the journal.
    """
    prefix, cut = shared_prefix(brief, renderings, config.text_chars, pictures)
    shown = Shown(renderings, cut, pictures.places)
    same = (Text(text=prefix), *image_parts(pictures))
    judge = _Judge(config, call, same, shown, f"{key}/judge/{config.digest[:16]}")
    outcomes: dict[str, JudgeOutcome] = {}
    asked = []
    for criterion in rubric.criteria:
        decided = decided_by_code(criterion, renderings, seen=bool(pictures.shown))
        if decided is None:
            asked.append(criterion)
        else:
            outcomes[criterion.id] = decided
    gate = asyncio.Semaphore(config.concurrency)

    async def one(criterion: Criterion) -> None:
        async with gate:
            outcomes[criterion.id] = await judge.judge(criterion)

    if asked:
        # The first call fills the provider's prompt cache for those that follow.
        await one(asked[0])
        try:
            async with asyncio.TaskGroup() as group:
                for criterion in asked[1:]:
                    group.create_task(one(criterion))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
    return [outcomes[criterion.id] for criterion in rubric.criteria]


def decided_by_code(
    criterion: Criterion, renderings: Sequence[Rendering], *, seen: bool = False
) -> JudgeOutcome | None:
    """What needs no model: nothing was handed in, a needed file is absent, or nothing can be read.

    With `seen`, what cannot be read is seen on images.
    """
    if not renderings:
        return _absent(criterion.id, "nothing was handed in", "the whole submission")
    wanted = getattr(criterion.check, "file", None)
    if wanted is not None and criterion.check is not None and criterion.check.kind != "file_count":
        glob = matcher(wanted)
        if not any(glob.match(one.path) for one in renderings):
            return _absent(criterion.id, f"no file matches {wanted!r}", f"paths matching {wanted!r}")
    if not seen and all(one.problem for one in renderings):
        why = "; ".join(f"{one.path}: {one.problem}" for one in renderings)[:500]
        return JudgeOutcome(
            criterion=criterion.id,
            verdict=Verdict.cannot_judge,
            feedback=why,
            reason="unreadable_file",
            by_code=True,
        )
    return None


def _absent(criterion: str, why: str, searched: str) -> JudgeOutcome:
    seen = (Evidence(kind="absence", text=f"searched: {searched}"),)
    return JudgeOutcome(criterion=criterion, verdict=Verdict.failed, evidence=seen, feedback=why, by_code=True)


class _Judge:
    """One judge before one submission."""

    def __init__(
        self, config: JudgeConfig, call: Call, same: Sequence[Text | Image], shown: Shown, key: str
    ) -> None:
        self._config, self._call, self._same, self._shown, self._key = config, call, same, shown, key

    async def judge(self, criterion: Criterion) -> JudgeOutcome:
        dollars: float | None = 0.0
        why = "malformed_answer"
        for number in range(1, TRIES + 1):
            try:
                reply = await self._call(f"{self._key}/{criterion.id}/{number}", self._request(criterion, number))
            except ModelFault as fault:
                if fault.cause is not Cause.context_overflow:
                    raise
                return _void(criterion.id, "context_overflow", dollars)
            dollars = None if dollars is None or reply.dollars is None else dollars + reply.dollars
            if reply.stop is Stop.refusal:
                return _void(criterion.id, "refused", dollars)
            answer = parse_answer("".join(part.text for part in reply.message.parts if isinstance(part, Text)))
            if answer is not None:
                return self._outcome(criterion.id, answer, dollars)
            why = "answer_cut_off" if reply.stop is Stop.max_tokens else "malformed_answer"
        return _void(criterion.id, why, dollars)

    def _request(self, criterion: Criterion, number: int) -> ChatRequest:
        parts = [*self._same, Text(text=tail(criterion))]
        if number > 1:
            parts.append(Text(text=AGAIN))
        return ChatRequest(
            system=system(self._config.page_images),
            messages=(Message(role="user", parts=tuple(parts)),),
            max_output_tokens=self._config.max_output_tokens,
            response_schema=LOOKING_SCHEMA if self._config.page_images else ANSWER_SCHEMA,
            cache_key=self._key,
        )

    def _outcome(self, criterion: str, answer: JudgeAnswer, dollars: float | None) -> JudgeOutcome:
        evidence, why = verified(answer, self._shown)
        if why:
            return _void(criterion, why, dollars, evidence)
        abstains = answer.verdict is Verdict.cannot_judge
        return JudgeOutcome(
            criterion=criterion,
            verdict=answer.verdict,
            evidence=evidence,
            feedback=answer.feedback[:1000],
            reason=(answer.abstain_reason or "insufficient_evidence") if abstains else None,
            dollars=dollars,
        )


def _void(criterion: str, reason: str, dollars: float | None, evidence: tuple[Evidence, ...] = ()) -> JudgeOutcome:
    return JudgeOutcome(
        criterion=criterion,
        verdict=Verdict.cannot_judge,
        evidence=evidence,
        feedback=VOID[reason],
        reason=reason,
        dollars=dollars,
    )
