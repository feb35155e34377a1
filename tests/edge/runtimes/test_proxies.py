"""The address of a client: its own, or the one that trusted proxies report; never the client's own claim."""

import asyncio
from pathlib import Path

import pytest
from tests.edge.runtimes.running import Running, lay_out, running
from tests.edge.runtimes.serving import OTHER, UPGRADE, Hasty, serving, until
from tests.edge.runtimes.tiny import app

from edge.auth.limits import network
from edge.runtimes.local.bounds import Bounds, Budget
from edge.runtimes.local.proxies import MOST_HOPS, TrustedProxies, plain
from edge.runtimes.local.runtime import LocalRuntime, StartError
from edge.testing import HeaderTable

LIST = "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, ::ffff:192.0.2.0/120, unix"


class Unhurried(Hasty):
    """Waits for bodies for longer than a test takes."""

    body_patience = 60.0


def client(peer: str, forwarded: str | None, proxies: str = LIST) -> str:
    headers = HeaderTable([] if forwarded is None else [("x-forwarded-for", forwarded)])
    return TrustedProxies.parse(proxies).client(peer, headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.7, 10.1.2.3 ,10.9.9.9", "203.0.113.7"),
        ("127.0.0.1", "10.1.2.3, 10.9.9.9", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("127.0.0.1", "[2001:db9::5]:4711", "2001:db9::5"),
        ("127.0.0.1", "[2001:db9::5]", "2001:db9::5"),
        ("127.0.0.1", "2001:DB9:0::5", "2001:db9::5"),
        ("127.0.0.1", "203.0.113.7, 2001:db8::1", "203.0.113.7"),
        ("127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, ::ffff:10.0.0.1", "203.0.113.7"),
        ("::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("192.0.2.77", "203.0.113.7", "203.0.113.7"),
        ("", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("", None, ""),
    ],
)
def test_client_is_the_last_address_before_the_trusted_proxies(peer: str, forwarded: str | None, expected: str) -> None:
    assert client(peer, forwarded) == expected


@pytest.mark.parametrize("peer", ["127.0.0.2", "11.0.0.1", "::1", "2001:db9::1", "192.0.3.1", "::ffff:11.0.0.1"])
def test_stranger_is_believed_nothing(peer: str) -> None:
    assert client(peer, "203.0.113.7") == plain(peer)
    assert client(peer, "127.0.0.1") == plain(peer)


def test_without_proxies_nobody_is_believed() -> None:
    assert [client(peer, "203.0.113.7", "") for peer in ("127.0.0.1", "::1", "")] == ["127.0.0.1", "::1", ""]
    assert client("", "203.0.113.7", "127.0.0.1") == "", "a Unix socket is trusted by its own name alone"


@pytest.mark.parametrize(
    "forwarded",
    [
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.7.8",
        "1e3",
        "[2001:db9::5",
        "a:b:c",
        "<script>",
        "203.0.113.7;x",
        "٢",
    ],
)
def test_invalid_entry_ends_the_search_at_its_sender(forwarded: str) -> None:
    assert client("127.0.0.1", f"6.6.6.6, {forwarded}, 10.1.2.3") == "10.1.2.3"


def test_long_list_costs_a_few_steps() -> None:
    assert client("127.0.0.1", ",".join(["10.0.0.1"] * 10_000)) == "10.0.0.1"
    assert client("127.0.0.1", "6.6.6.6," + ",".join(["10.0.0.2"] * MOST_HOPS)) == "10.0.0.2"


@pytest.mark.parametrize(
    "text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0", "*", "127.0.0.1 10.0.0.0/8", "127.0.0.1;"]
)
def test_invalid_list_is_refused_at_start_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartError, match="TRUSTED_PROXIES: ") as raised:
        LocalRuntime.open(app, tmp_path, {"TRUSTED_PROXIES": text})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", " ", ",", "127.0.0.1", " 127.0.0.1 ,, ::1, unix "])
def test_list_may_be_empty_and_have_blanks(tmp_path: Path, text: str) -> None:
    asyncio.run(LocalRuntime.open(app, tmp_path, {"TRUSTED_PROXIES": text}).stop())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_subscriber_is_an_ipv4_address_or_half_an_ipv6_one(address: str, expected: str) -> None:
    assert network(address) == expected


def test_proxy_that_is_trusted_has_many_clients_and_each_its_share() -> None:
    head = b"host: a\r\nconnection: close\r\nx-forwarded-for: %s\r\n\r\n"
    bounds = Bounds()
    bounds.bodies = Budget(10, 3)

    async def main() -> None:
        async with serving(bounds, TrustedProxies.parse("127.0.0.1"), Unhurried) as served:
            ask = b"GET /client HTTP/1.1\r\n" + head
            assert (await served.ask(ask % b"203.0.113.7")).body == b'"203.0.113.7"'
            twice = b"6.6.6.6\r\nx-forwarded-for: 203.0.113.8, 127.0.0.1"
            assert (await served.ask(ask % twice)).body == b'"203.0.113.8"'
            assert (await served.ask(ask % b"203.0.113.7", OTHER)).body == b'"127.0.0.2"'
            waiting = b"POST /size HTTP/1.1\r\ncontent-length: 10\r\n" + head
            for _ in range(3):
                await served.open(waiting % b"203.0.113.7")
            await until(lambda: served.bounds.bodies.used == 3)
            assert (await served.ask(waiting % b"203.0.113.7")).status == 503
            other = await served.open(waiting % b"203.0.113.9")
            other.writer.write(b"0123456789")
            assert (await other.reply()).status == 200
            forwarded = b"x-forwarded-for: 203.0.113.7\r\n"
            line = await served.open(b"GET /ws HTTP/1.1\r\n" + forwarded + UPGRADE)
            await line.until(b"\r\n\r\n")
            line.writer.write(b"\x81\x82\0\0\0\0hi")
            assert await line.until(b"203.0.113.7") == b"\x81\x0ehi 203.0.113.7"

    asyncio.run(main())


@pytest.mark.parametrize(("trusted", "expected"), [("unix", b'"203.0.113.7"'), ("127.0.0.1", b'""'), ("", b'""')])
def test_proxy_on_a_unix_socket_is_trusted_by_name(tmp_path: Path, trusted: str, expected: bytes) -> None:
    proxies = TrustedProxies.parse(trusted) if trusted else None

    async def main() -> bytes:
        async with serving(proxies=proxies, path=str(tmp_path / "s")) as served:
            head = b"GET /client HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncf-connecting-ip: 6.6.6.6\r\n"
            line = await served.open_local(head + b"x-forwarded-for: 203.0.113.7\r\n\r\n")
            return (await line.reply()).body

    assert asyncio.run(main()) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("trusted", "expected"), [("127.0.0.1", b"203.0.113.7"), ("", b"127.0.0.1")])
def test_setting_names_the_proxies_and_no_other_header_is_believed(
    tmp_path: Path, trusted: str, expected: bytes
) -> None:
    lay_out(tmp_path)
    (tmp_path / ".dev.vars").write_text(f"TRUSTED_PROXIES={trusted}\n")
    spoofed = ["cf-connecting-ip", "x-real-ip", "true-client-ip", "forwarded", "x-client-ip"]
    headers = "".join(f"{name}: {'for=' * (name == 'forwarded')}6.6.6.6\r\n" for name in spoofed)
    with running(tmp_path) as server:
        head = f"GET /client HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-forwarded-for: 203.0.113.7\r\n{headers}\r\n"
        assert body(server, head) == expected


def body(server: Running, request: str) -> bytes:
    return server.ask(request.encode()).partition(b"\r\n\r\n")[2]
