"""What stands in the register of one person, and what may stand there."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from grading.people.person import Person, Role
from grading.people.problems import WrongValue

_LONGEST_LOGIN, _LONGEST_NAME, _MOST = 200, 200, 200
_CONFLICT = re.compile(r"(job|pack):\S.{0,190}")


@dataclass(frozen=True)
class Account:
    """A person's account.

    Attributes:
        login: What the person signs in with, folded.
        source: Who decides on the roles: `here`, or `oidc` (the groups at the identity provider).
        closed: Since when it is closed, ISO 8601; None: it is open.
        has_password: Whether it can be signed in to with a password.
        linked: Whether an identity provider's subject belongs to it.
    """

    person: Person
    login: str
    source: str
    closed: str | None
    created: str
    has_password: bool
    linked: bool

    @property
    def id(self) -> str:
        """`Person.id`."""
        return self.person.id

    def body(self) -> dict[str, Any]:
        """As JSON for administrators."""
        return {
            "id": self.id,
            "login": self.login,
            "name": self.person.name,
            "roles": sorted(self.person.roles),
            "skills": sorted(self.person.skills),
            "conflicts": sorted(self.person.conflicts),
            "closed": self.closed,
            "created": self.created,
            "password": self.has_password,
            "linked": self.linked,
            "roles_from": self.source,
        }


def account_of(row: Row[Any]) -> Account:
    """A row of PEOPLE."""
    person = Person(
        id=row.id,
        name=row.name,
        roles=frozenset(Role(role) for role in json.loads(row.roles)),
        skills=frozenset(json.loads(row.skills)),
        conflicts=frozenset(json.loads(row.conflicts)),
    )
    return Account(
        person=person,
        login=row.login,
        source=row.source,
        closed=row.closed,
        created=row.created,
        has_password=row.password is not None,
        linked=row.subject is not None,
    )


def typed(login: str) -> str:
    """What was typed at the door, in the one form that is compared; it may be nobody's."""
    return unicodedata.normalize("NFKC", " ".join(login[:1000].split())).casefold()


def folded(login: str) -> str:
    """What is typed at the door, in the one form that is compared. Raises `WrongValue`."""
    text = typed(login)
    if not text or len(text) > _LONGEST_LOGIN or not text.isprintable() or re.fullmatch(r"p-[0-9a-f]{10}", text):
        raise WrongValue(f"{login[:40]!r} cannot be a name to sign in with")
    return text


def shown_name(name: str) -> str:
    """A name for people: one line, without what turns text round or cannot be seen. Raises `WrongValue`."""
    text = "".join(c for c in unicodedata.normalize("NFC", " ".join(name.split())) if c.isprintable())
    if not text:
        raise WrongValue("a name is empty")
    return text[:_LONGEST_NAME]


def roles_of(roles: Iterable[Role]) -> frozenset[Role]:
    """At least one role. Raises `WrongValue`."""
    found = frozenset(roles)
    if not found:
        raise WrongValue("a person has at least one role")
    return found


def skill_list(skills: Iterable[str]) -> frozenset[str]:
    """Skills, folded, each at most 100 characters. Raises `WrongValue`."""
    found = frozenset(text for text in (" ".join(skill.split()).casefold() for skill in skills) if text)
    if len(found) > _MOST or any(len(text) > 100 or not text.isprintable() for text in found):
        raise WrongValue(f"skills are at most {_MOST}, of at most 100 characters")
    return found


def conflict_list(conflicts: Iterable[str]) -> frozenset[str]:
    """Conflicts of interest: `job:ID`, `pack:NAME`. Raises `WrongValue`.

    Nothing else: what cannot be compared with a submission would keep nobody from reviewing it.
    """
    found = frozenset(text for text in (conflict.strip() for conflict in conflicts) if text)
    for text in found:
        if not _CONFLICT.fullmatch(text) or not text.isprintable():
            raise WrongValue(f"{text[:40]!r} is no conflict of interest: job:ID or pack:NAME")
    if len(found) > _MOST:
        raise WrongValue(f"conflicts are at most {_MOST}")
    return found


def as_list(values: Iterable[str]) -> str:
    """As it is stored: a sorted JSON list."""
    return json.dumps(sorted(values))
