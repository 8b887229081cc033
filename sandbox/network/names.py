"""Hosts and ports as a sandbox may write them: brought into one form, or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

MAX_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Host:
    """A name (lower case, ASCII, no trailing dot) or a literal address.

    Attributes:
        text: The name, or the address as it is usually written.
        address: Of a literal; an IPv4 address that is mapped into IPv6 is the IPv4 address.
    """

    text: str
    address: IPv4Address | IPv6Address | None = None


def ascii_name(text: str) -> str:
    """A domain name in lower case, international labels as `xn--`.

    Raises:
        ValueError: It is no name.
    """
    if text.isascii():
        return text.lower()
    import idna  # only for those who need it: its tables are large

    try:
        return idna.encode(text, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{text!r} is not a domain name") from error


def host_of(text: str) -> Host:
    """The host that `text` means.

    Raises:
        ValueError: It is neither a plain domain name nor a plain address: user names, blanks, percent signs,
            addresses in octal, hexadecimal or one number, names without a dot.
    """
    if text.startswith("[") and text.endswith("]"):
        return _literal6(text[1:-1])
    name = ascii_name(text).removesuffix(".")
    labels = name.split(".")
    if not name or len(name) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{shown(text)} is not a domain name")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            address = IPv4Address(name)
        except AddressValueError as error:
            raise ValueError(f"{shown(text)} is not an address in its usual form") from error
        return Host(str(address), address)
    if len(labels) == 1:
        raise ValueError(f"{shown(text)} has no dot; a public domain has one")
    return Host(name)


def split_authority(text: str, default: int | None = None) -> tuple[Host, int]:
    """The host and port of `HOST:PORT`; without a port `default`, if there is one.

    Raises:
        ValueError: See `host_of`; or there is no port from 1 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, colon, port = text, "", ""
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{shown(text)} is not HOST:PORT")
    if not colon and default is not None:
        return host_of(host), default
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 1 << 16):
        raise ValueError(f"{shown(text)} names no port")
    return host_of(host), int(port)


def shown(text: str) -> str:
    """A host as it can be told in a line: printable ASCII, cut."""
    return "".join(c if " " < c <= "~" else "?" for c in text[:100])


def _literal6(text: str) -> Host:
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise ValueError(f"{shown(text)} is not an IPv6 address") from error
    if address.scope_id is not None:
        raise ValueError(f"{shown(text)} names an interface")
    if address.ipv4_mapped is not None:
        return Host(str(address.ipv4_mapped), address.ipv4_mapped)
    return Host(str(address), address)
