"""What may be checked: the vocabulary of deterministic checks, as models (documented in `docs/checks.md`).

These models only say what is wanted. They are carried out by `grading`, inside a sandbox.
`file` is always a glob below the deliverables folder (`**` allowed); a check on a file that is not there fails.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from core import Frozen, safe_relative


class _OnFile(Frozen):
    file: str

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        return safe_relative(value).as_posix()


class _Range(_OnFile):
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> _Range:
        if self.min is None and self.max is None:
            raise ValueError("needs `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("`min` is larger than `max`")
        return self


class _OnTable(_OnFile):
    """`sheet` names a worksheet (default: the first); `header_row` counts from 1."""

    sheet: str | None = None
    header_row: int = Field(default=1, ge=1)


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


class FileCount(_Range):
    """Between `min` and `max` files match the glob."""

    kind: Literal["file_count"]


class Opens(_OnFile):
    """Every matching file opens as what its name says, and is not empty."""

    kind: Literal["opens"]


class WordCount(_Range):
    """The file's text has between `min` and `max` words."""

    kind: Literal["word_count"]


class PageCount(_Range):
    """A PDF has between `min` and `max` pages."""

    kind: Literal["page_count"]


class SlideCount(_Range):
    """A pptx has between `min` and `max` slides that are not hidden."""

    kind: Literal["slide_count"]


class SheetNames(_OnFile):
    """The workbook has these worksheets (`only`: and no others). Case and outer spaces do not matter."""

    kind: Literal["sheet_names"]
    names: tuple[str, ...] = Field(min_length=1)
    only: bool = False


class RowCount(_Range):
    """The table has between `min` and `max` rows below its header that are not blank."""

    kind: Literal["row_count"]
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1)


class Columns(_OnTable):
    """The table has these columns (`in_order`: in this order; `only`: and no others)."""

    kind: Literal["columns"]
    names: tuple[str, ...] = Field(min_length=1)
    in_order: bool = False
    only: bool = False


class Cell(_OnFile):
    """A cell (after recalculation) equals a number within `tolerance`, or a text regardless of case."""

    kind: Literal["cell"]
    sheet: str | None = None
    cell: str = Field(pattern=r"^[A-Z]{1,3}[1-9][0-9]{0,6}$")
    equals: float | str
    tolerance: float = Field(default=0.005, ge=0)


class ColumnSum(_OnTable):
    """The numbers of a column add up to `equals` within `tolerance` (total rows are left out)."""

    kind: Literal["column_sum"]
    column: str
    equals: float
    tolerance: float = Field(default=0.005, ge=0)


class ColumnValues(_OnTable):
    """Every value of a column is filled, allowed, matching or unique, as asked."""

    kind: Literal["column_values"]
    column: str
    filled: bool = False
    unique: bool = False
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _asks(self) -> ColumnValues:
        if not (self.filled or self.unique or self.allowed or self.pattern):
            raise ValueError("needs `filled`, `unique`, `allowed` or `pattern`")
        if self.pattern:
            _compiles(self.pattern)
        return self


class Formulas(_OnFile):
    """At least `min` cells (of `sheet`, of `range`) are formulas, and none evaluates to an error."""

    kind: Literal["formulas"]
    sheet: str | None = None
    range: str | None = None
    min: int = Field(default=1, ge=0)


class TextMatches(_OnFile):
    """A regular expression is found at least `min` times in the file's text (`absent`: is not found)."""

    kind: Literal["text_matches"]
    pattern: str
    min: int = Field(default=1, ge=1)
    absent: bool = False
    ignore_case: bool = True

    _pattern = field_validator("pattern")(_compiles)


class TextContains(_OnFile):
    """The text holds all (or at least `at_least`) of these phrases, regardless of case and spacing."""

    kind: Literal["text_contains"]
    phrases: tuple[str, ...] = Field(min_length=1)
    at_least: int | None = Field(default=None, ge=1)


class Headings(_OnFile):
    """A docx, md or html has these headings, in this order, whatever stands between."""

    kind: Literal["headings"]
    names: tuple[str, ...] = Field(min_length=1)


class ImageSize(_OnFile):
    """Every matching image has the exact, minimal or maximal size in pixels, and one of the formats."""

    kind: Literal["image_size"]
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    min_width: int | None = Field(default=None, ge=1)
    min_height: int | None = Field(default=None, ge=1)
    max_width: int | None = Field(default=None, ge=1)
    max_height: int | None = Field(default=None, ge=1)
    formats: tuple[str, ...] = ()


class JsonKeys(_OnFile):
    """The file is JSON, and every one of these dotted paths is there (`items.0.name`; `*`: every item)."""

    kind: Literal["json_keys"]
    keys: tuple[str, ...] = ()


class HtmlElements(_OnFile):
    """The file is HTML in which each CSS selector matches at least once."""

    kind: Literal["html_elements"]
    selectors: tuple[str, ...] = Field(min_length=1)


class LinksResolve(_OnFile):
    """Every relative link and image of an HTML or Markdown file is a file (and anchor) of the submission."""

    kind: Literal["links_resolve"]


class Language(_OnFile):
    """The file's text is in this language (ISO 639-1)."""

    kind: Literal["language"]
    code: str = Field(pattern=r"^[a-z]{2}$")


class PythonCheck(Frozen):
    """`function(ctx)` of the job's `private/checks.py` decides."""

    kind: Literal["python"]
    function: str = Field(pattern=r"^[a-z_][a-z0-9_]*$")


Check = Annotated[
    FileCount
    | Opens
    | WordCount
    | PageCount
    | SlideCount
    | SheetNames
    | RowCount
    | Columns
    | Cell
    | ColumnSum
    | ColumnValues
    | Formulas
    | TextMatches
    | TextContains
    | Headings
    | ImageSize
    | JsonKeys
    | HtmlElements
    | LinksResolve
    | Language
    | PythonCheck,
    Field(discriminator="kind"),
]
