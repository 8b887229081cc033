"""Signing in at an identity provider: OpenID Connect, authorization code with PKCE, state and nonce.

Addresses come from the operator's settings and from the provider's own configuration, never from a browser.
Nothing of an answer is believed but what a signed ID token says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from grading.people.keys import Clock, utc_now
from grading.people.person import Role
from grading.people.problems import NotLetIn
from grading.people.settings import OidcSettings, is_safe_address
from grading.people.turns import Turns

# Signatures by a key pair only: with a shared secret, or none, anybody could have written the token.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_FRESH = timedelta(hours=1)
_AGAIN = timedelta(seconds=30)
_LEEWAY_SECONDS = 60
_MAX_BYTES = 1_000_000
_SECONDS = 15.0
# A provider that hangs holds up so many threads and no more.
_AT_ONCE, _WAITING, _WAIT_SECONDS = 4, 4, 5


@dataclass(frozen=True)
class Pending:
    """A sign-in that is under way; the browser keeps it, signed, until it comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Claims:
    """What the provider vouches for.

    Attributes:
        subject: Its name for the person, which never changes.
        email: Only where the provider has verified it.
        groups: As its token names them.
    """

    issuer: str
    subject: str
    email: str | None
    name: str
    groups: frozenset[str]


class OidcProvider:
    """An identity provider.

    Args:
        settings: Where it is, and who may join.
        secret: Of this client there.
        redirect: Where it sends people back.
        clock: For tests.
    """

    def __init__(self, settings: OidcSettings, secret: str, redirect: str, *, clock: Clock = utc_now) -> None:
        self.settings, self._secret, self._redirect, self._clock = settings, secret, redirect, clock
        self._lock, self._turns = threading.Lock(), Turns(_AT_ONCE, _WAITING, _WAIT_SECONDS)
        self._configuration: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._looked = clock() - _FRESH

    def begin(self) -> tuple[str, Pending]:
        """Where to send the browser, and what to know when it comes back. Raises `NotLetIn`, `TooBusy`."""
        pending = Pending(*(secrets.token_urlsafe(32) for _ in range(3)))
        challenge = hashlib.sha256(pending.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self.settings.scopes),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        with self._turns.one():
            address = self._configured()["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", pending

    def finish(self, pending: Pending, given: Mapping[str, str]) -> Claims:
        """Who has come back, by the code in the query of the callback.

        Raises:
            NotLetIn: The provider refused, or does not answer; or the answer is not to this sign-in.
            TooBusy: Too many are signing in.
        """
        if not hmac.compare_digest(given.get("state", "").encode(), pending.state.encode()):
            raise NotLetIn("this answer belongs to another sign-in; begin again")
        if given.get("iss", self.settings.issuer) != self.settings.issuer:
            raise NotLetIn("this answer is of another identity provider")
        if "error" in given or not given.get("code"):
            raise NotLetIn("the identity provider let nobody in")
        with self._turns.one():
            token = self._redeem(given["code"], pending.verifier).get("id_token")
            if not isinstance(token, str):
                raise NotLetIn("the identity provider's answer holds no ID token")
            return self._claims(self._verified(token), pending.nonce)

    def roles_of(self, claims: Claims) -> frozenset[Role] | None:
        """Roles by groups, else by the domain; none: nobody to let in. None where no groups are mapped."""
        if not self.settings.groups:
            return None
        found = frozenset(role for group in claims.groups for role in self.settings.groups.get(group, ()))
        return found or (frozenset({Role.reviewer}) if self._of_domain(claims) else frozenset())

    def may_join(self, claims: Claims) -> bool:
        """Whether somebody unknown gets an account: by a mapped group, or the domain of a verified address."""
        return bool(self.roles_of(claims)) or self._of_domain(claims)

    def _of_domain(self, claims: Claims) -> bool:
        domain = (claims.email or "").rpartition("@")[2].casefold()
        return bool(domain) and domain in self.settings.domains

    def _redeem(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
            "client_id": self.settings.client_id,
        }
        configured = self._configured()
        methods = configured.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if "client_secret_basic" in methods:
            auth = httpx2.BasicAuth(self.settings.client_id, self._secret)
        else:
            form["client_secret"] = self._secret
        return _asked("POST", configured["token_endpoint"], data=form, auth=auth)

    def _verified(self, token: str) -> dict[str, Any]:
        keys = self._signing_keys()
        try:
            return dict(jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims)
        except (JoseError, ValueError, KeyError):
            newer = self._signing_keys(newer=True)
        if newer is not keys:  # the provider has changed its keys since
            try:
                return dict(jwt.decode(token, newer, algorithms=list(_ALGORITHMS)).claims)
            except (JoseError, ValueError, KeyError) as error:
                raise NotLetIn("the ID token is not signed by the identity provider") from error
        raise NotLetIn("the ID token is not signed by the identity provider")

    def _claims(self, said: dict[str, Any], nonce: str) -> Claims:
        audience = said.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        own, now = self.settings.client_id, self._clock().timestamp()
        if said.get("iss") != self.settings.issuer:
            raise NotLetIn("the ID token is of another identity provider")
        if own not in audiences or said.get("azp", own) != own or (len(audiences) > 1 and "azp" not in said):
            raise NotLetIn("the ID token is for another application")
        expires, issued = said.get("exp"), said.get("iat")
        if not isinstance(expires, int | float) or not isinstance(issued, int | float):
            raise NotLetIn("the ID token does not say how long it is good")
        before = said.get("nbf", issued)
        if expires + _LEEWAY_SECONDS <= now or issued - _LEEWAY_SECONDS > now:
            raise NotLetIn("the ID token has expired, or the clocks differ")
        if not isinstance(before, int | float) or before - _LEEWAY_SECONDS > now:
            raise NotLetIn("the ID token is not good yet")
        given = said.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise NotLetIn("the ID token belongs to another sign-in; begin again")
        subject = said.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise NotLetIn("the ID token names nobody")
        email, groups = said.get("email"), said.get(self.settings.groups_claim, [])
        verified = isinstance(email, str) and "@" in email and said.get("email_verified") is True
        return Claims(
            issuer=self.settings.issuer,
            subject=subject,
            email=email if verified else None,
            name=str(said.get("name") or said.get("preferred_username") or ""),
            groups=frozenset(one for one in groups if isinstance(one, str))
            if isinstance(groups, list)
            else frozenset(),
        )

    def _configured(self) -> dict[str, Any]:
        """The provider's configuration, looked up at most once an hour."""
        with self._lock:
            if self._configuration is None or self._clock() - self._looked >= _FRESH:
                self._look()
            assert self._configuration is not None
            return self._configuration

    def _signing_keys(self, *, newer: bool = False) -> KeySet:
        """Its public keys; `newer`: looked up again, if that was not done just now."""
        self._configured()
        with self._lock:
            if self._keys is None or (newer and self._clock() - self._looked >= _AGAIN):
                self._look()
            assert self._keys is not None
            return self._keys

    def _look(self) -> None:
        base = self.settings.issuer.rstrip("/")
        found = _asked("GET", f"{base}/.well-known/openid-configuration")
        if found.get("issuer") != self.settings.issuer:
            raise NotLetIn("the identity provider calls itself otherwise than the setting oidc.issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str) or not is_safe_address(found[name]):
                raise NotLetIn(f"the identity provider's {name} is no https address")
        try:
            keys = KeySet.import_key_set(_asked("GET", found["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotLetIn("the identity provider's keys cannot be read") from error
        self._configuration, self._keys, self._looked = found, keys, self._clock()


def _asked(method: str, address: str, **how: Any) -> dict[str, Any]:
    """A JSON object over HTTP: bounded in time and size, and no redirect is followed."""
    try:
        with (
            httpx2.Client(timeout=_SECONDS, follow_redirects=False) as client,
            client.stream(method, address, headers={"accept": "application/json"}, **how) as answer,
        ):
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _MAX_BYTES:
                    raise NotLetIn("the identity provider answers with too much")
            status = answer.status_code
    except httpx2.HTTPError as error:
        raise NotLetIn("the identity provider cannot be reached") from error
    if status != 200:
        raise NotLetIn(f"the identity provider refused (HTTP {status})")
    try:
        found = json.loads(body)
    except ValueError as error:
        raise NotLetIn("the identity provider's answer is no JSON") from error
    if not isinstance(found, dict):
        raise NotLetIn("the identity provider's answer is no JSON object")
    return found
