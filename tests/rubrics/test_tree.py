from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core import BadInput
from rubrics import RubricTree, TreeNode, load_tree, read_graded_tree, rubric_importer, write_rubric

FIXTURES = Path(__file__).parents[2].parent / "shared" / "fixtures" / "paperbench"


@st.composite
def trees(draw: st.DrawFn) -> RubricTree:
    nodes = [TreeNode(id="n0")]
    for number in range(1, draw(st.integers(1, 30))):
        parent = draw(st.integers(0, number - 1))
        nodes.append(TreeNode(id=f"n{number}", parent=f"n{parent}", weight=draw(st.integers(0, 20))))
    return RubricTree(nodes=tuple(draw(st.permutations(nodes))))


def recursive(tree: RubricTree, name: str, leaves: dict[str, float]) -> float | None:
    """The definition, written as it is read."""
    if name not in tree.children:
        return leaves.get(name)
    weights = {node.id: node.weight for node in tree.nodes}
    scored = [(weights[child], recursive(tree, child, leaves)) for child in tree.children[name]]
    total = sum(weight for weight, value in scored if value is not None)
    return sum(weight * value for weight, value in scored if value is not None) / total if total else None


@given(trees(), st.data())
def test_propagation_is_the_weighted_mean_at_every_node(tree: RubricTree, data: st.DataObject) -> None:
    scored = data.draw(st.lists(st.sampled_from(tree.leaves), unique=True))
    leaves = {name: data.draw(st.sampled_from([0.0, 1.0])) for name in scored}
    found = tree.propagate(leaves)
    assert set(found) == {node.id for node in tree.nodes}
    for name, value in found.items():
        expected = recursive(tree, name, leaves)
        assert value == (None if expected is None else pytest.approx(expected))
        assert value is None or 0 <= value <= 1


@given(trees())
def test_a_tree_reads_back(tree: RubricTree) -> None:
    assert RubricTree.model_validate_json(tree.model_dump_json()) == tree


def test_no_depth_is_too_deep() -> None:
    depth = 50_000
    chain = [TreeNode(id="n0"), *(TreeNode(id=f"n{i}", parent=f"n{i - 1}", weight=2) for i in range(1, depth))]
    tree = RubricTree(nodes=tuple(chain))
    assert tree.leaves == (f"n{depth - 1}",)
    assert tree.propagate({f"n{depth - 1}": 1.0})["n0"] == 1.0


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("r", None), ("a", "r"), ("a", "r")], "'a' is there twice"),
        ([("r", None), ("a", "x")], "the parent 'x' of 'a' is not there"),
        ([("r", None), ("s", None)], "two roots: 'r' and 's'"),
        ([("r", None), ("a", "b"), ("b", "a")], "the tree is cyclic: 'a'"),
        ([("a", "b"), ("b", "a")], "the tree is cyclic: 'a'"),
        ([("r", None), ("a", "a")], "the tree is cyclic: 'a'"),
    ],
)
def test_what_is_no_tree_is_refused(nodes: list[tuple[str, str | None]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RubricTree(nodes=tuple(TreeNode(id=name, parent=parent) for name, parent in nodes))


@pytest.mark.parametrize(("leaves", "said"), [({"r": 1.0}, "not a leaf"), ({"a": 1.5}, "not between 0 and 1")])
def test_scores_that_make_no_sense_are_refused(leaves: dict[str, float], said: str) -> None:
    tree = RubricTree(nodes=(TreeNode(id="r"), TreeNode(id="a", parent="r")))
    with pytest.raises(ValueError, match=said):
        tree.propagate(leaves)


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the public PaperBench trees are not here")
@pytest.mark.parametrize(("name", "root"), [("rice", 0.18568121693121692), ("pinn", 0.8342145949288806)])
def test_graded_trees_propagate_to_the_recorded_score_of_every_node(name: str, root: float) -> None:
    graded = read_graded_tree(FIXTURES / "graded" / f"{name}.json")
    found = graded.tree.propagate({leaf: graded.scores[leaf] for leaf in graded.tree.leaves})
    assert len(found) > 400
    assert found == {key: pytest.approx(value, abs=1e-12) for key, value in graded.scores.items()}
    assert found[graded.tree.root] == pytest.approx(root, abs=1e-12)


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the public PaperBench trees are not here")
@pytest.mark.parametrize("name", ["rice", "all-in-one", "pinn"])
def test_public_trees_survive_the_way_to_disk_and_back(name: str, tmp_path: Path) -> None:
    from rubrics import load_rubric

    imported = rubric_importer("paperbench")(FIXTURES / "rubrics" / f"{name}.json").rubrics[0]
    target = tmp_path / "rubric.toml"
    written = write_rubric(target, imported.rubric, imported.tree)
    assert [path.name for path in written] == ["rubric.toml", "rubric.tree.json"]
    assert load_rubric(target) == imported.rubric
    assert load_tree(written[1], imported.rubric) == imported.tree


def test_the_tree_of_another_rubric_is_refused(tmp_path: Path) -> None:
    from rubrics import Criterion, Importance, Rubric

    rubric = Rubric(criteria=(Criterion(id="a", importance=Importance.critical, text="Cell A1 is filled"),))
    tree = RubricTree(nodes=(TreeNode(id="r"), TreeNode(id="b", parent="r")))
    written = write_rubric(tmp_path / "rubric.toml", rubric, tree)
    with pytest.raises(BadInput, match="the criterion 'a' is no leaf"):
        load_tree(written[1], rubric)


def test_writing_a_rubric_without_tree_removes_the_old_tree(tmp_path: Path) -> None:
    from rubrics import Criterion, Importance, Rubric

    rubric = Rubric(criteria=(Criterion(id="a", importance=Importance.critical, text="Cell A1 is filled"),))
    tree = RubricTree(nodes=(TreeNode(id="r"), TreeNode(id="a", parent="r")))
    write_rubric(tmp_path / "rubric.toml", rubric, tree)
    assert write_rubric(tmp_path / "rubric.toml", rubric) == (tmp_path / "rubric.toml",)
    assert [path.name for path in tmp_path.iterdir()] == ["rubric.toml"]
