"""The files of a pack as models: `pack.toml`, `job.toml` and `private/baseline.toml`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from core import Frozen, safe_relative

ID = r"^[a-z0-9][a-z0-9._-]{0,63}$"

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\r\n]+$")
]


class Money(Frozen):
    """An amount in a currency (ISO 4217, such as USD)."""

    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=4)
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"


class Dates(Frozen):
    """When the job was posted, and when its deliverables were accepted."""

    posted: date | None = None
    completed: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Dates:
        if self.posted and self.completed and self.completed < self.posted:
            raise ValueError("`completed` is before `posted`")
        return self


class DeclaredDeliverable(Frozen):
    """What the client expects to find in `/job/deliverables`.

    Attributes:
        path: A glob below the deliverables folder (`report.docx`, `images/*.png`, `**/*.py`).
        media_type: For people and reviewers; None: any.
        required: A required one that matches nothing is named as missing in the submission.
    """

    path: str
    media_type: str | None = Field(default=None, pattern=r"^[a-z]+/[A-Za-z0-9.+*-]+$")
    required: bool = True

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        return safe_relative(value).as_posix()


class JobFacts(Frozen):
    """`job.toml`: what is known of a job besides its brief, attachments and rubric.

    The last group holds the other project fields of UpBench's database (appendix B), where they are known.

    Attributes:
        id: May repeat the folder's name, and must then equal it.
        category: One to three levels, the widest first.
        payout: What the client paid a person for it.
        expertise_tier: As the marketplace says it (`entry`, `intermediate`, `expert` ...).
        source: Where the job is from, for people.
        num_openings, num_milestones: Counts. automation_desire_rating: 1 to 5.
        onet_tasks: Names or codes of O*NET tasks.
    """

    id: str | None = Field(default=None, pattern=ID)
    title: Line
    category: tuple[Line, ...] = Field(min_length=1, max_length=3)
    payout: Money
    expertise_tier: Line | None = None
    dates: Dates = Dates()
    deliverables: tuple[DeclaredDeliverable, ...] = ()
    source: str | None = None
    tags: tuple[Line, ...] = ()

    contract_id: str | None = None
    job_amount: Decimal | None = Field(default=None, ge=0)
    contract_amount: Decimal | None = Field(default=None, ge=0)
    milestone_amount: Decimal | None = Field(default=None, ge=0)
    num_openings: int | None = Field(default=None, ge=0)
    num_milestones: int | None = Field(default=None, ge=0)
    automation_desire_rating: float | None = Field(default=None, ge=1, le=5)
    onet_tasks: tuple[Line, ...] = ()

    @field_validator("deliverables")
    @classmethod
    def _each_once(cls, value: tuple[DeclaredDeliverable, ...]) -> tuple[DeclaredDeliverable, ...]:
        paths = [item.path for item in value]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"{path!r} is declared twice")
        return value


class PackInfo(Frozen):
    """`pack.toml`.

    Attributes:
        licence: SPDX name or a sentence.
        canary: A unique text that betrays a model trained on the pack.
    """

    name: str = Field(pattern=ID)
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$")
    licence: Line
    canary: Line
    description: str = Field(min_length=1)


class Baseline(Frozen):
    """`private/baseline.toml`: what a person needed. Minutes of work; cost in the payout's currency."""

    minutes: float | None = Field(default=None, gt=0)
    cost: Decimal | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Baseline:
        if self.minutes is None and self.cost is None:
            raise ValueError("needs `minutes`, `cost` or both")
        return self
