"""Proxies whose `X-Forwarded-For` is trusted to name the client.

`Forwarded` (RFC 7239) is not read: a proxy that writes one of the two headers passes the other on unchanged.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from edge.http import Headers

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

UNIX = "unix"
"""Stands in the list for every peer that connects through a Unix socket."""
MOST_HOPS = 16
"""Most proxies in a row that are skipped."""


class TrustedProxies:
    """The addresses and networks of trusted proxies; by default there are none, and every peer is the client."""

    def __init__(self, networks: tuple[Network, ...] = (), *, unix: bool = False) -> None:
        self._networks = networks
        self._has_unix = unix

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the proxies of a list such as `127.0.0.1, 10.0.0.0/8, ::1, unix`; ValueError names a wrong one."""
        names = [name for name in map(str.strip, text.split(",")) if name]
        return cls(tuple(_network(name) for name in names if name != UNIX), unix=UNIX in names)

    def client(self, peer: str, headers: Headers) -> str:
        """Return the client of a peer's request: the last address before the trusted proxies, or the peer itself.

        `peer` is empty on a Unix socket. An invalid entry ends the search at the proxy that passed it on.
        """
        if not self.trusts(peer):
            return plain(peer)
        nearest = plain(peer)
        for hop in reversed((headers.get("x-forwarded-for") or "").rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
            address = _forwarded(hop)
            if address is None:
                return nearest
            nearest = address
            if not self.trusts(address):
                break
        return nearest

    def trusts(self, peer: str) -> bool:
        """Return whether an address, or a Unix socket's empty one, is a trusted proxy's."""
        if not peer:
            return self._has_unix
        return bool(self._networks) and _is_in(peer, self._networks)


def plain(address: str) -> str:
    """Return an address in the form for comparisons: IPv4 in IPv6 as IPv4, other IPv6 in its short form."""
    if ":" not in address:
        return address
    parsed = _parse(address)
    return address if parsed is None else str(parsed)


def _network(name: str) -> Network:
    network = ip_network(name)
    if network.prefixlen == 0:
        raise ValueError(f"{name} would trust everybody")
    if isinstance(network, IPv6Network) and (mapped := network.network_address.ipv4_mapped):
        return ip_network((int(mapped), max(0, network.prefixlen - 96)))
    return network


def _forwarded(hop: str) -> str | None:
    """Return the address of an entry, which may have a port: `1.2.3.4:5`, `[::1]:5`; None if it is invalid."""
    text = hop.strip()
    if text.startswith("["):
        text, end, _ = text[1:].partition("]")
        if not end:
            return None
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    parsed = _parse(text)
    return None if parsed is None else str(parsed)


@lru_cache(maxsize=4096)
def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
