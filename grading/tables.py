"""The tables of grading: evaluations with their verdicts (append-only), and what is up for review."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

from core import Migration, create_all

METADATA = MetaData()

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("attempt_id", String, nullable=False),
    Column("submission", String, nullable=False),
    Column("grading_digest", String, nullable=False),
    Column("grader", String, nullable=False),
    Column("grader_kind", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("judgement", String),
    Column("minutes", Float),
    Column("cost", Float),
    Column("judge_seen", Boolean, nullable=False),
    Column("ts", String, nullable=False),
    UniqueConstraint("attempt_id", "submission", "grading_digest", "grader", "stage", "revision"),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("evaluation", ForeignKey("evaluations.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("criterion", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("feedback", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("decides", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What is the same for every submission of a job is stored once, by its digest.
REVIEW_SHEETS = Table(
    "review_sheets",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("body", Text, nullable=False),
)

REVIEW_ITEMS = Table(
    "review_items",
    METADATA,
    Column("alias", String, primary_key=True),
    Column("attempt_id", String, nullable=False),
    Column("submission", String, nullable=False),
    Column("grading_digest", String, nullable=False),
    Column("sheet", ForeignKey("review_sheets.digest"), nullable=False),
    Column("handed_in", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("reviewer", String),
    Column("changed", String, nullable=False),
    UniqueConstraint("attempt_id", "submission", "grading_digest"),
    sqlite_with_rowid=False,
)

# `criterion` is '' for what belongs to the review as a whole (overall judgement, active time).
REVIEW_DRAFTS = Table(
    "review_drafts",
    METADATA,
    Column("alias", ForeignKey("review_items.alias"), primary_key=True),
    Column("reviewer", String, primary_key=True),
    Column("criterion", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("ts", String, nullable=False),
    sqlite_with_rowid=False,
)

GRADING_MIGRATIONS = [Migration("grading", 1, create_all(METADATA))]
