"""Asking the model, up to the attempt's deadline."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agents.react.session import Session
from core import Cause, ChatReply, ChatRequest, ModelFault


@dataclass(frozen=True)
class Unanswered:
    """Why there is no reply: the wall time is over, or the conversation is too long for the model."""

    cause: Cause


async def ask(session: Session, key: str, request: ChatRequest) -> ChatReply | Unanswered:
    """The reply to `request`, from the journal if it came before.

    Raises:
        ModelFault: The call failed for good for a reason that is not the agent's.
    """
    left = session.meter.wall_left
    deadline = asyncio.timeout(left if left != float("inf") else None)
    try:
        async with deadline:
            return await session.desk.call(key, request)
    except TimeoutError:
        if not deadline.expired():
            raise
        return Unanswered(Cause.wall_time)
    except ModelFault as fault:
        if fault.cause is not Cause.context_overflow:
            raise
        return Unanswered(Cause.context_overflow)
