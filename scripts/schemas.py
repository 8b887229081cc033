"""Write the JSON Schemas of the file formats to docs/schemas (or `--check` that they are current).

Example: python scripts/schemas.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "schemas"
MEND = "python scripts/schemas.py"


def schemas() -> dict[str, str]:
    """File name -> text of every schema."""
    from pydantic import BaseModel

    from grading import EvaluationLine
    from jobs import Baseline, JobFacts, PackInfo
    from rubrics import Rubric, RubricTree

    formats: dict[str, tuple[type[BaseModel], str]] = {
        "pack": (PackInfo, "pack.toml of a job pack"),
        "job": (JobFacts, "job.toml of a job"),
        "baseline": (Baseline, "private/baseline.toml of a job"),
        "rubric": (Rubric, "rubric.toml of a job"),
        "rubric.tree": (RubricTree, "rubric.tree.json beside a rubric.toml"),
        "evaluation": (EvaluationLine, "one line of evaluations.jsonl"),
    }
    found = {}
    for name, (model, title) in formats.items():
        body = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(),
            "title": title,
        }
        found[f"{name}.schema.json"] = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    return found


def stale() -> list[str]:
    """Names of the schemas in docs/schemas that are missing, different, or of no format any more."""
    wanted = schemas()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write, or check; 1 if something is stale."""
    if arguments == ["--check"]:
        names = stale()
        if names:
            sys.stderr.write(f"stale: {', '.join(names)} (mend: {MEND})\n")
        return 1 if names else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = schemas()
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
