"""What people's requests fail with; each is told to a person."""

from __future__ import annotations


class PeopleProblem(Exception):
    """Something that whoever asked can mend. Its text is written for them and gives nothing away."""

    status = 422


class WeakPassword(PeopleProblem):
    """It may not be a password."""


class WrongPassword(PeopleProblem):
    """No such name, or not its password; nobody is told which."""

    status = 401

    def __init__(self) -> None:
        super().__init__("name or password is wrong")


class AccountClosed(PeopleProblem):
    """The account is closed; told only to somebody who has proved to be its person."""

    status = 403

    def __init__(self) -> None:
        super().__init__("this account is closed; an administrator can open it again")


class TooMany(PeopleProblem):
    """Too many tries; the next is looked at after `seconds`."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many tries; try again in {seconds} second{'' if seconds == 1 else 's'}")
        self.seconds = seconds


class TooBusy(PeopleProblem):
    """The server has too many passwords to look at."""

    status = 503

    def __init__(self) -> None:
        super().__init__("too many people are signing in; try again in a minute")


class NoSuchPerson(PeopleProblem):
    """There is no such account."""

    status = 404

    def __init__(self, who: str) -> None:
        super().__init__(f"there is nobody called {who!r}")


class LoginTaken(PeopleProblem):
    """Somebody has that name for signing in."""

    status = 409

    def __init__(self) -> None:
        super().__init__("somebody signs in with that name already")


class LinkInvalid(PeopleProblem):
    """The link is of nothing, was used, or has expired."""

    status = 404

    def __init__(self) -> None:
        super().__init__("this link has been used, has expired, or never was one; ask for another")


class WrongValue(PeopleProblem):
    """A name, role, skill or conflict that cannot be."""


class NotLetIn(PeopleProblem):
    """The identity provider's word was not enough, or was no word of its own."""

    status = 403
