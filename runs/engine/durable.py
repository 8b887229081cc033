"""The durable engine: DBOS over the project's own database, SQLite or PostgreSQL, behind the port.

What it keeps lies in tables of its own (PostgreSQL: the schema `dbos`), which nothing but this module's library
touches. All that UpBench wants to know about a run is in UpBench's tables.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, EnqueueOptions
from dbos._sys_db import SystemDatabase
from sqlalchemy import Connection, Engine, Row, Select, create_engine, exc, literal, select, union_all, update
from sqlalchemy.event import listen

from core import BadInput, Cause, Database, StoreFault
from runs.engine.calm import calm
from runs.engine.crew import CREW
from runs.engine.port import Carry, Crew, Json, Round, RoundState, RoundStatus
from runs.engine.serializer import JsonSerializer
from runs.engine.steps import DurableContext
from runs.engine.versions import take_over, take_over_queued

if TYPE_CHECKING:
    from dbos import DBOSConfig

NAME = "upbench"
VERSION = "1"
"""Of the rounds' code, as the engine sees it: a whole number. Raised only when what an earlier version kept of a
round's steps cannot be read by the new code: then rounds that it left begin at their first step again."""

WORKFLOW = "round"
TAKEN_UP = 10
"""A round that was taken up so often is not begun again: it takes its workers with it."""

THREADS = 64
POOL = 4
BATCH = 500
_STATES = {
    "ENQUEUED": RoundState.queued,
    "DELAYED": RoundState.queued,
    "PENDING": RoundState.running,
    "SUCCESS": RoundState.done,
    "ERROR": RoundState.failed,
    "CANCELLED": RoundState.cancelled,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": RoundState.dead,
}
_OVER = (RoundState.done, RoundState.failed, RoundState.cancelled)


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=TAKEN_UP)
async def _round(kind: str, payload: Json) -> Json:
    kinds, task = CREW.kinds, asyncio.current_task()
    if kinds is None or task is None:
        raise asyncio.CancelledError  # this process is about to end: the round stays to be taken up
    CREW.tasks.add(task)
    try:
        return await kinds[kind](DurableContext(str(DBOS.workflow_id), CREW.abandon), payload)
    finally:
        CREW.tasks.discard(task)


