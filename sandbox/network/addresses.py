"""Which addresses are public: a list of our own, for what Python calls global differs between its versions."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA's special-purpose registries of both families, multicast and reserved space; the last is a platform's own
# address (name service and instance keys) though it lies in public space.
_CLOSED4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
)
_OPEN6 = IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, 6to4, documentation.
_CLOSED6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


def parse(text: str) -> IPv4Address | IPv6Address:
    """An address as a resolver or a socket gives it; one that is mapped into IPv6 as the IPv4 address.

    Raises:
        ValueError: It is none, or names an interface.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text} names an interface")
        return address.ipv4_mapped or address
    return address


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet.

    Behind NAT64 (the well-known prefix) the IPv4 address inside decides; 6to4 and Teredo are never public.
    """
    if isinstance(address, IPv4Address):
        return not any(address in closed for closed in _CLOSED4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _OPEN6 and not any(address in closed for closed in _CLOSED6)
