"""The rows of one run, table by table, out of the project's database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from core import Row
from upbench.bundle.tables import READ, Part

TRIALS_AT_ONCE = 100
VALUES_AT_ONCE = 500
ROWS_AT_ONCE = 200


class RunRows:
    """Reads the rows of a run within one transaction; tables in the order of `READ`."""

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection, self._run = connection, run
        self._trials: list[str] = []
        self._seen: dict[tuple[str, str], dict[Any, None]] = {
            part.table.parent: {} for part in READ if part.table.belongs == "parent"
        }
        self._numbers: dict[str, dict[int, int]] = {
            part.name: {} for part in READ if part.table.number is not None
        }

    def of(self, part: Part) -> Iterator[Row]:
        """The rows of a table as they leave the project, sorted."""
        rows = self._leaving(part)
        if part.table.few:
            return iter(sorted(rows, key=lambda row: tuple(row[name] for name in part.table.order)))
        return rows

    def _leaving(self, part: Part) -> Iterator[Row]:
        table = part.table
        noted = [key for key in self._seen if key[0] == part.name]
        for where in self._wheres(part):
            for row in self._in_order(part, where):
                for key in noted:
                    self._seen[key][row[key[1]]] = None
                if part.name == "trials":
                    self._trials.append(row["id"])
                yield table.leaves(self._renumbered(part, row))
        self._trials.sort()

    def _in_order(self, part: Part, where: ColumnElement[bool]) -> Iterator[Row]:
        table = part.table.table
        order = [table.c[name] for name in part.table.order]
        query = select(table).where(where).order_by(*order).execution_options(yield_per=ROWS_AT_ONCE)
        rows = (dict(found) for found in self._connection.execute(query).mappings())
        if not part.table.refers:
            return rows
        # What is counted anew on the way is also sorted anew.
        ((name, target),) = part.table.refers.items()
        numbers = self._numbers[target]
        return iter(sorted(rows, key=lambda row: numbers[row[name]]))

    def _renumbered(self, part: Part, row: Row) -> Row:
        table = part.table
        if table.number is not None:
            numbers = self._numbers[part.name]
            row[table.number] = numbers.setdefault(row[table.number], len(numbers) + 1)
        for name, target in table.refers.items():
            row[name] = self._numbers[target][row[name]]
        return row

    def _wheres(self, part: Part) -> Iterator[ColumnElement[bool]]:
        column = part.table.table.c[part.table.column]
        if part.table.belongs == "run":
            yield column == self._run
        elif part.table.belongs == "trial":
            for batch in _batches(self._trials, TRIALS_AT_ONCE):
                # All names of a trial's begin with it and a dot; a slash is the character after the dot.
                yield or_(*((column >= f"{trial}.") & (column < f"{trial}/") for trial in batch))
        else:
            # Numbers were given in the order in which their rows came.
            seen = self._seen[part.table.parent]
            values = list(seen) if part.table.refers else sorted(seen)
            for batch in _batches(values, VALUES_AT_ONCE):
                yield column.in_(batch)


def _batches(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
