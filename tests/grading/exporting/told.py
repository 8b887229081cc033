"""Lines that are at hand, as whatever exports takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from grading import EvaluationLine, Grader


@dataclass
class Told:
    """An export of lines that are at hand."""

    told: Sequence[EvaluationLine]
    taken: list[int] = field(default_factory=list)

    def find(self, names: Sequence[str]) -> list[str]:
        return list(names) or list(dict.fromkeys(line.run for line in self.told))

    def jobs(self, run: str) -> frozenset[str]:
        return frozenset(line.job for line in self.told if line.run == run)

    def graders(self, run: str) -> set[Grader]:
        return {
            (one.grader, one.grader_kind) for one in self.told if one.run == run and one.grader_kind is not None
        }

    def lines(self, run: str) -> Iterator[EvaluationLine]:
        return iter([line for line in self.told if line.run == run])
