"""PaperBench: weighted trees of requirements (`rubric.json`), and the same trees graded.

A leaf becomes a criterion of importance `important` (PaperBench has no importances), with its own weight; the tree
keeps the weights of every level. Trees are walked with a stack of our own, so no depth is too deep.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core import BadInput, read_json
from rubrics.importers.base import ImportedRubric, NotCarried, RubricImport, unique_id
from rubrics.model import Criterion, Importance, Rubric, Verdict
from rubrics.tree import RubricTree, TreeNode

_KEPT = frozenset({"id", "requirements", "weight", "sub_tasks"})
_GRADES = frozenset({"score", "valid_score"})


@dataclass(frozen=True)
class GradedTree:
    """A tree with the scores that its file holds.

    Attributes:
        scores: Node id -> score in [0, 1], as recorded (inner nodes too).
        verdicts: Leaf id -> pass, fail, or cannot_judge where the score is marked as not valid.
    """

    tree: RubricTree
    scores: dict[str, float]
    verdicts: dict[str, Verdict]


def import_paperbench(path: Path) -> RubricImport:
    """The rubric and the tree in a PaperBench `rubric.json` (or in a graded tree, whose grades are not carried).

    Raises:
        BadInput: It is no such tree: a missing or wrong key, a duplicate or cyclic id.
    """
    data = read_json(path)
    tree, lost = _tree(data, path)
    leaves = set(tree.leaves)
    criteria = tuple(
        Criterion(id=node.id, importance=Importance.important, text=node.text, weight=node.weight)
        for node in tree.nodes
        if node.id in leaves
    )
    name = unique_id(path.stem, (), otherwise="rubric")
    return RubricImport((ImportedRubric(name, Rubric(criteria=criteria), tree),), lost)


def read_graded_tree(path: Path, data: Any = None) -> GradedTree:
    """A graded tree, its file's scores beside it.

    Args:
        path: The file.
        data: Its JSON, if it has been read already.

    Raises:
        BadInput: It is no tree, or a leaf's score is not 0 or 1.
    """
    data = read_json(path) if data is None else data
    tree, _ = _tree(data, path)
    leaves, scores, verdicts = set(tree.leaves), {}, {}
    for node, _, where in _walk(data, path):
        name, score = str(node["id"]), node.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise BadInput("needs a score between 0 and 1", file=path, field=f"{where}.score")
        scores[name] = float(score)
        if name in leaves:
            if score not in {0, 1}:
                raise BadInput(f"a leaf's score is 0 or 1, not {score}", file=path, field=f"{where}.score")
            valid = node.get("valid_score", True) is not False
            judged = Verdict.passed if score == 1 else Verdict.failed
            verdicts[name] = judged if valid else Verdict.cannot_judge
    return GradedTree(tree, scores, verdicts)


def is_tree(data: Any) -> bool:
    """Whether JSON looks like a PaperBench tree, graded or not."""
    return isinstance(data, dict) and "sub_tasks" in data


def _tree(data: Any, path: Path) -> tuple[RubricTree, tuple[NotCarried, ...]]:
    nodes: list[TreeNode] = []
    lost: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for node, parent, where in _walk(data, path):
        name = _text(node, "id", path, where)
        if name in seen:
            cyclic = seen[name] == "root" or where.startswith(f"{seen[name]}.")
            what = (
                f"the tree is cyclic: {name!r} is its own ancestor"
                if cyclic
                else f"the id {name!r} is there twice"
            )
            raise BadInput(what, file=path, field=f"{where}.id")
        seen[name] = where
        weight = node.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise BadInput("needs a weight that is not negative", file=path, field=f"{where}.weight")
        text = _text(node, "requirements", path, where)
        try:
            nodes.append(TreeNode(id=name, parent=parent, text=text, weight=float(weight)))
        except ValidationError as error:
            raise BadInput(f"{name!r} or its text is not fit for a criterion", file=path, field=where) from error
        lost.update(key for key, value in node.items() if key not in _KEPT and value not in (None, "", [], {}))
    fields = tuple(
        NotCarried(
            "grades stay in the graded tree" if key in _GRADES else "has no place in a rubric", None, key, count
        )
        for key, count in sorted(lost.items())
    )
    return RubricTree(nodes=tuple(nodes)), fields


def _walk(data: Any, path: Path) -> Iterator[tuple[dict[str, Any], str | None, str]]:
    """Each node, its parent's id, and where it stands (`sub_tasks[0].sub_tasks[2]`), parents first."""
    stack: list[tuple[Any, str | None, str]] = [(data, None, "root")]
    while stack:
        node, parent, where = stack.pop()
        if not isinstance(node, dict):
            raise BadInput(
                "is not a node", file=path, field=where, mend="a node has id, requirements, weight, sub_tasks"
            )
        yield node, parent, where
        children = node.get("sub_tasks", [])
        if not isinstance(children, list):
            raise BadInput("is not a list", file=path, field=f"{where}.sub_tasks")
        name = str(node["id"])
        prefix = "" if where == "root" else f"{where}."
        stack.extend(
            (child, name, f"{prefix}sub_tasks[{number}]") for number, child in reversed(list(enumerate(children)))
        )


def _text(node: dict[str, Any], key: str, path: Path, where: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInput("is missing" if key not in node else "is not a text", file=path, field=f"{where}.{key}")
    return value
