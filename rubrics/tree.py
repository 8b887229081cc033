"""Weighted trees of criteria, as PaperBench has them: leaves are judged, weights carry the scores to the root.

On disk a tree is `rubric.tree.json` beside its `rubric.toml`, flat, so that no depth is too deep:
`{"nodes": [{"id": ..., "parent": null, "text": ..., "weight": 1}, ...]}`; the leaves are the rubric's criteria.
Everything here walks with a stack of its own and never recurses.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field, model_validator

from core import BadInput, Frozen, parse_model, read_json
from rubrics.model import CRITERION_ID, Rubric
from rubrics.tomlfile import refuse_large


class TreeNode(Frozen):
    """A node: `parent` is None for the root; `weight` counts among its siblings."""

    id: str = Field(pattern=CRITERION_ID)
    parent: str | None = None
    text: str = ""
    weight: float = Field(default=1.0, ge=0)


class RubricTree(Frozen):
    """Nodes in the order in which they are read, children after one another as they stand in the list."""

    nodes: tuple[TreeNode, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_tree(self) -> RubricTree:
        ids: set[str] = set()
        for node in self.nodes:
            if node.id in ids:
                raise ValueError(f"node id {node.id!r} is there twice")
            ids.add(node.id)
        for node in self.nodes:
            if node.parent is not None and node.parent not in ids:
                raise ValueError(f"the parent {node.parent!r} of {node.id!r} is not there")
        roots = [node.id for node in self.nodes if node.parent is None]
        if len(roots) > 1:
            raise ValueError(f"two roots: {roots[0]!r} and {roots[1]!r}")
        reached = set(_downwards(roots, self.children)) if roots else set()
        if len(reached) < len(ids):
            lost = next(node.id for node in self.nodes if node.id not in reached)
            raise ValueError(f"the tree is cyclic: {lost!r} is its own ancestor, or below one that is")
        return self

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Ids of the children of each inner node."""
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node.id)
        return {parent: tuple(ids) for parent, ids in found.items()}

    @cached_property
    def root(self) -> str:
        """Id of the root."""
        return next(node.id for node in self.nodes if node.parent is None)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Ids of the nodes without children."""
        return tuple(node.id for node in self.nodes if node.id not in self.children)

    @property
    def shape(self) -> dict[str, tuple[str | None, float]]:
        """Parent and weight of every node: all that a score depends on."""
        return {node.id: (node.parent, node.weight) for node in self.nodes}

    def propagate(self, leaves: Mapping[str, float]) -> dict[str, float | None]:
        """The score of every node, from the scores of leaves, each in [0, 1].

        A node's score is the mean of its children's by weight. A child without a score is left out of the mean;
        a node none of whose children has one, or whose scored children weigh nothing, has None.

        Raises:
            ValueError: A score is not in [0, 1], or is for something that is not a leaf.
        """
        for name, value in leaves.items():
            if name not in self._leaf_set:
                raise ValueError(f"{name!r} is not a leaf of the tree")
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"the score {value} of {name!r} is not between 0 and 1")
        weights = {node.id: node.weight for node in self.nodes}
        scores: dict[str, float | None] = {}
        for name in reversed(_downwards([self.root], self.children)):
            if name in self._leaf_set:
                scores[name] = leaves.get(name)
                continue
            total = weight = 0.0
            for child in self.children[name]:
                below = scores[child]
                if below is not None:
                    total += weights[child] * below
                    weight += weights[child]
            scores[name] = total / weight if weight else None
        return scores

    @cached_property
    def _leaf_set(self) -> frozenset[str]:
        return frozenset(self.leaves)


def tree_path(rubric_file: Path) -> Path:
    """Where the tree of a rubric lies: `rubric.toml` -> `rubric.tree.json`."""
    return rubric_file.with_suffix(".tree.json")


def load_tree(path: Path, rubric: Rubric) -> RubricTree:
    """The tree in a `.tree.json` file, whose leaves are exactly the criteria of `rubric`.

    Raises:
        BadInput: It is no tree (a duplicate id, a cycle, a missing parent), or not that rubric's.
    """
    refuse_large(path)
    tree = parse_model(RubricTree, read_json(path), file=path)
    leaves, criteria = set(tree.leaves), {item.id for item in rubric.criteria}
    if leaves != criteria:
        name = min(leaves ^ criteria)
        what = f"the leaf {name!r} is no criterion" if name in leaves else f"the criterion {name!r} is no leaf"
        raise BadInput(what, file=path, field="nodes", mend="import rubric and tree together again")
    return tree


def _downwards(roots: list[str], children: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Every node reached, parents before their children."""
    order: list[str] = []
    stack = list(reversed(roots))
    while stack:
        name = stack.pop()
        order.append(name)
        stack.extend(reversed(children.get(name, ())))
    return order
