"""Who is let into the review app: the project's accounts, and its identity provider."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core import BadInput
from grading import CLIENT_SECRET, OidcProvider, People, Role

if TYPE_CHECKING:
    from upbench.home import Home


def reception(home: Home) -> tuple[People, OidcProvider | None]:
    """The accounts of a project, and the provider of its settings.

    Raises:
        BadInput: People on other machines are to be served and nobody could come in, or the secret lacks.
    """
    settings = home.settings
    people = People(home.database)
    oidc = None
    if settings.oidc is not None:
        if not settings.review.public:
            raise BadInput("needs review.app_origin, where the provider sends people back", field="oidc")
        secret = os.environ.get(CLIENT_SECRET, "")
        if not secret:
            raise BadInput(
                "the secret of the client at the identity provider is not set",
                field=f"environment {CLIENT_SECRET}",
                mend="set it where the server is started",
            )
        oidc = OidcProvider(settings.oidc, secret, f"{settings.review.app_origin}/oidc/callback")
    if settings.review.public and oidc is None:
        _somebody(people)
    return people, oidc


def _somebody(people: People) -> None:
    """An open administrator who can sign in."""
    able = [one for one in people.list(closed=False) if one.has_password and Role.admin in one.person.roles]
    if not able:
        raise BadInput(
            "nobody could come in: there is no administrator with a password",
            field="review.app_origin",
            mend="add one with `upbench review users add NAME --role admin`",
        )
