"""A small pack whose jobs are quick, and a project around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RUBRIC = """
[[criteria]]
id = "total"
importance = "critical"
text = "File total.csv states the sum of the amounts in its only data row"
decides = true
check = { kind = "column_sum", file = "total.csv", column = "total", equals = 60 }

[[criteria]]
id = "note"
importance = "important"
text = "File note.txt names the client"
"""

TOTAL_CODE = """
import csv, pathlib
rows = list(csv.DictReader(open('/job/inputs/amounts.csv')))
out = pathlib.Path('/job/deliverables')
(out / 'total.csv').write_text('total\\n%d\\n' % sum(int(row['amount']) for row in rows))
(out / 'note.txt').write_text('For Birch & Loam')
"""


def script(*turns: dict[str, Any]) -> str:
    """A scripted.json of one attempt."""
    return json.dumps({"version": 1, "attempts": [list(turns)]})


def good_script() -> str:
    """Looks, computes, hands in."""
    return script(
        {"say": "I look first.", "calls": [{"tool": "shell", "arguments": {"command": "ls /job/inputs"}}]},
        {"say": "Now the sum.", "calls": [{"tool": "python", "arguments": {"code": TOTAL_CODE}}]},
        {
            "say": "Done.",
            "calls": [
                {
                    "tool": "submit",
                    "arguments": {"files": [{"path": "total.csv"}, {"path": "note.txt"}], "summary": "The total."},
                }
            ],
        },
    )


def write_pack(root: Path, jobs: int = 1, *, rubric: str = RUBRIC, script_text: str | None = None) -> Path:
    """A pack of `jobs` equal jobs (ids job-1 ...) below `root`; returns its folder."""
    pack = root / "small"
    pack.mkdir(parents=True)
    (pack / "pack.toml").write_text(
        'name = "small"\nversion = "1.0.0"\nlicence = "Apache-2.0"\ncanary = "none"\ndescription = "For tests"\n'
    )
    for number in range(1, jobs + 1):
        write_job(pack / "jobs" / f"job-{number}", rubric, script_text or good_script())
    return pack


def write_job(job: Path, rubric: str, script_text: str) -> None:
    """One job: add up a csv."""
    (job / "inputs").mkdir(parents=True)
    (job / "private" / "reference").mkdir(parents=True)
    (job / "job.toml").write_text(
        'title = "Add up the amounts"\ncategory = ["Admin Support", "Data Entry"]\n'
        'payout = { amount = "20.00", currency = "USD" }\n'
        'deliverables = [{ path = "total.csv", media_type = "text/csv", required = true }]\n'
    )
    (job / "brief.md").write_text("Add up the amounts in amounts.csv and hand in total.csv with column total.\n")
    (job / "inputs" / "amounts.csv").write_text("amount\n10\n20\n30\n")
    (job / "rubric.toml").write_text(rubric)
    (job / "private" / "scripted.json").write_text(script_text)
    (job / "private" / "reference" / "total.csv").write_text("total\n60\n")
    (job / "private" / "reference" / "note.txt").write_text("For Birch & Loam\n")
