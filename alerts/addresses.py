"""Where a webhook may connect to: the guard against server-side request forgery.

A webhook's URL comes from a settings file, its addresses from a name server; neither may make
andon knock on a machine of the plant that nobody meant. So a URL is taken apart once, here, in its
one plain form; a host is resolved once for a connection; and every address found must be a public
one, or lie in a network that the endpoint's ``allow_networks`` names for exactly this host.
`alerts.pinned` connects to the addresses that this module answers and to nothing else.

Reference: the IANA registries of special-purpose addresses (RFC 6890) and RFC 4291, 6052, 3056.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

HTTPS_PORTS = (443, 8443)
HTTP_PORTS = (80, 8080)
MAX_URL = 2048

_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without blanks, controls and the backslash
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")
# Older Pythons do not know all of these as special, so the answer must not depend on is_global.
_SPECIAL = tuple(
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
)


class AddressRefused(ValueError):
    """A URL or an address that a webhook must not connect to; says which setting would allow it."""


class Allowed(NamedTuple):
    """One entry of ``allow_networks``: this host may have addresses in this network."""

    host: str
    network: IPv4Network | IPv6Network


@dataclass(frozen=True)
class Target:
    """A URL that has passed `parse_url`, in the parts that a connection needs.

    ``path`` holds the query as well; it often carries a token, so it stays out of the repr.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


def parse_allowed(entry: str) -> Allowed:
    """Read ``host=network``, the form of an entry of ``allow_networks``.

    >>> parse_allowed("mes.plant.example=10.20.0.0/16").network
    IPv4Network('10.20.0.0/16')
    """
    host, _, network = entry.partition("=")
    try:
        if host:
            return Allowed(host.lower().strip("[]"), ip_network(network))
    except ValueError:
        pass
    raise ValueError(
        f"allow_networks: {entry!r} is not host=network: "
        f"write for instance 'mes.plant.example=10.20.0.0/16'"
    )


def parse_url(
    url: str,
    *,
    allow_http: bool = False,
    allow_ports: Sequence[int] = (),
    allowed: Sequence[Allowed] = (),
) -> Target:
    """Take a webhook's URL apart, or raise `AddressRefused`; connects to and looks up nothing.

    A host must be a name or an address in its usual form: what some parsers read as an address in
    decimal, octal or hexadecimal is refused. A host that ``allowed`` names may use any port.

    >>> parse_url("https://hooks.example.com/andon?key=1")
    Target(scheme='https', host='hooks.example.com', port=443)
    >>> parse_url("https://2130706433/")
    Traceback (most recent call last):
    alerts.addresses.AddressRefused: webhook host '2130706433' is a number but not an IPv4 ...
    """
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url):
        raise AddressRefused(
            f"webhook URL has {len(url)} characters, or blanks, control or non-ASCII characters or "
            f"a backslash: write at most {MAX_URL} printable ASCII characters, an international "
            f"name as 'xn--...', the rest percent-encoded"
        )
    try:
        parts = urlsplit(url)
        userinfo, host, port = "@" in parts.netloc, parts.hostname or "", parts.port
    except ValueError:
        # The parser's own message quotes what it could not read, which may be a password.
        raise AddressRefused(
            "webhook URL cannot be read: write https://host:port/path with a port in digits"
        ) from None
    if userinfo:
        raise AddressRefused(
            f"webhook host {host!r}: the URL has a user name or password before '@': remove it; "
            f"alerts are authenticated by their signature"
        )
    if parts.scheme not in ("https", "http"):
        raise AddressRefused(
            f"webhook host {host!r}: scheme {parts.scheme!r} is not spoken: write https://"
        )
    if parts.scheme == "http" and not allow_http:
        raise AddressRefused(
            f"webhook host {host!r}: http sends alerts in the clear: "
            f"write https://, or set allow_http = true for this endpoint"
        )
    if parts.fragment:
        raise AddressRefused(f"webhook host {host!r}: the URL has a '#' part: remove it")
    literal = _check_host(host)
    if literal is not None:
        _check_address(host, literal, allowed)
    default, usual = (443, HTTPS_PORTS) if parts.scheme == "https" else (80, HTTP_PORTS)
    port = default if port is None else port
    listed = port in usual or port in allow_ports or any(host == known.host for known in allowed)
    if port == 0 or not listed:
        raise AddressRefused(
            f"webhook host {host!r}: port {port} is not one of {', '.join(map(str, usual))}: "
            f"add it to allow_ports of this endpoint"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses that the operating system finds for ``host``; raises OSError.

    >>> system_resolver("127.0.0.1", 443)
    ['127.0.0.1']
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def permitted_addresses(
    target: Target, allowed: Sequence[Allowed], resolve: Resolver = system_resolver
) -> list[str]:
    """Look ``target``'s host up once; the addresses to connect to, all of them checked.

    One address that is not permitted refuses the whole answer, because a name server that mixes
    public and inner addresses is either broken or hostile. Raises `AddressRefused`, or the
    resolver's OSError.

    >>> permitted_addresses(Target("https", "a.example", 443, "/"), (), lambda *_: ["10.0.0.1"])
    Traceback (most recent call last):
    alerts.addresses.AddressRefused: webhook host 'a.example' has the address 10.0.0.1 (private ...
    """
    addresses = list(resolve(target.host, target.port))
    if not addresses:
        raise OSError(f"webhook host {target.host!r} has no address")
    for text in addresses:
        try:
            address = ip_address(text)
        except ValueError:
            raise AddressRefused(
                f"webhook host {target.host!r}: the resolver answered {text[:64]!r}, "
                f"which is not an address: check the name server"
            ) from None
        _check_address(target.host, address, allowed)
    return addresses


def _check_host(host: str) -> Address | None:
    """Refuse what is neither a plain name nor a canonical address; the address if it is one."""
    if ":" in host:
        try:
            if "%" not in host:
                return IPv6Address(host)
        except ValueError:
            pass
        raise AddressRefused(
            f"webhook host {host!r} is not an IPv6 address without a zone: write for instance "
            f"[2606:4700::1111]"
        )
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(
            f"webhook host {host[:253]!r} is not a host name: "
            f"write it in letters, digits and hyphens, without a dot at its end"
        )
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise AddressRefused(
            f"webhook host {host!r} is a number but not an IPv4 address in four decimal parts: "
            f"write the host's name"
        ) from None


def _check_address(host: str, address: Address, allowed: Sequence[Allowed]) -> None:
    kind = _special_kind(address)
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    if kind is None or (
        not mapped and any(host == known.host and address in known.network for known in allowed)
    ):
        return
    remedy = (
        "give the host its IPv4 address in IPv4 form"
        if mapped
        else f"if this host of the plant is meant, add '{host}={address}' or its network to "
        f"allow_networks of this endpoint"
    )
    raise AddressRefused(
        f"webhook host {host!r} has the address {address} ({kind}), "
        f"but webhooks go to public addresses only: {remedy}"
    )


def _special_kind(address: Address) -> str | None:
    """What keeps an address from being a public one, None for a public one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return "IPv4-mapped"
        if address in _TRANSLATED:
            return _special_kind(IPv4Address(int(address) & 0xFFFFFFFF))
    tests = (
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_unspecified, "unspecified"),
        (address.is_multicast, "multicast"),
        (address.is_private, "private or reserved for documentation"),
        (not address.is_global, "shared or special"),
        (any(address in network for network in _SPECIAL), "special"),
        (address.is_reserved, "reserved"),
        (isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST, "not global unicast"),
    )
    return next((kind for holds, kind in tests if holds), None)
