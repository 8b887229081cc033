"""The paper's `label - text` lines, as people really write them: bullets, numbers, any dash, any case."""

from __future__ import annotations

from pathlib import Path

from core import BadInput, read_text
from rubrics.importers.base import ImportedRubric, NotCarried, RubricImport, unique_id
from rubrics.model import Criterion, Importance, Rubric
from rubrics.paper_lines import parse_line

ID_WORDS = 5


def import_text(path: Path) -> RubricImport:
    """A rubric from a text file, one criterion a line; ids are made from the first words.

    Lines without a known label are reported by number and not guessed at.

    Raises:
        BadInput: Not one line is a criterion.
    """
    criteria: dict[str, Criterion] = {}
    lost: list[NotCarried] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        parsed = parse_line(line)
        if parsed is None:
            shown = line.strip() if len(line.strip()) <= 60 else line.strip()[:57] + "..."
            labels = ", ".join(Importance)
            lost.append(NotCarried(f"no label ({labels}) and dash before the text: {shown}", line=number))
            continue
        importance, text = parsed
        name = unique_id("-".join(text.split()[:ID_WORDS]), criteria, otherwise=f"c{len(criteria) + 1:02}")
        criteria[name] = Criterion(id=name, importance=importance, text=text)
    if not criteria:
        raise BadInput(
            "no `label - text` line",
            file=path,
            mend="a line is for instance `critical - Contains 12 months of data`",
        )
    rubric = ImportedRubric(path.stem, Rubric(criteria=tuple(criteria.values())))
    return RubricImport((rubric,), tuple(lost))
