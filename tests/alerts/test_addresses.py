"""The guard: what a webhook may connect to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.addresses import (
    AddressRefused,
    Target,
    parse_allowed,
    parse_url,
    permitted_addresses,
)

PUBLIC = "93.184.216.34"
TARGET = Target("https", "hooks.example.com", 443, "/")

INNER = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2001:0:7f00:1::",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

HOSTILE_URLS = [
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://0.0.0.0/",
    "https://169.254.169.254/latest/meta-data",
    "https://10.1.2.3/",
    "https://100.64.0.1/",
    "https://[fc00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://127.0.0.01/",
    "https://%31%32%37.0.0.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://user@hooks.example.com/",
    "https://user:hunter2@127.0.0.1/",
    "https://hooks.example.com@127.0.0.1/",
    "https://@hooks.example.com/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com:443:80/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:hunter2/",
    "https://hooks.example.com./",
    "https://hooks..example.com/",
    "https://hooks.example.com/#part",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/\r\nHost: inner",
    "https://hooks.exam\tple.com/",
    "https:///path",
    "https:hooks.example.com",
    "https://[hooks.example.com/",
    "https://" + "a." * 200 + "com/",
    "https://hooks.example.com/" + "x" * 3000,
    "http://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/_",
    "ftp://hooks.example.com/",
    "//hooks.example.com/",
    "hooks.example.com",
    "",
]


def answers(*addresses: str):
    return lambda host, port: list(addresses)


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_or_unclear_url_is_refused(url):
    with pytest.raises(AddressRefused) as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.__cause__)


@pytest.mark.parametrize("address", INNER)
def test_a_name_with_an_inner_address_is_refused_even_beside_a_public_one(address):
    with pytest.raises(AddressRefused, match=r"hooks\.example\.com"):
        permitted_addresses(TARGET, (), answers(address))
    with pytest.raises(AddressRefused):
        permitted_addresses(TARGET, (), answers(PUBLIC, address))


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses_are_permitted(address):
    assert permitted_addresses(TARGET, (), answers(address)) == [address]


def test_an_inner_address_needs_host_and_network_on_the_allow_list():
    target = Target("https", "mes.plant", 443, "/")
    allowed = [parse_allowed("mes.plant=10.20.0.0/16")]
    assert permitted_addresses(target, allowed, answers("10.20.3.4")) == ["10.20.3.4"]
    with pytest.raises(AddressRefused):
        permitted_addresses(target, allowed, answers("10.21.3.4"))
    with pytest.raises(AddressRefused):
        permitted_addresses(TARGET, allowed, answers("10.20.3.4"))


def test_an_ipv4_mapped_address_is_refused_whatever_is_allowed():
    allowed = [
        parse_allowed("hooks.example.com=::/0"),
        parse_allowed("hooks.example.com=0.0.0.0/0"),
    ]
    with pytest.raises(AddressRefused, match="IPv4-mapped"):
        permitted_addresses(TARGET, allowed, answers("::ffff:10.0.0.1"))


def test_a_refusal_names_host_address_and_the_setting_that_would_allow_it():
    with pytest.raises(AddressRefused) as refused:
        permitted_addresses(TARGET, (), answers("10.0.0.7"))
    assert str(refused.value) == (
        "webhook host 'hooks.example.com' has the address 10.0.0.7 (private or reserved for "
        "documentation), but webhooks go to public addresses only: if this host of the plant is "
        "meant, add 'hooks.example.com=10.0.0.7' or its network to allow_networks of this endpoint"
    )


def test_a_resolver_without_an_answer_is_no_refusal():
    with pytest.raises(OSError, match="has no address"):
        permitted_addresses(TARGET, (), answers())


def test_a_resolver_that_answers_nonsense_is_refused():
    with pytest.raises(AddressRefused, match="not an address"):
        permitted_addresses(TARGET, (), answers("localhost"))


def test_a_url_comes_apart_into_what_a_connection_needs():
    target = parse_url("HTTPS://Hooks.Example.com:8443/a/b?key=1")
    assert target == Target("https", "hooks.example.com", 8443, "/a/b?key=1")
    assert target.authority == "hooks.example.com:8443"
    assert "key" not in repr(target)
    assert parse_url("https://[2606:4700::1111]/").authority == "[2606:4700::1111]"
    assert parse_url("https://hooks.example.com?key=1").path == "/?key=1"


def test_http_and_odd_ports_need_a_setting_each():
    assert parse_url("http://hooks.example.com/", allow_http=True).port == 80
    assert parse_url("https://hooks.example.com:9443/", allow_ports=(9443,)).port == 9443
    allowed = [parse_allowed("mes.plant=10.0.0.0/8")]
    assert parse_url("https://mes.plant:9443/", allowed=allowed).port == 9443
    with pytest.raises(AddressRefused, match="allow_ports"):
        parse_url("https://hooks.example.com:9443/", allowed=allowed)
    with pytest.raises(AddressRefused, match="allow_http"):
        parse_url("http://hooks.example.com/")


@pytest.mark.parametrize("entry", ["", "mes.plant", "=10.0.0.0/8", "mes.plant=", "a=10.0.0.1/8"])
def test_an_unreadable_allow_list_entry_names_the_form(entry):
    with pytest.raises(ValueError, match=r"allow_networks: .* is not host=network"):
        parse_allowed(entry)


@given(st.text(max_size=60).map(lambda tail: "https://" + tail))
def test_any_text_is_a_target_or_a_refusal(url):
    try:
        target = parse_url(url)
    except AddressRefused:
        return
    assert target.host
    assert "@" not in target.authority
    assert target.path.isascii()


NOT_PUBLIC_V4 = [
    ip_network(text)
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
    )
]


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(IPv4Address),
        st.builds(
            lambda network, at: network[at % network.num_addresses],
            st.sampled_from(NOT_PUBLIC_V4),
            st.integers(0, 2**32 - 1),
        ),
    )
)
def test_an_ipv4_address_is_permitted_just_when_the_registry_calls_it_public(address):
    inner = any(address in network for network in NOT_PUBLIC_V4)
    try:
        permitted_addresses(TARGET, (), answers(str(address)))
    except AddressRefused:
        assert inner
    else:
        assert not inner


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_an_ipv6_address_outside_global_unicast_is_refused(address):
    if address in ip_network("2000::/3") or address in ip_network("64:ff9b::/96"):
        return
    with pytest.raises(AddressRefused):
        permitted_addresses(TARGET, (), answers(str(address)))
