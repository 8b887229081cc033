"""Whoever judges may know neither whose work it is nor what is right of it.

Who looks at a trial, or at keys of gold, gets no more reviews or adjudications of that job.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from core import insert_new
from grading.book import now
from grading.overview.tables import REVIEW_LOOKS
from grading.people.audit import append_audit
from grading.people.person import Person, Role
from grading.queue.slots import CLAIMED, LOCKED
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

_ITEMS = REVIEW_ITEMS.alias("looked_at")
_LOOK = insert_new(REVIEW_LOOKS).returning(REVIEW_LOOKS.c.job)


def may_judge(person: Person) -> bool:
    """Whether somebody may be given reviews or adjudications; an admin who has no other role is given neither."""
    return person.may(Role.reviewer, Role.adjudicator, Role.lead)


def has_looked(connection: Connection, person: str, job: str) -> bool:
    """Whether somebody has looked at work on a job."""
    found = select(REVIEW_LOOKS.c.at).where(REVIEW_LOOKS.c.person == person, REVIEW_LOOKS.c.job == job)
    return connection.execute(found).first() is not None


def reviews_now(connection: Connection, person: str, job: str) -> bool:
    """Whether somebody has a review of that job at their desk, and has not locked it."""
    mine = (REVIEW_SLOTS.c.reviewer == person, REVIEW_SLOTS.c.state == CLAIMED, REVIEW_ITEMS.c.job == job)
    query = select(REVIEW_SLOTS.c.alias).join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == REVIEW_SLOTS.c.item)
    return connection.execute(query.where(*mine).limit(1)).first() is not None


def jobs_looked_at(connection: Connection, person: str) -> frozenset[str]:
    """The jobs at whose work somebody has looked."""
    jobs = connection.execute(select(REVIEW_LOOKS.c.job).where(REVIEW_LOOKS.c.person == person)).scalars()
    return frozenset(str(job) for job in jobs)


def look(connection: Connection, person: str, job: str, subject: str) -> bool:
    """Write down that somebody looks at a trial of a job, or at what is right of a submission (`subject`).

    What awaits them of that job is anybody's then.

    Returns:
        False: they have a review of that job at their desk, and nothing is written.
    """
    if reviews_now(connection, person, job):
        return False
    if connection.execute(_LOOK, {"person": person, "job": job, "at": now()}).first() is not None:
        of_job = select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.job == job)
        awaited = (REVIEW_SLOTS.c.required == person, REVIEW_SLOTS.c.state != LOCKED)
        free = update(REVIEW_SLOTS).where(*awaited, REVIEW_SLOTS.c.item.in_(of_job))
        connection.execute(free.values(required=None, until=None))
        append_audit(connection, actor=person, action="lead.look", subject=subject, detail={"job": job})
    return True


def looked_at(person: str) -> ColumnElement[bool]:
    """An item of a job at whose work a person has looked."""
    looks = select(REVIEW_LOOKS.c.job).where(REVIEW_LOOKS.c.person == person)
    return func.coalesce(REVIEW_ITEMS.c.job, "").in_(looks)


def not_looked_at(person: str) -> ColumnElement[bool]:
    """A slot of a job at whose work a person has not looked; of those who never look, no item is read for it."""
    looks = select(REVIEW_LOOKS.c.job).where(REVIEW_LOOKS.c.person == person)
    known = select(_ITEMS.c.alias).where(_ITEMS.c.job.in_(looks))
    return or_(~looks.exists(), REVIEW_SLOTS.c.item.not_in(known))
