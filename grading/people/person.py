"""A person, as everything else knows them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from core import Frozen


class Role(StrEnum):
    """What a person may do. Everybody who has any role may review, but for an admin or lead who has no other."""

    admin = "admin"
    lead = "lead"
    adjudicator = "adjudicator"
    reviewer = "reviewer"


class Person(Frozen):
    """A person who is signed in, or named by whoever assigns work.

    Attributes:
        id: Stands as `grader` in the record and in every export. It names nobody.
        name: As the person and the leads see it; reviewers never see another's.
        skills: What the person is good at; compared with what a job asks for.
        conflicts: Ids of jobs (`job:ID`) or packs (`pack:NAME`) never to review.
    """

    id: str = Field(min_length=1, max_length=100)
    name: str = ""
    roles: frozenset[Role] = frozenset({Role.reviewer})
    skills: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()

    def may(self, *roles: Role) -> bool:
        """Whether the person has one of the roles."""
        return not self.roles.isdisjoint(roles)

    @staticmethod
    def local(reviewer: str) -> Person:
        """Whoever started the server on this machine: may do everything."""
        return Person(id=reviewer, name=reviewer, roles=frozenset(Role))
