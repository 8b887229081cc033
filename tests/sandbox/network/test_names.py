from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.addresses import is_public, parse
from sandbox.network.names import host_of, split_authority
from sandbox.network.urls import url_of


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("\uff45\uff58ample.org", "example.org"),
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8.", "8.8.8.8"),
        ("[2606:4700::1111]", "2606:4700::1111"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("a_b.example.org", "a_b.example.org"),
    ],
)
def test_a_host_in_one_form(text: str, host: str) -> None:
    assert host_of(text).text == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a..b", "localhost", "metadata", "x" * 64 + ".org", "a." * 130 + "org"),
        *("0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "127.0.0.1.5", "1.2.3.4.5", "999.1.1.1"),
        *("user@example.org", "example.org@x.org", "exa mple.org", " example.org", "example.org\0.x.org"),
        *("%65xample.org", "example.org/", "example.org?", "example.org#", "-a.org", "a-.org", "example.org\n"),
        *(
            "[::1%eth0]",
            "[fe80::1%25eth0]",
            "[::1",
            "::1",
            "[1.2.3.4]",
            "[v1.a]",
            "\u2488.example",
            "a\u3002\u3002b",
        ),
        *("\uff11\uff12\uff17.1", "ex\u200bample..org", "\ud800.org"),
    ],
)
def test_odd_hosts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        host_of(text)


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("168.63.129.16", "::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "fe80::1"),
        *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
        *("64:ff9b:1::808:808", "2002:a00:1::", "2002:7f00:1::1", "2002:808:808::1", "2001:0:a00:1::1"),
        *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "2001:20::1", "4000::1"),
    ],
)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not is_public(parse(text))


@pytest.mark.parametrize(
    "text",
    [*("8.8.8.8", "1.1.1.1", "192.0.1.1", "172.32.0.1", "100.128.0.1"), "2606:4700::1111", "64:ff9b::808:808"],
)
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(parse(text))


@given(st.integers(0, 2**32 - 1))
def test_what_python_calls_private_is_never_public(number: int) -> None:
    address = ip_address(number)
    assert not (is_public(address) and (not address.is_global or address.is_multicast or address.is_reserved))


@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_form_hides_a_private_address(number: int) -> None:
    address = ip_address(number)
    assert not (is_public(address) and (address.is_private or address.is_multicast or address.is_link_local))


@given(st.text(max_size=80))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    for read in (host_of, lambda value: split_authority(value, 80)[0], lambda value: url_of(value).host):
        try:
            host = read(text)
        except ValueError:
            continue
        assert host.text == host.text.lower()
        assert host.text.isascii()
        assert host_of(f"[{host.text}]" if ":" in host.text else host.text) == host


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("HTTP://Example.org", "http://example.org/"),
        ("https://example.org:443/a b?q=\u00e4#part", "https://example.org/a%20b?q=%C3%A4"),
        ("https://example.org:8443/%7Ea?b=c%20d", "https://example.org:8443/%7Ea?b=c%20d"),
        ("http://example.org?x", "http://example.org/?x"),
    ],
)
def test_an_address_in_one_form(text: str, whole: str) -> None:
    assert str(url_of(text)) == whole
    assert str(url_of(whole)) == whole


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://example.org/", "file:///etc/passwd", "//example.org/", "example.org", "javascript:alert(1)", ""),
        *(
            "http://a:b@example.org/",
            "http://@example.org/",
            "http://example.org\\@x.org/",
            "http://exa\nmple.org",
        ),
        *("http://example.org:99999/", "http://example.org:/", "http://[::1/", "http://x.org/" + "a" * 9000),
    ],
)
def test_odd_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        url_of(text)
