"""The register of people: accounts with roles, skills and conflicts of interest, and their passwords."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from core import Database, insert_new
from grading.people.accounts import (
    Account,
    account_of,
    as_list,
    conflict_list,
    folded,
    roles_of,
    shown_name,
    skill_list,
    typed,
)
from grading.people.audit import append_audit
from grading.people.invitations import Invitations, end_links
from grading.people.keys import Clock, new_id, stamp, utc_now
from grading.people.passwords import Passwords
from grading.people.person import Role
from grading.people.problems import AccountClosed, LoginTaken, NoSuchPerson, WrongPassword
from grading.people.refused import NOBODY, note_refused
from grading.people.sessions import Sessions, end_all
from grading.people.tables import PEOPLE
from grading.people.throttle import Throttle
from grading.people.tokens import Tokens
from grading.queue.leases import release_all

OPERATOR = "operator"
"""The actor of what is done on the server's command line."""


@dataclass(frozen=True)
class Attempt:
    """Who tries to sign in from where: for the throttle.

    Attributes:
        address: Of the network. browser: The key of a browser that this person has signed in with before.
    """

    address: str = ""
    browser: str = ""


class People:
    """Everybody who may come in, and all by which they do: `sessions`, `invitations`, `tokens`.

    Args:
        database: With `PEOPLE_MIGRATIONS` among its migrations.
        clock: For tests.
        passwords: For tests.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now, passwords: Passwords | None = None) -> None:
        self.database, self._clock = database, clock
        self._passwords = passwords or Passwords()
        self.sessions = Sessions(database, clock)
        self.tokens = Tokens(database, clock)
        self.invitations = Invitations(database, clock, self._passwords)
        self.throttle = Throttle(database, clock)

    def add(
        self,
        login: str,
        *,
        by: str,
        name: str = "",
        roles: Iterable[Role] = (Role.reviewer,),
        skills: Iterable[str] = (),
        conflicts: Iterable[str] = (),
        password: str | None = None,
    ) -> Account:
        """Add an account; without a password it is opened by an invitation link or the identity provider.

        Raises:
            LoginTaken, WrongValue, WeakPassword: What was given cannot be.
        """
        values: dict[str, Any] = {
            "id": new_id("p"),
            "login": folded(login),
            "name": shown_name(name or login),
            "roles": as_list(roles_of(roles)),
            "skills": as_list(skill_list(skills)),
            "conflicts": as_list(conflict_list(conflicts)),
            "password": None if password is None else self._passwords.hash(password, login=login),
            "source": "here",
            "created": stamp(self._clock()),
        }
        with self.database.write() as connection:
            added = connection.execute(insert_new(PEOPLE).values(values).returning(PEOPLE.c.id)).scalar()
            if added is None:
                raise LoginTaken
            detail = {"login": values["login"], "roles": sorted(roles_of(roles))}
            self._audit(connection, by, "person.add", values["id"], detail)
        return self.get(values["id"])

    def get(self, who: str) -> Account:
        """By id or login. Raises `NoSuchPerson`."""
        found = self.find(who)
        if found is None:
            raise NoSuchPerson(who)
        return found

    def find(self, who: str) -> Account | None:
        """By id or login; None: nobody."""
        with self.database.read() as connection:
            row = _row(connection, who)
        return None if row is None else account_of(row)

    def list(self, *, closed: bool = True) -> list[Account]:
        """Everybody, by login."""
        query = select(PEOPLE).order_by(PEOPLE.c.login)
        if not closed:
            query = query.where(PEOPLE.c.closed.is_(None))
        with self.database.read() as connection:
            return [account_of(row) for row in connection.execute(query)]

    def change(
        self,
        who: str,
        *,
        by: str,
        name: str | None = None,
        roles: Iterable[Role] | None = None,
        skills: Iterable[str] | None = None,
        conflicts: Iterable[str] | None = None,
    ) -> Account:
        """Change what is not None; roles count from the person's next request on.

        Raises:
            NoSuchPerson, WrongValue: What was given cannot be.
        """
        wanted: dict[str, str] = {}
        if name is not None:
            wanted["name"] = shown_name(name)
        if roles is not None:
            wanted["roles"] = as_list(roles_of(roles))
        if skills is not None:
            wanted["skills"] = as_list(skill_list(skills))
        if conflicts is not None:
            wanted["conflicts"] = as_list(conflict_list(conflicts))
        with self.database.write() as connection:
            row = _held(connection, who)
            changed = {key: value for key, value in wanted.items() if getattr(row, key) != value}
            if changed:
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(**changed))
                before = {key: getattr(row, key) for key in changed}
                self._audit(connection, by, "person.change", row.id, {"before": before, "after": changed})
        return self.get(row.id)

    def close(self, who: str, *, by: str) -> Account:
        """Close an account: sessions end, tokens and links are useless at once. Drafts and verdicts stay.

        Reviews that the person had in hand or was to have are anybody's again.
        """
        with self.database.write() as connection:
            row = _held(connection, who)
            if row.closed is None:
                at = stamp(self._clock())
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(closed=at))
                end_all(connection, row.id, at, "closed")
                end_links(connection, row.id, at)
                self.tokens.revoke_all(connection, row.id)
                release_all(connection, row.id)
                self._audit(connection, by, "person.close", row.id)
        return self.get(row.id)

    def reopen(self, who: str, *, by: str) -> Account:
        """Open a closed account again; its person signs in anew."""
        with self.database.write() as connection:
            row = _held(connection, who)
            if row.closed is not None:
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(closed=None))
                self._audit(connection, by, "person.reopen", row.id)
        return self.get(row.id)

    def set_password(self, who: str, password: str, *, by: str, keep: str | None = None) -> None:
        """Set a password; all sessions but the one whose key is `keep` end, and links to set another.

        Raises:
            NoSuchPerson, WeakPassword: What was given cannot be.
        """
        hashed = self._passwords.hash(password, login=self.get(who).login)
        with self.database.write() as connection:
            row = _held(connection, who)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(password=hashed))
            end_all(connection, row.id, stamp(self._clock()), "password", keep=keep)
            end_links(connection, row.id, stamp(self._clock()))
            self._audit(connection, by, "person.password", row.id)

    def change_password(self, who: str, old: str, new: str, tried: Attempt, *, keep: str) -> None:
        """As `set_password`, by the person, who proves to know the old one. Raises `WrongPassword` too."""
        account = self.sign_in(self.get(who).login, old, tried)
        self.set_password(account.id, new, by=account.id, keep=keep)

    def sign_in(self, login: str, password: str, tried: Attempt) -> Account:
        """Whose name and password these are. As much work is done for nobody as for somebody.

        Raises:
            TooMany: Too many tries failed from there, or with that name; nothing was looked at.
            WrongPassword: They are nobody's. AccountClosed: They are right, and the account is closed.
            TooBusy: Too many are signing in.
        """
        name = typed(login)
        counted = self.throttle.begin(name, tried.address, tried.browser)
        with self.database.read() as connection:
            row = connection.execute(select(PEOPLE).where(PEOPLE.c.login == name)).one_or_none()
        checked = self._passwords.check(None if row is None else row.password, password)
        told = {"by": "password", "address": tried.address, "failures": counted.failures}
        if not checked.right or row is None:
            if (
                counted.tells
            ):  # of names that are nobody's just as often, so that nobody can tell by the time it takes
                self.note_refused(NOBODY if row is None else row.id, told | {"why": "wrong"})
            raise WrongPassword
        self.throttle.succeeded(counted)
        if row.closed is not None:
            self.note_refused(row.id, told | {"why": "closed"})
            raise AccountClosed
        if checked.rehashed is not None:
            same = (PEOPLE.c.id == row.id, PEOPLE.c.password == row.password)
            with self.database.write() as connection:
                connection.execute(update(PEOPLE).where(*same).values(password=checked.rehashed))
        return account_of(row)

    def note_refused(self, subject: str, detail: dict[str, Any]) -> None:
        """Write down that a sign-in was refused, unless there are enough of this hour; see `refused`."""
        with self.database.write() as connection:
            note_refused(connection, subject, detail, self._clock)

    def by_subject(
        self,
        issuer: str,
        subject: str,
        *,
        email: str | None,
        name: str,
        roles: frozenset[Role] | None,
        may_join: bool,
    ) -> Account | None:
        """The account of somebody whom an identity provider vouches for; linked or made where that is allowed.

        Args:
            issuer: Who vouches.
            subject: Their name for the person, which never changes.
            email: As the provider verified it; an account that signs in with it is linked, once.
            name: For people; of a new account.
            roles: By the person's groups; they are set at each sign-in of accounts made by this, and none lets
                nobody in. None: groups say nothing.
            may_join: Whether somebody unknown gets an account.

        Raises:
            AccountClosed: The account is closed.
        """
        with self.database.write() as connection:
            linked = (PEOPLE.c.issuer == issuer, PEOPLE.c.subject == subject)
            row = connection.execute(select(PEOPLE).where(*linked).with_for_update()).one_or_none()
            if row is None and email is not None:
                row = self._link(connection, issuer, subject, email)
            if row is None and may_join and email is not None:
                row = self._join(connection, issuer, subject, email, name, roles)
            if row is None:
                return None
            if row.closed is not None:
                raise AccountClosed
            if row.source == "oidc" and roles is not None and not roles:
                return None
            if row.source == "oidc" and roles is not None and roles != account_of(row).person.roles:
                changed = {"roles": as_list(roles)}
                connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(**changed))
                detail = {"before": {"roles": row.roles}, "after": changed, "by_groups_of": issuer}
                self._audit(connection, row.id, "person.change", row.id, detail)
            return account_of(_held(connection, row.id))

    def _link(self, connection: Connection, issuer: str, subject: str, email: str) -> Row[Any] | None:
        free = (PEOPLE.c.login == folded(email), PEOPLE.c.subject.is_(None))
        row = connection.execute(select(PEOPLE).where(*free).with_for_update()).one_or_none()
        if row is None:
            return None
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == row.id).values(issuer=issuer, subject=subject))
        self._audit(connection, row.id, "person.link", row.id, {"issuer": issuer})
        return _held(connection, row.id)

    def _join(
        self,
        connection: Connection,
        issuer: str,
        subject: str,
        email: str,
        name: str,
        roles: frozenset[Role] | None,
    ) -> Row[Any] | None:
        given = roles_of((Role.reviewer,)) if roles is None else roles
        values = {
            "id": new_id("p"),
            "login": folded(email),
            "name": shown_name(name or email),
            "roles": as_list(given),
            "skills": "[]",
            "conflicts": "[]",
            "source": "oidc",
            "issuer": issuer,
            "subject": subject,
            "created": stamp(self._clock()),
        }
        if connection.execute(insert_new(PEOPLE).values(values).returning(PEOPLE.c.id)).scalar() is None:
            return None  # another subject has that address
        self._audit(connection, str(values["id"]), "person.join", str(values["id"]), {"issuer": issuer})
        return _held(connection, str(values["id"]))

    def _audit(
        self, connection: Connection, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None
    ) -> None:
        append_audit(connection, actor=actor, action=action, subject=subject, detail=detail, clock=self._clock)


def _row(connection: Connection, who: str) -> Row[Any] | None:
    named = (PEOPLE.c.id == who) | (PEOPLE.c.login == typed(who))
    return connection.execute(select(PEOPLE).where(named)).first()


def _held(connection: Connection, who: str) -> Row[Any]:
    named = (PEOPLE.c.id == who) | (PEOPLE.c.login == typed(who))
    row = connection.execute(select(PEOPLE).where(named).with_for_update()).first()
    if row is None:
        raise NoSuchPerson(who)
    return row
