"""Who may go where: one table of path prefixes for people, one for tokens."""

from __future__ import annotations

from grading.people.person import Person, Role
from grading.people.tokens import Scope

SAFE = frozenset({"GET", "HEAD"})
_ALL = frozenset(Role)
_LEADS = frozenset({Role.admin, Role.lead})
_ADMINS = frozenset({Role.admin})
_REVIEWERS = frozenset({Role.reviewer, Role.adjudicator})
_LEADS_ALONE = frozenset({Role.lead})
_ADJUDICATORS = frozenset({Role.lead, Role.adjudicator})

# The longest prefix that fits decides. What is not named here is for everybody who is signed in.
ROLES: dict[str, frozenset[Role]] = {
    "/": _ALL,
    "/review/": _REVIEWERS,
    "/api/reviews/": _REVIEWERS,
    "/api/queue/": _REVIEWERS,
    "/exam": _REVIEWERS,
    "/adjudications": _ADJUDICATORS,
    "/api/adjudications/": _ADJUDICATORS,
    "/tickets": _LEADS_ALONE,
    "/voids": _LEADS_ALONE,
    "/reviewers": _LEADS_ALONE,
    "/pay": _LEADS,
    "/lead": _LEADS,
    "/api/lead": _LEADS,
    "/api/export": _LEADS,
    "/people": _ADMINS,
    "/api/people": _ADMINS,
    "/api/audit": _ADMINS,
}

# Tokens open nothing but the JSON interface. (Scopes for reading, scopes for changing.)
_SCOPES: dict[str, tuple[frozenset[Scope], frozenset[Scope]]] = {
    "/api/": (frozenset({Scope.read, Scope.review}), frozenset({Scope.review})),
    "/api/export": (frozenset({Scope.export}), frozenset()),
    "/api/audit": (frozenset({Scope.export, Scope.admin}), frozenset()),
    "/api/people": (frozenset({Scope.admin}), frozenset({Scope.admin})),
    "/api/lead": (frozenset({Scope.read, Scope.admin}), frozenset({Scope.admin})),
}


def may_go(person: Person, path: str) -> bool:
    """Whether one of the person's roles opens a path."""
    prefix = _longest(path, ROLES)
    return prefix is None or person.may(*ROLES[prefix])


def may_call(scopes: frozenset[Scope], method: str, path: str) -> bool:
    """Whether a token's scopes open a path; its person's roles count besides."""
    prefix = _longest(path, _SCOPES)
    if prefix is None:
        return False
    reading, changing = _SCOPES[prefix]
    return not scopes.isdisjoint(reading if method in SAFE else changing)


def _longest(
    path: str, table: dict[str, frozenset[Role]] | dict[str, tuple[frozenset[Scope], frozenset[Scope]]]
) -> str | None:
    fitting = [prefix for prefix in table if path.startswith(prefix)]
    return max(fitting, key=len, default=None)