class DurableEngine:
    """See `runs.engine.port.Engine`.

    Args:
        database: The project's; the engine's tables are made in it where they are not there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def _engine(self) -> Engine:
        """Connections of the engine's own: it begins its transactions in another way than we do ours."""
        if self._database.dialect == "sqlite":
            arguments = {"timeout": 30, "check_same_thread": False}
            engine = create_engine(
                f"sqlite:///{self._database.path}", pool_size=POOL, max_overflow=0, connect_args=arguments
            )
            listen(engine, "connect", _as_dbos_does)
            return engine
        engine = create_engine(
            self._database.url,
            pool_size=POOL,
            max_overflow=POOL,
            pool_pre_ping=True,
            connect_args=self._database.connect_args,
        )
        self._database.bound(engine)
        return engine

    @cached_property
    def _client(self) -> DBOSClient:
        tables = SystemDatabase.create(
            system_database_url=_address(self._engine),
            engine_kwargs={},
            engine=self._engine,
            schema="dbos",
            serializer=JsonSerializer(),
            executor_id=None,
            use_listen_notify=False,
        )
        with self._answering():
            tables.run_migrations()
            return DBOSClient(
                system_database_engine=self._engine, serializer=JsonSerializer(), application_name=NAME
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """The library does not wait for a server that is restarting when it begins; our own transactions do."""
        try:
            with self._database.read():
                pass
            yield
        except exc.DBAPIError as error:
            raise StoreFault(Cause.store_failed, f"{self._database.shown}: {error.orig}") from error

    def close(self) -> None:
        """Close its connections."""
        if "_client" in self.__dict__:
            self._client.destroy()
            del self._client
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self._engine

    def prepare(self, queues: Sequence[str] = ()) -> None:
        """See `Engine`."""
        tables = self._client._sys_db
        take_over_queued(tables, VERSION, queues)

    def start(self, rounds: Sequence[Round], connection: Connection | None = None) -> None:
        """See `Engine`."""
        client = self._client
        if connection is not None:
            for one in rounds:
                client.enqueue_in_transaction(connection, _options(one), one.kind, one.payload)
            return
        for begin in range(0, len(rounds), BATCH):
            with self._database.write() as own:
                for one in rounds[begin : begin + BATCH]:
                    client.enqueue_in_transaction(own, _options(one), one.kind, one.payload)

    def cancel(self, keys: Sequence[str]) -> None:
        """See `Engine`."""
        for begin in range(0, len(keys), BATCH):
            self._client.cancel_workflows(list(keys[begin : begin + BATCH]))

    def list(
        self,
        *,
        queue: str | None = None,
        worker: str | None = None,
        keys: Sequence[str] | None = None,
        states: Sequence[RoundState] = (),
        limit: int | None = None,
    ) -> list[RoundStatus]:
        """See `Engine`."""
        status = self._client._sys_db.tables.workflow_status
        ours = select(
            status.c.workflow_uuid,
            status.c.status,
            status.c.queue_name,
            status.c.executor_id,
            status.c.recovery_attempts,
        ).where(status.c.name == WORKFLOW)
        asked = ((status.c.queue_name, queue), (status.c.executor_id, worker))
        ours = ours.where(*(column == value for column, value in asked if value is not None))
        if keys is not None:
            ours = ours.where(status.c.workflow_uuid.in_(keys))
        names = [name for name, state in _STATES.items() if state in states]
        if names and limit is not None:
            # An index knows where one state begins; for several at once all rounds there ever were are gone
            # through. In one statement, or a round that goes from one state to another meanwhile is in neither.
            apart = union_all(
                *(ours.where(status.c.status == literal(name, literal_execute=True)) for name in names)
            )
            ours = select(apart.subquery()).limit(limit)
        else:
            ours = (ours.where(status.c.status.in_(names)) if names else ours).order_by(status.c.created_at)
            ours = ours.limit(limit)
        try:
            found = self._read(ours)
        except StoreFault as fault:
            if fault.cause is not Cause.store_failed:
                raise
            found = self._read(ours)  # the server restarted in the midst of it: a transaction that begins waits
        return [
            RoundStatus(
                key=one.workflow_uuid,
                state=_STATES[one.status],
                queue=one.queue_name,
                worker=one.executor_id,
                begun=one.recovery_attempts or 0,
            )
            for one in found
        ]

    def _read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        schema = self._client._sys_db.engine.get_execution_options()
        with self._database.read() as connection:
            return connection.execute(query, execution_options=schema).all()

    def recover(self, worker: str, *, blameless: bool = False) -> int:
        """See `Engine`."""
        tables = self._client._sys_db
        pending = [one.key for one in self.list(worker=worker, states=[RoundState.running])]  # of any version
        back = [key for key in pending if tables.reenqueue_for_recovery(key, [worker], WORKFLOW)]
        take_over(tables, VERSION, back)
        status = tables.tables.workflow_status
        for begin in range(0, len(back) if blameless else 0, BATCH):
            some = status.c.workflow_uuid.in_(back[begin : begin + BATCH])
            with tables.engine.begin() as connection:
                fewer = update(status).where(some, status.c.recovery_attempts > 0)
                connection.execute(fewer.values(recovery_attempts=status.c.recovery_attempts - 1))
        return len(back)

    def forget(self, before: datetime, limit: int) -> int:
        """See `Engine`."""
        old = self._client.list_workflows(
            name=WORKFLOW,
            status=[name for name, state in _STATES.items() if state in _OVER],
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if old:
            self._client.delete_workflows([one.workflow_id for one in old])
        return len(old)

    def fork(self, key: str, step: int) -> str:
        """See `Engine`."""
        status = self.list(keys=[key])
        if not status:
            raise KeyError(key)
        share = self._client.list_workflows(workflow_ids=[key], load_input=False)[0].queue_partition_key
        handle = self._client.fork_workflow(
            key,
            step,
            application_version=VERSION,
            queue_name=status[0].queue,
            queue_partition_key=share,
        )
        return handle.get_workflow_id()

    @asynccontextmanager
    async def work(
        self, worker: str, kinds: Mapping[str, Carry], queues: Mapping[str, int], *, poll_seconds: float = 1.0
    ) -> AsyncIterator[Crew]:
        """See `Engine`."""
        if CREW.kinds is not None:
            raise BadInput("this process executes a run already", mend="wait for it, or use another process")
        self.prepare()
        CREW.kinds = kinds
        CREW.stuck = stuck = asyncio.get_running_loop().create_future()
        try:
            _quieten()
            CREW.slots, CREW.shunned = queues, set()
            await asyncio.to_thread(self._register, queues, poll_seconds)
            library = self._launched(worker, queues)
            yield Crew(stuck, lambda: _pause(library), CREW.shunned)
        finally:
            stuck.cancel()
            await self._stop()

    def _register(self, queues: Mapping[str, int], poll_seconds: float) -> None:
        """Make the queues: before the library begins, for it looks for new ones once a second."""
        with self._answering():
            for name, slots in queues.items():
                self._client.register_queue(
                    name,
                    worker_concurrency=slots,
                    # By worker and share: a bound for all workers would make them wait for each other's claims.
                    partition_worker_concurrency=slots if _shared(name) else None,
                    polling_interval_sec=poll_seconds,
                    on_conflict="always_update",
                )

    def _launched(self, worker: str, queues: Mapping[str, int]) -> DBOS:
        """The library, at work: on the loop that it finds running it carries rounds."""
        with self._answering():
            library = DBOS(config=self._config(worker))
            DBOS.listen_queues(list(queues))
            DBOS.launch()
        calm(library)
        return library

    async def _stop(self) -> None:
        tasks, CREW.kinds = list(CREW.tasks), None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # the engine's ends with it
        await asyncio.to_thread(DBOS.destroy)

    def _config(self, worker: str) -> DBOSConfig:
        return {
            "name": NAME,
            "system_database_engine": self._engine,
            "application_version": VERSION,
            "executor_id": worker,
            "max_executor_threads": THREADS,
            "serializer": JsonSerializer(),
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 0.1,  # nothing is looked for: its end is waited for
            "log_level": "CRITICAL",
        }


def _quieten() -> None:
    """The library writes to the standard error that it found when it was imported; that may be closed by now."""
    log = logging.getLogger("dbos")
    for handler in list(log.handlers):
        log.removeHandler(handler)


def _pause(library: DBOS) -> None:
    """What ends its looking at queues is the first that it does when it is destroyed."""
    for event in library.background_thread_stop_events:
        event.set()


def _options(one: Round) -> EnqueueOptions:
    options: EnqueueOptions = {
        "queue_name": one.queue,
        "workflow_name": WORKFLOW,
        "workflow_id": one.key,
        "app_version": VERSION,
        "application_name": NAME,
    }
    if _shared(one.queue):
        options["queue_partition_key"] = one.share or one.key
    if one.delay_seconds > 0:
        options["delay_seconds"] = one.delay_seconds
    return options


def _shared(queue: str) -> bool:
    """Whether several runs meet in that queue: then they take turns. Each run's own queue holds nothing else."""
    return "." not in queue


def _address(engine: Engine) -> str:
    """The library asks for an address although it is given connections."""
    return "sqlite:///given.sqlite" if engine.dialect.name == "sqlite" else "postgresql://given/given"


def _as_dbos_does(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
