"""The review app of a project, and who is let into it: accounts, and an identity provider."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import BadInput
from grading import (
    CLIENT_SECRET,
    Book,
    OidcProvider,
    Origins,
    People,
    ReviewRenderer,
    Role,
    Secrets,
    Settled,
    create_content_app,
    create_review_app,
    load_secrets,
)
from upbench.exporting import RunExports
from upbench.golden import changer_of
from upbench.overseeing import ProjectOversight

if TYPE_CHECKING:
    from fastapi import FastAPI

    from upbench.home import Home


@dataclass(frozen=True)
class Reception:
    """Who may come in, and the keys of what they are given."""

    secrets: Secrets
    people: People
    oidc: OidcProvider | None


def two_apps(
    home: Home,
    known: Reception,
    at: Origins,
    token: str,
    *,
    settled: Settled | None,
    render: ReviewRenderer | None,
) -> tuple[FastAPI, FastAPI]:
    """The apps of both origins; see `create_review_app` for what they are made of."""
    blobs = home.blobs.impatient()
    app = create_review_app(
        Book(home.database),
        blobs,
        known.secrets,
        app_origin=at.app,
        content_origin=at.content,
        token=token,
        people=known.people,
        oidc=known.oidc,
        settled=settled,
        render=render,
        oversight=ProjectOversight(home),
        exports=RunExports(home),
        changer=changer_of(home),
    )
    return app, create_content_app(blobs, known.secrets, app_origin=at.app, content_origin=at.content)


def reception(home: Home) -> Reception:
    """The accounts of a project, the provider of its settings, and the secrets of its review app.

    Raises:
        BadInput: People on other machines are to be served and nobody could come in; or a secret lacks, or is no
            good.
    """
    settings = home.settings
    keys = load_secrets(home.state / "review-secrets.json")
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
    return Reception(keys, people, oidc)


def _somebody(people: People) -> None:
    """An open administrator who can sign in."""
    able = [one for one in people.list(closed=False) if one.has_password and Role.admin in one.person.roles]
    if not able:
        raise BadInput(
            "nobody could come in: there is no administrator with a password",
            field="review.app_origin",
            mend="add one with `upbench review users add NAME --role admin`",
        )
