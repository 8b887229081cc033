"""The call journal: no model reply is paid twice, and none is paid unseen.

A call is written down before it is made and its reply before it is acted upon. Asking again under the same key
gives the same reply back; a key that was begun and never answered (the worker died) is counted as waste and asked
anew. Keys are `<execution key>/<n>`.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select, update

from core.causes import Cause
from core.digests import sha256_bytes
from core.errors import ModelFault
from core.llm.ledger import TOKEN_KINDS, CallRecord, CallTotals, Waste, waste_from_row
from core.llm.prices import PriceTable
from core.llm.protocol import ChatModel, ChatReply, ChatRequest, Failure, ModelConfig, Usage
from core.llm.retry import ModelCallFailed
from core.llm.tables import CALLS, WASTE
from core.llm.traced import traced_reply
from core.store.database import Database

STARTED, RECEIVED, FAILED = "started", "received", "failed"
IN_FLIGHT = "in_flight"
CANCELLED = "cancelled"
# Kinds of failed tries that the provider may have charged for although nobody told us the tokens.
MAYBE_CHARGED = ("dropped", "timeout", "malformed", IN_FLIGHT, CANCELLED)


class CallJournal:
    """Every model call of a project, in its database."""

    def __init__(self, database: Database, prices: PriceTable | None = None) -> None:
        self._database = database
        self._prices = prices or PriceTable()
        self._asking: set[str] = set()

    async def call(self, model: ChatModel, key: str, request: ChatRequest) -> ChatReply:
        """The reply to `request`, asked only if none was received under `key`.

        Raises:
            ModelFault: The call failed for good; its tries are on record as waste.
            ValueError: The same key is being asked at this moment.
        """
        if key in self._asking:
            raise ValueError(f"{key} is being asked already")
        if (reply := self.reply(key)) is not None:
            return reply
        self._asking.add(key)
        try:
            return await self._ask(model, key, request)
        finally:
            self._asking.discard(key)

    async def _ask(self, model: ChatModel, key: str, request: ChatRequest) -> ChatReply:
        started = self._begin(model.config, key, request)
        try:
            reply = await traced_reply(model, key, request)
        except ModelFault as fault:
            failures = fault.failures if isinstance(fault, ModelCallFailed) else ()
            self._fail(model.config, key, fault.cause, fault.detail, failures)
            raise
        except asyncio.CancelledError:
            lost = Failure(status=None, kind=CANCELLED, seconds=time.time() - started, waited_seconds=0.0)
            self._fail(model.config, key, None, CANCELLED, (lost,))
            raise
        if reply.dollars is None:
            reply = reply.model_copy(update={"dollars": self._prices.price(model.config, reply.usage)})
        self._receive(model.config, key, reply)
        return reply

    def reply(self, key: str) -> ChatReply | None:
        """The reply received under `key`, or None."""
        with self._database.read() as connection:
            packed = connection.execute(select(CALLS.c.reply).where(CALLS.c.key == key)).scalar()
        return None if packed is None else ChatReply.model_validate_json(zlib.decompress(packed))

    def calls(self, prefix: str) -> Sequence[CallRecord]:
        """The calls whose keys begin with `prefix`, in the order they were begun, each with its waste."""
        columns = [column for column in CALLS.c if column.name != "reply"]
        with self._database.read() as connection:
            rows = connection.execute(
                select(*columns).where(_begins(CALLS, prefix)).order_by(CALLS.c.started_at, CALLS.c.key)
            ).all()
            wasted = connection.execute(select(WASTE).where(_begins(WASTE, prefix)).order_by(WASTE.c.number))
            by_key: dict[str, list[Waste]] = {}
            for row in wasted:
                by_key.setdefault(row.key, []).append(waste_from_row(row))
        return [CallRecord.from_row(row, tuple(by_key.get(row.key, ()))) for row in rows]

    def usage_of(self, prefix: str) -> CallTotals:
        """What the calls whose keys begin with `prefix` used and cost.

        End the prefix with `/`, or execution 1 takes in execution 10.
        """
        mine = _begins(CALLS, prefix)
        with self._database.read() as connection:
            received = connection.execute(select(*_sums(CALLS)).where(mine, CALLS.c.state == RECEIVED)).one()
            by_state = select(CALLS.c.state, func.count()).where(mine).group_by(CALLS.c.state)
            states = {state: number for state, number in connection.execute(by_state)}
            waited = func.sum(WASTE.c.waited).label("waited")
            wasted = connection.execute(select(*_sums(WASTE), waited).where(_begins(WASTE, prefix))).one()
        return CallTotals.from_rows(received, states, wasted)

    def _begin(self, config: ModelConfig, key: str, request: ChatRequest) -> float:
        now = time.time()
        values = {
            "state": STARTED,
            "provider": config.provider,
            "model": config.model,
            "request": sha256_bytes(request.model_dump_json().encode()),
            "started_at": now,
            "cause": None,
            "detail": None,
        }
        with self._database.write() as connection:
            before = connection.execute(
                select(CALLS.c.state, CALLS.c.tries, CALLS.c.started_at).where(CALLS.c.key == key)
            ).one_or_none()
            if before is None:
                connection.execute(insert(CALLS).values(key=key, tries=1, **values))
                return now
            if before.state == STARTED:
                # Its asker is gone. When it died is not known, so its seconds are not either.
                lost = Failure(status=None, kind=IN_FLIGHT, seconds=0.0, waited_seconds=0.0)
                self._add_waste(connection, config, key, (lost,), before.started_at)
            connection.execute(update(CALLS).where(CALLS.c.key == key).values(tries=before.tries + 1, **values))
        return now

    def _receive(self, config: ModelConfig, key: str, reply: ChatReply) -> None:
        usage = reply.usage
        with self._database.write() as connection:
            self._add_waste(connection, config, key, reply.failures, time.time())
            connection.execute(
                update(CALLS)
                .where(CALLS.c.key == key)
                .values(
                    state=RECEIVED,
                    reply=zlib.compress(reply.model_dump_json().encode(), 9),
                    stop=reply.stop.value,
                    dollars=reply.dollars,
                    seconds=reply.seconds,
                    **_tokens(usage),
                )
            )

    def _fail(
        self, config: ModelConfig, key: str, cause: Cause | None, detail: str, failures: Sequence[Failure]
    ) -> None:
        with self._database.write() as connection:
            self._add_waste(connection, config, key, failures, time.time())
            connection.execute(
                update(CALLS)
                .where(CALLS.c.key == key)
                .values(state=FAILED, cause=cause.value if cause else None, detail=detail[:500])
            )

    def _add_waste(
        self, connection: Connection, config: ModelConfig, key: str, failures: Sequence[Failure], at: float
    ) -> None:
        number = connection.execute(select(func.count()).where(WASTE.c.key == key)).scalar_one()
        for index, failure in enumerate(failures, start=number + 1):
            connection.execute(
                insert(WASTE).values(
                    key=key,
                    number=index,
                    kind=failure.kind,
                    status=failure.status,
                    seconds=failure.seconds,
                    waited=failure.waited_seconds,
                    at=at,
                    dollars=self._cost(config, failure),
                    **(_tokens(failure.usage) if failure.usage else {}),
                )
            )

    def _cost(self, config: ModelConfig, failure: Failure) -> float | None:
        if failure.usage is not None:
            return self._prices.price(config, failure.usage)
        return None if failure.kind in MAYBE_CHARGED else 0.0


def _tokens(usage: Usage) -> dict[str, int]:
    return usage.model_dump(exclude={"raw"})


def _begins(table: Table, prefix: str) -> ColumnElement[bool]:
    """Keys that begin with `prefix`, as a range: the index serves it, which it does not for LIKE."""
    return (table.c.key >= prefix) & (table.c.key < prefix + "\U0010ffff")


def _sums(table: Table) -> list[ColumnElement[Any]]:
    """Rows, rows with a price, and the sums of tokens, dollars and seconds."""
    summed = [func.sum(table.c[name]).label(name) for name in (*TOKEN_KINDS, "dollars", "seconds")]
    return [func.count().label("number"), func.count(table.c.dollars).label("priced"), *summed]
