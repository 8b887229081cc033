"""An identity provider over HTTP on this machine: it signs with RS256, gives each code once, and checks PKCE.

A test says who signs in, and may spoil what is signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "upbench", "a secret & more"


@dataclass
class Provider:
    """The provider and what it does.

    Attributes:
        person: Claims about whoever signs in. spoil: Turns the claims of an ID token into others.
        sign: Makes the token of claims; else RS256 with the published key.
        asked: Every request, as method and path.
    """

    person: dict[str, Any]
    spoil: Callable[[dict[str, Any]], dict[str, Any]] = dict
    sign: Callable[[dict[str, Any]], str] | None = None
    issuer: str = ""
    asked: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, address: str) -> dict[str, str]:
        """What a person's browser does there: signs in, and comes back with this query."""
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            begun is None
            or begun["redirect_uri"] != form["redirect_uri"]
            or begun["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        said = self.spoil(claims | self.person)
        sign = self.sign or (lambda body: jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, body, self.key))
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": sign(said)}

    def answer(
        self, method: str, path: str, form: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        """Any endpoint."""
        self.asked.append(f"{method} {path}")
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        if path == "/keys":
            return 200, dict(KeySet([self.key]).as_dict(private=False))
        return self.token(form, authorization) if path == "/token" else (404, {})


def serve(provider: Provider, name: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Let it answer on a free port of this machine, under a name of it; `shutdown()` ends it."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            status, said = provider.answer(self.command, self.path, form, self.headers.get("authorization", ""))
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            if not self.path.startswith("/authorize?"):
                return self._reply()
            back = provider.authorize(f"{provider.issuer}{self.path}")
            begun = provider.codes[back["code"]]
            self.send_response(302)
            self.send_header("location", f"{begun['redirect_uri']}?{urlencode(back)}")
            self.end_headers()

        do_POST = _reply

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://{name}:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def unsigned(claims: dict[str, Any]) -> str:
    """A token with `alg: none`, which anybody can write."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def query(values: dict[str, str]) -> str:
    """The address at which the browser comes back."""
    return f"/oidc/callback?{urlencode(values)}"
