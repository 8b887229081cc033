"""Addresses of pages, in the one form in which they are fetched, kept and told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from sandbox.network.names import Host, shown, split_authority

MAX_LENGTH = 8000
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~-._[]"


@dataclass(frozen=True)
class Url:
    """An `http` or `https` address without user, password and fragment.

    Attributes:
        target: Path and query as they are asked for, ASCII.
    """

    scheme: str
    host: Host
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host, and the port where it is not the scheme's own."""
        name = f"[{self.host.text}]" if ":" in self.host.text else self.host.text
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def url_of(text: str, base: Url | None = None) -> Url:
    """The address that `text` means, seen from `base`.

    Raises:
        ValueError: It is not an address that can be fetched; the text says why.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the address is longer than {MAX_LENGTH} characters")
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError("the address holds a control character")
    try:
        parts = urlsplit(urljoin(str(base), text) if base else text)
    except ValueError as error:
        raise ValueError(f"{shown(text)} is not an address") from error
    if parts.scheme not in _PORTS:
        raise ValueError("only http:// and https:// addresses are fetched")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("addresses with a user name or password are not fetched")
    host, port = split_authority(parts.netloc, _PORTS[parts.scheme])
    target = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE + "?")
    return Url(parts.scheme, host, port, target if target.startswith("/") else "/" + target)
