"""Verdicts from a JSON file: `{criterion: verdict}`, or a graded PaperBench tree."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core import BadInput, read_text
from rubrics.importers.paperbench import is_tree, read_graded_tree
from rubrics.model import Rubric, Verdict


def load_verdicts(path: Path, rubric: Rubric) -> dict[str, Verdict | None]:
    """The verdicts in a JSON file, all on criteria of `rubric`; null means awaiting.

    Raises:
        BadInput: No JSON, an unknown criterion or verdict, a criterion twice.
    """
    data = _read(path)
    if is_tree(data):
        found: dict[str, Verdict | None] = dict(read_graded_tree(path, data).verdicts)
    elif isinstance(data, dict):
        found = {name: _verdict(path, name, word) for name, word in data.items()}
    else:
        raise BadInput("not verdicts", file=path, mend='write {"criterion": "pass", ...}')
    refuse_unknown(path, found, rubric)
    return found


def refuse_unknown(path: Path, names: Iterable[str], rubric: Rubric) -> None:
    """Raise `BadInput` for the first name that is no criterion of the rubric."""
    known = [criterion.id for criterion in rubric.criteria]
    ids = set(known)
    for name in names:
        if name not in ids:
            near = difflib.get_close_matches(name, known[:500], n=1)
            mend = f"did you mean {near[0]!r}?" if near else "use the ids of the rubric"
            raise BadInput("the rubric has no such criterion", file=path, field=name, mend=mend)


def _verdict(path: Path, name: str, word: Any) -> Verdict | None:
    if word is None:
        return None
    if not isinstance(word, str) or word not in set(Verdict):
        mend = "a verdict is pass, fail, cannot_judge or null"
        raise BadInput(f"{word!r} is not a verdict", file=path, field=name, mend=mend)
    return Verdict(word)


def _read(path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for key, value in pairs:
            if key in body:
                raise BadInput("is there twice", file=path, field=key)
            body[key] = value
        return body

    try:
        return json.loads(read_text(path), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        mend = "evaluations, one a line, are read from a .jsonl file"
        raise BadInput(f"not valid JSON: {error.msg}", file=path, line=error.lineno, mend=mend) from error
    except RecursionError as error:
        raise BadInput("nested too deeply", file=path) from error
    except ValueError as error:  # A number of thousands of digits: Python refuses to make one of them.
        raise BadInput("a number is too long", file=path) from error
