from __future__ import annotations

import json
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from jobs import JobFacts, PackInfo
from tests.jobs.support import JOB, PACK

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "schemas.py"))


def test_shipped_schemas_are_current(script: dict[str, Any]) -> None:
    assert script["stale"]() == [], f"stale; run {script['MEND']}"


@pytest.mark.parametrize(("name", "model", "text"), [("job", JobFacts, JOB), ("pack", PackInfo, PACK)])
def test_schemas_name_the_keys_of_the_files(
    script: dict[str, Any], name: str, model: type[JobFacts] | type[PackInfo], text: str
) -> None:
    schema = json.loads(script["schemas"]()[f"{name}.schema.json"])
    assert set(tomllib.loads(text)) <= set(schema["properties"]) == set(model.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_a_stale_schema_is_noticed(script: dict[str, Any], tmp_path: Path) -> None:
    wanted = script["schemas"]()
    for name, text in wanted.items():
        (tmp_path / name).write_text(text)
    script["stale"].__globals__["FOLDER"] = tmp_path
    assert script["stale"]() == []
    (tmp_path / "job.schema.json").write_text("{}")
    (tmp_path / "gone.schema.json").write_text("{}")
    assert script["stale"]() == ["gone.schema.json", "job.schema.json"]
    script["stale"].__globals__["FOLDER"] = ROOT / "docs" / "schemas"
