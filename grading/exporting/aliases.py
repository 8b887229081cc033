"""Names that stay the same in every export of a project, and tell nobody outside who is meant."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grading.evaluations import EvaluationLine, GraderKind
from grading.people.accounts import Account

_NAMES_NOBODY = re.compile(r"p-[0-9a-f]{10}|local")


@dataclass(frozen=True)
class Aliases:
    """What an export says instead of names.

    Attributes:
        key: Of the project; whoever does not have it cannot find out what an alias stands for.
        reveal: Agents are named.
        people: Id -> account, to name reviewers; None: nobody is named.
    """

    key: bytes
    reveal: bool = False
    people: Mapping[str, Account] | None = None
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def line(self, line: EvaluationLine) -> EvaluationLine:
        """A line with aliases for its agent and its grader."""
        changes: dict[str, Any] = {}
        if not self.reveal:
            changes["agent"] = self.agent(line.agent)
            if line.agent_digest is not None:
                changes["agent_digest"] = self._alias("config", line.agent_digest)
        if line.grader_kind == "human":
            changes["grader"] = self.reviewer(line.grader)
        return line.model_copy(update=changes) if changes else line

    def agent(self, name: str) -> str:
        """Of an agent."""
        return name if self.reveal else self._alias("agent", name)

    def reviewer(self, grader: str) -> str:
        """Of a person: the random id of the account; of anybody else who stands in the record another."""
        return grader if _NAMES_NOBODY.fullmatch(grader) else self._alias("reviewer", grader)

    def grader(self, grader: str, kind: GraderKind | None) -> str:
        """Of whoever grades: checks and judges are called as they are."""
        return self.reviewer(grader) if kind == "human" else grader

    def person(self, grader: str, kind: GraderKind | None) -> tuple[str, str]:
        """Name and login of a person, where people are named and this is one of them."""
        account = (self.people or {}).get(grader) if kind == "human" else None
        return ("", "") if account is None else (account.person.name, account.login)

    def _alias(self, kind: str, name: str) -> str:
        found = self._known.get((kind, name))
        if found is None:
            mac = hmac.new(self.key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
            found = self._known[kind, name] = f"{kind}-{mac[:10]}"
        return found
