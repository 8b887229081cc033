"""The tables of grading: evaluations with their verdicts (append-only), and what is up for review."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

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

# A submission up for review. `state`: nobody has begun (awaiting), somebody has (claimed), every primary slot is
# locked. `job`, `pack` and `category` (`|sales|leads|`, the job's tags among it) are what assignment filters by;
# `previous` is the item (where there is none, the attempt) that this one reworks; `settled`: when the word of
# people stood; `policy`: what completes the job (null: `paper`); `gold`: by which probability chance wants a gold
# review of another submission beside it (null: it does not). Who reviews it is told by its slots, and `reviewer`
# is of records that are older than these.
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
    Column("previous", String),
    Column("pack", String),
    Column("job", String),
    Column("category", String),
    Column("settled", String),
    Column("gold", Float),
    Column("policy", String),
    UniqueConstraint("attempt_id", "submission", "grading_digest"),
    Index(
        "review_items_gold",
        "gold",
        sqlite_where=text("gold IS NOT NULL"),
        postgresql_where=text("gold IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# One review of a submission: wanted (open), at somebody's desk (claimed, until `expires`), done (locked), or no
# longer wanted (void). Reviewers see its alias and nothing else of it. `rank` orders the queue: a digit, see
# `grading.queue.slots`, and a hash. `probability`: of its inclusion, where chance decided. `required`: whose it is
# alone, until the time `until`. `qualified`: only for who has qualified by gold (null: for anybody).
REVIEW_SLOTS = Table(
    "review_slots",
    METADATA,
    Column("alias", String, primary_key=True),
    Column("item", ForeignKey("review_items.alias"), nullable=False),
    Column("kind", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("probability", Float),
    Column("state", String, nullable=False),
    Column("reviewer", String),
    Column("required", String),
    Column("until", String),
    Column("expires", String),
    Column("claimed", String),
    Column("locked", String),
    Column("rank", String, nullable=False),
    Column("qualified", Boolean),
    UniqueConstraint("item", "kind", "number"),
    Index("review_slots_queue", "state", "rank"),
    Index(
        "review_slots_gold",
        "item",
        sqlite_where=text("kind = 'gold' AND probability IS NOT NULL"),
        postgresql_where=text("kind = 'gold' AND probability IS NOT NULL"),
    ),
    Index("review_slots_reviewer", "reviewer", "state", "locked"),
    Index(
        "review_slots_qualified",
        "qualified",
        "state",
        sqlite_where=text("qualified IS NOT NULL"),
        postgresql_where=text("qualified IS NOT NULL"),
    ),
    # Nobody reviews one submission twice, however many ask at one time.
    Index(
        "review_slots_once",
        "item",
        "reviewer",
        unique=True,
        sqlite_where=text("reviewer IS NOT NULL AND kind <> 'adjudication' AND state <> 'void'"),
        postgresql_where=text("reviewer IS NOT NULL AND kind <> 'adjudication' AND state <> 'void'"),
    ),
    sqlite_with_rowid=False,
)

# `criterion` is '' for what belongs to the review as a whole; `#held` is there for whoever had the slot and did
# not give it back. `uuid` is of the last change, so that one that is sent again is known.
REVIEW_DRAFTS = Table(
    "review_drafts",
    METADATA,
    Column("alias", ForeignKey("review_slots.alias"), primary_key=True),
    Column("reviewer", String, primary_key=True),
    Column("criterion", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("ts", String, nullable=False),
    Column("uuid", String),
    Index(
        "review_drafts_held",
        "reviewer",
        sqlite_where=text("criterion = '#held'"),
        postgresql_where=text("criterion = '#held'"),
    ),
    sqlite_with_rowid=False,
)

# When somebody looked and typed; times are ISO 8601 in UTC, to the millisecond.
REVIEW_ACTIVITY = Table(
    "review_activity",
    METADATA,
    Column("slot", ForeignKey("review_slots.alias"), primary_key=True),
    Column("reviewer", String, primary_key=True),
    Column("begin", String, primary_key=True),
    Column("end", String, nullable=False),
    Column("criterion", String),
    Column("file", String),
    sqlite_with_rowid=False,
)

# What in a submission tells who made it (a list of findings, `[]`: nothing); `unread`: files that could not be
# searched.
REVIEW_UNBLINDING = Table(
    "review_unblinding",
    METADATA,
    Column("attempt_id", String, primary_key=True),
    Column("submission", String, primary_key=True),
    Column("findings", Text, nullable=False),
    Column("unread", Integer, nullable=False),
    sqlite_with_rowid=False,
)
