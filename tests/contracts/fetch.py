"""The contract of every `Fetch`, against the server of `origin.py`; `origin` is its URL without a slash at the end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.contracts.expected import refused

from edge.ports import Fetch, FetchError, FetchTimeout

type Case = Callable[[Fetch, str], Awaitable[None]]


async def echoed(fetch: Fetch, origin: str, target: str, **sent: Any) -> Any:
    """Return the request as the origin received it."""
    response = await fetch(sent.pop("method", "GET"), origin + target, **sent)
    assert response.status == 200
    return json.loads(response.body)


async def a_response_comes_whole(fetch: Fetch, origin: str) -> None:
    response = await fetch("GET", f"{origin}/plain")
    assert (response.status, response.body) == (418, b"short and stout")
    assert response.header("x-kind") == "Teapot"
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]


async def the_url_goes_as_it_is_encoded(fetch: Fetch, origin: str) -> None:
    target = "/echo/a%2Fb%20c;d=%7E/?q=a%2Bb&r=%C3%BC&s=1+2&empty="
    assert (await echoed(fetch, origin, target))["target"] == target


async def method_headers_and_body_arrive(fetch: Fetch, origin: str) -> None:
    body = bytes(range(256)) * 8
    headers = [("x-one", "1"), ("authorization", "Bearer key"), ("content-type", "application/octet-stream")]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        seen = await echoed(fetch, origin, "/echo", method=method, headers=headers, body=body)
        assert (seen["method"], seen["size"]) == (method, len(body))
        assert all(seen["headers"].get(name) == value for name, value in headers)


async def every_byte_passes_both_ways(fetch: Fetch, origin: str) -> None:
    for body in (bytes(range(256)), b"\0", b"\xef\xbb\xbf\xff", bytes(range(256)) * 4096):
        assert (await fetch("POST", f"{origin}/mirror", body=body)).body == body
    assert (await fetch("GET", f"{origin}/mirror")).body == b""


async def a_header_given_twice_arrives_twice_or_joined(fetch: Fetch, origin: str) -> None:
    seen = await echoed(fetch, origin, "/echo", headers=[("x-two", "1"), ("x-other", "a,b"), ("x-two", "2, 3")])
    assert (seen["headers"]["x-two"], seen["headers"]["x-other"]) == ("1, 2, 3", "a,b")
    response = await fetch("GET", f"{origin}/twice")
    assert response.header("x-two") == "1, 2"
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1, 2", "b=2"]


async def text_beyond_ascii_in_a_header_is_utf_8(fetch: Fetch, origin: str) -> None:
    seen = await echoed(fetch, origin, "/echo", headers=[("x-odd", "Ünï 🚗")])
    assert seen["headers"]["x-odd"] == "Ünï 🚗"
    assert (await fetch("GET", f"{origin}/odd")).header("x-odd") == "Ünï 🚗"


async def a_header_with_a_line_break_is_refused(fetch: Fetch, origin: str) -> None:
    for pair in (
        ("x-a", "1\r\nx-b: 2"),
        ("x-a", "1\n2"),
        ("x-a", "nul\0"),
        ("x-a\r\nx-b", "1"),
        ("", "1"),
        ("x a", "1"),
    ):
        await refused(FetchError, fetch("GET", f"{origin}/echo", headers=[pair]))


async def a_large_body_arrives(fetch: Fetch, origin: str) -> None:
    assert (await echoed(fetch, origin, "/echo", method="POST", body=bytes(2_000_000)))["size"] == 2_000_000


async def no_header_but_the_needed_is_added(fetch: Fetch, origin: str) -> None:
    headers = (await echoed(fetch, origin, "/echo"))["headers"]
    assert not {"cookie", "referer", "content-type", "authorization"} & headers.keys()


async def a_redirect_is_an_answer(fetch: Fetch, origin: str) -> None:
    response = await fetch("GET", f"{origin}/redirect")
    assert (response.status, response.header("location")) == (302, "/echo")


async def cookies_are_not_kept(fetch: Fetch, origin: str) -> None:
    await fetch("GET", f"{origin}/plain")
    assert "cookie" not in (await echoed(fetch, origin, "/echo"))["headers"]


async def a_packed_body_is_unpacked(fetch: Fetch, origin: str) -> None:
    response = await fetch("GET", f"{origin}/gzip", headers=[("accept-encoding", "gzip")])
    assert response.body == b"unpacked" * 100
    assert response.header("content-encoding") is None
    assert response.header("content-length") in {None, "800"}


async def a_head_has_no_body(fetch: Fetch, origin: str) -> None:
    assert (await fetch("HEAD", f"{origin}/plain")).body == b""


async def a_broken_response_is_an_error(fetch: Fetch, origin: str) -> None:
    for path in ("/cut-off", "/cut-off-chunked", "/no-http", "/hang-up"):
        await refused(FetchError, fetch("GET", origin + path))


async def the_deadline_is_over_all_of_it(fetch: Fetch, origin: str) -> None:
    for path in ("/never", "/never-ends"):
        await refused(FetchTimeout, fetch("GET", origin + path, timeout=0.2))


async def an_error_hides_the_url(fetch: Fetch, origin: str) -> None:
    target = f"{origin.replace('://', '://hunter1:hunter2@')}/hang-up/hunter3?key=hunter4"
    assert "hunter" not in await refused(FetchError, fetch("GET", target))


async def only_http_is_fetched(fetch: Fetch, _: str) -> None:
    for url in (
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "/path",
        "http://",
        "",
        "http://127.0.0.1:99999/",
        "http://[/",
    ):
        await refused(FetchError, fetch("GET", url))


async def a_closed_port_is_an_error(fetch: Fetch, _: str) -> None:
    await refused(FetchError, fetch("GET", "http://127.0.0.1:1/"))


async def requests_run_beside_each_other(fetch: Fetch, origin: str) -> None:
    seen = await asyncio.gather(*(echoed(fetch, origin, f"/echo/{number}") for number in range(5)))
    assert [request["target"] for request in seen] == [f"/echo/{number}" for number in range(5)]


CASES: list[Case] = [
    a_response_comes_whole,
    the_url_goes_as_it_is_encoded,
    method_headers_and_body_arrive,
    every_byte_passes_both_ways,
    a_header_given_twice_arrives_twice_or_joined,
    text_beyond_ascii_in_a_header_is_utf_8,
    a_header_with_a_line_break_is_refused,
    a_large_body_arrives,
    no_header_but_the_needed_is_added,
    a_redirect_is_an_answer,
    cookies_are_not_kept,
    a_packed_body_is_unpacked,
    a_head_has_no_body,
    a_broken_response_is_an_error,
    the_deadline_is_over_all_of_it,
    an_error_hides_the_url,
    only_http_is_fetched,
    a_closed_port_is_an_error,
    requests_run_beside_each_other,
]
