"""What an operator sets of the review app: where others reach it, and who vouches for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from core import Frozen
from grading.people.person import Role

# Under these, two names side by side belong to two owners. Only what is common; a list of all is long and changes.
_SHARED = {"co", "com", "org", "net", "ac", "gov", "edu", "ne", "or", "gob", "nom", "asn", "id"}
CLIENT_SECRET = "UPBENCH_OIDC_CLIENT_SECRET"  # noqa: S105  # the name of the variable that holds it
"""Environment variable with the client's secret at the identity provider."""


class ReviewSettings(Frozen):
    """`[review]` of upbench.toml: serving people on other machines, behind a proxy that speaks TLS.

    Attributes:
        app_origin: As browsers name the app, `https://review.example.org`; None: this machine alone.
        content_origin: As browsers name what serves untrusted files; another site than the app's.
        same_site: Allow both under one registered domain. A file that breaks out of its frame could then send
            requests that carry cookies of the app; the app refuses them by other means, too.
        proxies: Addresses or networks of the proxies whose `X-Forwarded-For` is believed.
    """

    app_origin: str | None = None
    content_origin: str | None = None
    same_site: bool = False
    proxies: tuple[str, ...] = ("127.0.0.1",)

    @field_validator("app_origin", "content_origin")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError("is no origin: https://HOST or https://HOST:PORT and nothing more")
        if parts.username is not None or "@" in parts.netloc:
            raise ValueError("names a user")
        if "." not in parts.hostname or parts.hostname.replace(".", "").isdigit() or ":" in parts.hostname:
            raise ValueError("needs the full name of a host, not an address")
        port = parts.port
        return f"https://{parts.hostname}" + (f":{port}" if port not in (None, 443) else "")

    @model_validator(mode="after")
    def _two_sites(self) -> ReviewSettings:
        if (self.app_origin is None) != (self.content_origin is None):
            raise ValueError("app_origin and content_origin are set together, or neither")
        if self.app_origin is None or self.content_origin is None:
            return self
        app, content = (urlsplit(one).hostname or "" for one in (self.app_origin, self.content_origin))
        if app == content:
            raise ValueError("app_origin and content_origin are one host; cookies know no ports")
        if app.endswith(f".{content}") or content.endswith(f".{app}"):
            raise ValueError("one of app_origin and content_origin lies below the other")
        site = _shared_site(app, content)
        if site and not self.same_site:
            raise ValueError(
                f"app_origin and content_origin are both under {site}: to browsers one site; "
                "serve content under another domain, or set same_site = true"
            )
        return self

    @property
    def public(self) -> bool:
        """Whether people on other machines are served."""
        return self.app_origin is not None


class OidcSettings(Frozen):
    """`[oidc]` of upbench.toml: an identity provider that vouches for people. The secret is in the environment.

    Attributes:
        issuer: Its address, as in its tokens; `/.well-known/openid-configuration` lies below.
        client_id: What the app is called there.
        groups: Group of the provider -> roles. Who is in one of them may join; roles of accounts that were made by
            this are set by it at each sign-in.
        groups_claim: Where the token names groups.
        domains: Domains of verified e-mail addresses whose people may join, as reviewers.
        scopes: That are asked for.
    """

    issuer: str
    client_id: str = Field(min_length=1)
    groups: dict[str, tuple[Role, ...]] = {}
    groups_claim: str = "groups"
    domains: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("openid", "email", "profile")

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, values: Any) -> Any:
        if isinstance(values, dict) and "client_secret" in values:
            raise ValueError(f"client_secret belongs into the environment, as {CLIENT_SECRET}")
        return values

    @field_validator("issuer")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not is_safe_address(value):
            raise ValueError("is no https address")
        return value

    @field_validator("domains")
    @classmethod
    def _folded(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one.casefold().lstrip("@") for one in value)


def is_safe_address(address: str) -> bool:
    """An https address, or one of this machine (a provider that is tried out)."""
    parts = urlsplit(address)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _shared_site(app: str, content: str) -> str:
    """The registered domain that both are under, as far as can be seen; '' where there is none."""
    shared: list[str] = []
    for one, other in zip(reversed(app.split(".")), reversed(content.split(".")), strict=False):
        if one != other:
            break
        shared.insert(0, one)
    if len(shared) < 2 or (len(shared) == 2 and shared[0] in _SHARED and len(shared[1]) == 2):
        return ""
    return ".".join(shared)
