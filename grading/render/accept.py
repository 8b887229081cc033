"""What leaves the sandbox is a stranger's: only known names, real headers and bounded contents are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from core import Blobs, Cause, Fault, Frozen
from grading.render.model import Kind, Rendered
from sandbox import TreeLimits

MIB = 1 << 20
LIMITS = TreeLimits(max_files=8000, max_file_bytes=64 * MIB, max_total_bytes=768 * MIB, max_depth=1)
_NAME = re.compile(r"page-\d{4}(\.small)?\.webp|picture\.webp|page-\d{4}\.json|sheet-\d{3}-\d{4}\.json")
_ANIMATED = 0x02

_Part = Annotated[float, Field(ge=0, le=1)]
_Word = tuple[_Part, _Part, _Part, _Part, Annotated[str, Field(max_length=500)]]
_WORDS: TypeAdapter[tuple[_Word, ...]] = TypeAdapter(Annotated[tuple[_Word, ...], Field(max_length=20_000)])


class Chunk(Frozen):
    """Rows of a sheet that stand together, each from its first column on; formulas as (row, column, text).

    Attributes:
        shown: As formulas: what a number format makes of a value. numbers: Of each row, `n` at the place of each
            cell that holds a number, a date or a time; spaces between.
    """

    rows: Annotated[
        tuple[Annotated[tuple[Annotated[str, Field(max_length=2000)], ...], Field(max_length=500)], ...],
        Field(max_length=500),
    ]
    formulas: Annotated[
        tuple[tuple[int, int, Annotated[str, Field(max_length=2000)]], ...], Field(max_length=300_000)
    ]
    shown: Annotated[
        tuple[tuple[int, int, Annotated[str, Field(max_length=2000)]], ...], Field(max_length=300_000)
    ] = ()
    numbers: Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=500)] = ()


class _Said(Frozen):
    kind: Kind
    segments: tuple[tuple[str, str], ...]
    unseen: tuple[tuple[str, str, str], ...]
    facts: dict[str, Any]
    problem: Annotated[str, Field(max_length=600)] | None
    truncated: bool
    pages: Annotated[tuple[dict[str, Any], ...], Field(max_length=500)]
    sheets: Annotated[tuple[dict[str, Any], ...], Field(max_length=100)]
    picture: dict[str, Any] | None
    notes: tuple[Annotated[str, Field(max_length=600)], ...]
    flags: tuple[Annotated[str, Field(max_length=600)], ...]


class Refused(Fault):
    """What came out of the sandbox is not what the program makes."""

    def __init__(self, why: str) -> None:
        super().__init__(Cause.check_failed_to_run, f"the rendering is malformed: {why}")


def accepted(answer: object, made: Path, blobs: Blobs, *, sha256: str, suffix: str) -> Rendered:
    """The answer with every file that it names kept as a blob. Blocks.

    Args:
        answer: What the program said.
        made: The folder with what it left, as `Sandbox.download` copied it.
        blobs: Where files are kept.
        sha256: Of what was rendered.
        suffix: As it was rendered.

    Raises:
        Refused: Something in it is not as it must be.
        StoreFault: The files cannot be kept.
    """
    try:
        said = _Said.model_validate(answer)
        names = [name for page in said.pages for name in (page["image"], page["small"], page["words"])]
        names += [name for sheet in said.sheets for name in sheet["chunks"].values()]
        names += [said.picture["image"]] if said.picture else []
        sizes = {name: _checked(made, name) for name in dict.fromkeys(names)}
        for drawn in (*said.pages, *([said.picture] if said.picture else [])):
            if sizes[drawn["image"]] != (drawn["width"], drawn["height"]):
                raise Refused(f"{drawn['image']} has another size than was said")
        kept = dict(zip(sizes, blobs.put_files(made / name for name in sizes), strict=True))
        pages = [page | {at: kept[page[at]] for at in ("image", "small", "words")} for page in said.pages]
        chunks = [{at: kept[name] for at, name in sheet["chunks"].items()} for sheet in said.sheets]
        told = said.model_dump() | {
            "sha256": sha256,
            "suffix": suffix,
            "pages": pages,
            "sheets": [sheet | {"chunks": these} for sheet, these in zip(said.sheets, chunks, strict=True)],
            "picture": said.picture and said.picture | {"image": kept[said.picture["image"]]},
        }
        return Rendered.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Refused(f"{'.'.join(str(part) for part in first['loc'])[:100]}: {first['msg']}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{type(error).__name__}: {error}"[:200]) from error


def _checked(made: Path, name: object) -> tuple[int, int] | None:
    """The size of an image; None for what is none and is sound.

    Raises:
        Refused: It is not there, has no name of ours, or is not what its name says.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Refused("it names a file that the program never makes")
    try:
        data = (made / name).read_bytes()
    except OSError as error:
        raise Refused(f"{name} did not leave the sandbox") from error
    if name.endswith(".webp"):
        return webp_size(data)
    if name.startswith("page-"):
        _WORDS.validate_json(data)
    else:
        Chunk.model_validate_json(data)
    return None


def webp_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a still WebP image that is as long as it says.

    Raises:
        Refused: It is none.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or int.from_bytes(data[4:8], "little") + 8 != len(data):
        raise Refused("an image is no WebP")
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and not body[0] & _ANIMATED:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    raise Refused("an image is no still WebP")
