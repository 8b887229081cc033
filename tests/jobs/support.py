"""A small pack on disk that tests may spoil."""

from __future__ import annotations

from pathlib import Path

PACK = """\
name = "small"
version = "1.0.0"
licence = "CC0-1.0"
canary = "small-canary-3f1c"
description = "Two small jobs."
"""
JOB = """\
title = "Add up the invoices"
category = ["Accounting & Consulting", "Bookkeeping"]
payout = { amount = 45.50, currency = "USD" }
expertise_tier = "intermediate"
dates = { posted = 2026-01-05, completed = 2026-01-09 }
deliverables = [
  { path = "summary.xlsx", media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
  { path = "notes/*.txt", required = false },
]
source = "written for this test"
tags = ["xlsx"]
num_openings = 1
"""
RUBRIC = """\
[[criteria]]
id = "total"
importance = "critical"
text = "Cell B4 equals 120.00"
decides = true
check = { kind = "cell", file = "*.xlsx", cell = "B4", equals = 120 }

[[criteria]]
id = "months"
importance = "important"
text = "Sheet has one row for each of the 3 months"

[criteria.check]
kind = "python"
function = "months"

[[criteria]]
id = "invented"
importance = "pitfall"
text = "Holds an invoice that is not among the inputs"
"""
CHECKS = """\
def months(ctx):
    return ctx.passed()


def helper(one, two):
    return one
"""


def write_job(root: Path, job: str = "invoices") -> Path:
    folder = root / "jobs" / job
    (folder / "inputs" / "2025").mkdir(parents=True)
    (folder / "private" / "reference").mkdir(parents=True)
    (folder / "job.toml").write_text(JOB)
    (folder / "brief.md").write_text("Please add them up.\n")
    (folder / "rubric.toml").write_text(RUBRIC)
    (folder / "inputs" / "list.csv").write_text("a,1\n")
    (folder / "inputs" / "2025" / "march.txt").write_text("40\n")
    (folder / "private" / "checks.py").write_text(CHECKS)
    (folder / "private" / "reference" / "summary.xlsx").write_bytes(b"PK")
    (folder / "private" / "baseline.toml").write_text("minutes = 30\ncost = 20\n")
    (folder / "private" / "scripted.json").write_text("{}")
    return folder


def write_pack(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pack.toml").write_text(PACK)
    write_job(root, "invoices")
    write_job(root, "receipts")
    return root
