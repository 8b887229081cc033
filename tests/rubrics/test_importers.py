from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import BadInput
from rubrics import Importance, Verdict, import_paperbench, importer_kinds, read_graded_tree, rubric_importer
from rubrics.importers.base import unique_id

ACE = Path(__file__).parents[2].parent / "shared" / "fixtures" / "ace"
HEADER = "Criterion ID,Task ID,Prompt,Hurdle Tag,Description\n"


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


LINES = """\
critical - Contains analysis of all 12 months
Critical \u2013 Contains 5 recommendations
- important - States the total
\u2022 IMPORTANT: Names the three suppliers
3. optional \u2014 Includes a chart
4) **Pitfall** - Contains placeholder text
[critical] - Must contain between 90-120 words
(optional) - Lists the sources

Deliverables
must have - Contains a summary
critical
important -
  pitfall  -  Names a competitor  \t
"""


def test_the_papers_lines_as_people_write_them(tmp_path: Path) -> None:
    found = rubric_importer("text")(written(tmp_path, "rubric.txt", LINES))
    criteria = found.rubrics[0].rubric.criteria
    assert [(item.importance.value, item.text) for item in criteria] == [
        ("critical", "Contains analysis of all 12 months"),
        ("critical", "Contains 5 recommendations"),
        ("important", "States the total"),
        ("important", "Names the three suppliers"),
        ("optional", "Includes a chart"),
        ("pitfall", "Contains placeholder text"),
        ("critical", "Must contain between 90-120 words"),
        ("optional", "Lists the sources"),
        ("pitfall", "Names a competitor"),
    ]
    assert [item.line for item in found.not_carried] == [10, 11, 12, 13]
    assert criteria[0].id == "contains-analysis-of-all-12"


def test_ids_stay_apart(tmp_path: Path) -> None:
    lines = "critical - \u65e5\u672c\nimportant - \u65e5\u672c\noptional - A b c d e f\npitfall - A b c d e g\n"
    found = rubric_importer("text")(written(tmp_path, "r.txt", lines)).rubrics[0].rubric
    assert [item.id for item in found.criteria] == ["c01", "c02", "a-b-c-d-e", "a-b-c-d-e-2"]
    assert unique_id("X" * 100, ["x" * 64], otherwise="c") == "x" * 58 + "-2"


def test_a_file_without_one_such_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"r\.txt: no `label - text` line"):
        rubric_importer("text")(written(tmp_path, "r.txt", "Dear all\n"))


