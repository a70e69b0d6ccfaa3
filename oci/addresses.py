"""Addresses on the network: a URL taken apart, and which addresses a user's URL may not lead to."""

import ipaddress
import re
import socket
from contextlib import suppress
from typing import NamedTuple, Self
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}

# Where clouds answer a machine's questions about itself, its credentials among them, beside 169.254.0.0/16.
_METADATA = {
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
}
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_BROADCAST = ipaddress.ip_address("255.255.255.255")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LAST_32_BITS = 0xFFFFFFFF
_NUMERIC = re.compile(r"[0-9A-Fa-fxX.]+")


class Origin(NamedTuple):
    """Who answers: scheme, host in lower case (an IPv6 address without brackets) and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """ValueError unless it is an http or https URL with a host and without a user."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("not an http or https URL with a host and without a user")
        if not url.isprintable() or " " in url or "\\" in parts.netloc:
            raise ValueError("not a URL: it has a space or a control character")
        return cls(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def is_forbidden(address: str) -> bool:
    """Whether an IP address is this machine's own, its link's or a cloud's for questions about itself, whatever it is
    written as; or reaches more than one machine. A company's private networks (RFC 1918, RFC 4193) are not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(_is_forbidden(each) for each in (ip, *_within(ip)))


def _within(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    embedded = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    low = int(ip) & _LAST_32_BITS
    if ip in _NAT64 or int(ip) == low:  # the latter: "IPv4-compatible", of old
        embedded.append(ipaddress.IPv4Address(low))
    return [each for each in embedded if each is not None]


def _is_forbidden(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if ip in _METADATA or ip == _BROADCAST or ip in _THIS_NETWORK:
        return True
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast


def as_literal(host: str) -> str | None:
    """The IP address that a URL's host is written as, in whatever way (127.1, 0x7f000001); None for a name."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host.partition("%")[0]))
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host)) if _NUMERIC.fullmatch(host) else None
    return None


def is_own_name(host: str) -> bool:
    """Whether a name means the machine that looks it up (RFC 6761, 6.3), or its cloud's metadata, wherever that is."""
    name = host.lower().rstrip(".")
    return name in {"localhost", "metadata.google.internal"} or name.endswith(".localhost")
