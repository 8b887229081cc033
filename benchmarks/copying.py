"""Fills a run's records with copies of what one of its trials wrote: a large database need not be waited for.

A copy is what executing that trial would have left behind: the same rows in every table of ours and of the
engine's, with the trial's name in place of its model's.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

_TEXT = ("text", "character varying")
_COLUMNS = """
select table_schema, table_name, column_name, data_type from information_schema.columns
join information_schema.tables using (table_schema, table_name)
where table_schema in ('public', 'dbos') and table_type = 'BASE TABLE' order by 1, 2, ordinal_position
"""
_LEFT_ALONE = {"trials", "attempts", "runs", "run_sheets", "run_spend", "workers"}


def copy_trials(
    connection: psycopg.Connection[Any], run: str, number: int, *, of: str | None = None, begin: int = 0
) -> int:
    """Make copies of a trial that has ended for the first trials of a run's plan that have not; how many.

    Args:
        connection: The superuser's, in the project's database, each statement a transaction of its own.
        run: Its id.
        number: How many of the plan's first trials are to have ended.
        of: The run of the trial that is copied; default: the same.
        begin: Those before this position in the plan are left alone: workers may be about to carry them.
    """
    model = _one(
        connection,
        "select t.id from trials t join attempts a on a.trial = t.id"
        " where t.run = %s and a.state = 'done' order by t.position limit 1",
        of or run,
    )
    connection.execute("drop table if exists targets")
    connection.execute(
        "create temp table targets as select t.id from trials t join attempts a on a.trial = t.id"
        " where t.run = %s and a.state = 'planned' and t.position >= %s and t.position < %s",
        (run, begin, number),
    )
    for (schema, table), columns in _tables(connection).items():
        if table not in _LEFT_ALONE:
            _copy(connection, sql.Identifier(schema, table), columns, model)
    done = connection.execute(
        "update attempts a set state = 'done', cause = m.cause, submission = m.submission, finished = m.finished,"
        " rounds = 1, round = replace(m.round, %(model)s, t.id)"
        " from targets t, attempts m where a.trial = t.id and m.trial = %(model)s",
        {"model": model},
    )
    connection.execute("vacuum analyze")
    return done.rowcount


def _tables(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], list[tuple[str, bool]]]:
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for schema, table, column, kind in connection.execute(_COLUMNS).fetchall():
        found.setdefault((schema, table), []).append((column, kind in _TEXT))
    return found


def _copy(
    connection: psycopg.Connection[Any], table: sql.Identifier, columns: list[tuple[str, bool]], model: str
) -> None:
    texts = [name for name, text in columns if text]
    if not texts:
        return
    model_is = sql.SQL(" or ").join(
        sql.SQL("m.{} like {}").format(sql.Identifier(name), sql.Literal(f"{model}%")) for name in texts
    )
    if "item" in texts:  # what is kept of a submission that is up for review names it by its alias
        of_item = "m.item in (select alias from public.review_items where attempt_id like {})"
        model_is = sql.SQL("{} or {}").format(model_is, sql.SQL(of_item).format(sql.Literal(f"{model}%")))
    values = [
        sql.SQL("md5(t.id)")
        if name in ("alias", "item")
        else sql.SQL("replace(m.{}, {}, t.id)").format(sql.Identifier(name), sql.Literal(model))
        if text
        else sql.SQL("m.{}").format(sql.Identifier(name))
        for name, text in columns
    ]
    if columns[0][0] == "workflow_uuid":  # rounds that wait are in their queue already
        copies = "select replace(m.workflow_uuid, {}, t.id) from {} m, targets t where m.workflow_uuid like {}"
        gone = sql.SQL(copies).format(sql.Literal(model), table, sql.Literal(f"{model}%"))
        connection.execute(sql.SQL("delete from {} where workflow_uuid in ({})").format(table, gone))
    connection.execute(
        sql.SQL("insert into {} ({}) select {} from {} m, targets t where {} on conflict do nothing").format(
            table,
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
            sql.SQL(", ").join(values),
            table,
            model_is,
        )
    )


def _one(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    row = connection.execute(query, values).fetchone()
    if row is None:
        raise RuntimeError("no trial of the run has ended yet")
    return row[0]
