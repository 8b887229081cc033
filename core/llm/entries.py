"""What is written down of a call: begun, received, failed, lost. Each is one transaction.

The number of times a call was begun fences it: whoever began it before the last time writes nothing over what came
later, and is told so.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, func, select, update

from core.causes import Cause
from core.digests import sha256_bytes
from core.errors import Fault, StoreFault
from core.llm.estimate import GUESSED_OUTPUT, request_tokens
from core.llm.prices import PriceTable
from core.llm.protocol import ChatReply, ChatRequest, Failure, ModelConfig, Usage
from core.llm.spend import Spending, add_spending
from core.llm.tables import CALLS, WASTE
from core.store.database import Database
from core.store.statements import insert_new

STARTED, RECEIVED, FAILED = "started", "received", "failed"
IN_FLIGHT = "in_flight"
CANCELLED = "cancelled"
OVERTAKEN = "overtaken"
WRITES, LONG_WRITE = 3, 20.0
PAUSE = 1800.0
"""Seconds without a call after which a worker is thought not to have worked on the run."""
# Kinds of failed tries that the provider may have charged for although nobody told us the tokens.
MAYBE_CHARGED = ("dropped", "timeout", "malformed", IN_FLIGHT, CANCELLED)

# The statements of the hot path are made once: building one costs more than carrying it out.
_NEW_CALL = insert_new(CALLS).returning(CALLS.c.key)  # returns nothing where the call is there already
_END_CALL = update(CALLS).where(
    CALLS.c.key == bindparam("the_key"), CALLS.c.tries == bindparam("the_tries"), CALLS.c.state == STARTED
)


class Overtaken(Fault):
    """Another worker took this call over: whoever is told so works on something that is no longer its own.

    What it was about to write is not written over the other's; what its call cost is on record.
    """

    def __init__(self, key: str) -> None:
        super().__init__(Cause.worker_died, f"another worker has taken over {key}")


@dataclass(frozen=True)
class Begun:
    """A call that was begun: the `tries`-th time under its key. `reply`: it had been received already."""

    key: str
    tries: int
    reply: ChatReply | None = None


class Entries:
    """Writes the journal's rows, and with them what the run spent."""

    def __init__(self, database: Database, prices: PriceTable, run: str | None, worker: str) -> None:
        self._database, self._prices = database, prices
        self._run, self._worker = run, worker
        self._paid_at, self._spell = time.time(), 1

    def begin(self, config: ModelConfig, key: str, request: ChatRequest, waited: float) -> Begun:
        """A call is about to be sent for the first time, or again."""
        values = {
            "state": STARTED,
            "provider": config.provider,
            "model": config.model,
            "request": sha256_bytes(request.model_dump_json().encode()),
            "started_at": time.time(),
            "cause": None,
            "detail": None,
            "expected": request_tokens(request),
        }
        with self._database.write() as connection:
            if connection.execute(_NEW_CALL, {"key": key, "tries": 1, "waited": waited, **values}).first():
                return Begun(key, 1)
            before = connection.execute(select(CALLS).where(CALLS.c.key == key).with_for_update()).one()
            if before.state == RECEIVED:
                return Begun(key, before.tries, unpacked(key, before.reply))
            if before.state == STARTED:
                self._lose(connection, before)
            tries = before.tries + 1
            waits = (before.waited or 0.0) + waited
            connection.execute(update(CALLS).where(CALLS.c.key == key).values(tries=tries, waited=waits, **values))
        return Begun(key, tries)

    def receive(self, config: ModelConfig, begun: Begun, reply: ChatReply) -> None:
        """The reply has come. Raises `Overtaken`, with the reply on record as waste.

        It has been paid for, so a database that breaks off in the middle is asked again.
        """
        values = {
            "state": RECEIVED,
            "reply": zlib.compress(reply.model_dump_json().encode(), 9),
            "stop": reply.stop.value,
            "dollars": reply.dollars,
            "seconds": reply.seconds,
            **_tokens(reply.usage),
        }
        for left in range(WRITES - 1, -1, -1):
            begun_at = time.monotonic()
            try:
                if self._receive(config, begun, reply, values):
                    return
                break
            except StoreFault as fault:
                waited_for = time.monotonic() - begun_at > LONG_WRITE  # the store has waited as long as it does
                if not left or waited_for or fault.cause is Cause.disk_full:
                    raise
        raise Overtaken(begun.key)

    def _receive(self, config: ModelConfig, begun: Begun, reply: ChatReply, values: dict[str, Any]) -> bool:
        """Whether the reply stands: written now, or by an earlier write that was taken for broken."""
        with self._database.write() as connection:
            more = Spending(calls=1)
            ours = self._set(connection, begun, values)
            if ours:
                more.pay(reply.usage.total, reply.dollars)
            else:
                row = connection.execute(select(CALLS).where(CALLS.c.key == begun.key)).one()
                if (row.tries, row.reply) == (begun.tries, values["reply"]):
                    return True
                if not self._correct(connection, begun, reply.usage, reply.dollars, more):
                    return False
            self._add_waste(connection, config, begun, reply.failures, more)
            self._spend(connection, more)
        return ours

    def fail(
        self, config: ModelConfig, begun: Begun, cause: Cause | None, detail: str, failures: Sequence[Failure]
    ) -> None:
        """The call has failed for good, or was cancelled (no cause). Raises `Overtaken`."""
        values = {"state": FAILED, "cause": cause.value if cause else None, "detail": detail[:500]}
        with self._database.write() as connection:
            more = Spending()
            ours = self._set(connection, begun, values)
            if ours or self._correct(connection, begun, None, 0.0, more):
                self._add_waste(connection, config, begun, failures, more)
                self._spend(connection, more)
        if not ours:
            raise Overtaken(begun.key)

    def never_sent(self, config: ModelConfig, key: str, request: ChatRequest, waited: float, why: str) -> None:
        """A call ended while it waited for its turn: all that is to be told is the wait."""
        with self._database.write() as connection:
            values = {
                "state": FAILED,
                "provider": config.provider,
                "model": config.model,
                "request": sha256_bytes(request.model_dump_json().encode()),
                "started_at": time.time(),
                "detail": why[:500],
            }
            if not connection.execute(
                insert_new(CALLS).values(key=key, tries=0, waited=waited, **values)
            ).rowcount:
                longer = func.coalesce(CALLS.c.waited, 0.0) + waited
                connection.execute(update(CALLS).where(CALLS.c.key == key).values(waited=longer))

    def settle(self, prefix: str) -> int:
        """Calls begun under the prefix and never answered become waste. Returns how many."""
        with self._database.write() as connection:
            open_calls = connection.execute(
                select(CALLS).where(begins(CALLS, prefix), CALLS.c.state == STARTED).with_for_update()
            ).all()
            for row in open_calls:
                self._lose(connection, row)
                lost = {"state": FAILED, "detail": "its worker died before the reply came"}
                connection.execute(update(CALLS).where(CALLS.c.key == row.key).values(**lost))
        return len(open_calls)

    def _lose(self, connection: Connection, row: Row[tuple[object, ...]]) -> None:
        """The asker of a call is gone. When it died is not known, so the seconds of its try are not either."""
        config = ModelConfig(provider=row.provider, model=row.model)
        lost = Failure(status=None, kind=IN_FLIGHT, seconds=0.0, waited_seconds=0.0)
        more = Spending()
        self._add_waste(connection, config, Begun(row.key, row.tries), (lost,), more, row.expected)
        self._spend(connection, more)

    def _set(self, connection: Connection, begun: Begun, values: Mapping[str, object]) -> bool:
        """Write to the call's row unless it has been begun again, settled or answered since."""
        mine = {"the_key": begun.key, "the_tries": begun.tries}
        return bool(connection.execute(_END_CALL, {**mine, **values}).rowcount)

    def _correct(
        self, connection: Connection, begun: Begun, usage: Usage | None, dollars: float | None, more: Spending
    ) -> bool:
        """Whoever took the call over guessed what ours would cost; now it is known. False: it was before."""
        guess = (WASTE.c.key == begun.key) & (WASTE.c.tries == begun.tries) & (WASTE.c.kind == IN_FLIGHT)
        row = connection.execute(select(WASTE).where(guess).with_for_update()).one_or_none()
        if row is None:
            return False
        guessed = Usage(input=row.input or 0, output=row.output or 0).total
        more.pay(guessed, row.dollars, estimated=bool(row.estimated), sign=-1)
        more.pay(usage.total if usage else 0, dollars)
        known = {"kind": OVERTAKEN, "dollars": dollars, "estimated": None}
        tokens = _tokens(usage) if usage else dict.fromkeys(_tokens(Usage()), None)
        connection.execute(update(WASTE).where(guess).values(**known, **tokens))
        return True

    def _add_waste(
        self,
        connection: Connection,
        config: ModelConfig,
        begun: Begun,
        failures: Sequence[Failure],
        more: Spending,
        expected: int | None = None,
    ) -> None:
        if not failures:
            return
        number = connection.execute(select(func.count()).where(WASTE.c.key == begun.key)).scalar_one()
        for index, failure in enumerate(failures, start=number + 1):
            usage, estimated = failure.usage, False
            if usage is None and failure.kind in MAYBE_CHARGED:
                usage, estimated = self._guess(connection, config, begun.key, expected), True
            dollars = 0.0 if usage is None else self._prices.price(config, usage)
            more.pay(0 if usage is None else usage.total, dollars, estimated=estimated)
            connection.execute(
                insert_new(WASTE).values(
                    key=begun.key,
                    number=index,
                    kind=failure.kind,
                    status=failure.status,
                    seconds=failure.seconds,
                    waited=failure.waited_seconds,
                    at=time.time(),
                    dollars=dollars,
                    estimated=int(estimated) or None,
                    tries=begun.tries,
                    **(_tokens(usage) if usage else {}),
                )
            )

    def _guess(self, connection: Connection, config: ModelConfig, key: str, expected: int | None) -> Usage:
        """Tokens of a try that nobody told: its request's, and a reply like those before it."""
        if expected is None:
            asked = select(CALLS.c.expected).where(CALLS.c.key == key)
            expected = connection.execute(asked).scalar() or 0
        earlier = begins(CALLS, key.split("/", 1)[0] + "/")
        usual = select(func.avg(CALLS.c.output)).where(
            earlier, CALLS.c.state == RECEIVED, CALLS.c.model == config.model
        )
        output = connection.execute(usual).scalar()
        return Usage(input=expected, output=GUESSED_OUTPUT if output is None else round(output))

    def _spend(self, connection: Connection, more: Spending) -> None:
        if self._run is None or more == Spending():
            return
        now = time.time()
        if now - self._paid_at > PAUSE:  # a row of its own: the hours in between were not spent on the run
            self._spell += 1
        self._paid_at = now
        name = self._worker if self._spell == 1 else f"{self._worker}/{self._spell}"
        add_spending(connection, self._run, name, more)


def unpacked(key: str, packed: bytes) -> ChatReply:
    """A reply as it was received. Raises `StoreFault`: it is damaged."""
    try:
        return ChatReply.model_validate_json(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise StoreFault(Cause.store_damaged, f"the reply {key} is damaged") from error


def _tokens(usage: Usage) -> dict[str, int]:
    return usage.model_dump(exclude={"raw"})


def begins(table: Table, prefix: str) -> ColumnElement[bool]:
    """Keys that begin with `prefix`, as a range: the index serves it, which it does not for LIKE."""
    return (table.c.key >= prefix) & (table.c.key < prefix + "\U0010ffff")
