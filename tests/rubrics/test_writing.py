from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rubrics import Check, Criterion, Importance, Rubric, load_rubric, rubric_to_toml

CHECKS: TypeAdapter[Check] = TypeAdapter(Check)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.integers(0, 10**6)
FILE = st.sampled_from(["*.xlsx", "notes/*.md", '**/\u00fcber "x".csv'])
BODIES: list[dict[str, st.SearchStrategy[Any]]] = [
    {"kind": st.just("opens"), "file": FILE},
    {"kind": st.just("row_count"), "file": FILE, "min": POSITIVE, "sheet": TEXT, "header_row": st.integers(1, 9)},
    {"kind": st.just("sheet_names"), "file": FILE, "names": st.lists(TEXT, min_size=1), "only": st.booleans()},
    {
        "kind": st.just("cell"),
        "file": FILE,
        "cell": st.just("B12"),
        "equals": NUMBER | TEXT,
        "tolerance": st.floats(0, 9),
    },
    {"kind": st.just("column_sum"), "file": FILE, "column": TEXT, "equals": NUMBER},
    {"kind": st.just("text_contains"), "file": FILE, "phrases": st.lists(TEXT, min_size=1)},
    {"kind": st.just("text_matches"), "file": FILE, "pattern": st.sampled_from([r"\bT\d+\b", '"""', "a\\\\b'''"])},
    {"kind": st.just("python"), "function": st.just("months")},
]


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    criteria = []
    for number in range(draw(st.integers(1, 5))):
        body = draw(st.none() | st.sampled_from(BODIES))
        check = None if body is None else CHECKS.validate_python({key: draw(value) for key, value in body.items()})
        criteria.append(
            Criterion(
                id=f"c{number}",
                importance=draw(st.sampled_from(Importance)),
                text=draw(TEXT),
                check=check,
                decides=check is not None and draw(st.booleans()),
                weight=draw(st.none() | st.floats(0, 1e300)),
            )
        )
    return Rubric(criteria=tuple(criteria))


@given(rubrics())
def test_what_is_written_reads_back_as_the_same(rubric: Rubric) -> None:
    data = tomllib.loads(rubric_to_toml(rubric))
    assert Rubric.model_validate(data) == rubric


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_text_reads_back(text: str) -> None:
    rubric = Rubric(criteria=(Criterion(id="a", importance=Importance.critical, text=text),))
    assert tomllib.loads(rubric_to_toml(rubric))["criteria"][0]["text"] == text


def test_the_file_looks_as_people_write_it(tmp_path: Path) -> None:
    check = CHECKS.validate_python({"kind": "cell", "file": "*.xlsx", "cell": "B12", "equals": 18420.5})
    criterion = Criterion(
        id="total",
        importance=Importance.critical,
        text='Cell B12 of "Net" is 18,420.50',
        check=check,
        decides=True,
    )
    text = rubric_to_toml(Rubric(criteria=(criterion,)))
    assert text == (
        "[[criteria]]\n"
        'id = "total"\n'
        'importance = "critical"\n'
        'text = "Cell B12 of \\"Net\\" is 18,420.50"\n'
        "decides = true\n"
        'check = { kind = "cell", file = "*.xlsx", cell = "B12", equals = 18420.5 }\n'
    )
    (tmp_path / "rubric.toml").write_text(text)
    assert load_rubric(tmp_path / "rubric.toml").criteria == (criterion,)
