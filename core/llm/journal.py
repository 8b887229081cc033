"""The call journal: no model reply is paid twice, and none is paid unseen.

A call is written down before it is sent and its reply before it is acted upon. Asking again under the same key
gives the same reply back; a key that was begun and never answered (the worker died) is counted as waste and asked
anew. Keys are `<execution key>/<n>`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, func, select

from core.errors import ModelFault
from core.llm.client import ApiModel
from core.llm.entries import CANCELLED, RECEIVED, Begun, Entries, begins, unpacked
from core.llm.lanes import new_worker_name
from core.llm.ledger import TOKEN_KINDS, CallRecord, CallTotals, Spent, Waste, waste_from_row
from core.llm.prices import PriceTable
from core.llm.progress import Progress, following
from core.llm.protocol import ChatModel, ChatReply, ChatRequest, Failure
from core.llm.retry import ModelCallFailed
from core.llm.spend import spending_of, spending_of_runs
from core.llm.tables import CALLS, WASTE
from core.llm.traced import traced_reply
from core.store.database import Database

_REPLY = select(CALLS.c.reply).where(CALLS.c.key == bindparam("the_key"))


class CallJournal:
    """Every model call of a project, in its database.

    Args:
        database: Shared by all workers.
        prices: The project's own prices.
        run: What the calls cost is kept for this run's budget; None: for none.
        worker: Whoever makes the calls; None: a name made for this process.
    """

    def __init__(
        self,
        database: Database,
        prices: PriceTable | None = None,
        run: str | None = None,
        worker: str | None = None,
    ) -> None:
        self._database = database
        self._prices = prices or PriceTable()
        self._entries = Entries(database, self._prices, run, worker or new_worker_name())
        self._asking: set[str] = set()

    async def call(self, model: ChatModel, key: str, request: ChatRequest) -> ChatReply:
        """The reply to `request`, asked only if none was received under `key`.

        Raises:
            ModelFault: The call failed for good; its tries are on record as waste.
            Overtaken: Another worker has taken the call over meanwhile.
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
        call = _Call(self._entries, model, key, request)
        progress = call.progress
        try:
            if not isinstance(model, ApiModel):  # it may not tell when it sends: it is written down before
                progress.sending()
            with following(progress):
                reply = await traced_reply(model, key, request)
        except _Received as found:
            return found.reply
        except ModelFault as fault:
            call.failed(fault)
            raise
        except asyncio.CancelledError:
            call.cancelled()
            raise
        progress.sending()
        if reply.dollars is None:
            reply = reply.model_copy(update={"dollars": self._prices.price(model.config, reply.usage)})
        self._entries.receive(model.config, call.begun, reply)
        return reply

    def reply(self, key: str) -> ChatReply | None:
        """The reply received under `key`, or None. Raises `StoreFault` where it is damaged."""
        with self._database.read() as connection:
            packed = connection.execute(_REPLY, {"the_key": key}).scalar()
        return None if packed is None else unpacked(key, packed)

    def settle(self, prefix: str) -> int:
        """Calls under the prefix that were begun and will never be answered become waste, and are counted.

        To be asked when an execution has ended for good, with its key and `/`. Asking again does nothing.
        """
        return self._entries.settle(prefix)

    def spent(self, run: str) -> Spent:
        """What all workers spent on a run so far."""
        with self._database.read() as connection:
            return spending_of(connection, run)

    def spent_on(self, runs: Sequence[str]) -> dict[str, Spent]:
        """What all workers spent on each of some runs so far; a run without a call is not in it."""
        with self._database.read() as connection:
            return spending_of_runs(connection, runs)

    def calls(self, prefix: str) -> Sequence[CallRecord]:
        """The calls whose keys begin with `prefix`, in the order they were begun, each with its waste."""
        columns = [column for column in CALLS.c if column.name != "reply"]
        with self._database.read() as connection:
            rows = connection.execute(
                select(*columns).where(begins(CALLS, prefix)).order_by(CALLS.c.started_at, CALLS.c.key)
            ).all()
            wasted = connection.execute(select(WASTE).where(begins(WASTE, prefix)).order_by(WASTE.c.number))
            by_key: dict[str, list[Waste]] = {}
            for row in wasted:
                by_key.setdefault(row.key, []).append(waste_from_row(row))
        return [CallRecord.from_row(row, tuple(by_key.get(row.key, ()))) for row in rows]

    def usage_of(self, prefix: str) -> CallTotals:
        """What the calls whose keys begin with `prefix` used and cost.

        End the prefix with `/`, or execution 1 takes in execution 10.
        """
        mine = begins(CALLS, prefix)
        waited, estimated = func.sum(WASTE.c.waited), func.sum(WASTE.c.estimated)
        guessed = func.sum(case((WASTE.c.estimated.is_not(None), WASTE.c.dollars)))
        with self._database.read() as connection:
            received = connection.execute(select(*_sums(CALLS)).where(mine, CALLS.c.state == RECEIVED)).one()
            by_state = select(CALLS.c.state, func.count(), func.sum(CALLS.c.waited)).where(mine)
            states = {state: (n, w or 0.0) for state, n, w in connection.execute(by_state.group_by(CALLS.c.state))}
            more = (waited.label("waited"), estimated.label("estimated"), guessed.label("guessed"))
            wasted = connection.execute(select(*_sums(WASTE), *more).where(begins(WASTE, prefix))).one()
        return CallTotals.from_rows(received, states, wasted)


class _Received(Exception):
    """Another worker has received the reply in the meantime: nothing is to be sent."""

    def __init__(self, reply: ChatReply) -> None:
        self.reply = reply
        super().__init__()


class _Call:
    """One call under way, and what is written down of it."""

    def __init__(self, entries: Entries, model: ChatModel, key: str, request: ChatRequest) -> None:
        self._entries, self._config, self._key, self._request = entries, model.config, key, request
        self._begun: Begun | None = None
        self.progress = Progress(on_first_try=self._begin)

    @property
    def begun(self) -> Begun:
        """The beginning that is on record. Raises ValueError when there is none yet."""
        if self._begun is None:
            raise ValueError(f"{self._key} has not been begun")
        return self._begun

    def _begin(self) -> None:
        begun = self._entries.begin(self._config, self._key, self._request, self.progress.waited)
        if begun.reply is not None:
            raise _Received(begun.reply)
        self._begun = begun

    def failed(self, fault: ModelFault) -> None:
        """No reply will come."""
        if self._begun is None:
            self._never_sent(fault.detail)
            return
        failures = fault.failures if isinstance(fault, ModelCallFailed) else ()
        self._entries.fail(self._config, self._begun, fault.cause, fault.detail, failures)

    def cancelled(self) -> None:
        """Whoever asked wants no reply any more. A try that was under way may have been charged for."""
        if self._begun is None:
            self._never_sent(CANCELLED)
            return
        failures = list(self.progress.failures)
        if (began := self.progress.tried_at) is not None:
            seconds = time.monotonic() - began
            failures.append(Failure(status=None, kind=CANCELLED, seconds=seconds, waited_seconds=0.0))
        self._entries.fail(self._config, self._begun, None, CANCELLED, failures)

    def _never_sent(self, why: str) -> None:
        waited = self.progress.waited_in_all
        self._entries.never_sent(self._config, self._key, self._request, waited, why)


def _sums(table: Table) -> list[ColumnElement[Any]]:
    """Rows, rows with a price, and the sums of tokens, dollars and seconds."""
    summed = [func.sum(table.c[name]).label(name) for name in (*TOKEN_KINDS, "dollars", "seconds")]
    return [func.count().label("number"), func.count(table.c.dollars).label("priced"), *summed]
