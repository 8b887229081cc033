"""The network policy: what a sandbox, or a page fetched for it, may reach."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from pydantic import field_validator, model_serializer, model_validator

from core import Frozen
from sandbox.network.names import host_of

WEB_PORTS = (80, 443)
_RULE = re.compile(r"(?P<any>\*\.)?(?P<name>[^:\s]+)(?::(?P<port>[0-9]{1,5}))?")


class Network(StrEnum):
    """What a sandbox may reach: nothing, a list of domains, or every public address."""

    none = "none"
    allow = "allow"
    open = "open"


class NetworkPolicy(Frozen):
    """A mode and, with `allow`, its domains. Written as a bare word where there are none.

    Attributes:
        domains: Rules, sorted: `example.org` (that name), `*.example.org` (every name below it, not itself),
            either with `:PORT` for that port instead of 80 and 443. International names are kept as `xn--`.
    """

    mode: Network = Network.none
    domains: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value

    @field_validator("domains")
    @classmethod
    def _rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({_rule(text) for text in value}))

    @model_validator(mode="after")
    def _fits(self) -> NetworkPolicy:
        if (self.mode is Network.allow) != bool(self.domains):
            said = "needs at least one domain" if self.mode is Network.allow else f"`{self.mode}` takes no domains"
            raise ValueError(f"the network policy {said}")
        return self

    @model_serializer(mode="wrap")
    def _to_word(self, handler: Any) -> Any:
        return handler(self) if self.domains else self.mode.value

    def refusal(self, host: str, port: int) -> str | None:
        """Why `host` (lower case, no trailing dot) may not be asked for on `port`; None when it may."""
        if self.mode is Network.none:
            return "there is no network"
        if self.mode is Network.open:
            return None
        for rule in self.domains:
            name, _, own_port = rule.partition(":")
            fits = host.endswith(name[1:]) if name.startswith("*.") else host == name
            if fits and (port == int(own_port) if own_port else port in WEB_PORTS):
                return None
        return f"{host}:{port} is not among the allowed domains"


def _rule(text: str) -> str:
    found = _RULE.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        # Below `*.` one label is enough: every name that fits has one more.
        host = host_of(f"x.{found['name']}" if found["any"] else found["name"])
    except ValueError as error:
        why = f"{text!r} is no domain such as example.org, *.example.org or example.org:8443"
        raise ValueError(why) from error
    if host.address is not None:
        raise ValueError(f"{text!r} is an address; only domains can be allowed")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 1 << 16:
        raise ValueError(f"{text!r} names no port")
    name = f"*.{host.text.removeprefix('x.')}" if found["any"] else host.text
    return name if port is None else f"{name}:{port}"
