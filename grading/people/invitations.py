"""Invitations: links that make an account (there is no other way in), or set a new password, once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core import Database, insert_new
from grading.people.accounts import Account, account_of, as_list, folded, roles_of, shown_name, skill_list
from grading.people.audit import append_audit
from grading.people.keys import Clock, key_hash, new_id, new_key, stamp
from grading.people.passwords import Passwords
from grading.people.person import Role
from grading.people.problems import LinkInvalid, LoginTaken, NoSuchPerson, WrongValue
from grading.people.sessions import end_all
from grading.people.tables import INVITATIONS, PEOPLE

LONGEST_DAYS = 60


@dataclass(frozen=True)
class Invitation:
    """An invitation, without its key.

    Attributes:
        login: The name to sign in with, where whoever invited has chosen it.
        person: Whose password it sets; None: it makes an account.
    """

    id: str
    login: str | None
    roles: frozenset[Role]
    skills: frozenset[str]
    person: str | None
    made_by: str
    created: str
    expires: str
    used: str | None

    def body(self) -> dict[str, Any]:
        """As JSON for administrators."""
        return {**vars(self), "roles": sorted(self.roles), "skills": sorted(self.skills)}


class Invitations:
    """Makes and accepts invitations."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database, self._clock, self._passwords = database, clock, passwords

    def make(
        self,
        *,
        by: str,
        roles: Iterable[Role] = (Role.reviewer,),
        skills: Iterable[str] = (),
        login: str | None = None,
        days: float = 7,
    ) -> tuple[str, Invitation]:
        """A new invitation: the key, which is nowhere else, and what is known of it. Raises `WrongValue`."""
        values = {
            "login": None if login is None else folded(login),
            "roles": as_list(roles_of(roles)),
            "skills": as_list(skill_list(skills)),
        }
        return self._make(by, "invitation.make", values, days)

    def make_for(self, person: str, *, by: str, days: float = 2) -> tuple[str, Invitation]:
        """A link by which a person (their id) sets a new password. Raises `NoSuchPerson`."""
        with self._database.read() as connection:
            row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == person)).one_or_none()
        if row is None or row.closed is not None:
            raise NoSuchPerson(person)
        values = {"login": row.login, "roles": row.roles, "skills": row.skills, "person": person}
        return self._make(by, "invitation.password", values, days)

    def _make(self, by: str, action: str, given: dict[str, Any], days: float) -> tuple[str, Invitation]:
        if not 0 < days <= LONGEST_DAYS:
            raise WrongValue(f"an invitation lives for more than 0 days and at most {LONGEST_DAYS}")
        key, now = new_key(), self._clock()
        values = given | {
            "hash": key_hash(key),
            "id": new_id("i"),
            "made_by": by,
            "created": stamp(now),
            "expires": stamp(now + timedelta(days=days)),
        }
        with self._database.write() as connection:
            connection.execute(insert(INVITATIONS).values(values))
            told = {"login": given["login"], "roles": json.loads(given["roles"]), "expires": values["expires"]}
            append_audit(connection, actor=by, action=action, subject=values["id"], detail=told, clock=self._clock)
        return key, self.open(key)

    def open(self, key: str) -> Invitation:
        """What a link that can still be used says. Raises `LinkInvalid`."""
        good = (
            INVITATIONS.c.hash == key_hash(key),
            INVITATIONS.c.used.is_(None),
            INVITATIONS.c.expires > stamp(self._clock()),
        )
        with self._database.read() as connection:
            row = connection.execute(select(INVITATIONS).where(*good)).one_or_none()
        if row is None:
            raise LinkInvalid
        return _invitation(row)

    def accept(self, key: str, *, login: str, name: str, password: str) -> Account:
        """Make the account, or set the password, that the link is for; it is used up then.

        `login` and `name` do not count where the invitation has chosen the one, or is for a password.

        Raises:
            LinkInvalid: It cannot be used any more. LoginTaken, WrongValue, WeakPassword: It still can.
        """
        invitation = self.open(key)
        chosen = folded(invitation.login or login)
        hashed = self._passwords.hash(password, login=chosen)
        now = stamp(self._clock())
        with self._database.write() as connection:
            good = (
                INVITATIONS.c.hash == key_hash(key),
                INVITATIONS.c.used.is_(None),
                INVITATIONS.c.expires > now,
            )
            if not connection.execute(update(INVITATIONS).where(*good).values(used=now)).rowcount:
                raise LinkInvalid
            if invitation.person is None:
                person = new_id("p")
                values = {
                    "id": person,
                    "login": chosen,
                    "name": shown_name(name or chosen),
                    "roles": as_list(invitation.roles),
                    "skills": as_list(invitation.skills),
                    "conflicts": "[]",
                    "password": hashed,
                    "source": "here",
                    "created": now,
                }
                if connection.execute(insert_new(PEOPLE).values(values).returning(PEOPLE.c.id)).scalar() is None:
                    raise LoginTaken
            else:
                person = invitation.person
                open_one = (PEOPLE.c.id == person, PEOPLE.c.closed.is_(None))
                if not connection.execute(update(PEOPLE).where(*open_one).values(password=hashed)).rowcount:
                    raise LinkInvalid
                end_all(connection, person, now, "password")
                end_links(connection, person, now)
            row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == person)).one()
            append_audit(
                connection,
                actor=person,
                action="invitation.accept",
                subject=invitation.id,
                detail={"login": chosen},
                clock=self._clock,
            )
        return account_of(row)

    def list(self) -> list[Invitation]:
        """Those that can still be used, oldest first."""
        good = (INVITATIONS.c.used.is_(None), INVITATIONS.c.expires > stamp(self._clock()))
        query = select(INVITATIONS).where(*good).order_by(INVITATIONS.c.created, INVITATIONS.c.id)
        with self._database.read() as connection:
            return [_invitation(row) for row in connection.execute(query)]

    def withdraw(self, invitation: str, *, by: str) -> bool:
        """Make a link (by its id) useless; whether it could still be used."""
        with self._database.write() as connection:
            good = (INVITATIONS.c.id == invitation, INVITATIONS.c.used.is_(None))
            now = stamp(self._clock())
            if not connection.execute(update(INVITATIONS).where(*good).values(used=now)).rowcount:
                return False
            append_audit(connection, actor=by, action="invitation.withdraw", subject=invitation, clock=self._clock)
        return True


def end_links(connection: Connection, person: str, at: str) -> None:
    """Make every link by which a person could still set a password useless, in the caller's transaction."""
    good = (INVITATIONS.c.person == person, INVITATIONS.c.used.is_(None))
    connection.execute(update(INVITATIONS).where(*good).values(used=at))


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        login=row.login,
        roles=frozenset(Role(role) for role in json.loads(row.roles)),
        skills=frozenset(json.loads(row.skills)),
        person=row.person,
        made_by=row.made_by,
        created=row.created,
        expires=row.expires,
        used=row.used,
    )