def node(name: str, *children: Any, weight: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": name, "requirements": f"About {name}", "weight": weight, "sub_tasks": list(children), **more}


def test_leaves_become_criteria_and_weights_stay(tmp_path: Path) -> None:
    data = node("top", node("a", weight=2, task_category="Code"), node("b", node("c", weight=5), weight=3))
    found = import_paperbench(written(tmp_path, "My Tree.json", json.dumps(data)))
    rubric = found.rubrics[0]
    assert rubric.name == "my-tree"
    assert [(item.id, item.importance, item.weight) for item in rubric.rubric.criteria] == [
        ("a", Importance.important, 2),
        ("c", Importance.important, 5),
    ]
    assert rubric.tree is not None
    assert rubric.tree.children == {"top": ("a", "b"), "b": ("c",)}
    assert [(item.field, item.count) for item in found.not_carried] == [("task_category", 1)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "is not a node"),
        (node("top", "leaf"), "field `sub_tasks[0]`: is not a node"),
        (node("top", node("a"), node("a")), "field `sub_tasks[1].id`: the id 'a' is there twice"),
        (node("top", node("b", node("top"))), "field `sub_tasks[0].sub_tasks[0].id`: the tree is cyclic: 'top'"),
        (node("top", node("a", node("b", node("a")))), "the tree is cyclic: 'a' is its own ancestor"),
        (node("top", node("a", weight=-1)), "field `sub_tasks[0].weight`: needs a weight"),
        (node("top", node("a", weight=True)), "field `sub_tasks[0].weight`"),
        (node("top", node("a", weight="1")), "field `sub_tasks[0].weight`"),
        ({"id": "top", "requirements": "x", "sub_tasks": []}, "field `root.weight`"),
        ({"requirements": "x", "weight": 1, "sub_tasks": []}, "field `root.id`: is missing"),
        (node("top", {"id": "a", "weight": 1}), "field `sub_tasks[0].requirements`: is missing"),
        (node("top", {**node("a"), "sub_tasks": {}}), "field `sub_tasks[0].sub_tasks`: is not a list"),
        (node("top", node("Not An Id")), "field `sub_tasks[0]`: 'Not An Id' or its text is not fit"),
    ],
)
def test_what_is_no_such_tree_is_refused(tmp_path: Path, data: Any, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        import_paperbench(written(tmp_path, "tree.json", json.dumps(data)))
    assert said in str(caught.value)


def test_a_tree_too_deep_for_json_is_refused(tmp_path: Path) -> None:
    deep = '{"id":"a","requirements":"x","weight":1,"sub_tasks":[' * 20_000 + "]}" * 20_000
    with pytest.raises(BadInput, match="nested too deeply"):
        import_paperbench(written(tmp_path, "deep.json", deep))


def test_grades_are_read_and_only_zero_or_one_at_the_leaves(tmp_path: Path) -> None:
    leaves = [node("a", score=1), node("b", score=0.0), node("c", score=1, valid_score=False)]
    graded = read_graded_tree(written(tmp_path, "g.json", json.dumps(node("top", *leaves, score=0.5))))
    assert graded.verdicts == {"a": Verdict.passed, "b": Verdict.failed, "c": Verdict.cannot_judge}
    assert graded.scores["top"] == 0.5
    for score in (0.5, 2, "1", None, True):
        data = node("top", node("a", score=score), score=1)
        with pytest.raises(BadInput, match=r"sub_tasks\[0\]\.score"):
            read_graded_tree(written(tmp_path, "g.json", json.dumps(data)))


def test_ace_makes_a_rubric_of_each_task(tmp_path: Path) -> None:
    rows = '1,7,"Two\nlines",Hurdle,Names the breaker\n2,7,p,Not,States a cause\n1,8,,Not,Lists a tool\n'
    bad = "3,8,p,Maybe,Lists two\n4,,p,Not,Lists three\n5,8,p,Not,\n"
    found = rubric_importer("ace")(written(tmp_path, "ACE-X.csv", HEADER + rows + bad))
    assert [(item.name, len(item.rubric.criteria)) for item in found.rubrics] == [("ace-x-7", 2), ("ace-x-8", 1)]
    first = found.rubrics[0].rubric.criteria
    assert [(item.id, item.importance) for item in first] == [
        ("1", Importance.critical),
        ("2", Importance.important),
    ]
    told = [(item.line, item.field, item.count) for item in found.not_carried]
    assert told == [(6, "Hurdle Tag", 1), (7, "Task ID", 1), (8, "Description", 1), (None, "Prompt", 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: field `Criterion ID`: the column is missing"),
        ("Criterion ID,Task ID,Hurdle Tag\n", ":1: field `Description`: the column is missing"),
        (HEADER, "no criterion in this table"),
        (HEADER + "1,2,3\n", ":2: 3 cells under 5 columns"),
        (HEADER + '1,2,"open\n', "not valid CSV"),
        (HEADER.replace("Prompt", "Task ID"), "the column is there twice"),
    ],
)
def test_what_is_no_ace_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        rubric_importer("ace")(written(tmp_path, "ace.csv", text))
    assert said in str(caught.value)


@pytest.mark.skipif(not ACE.is_dir(), reason="the public ACE tables are not here")
@pytest.mark.parametrize(("name", "criteria", "hurdles"), [("DIY", 210, 20), ("Food", 150, 34)])
def test_the_public_ace_tables(name: str, criteria: int, hurdles: int) -> None:
    found = rubric_importer("ace")(ACE / f"ACE-{name}.csv")
    everything = [item for rubric in found.rubrics for item in rubric.rubric.criteria]
    assert (len(found.rubrics), len(everything)) == (20, criteria)
    assert sum(item.importance is Importance.critical for item in everything) == hurdles


def test_a_plug_in_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lines_plug.py").write_text("from rubrics.importers.text import import_text as found\n")
    info = tmp_path / "lines_plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lines-plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[upbench.importers]\nrubrics.lines = lines_plug:found\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "lines" in importer_kinds()
    path = written(tmp_path, "r.txt", "critical - Contains 3 pages\n")
    assert rubric_importer("lines")(path).rubrics[0].rubric.criteria[0].text == "Contains 3 pages"


def test_an_unknown_kind_names_the_known_ones() -> None:
    assert set(importer_kinds()) >= {"ace", "paperbench", "text"}
    with pytest.raises(BadInput, match="known: ace, paperbench, text"):
        rubric_importer("word")
