"""The router, by itself against a naive model, and through the app."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.access import PUBLIC
from edge.errors import BadEncoding, MethodNotAllowed, NotFound
from edge.http import Response
from edge.request import Request
from edge.routes import Routes
from edge.routing import ANY, RouteConflict, Router
from edge.testing import Client

type Serve = Callable[..., Client]


class Pattern(NamedTuple):
    method: str
    path: str


def router(*declared: str) -> Router[Pattern]:
    return Router([Pattern(*line.split(" ")) for line in declared])


def match_text(match: tuple[Pattern, tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    return f"{match[0].method} {match[0].path}", match[1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/drives/best", "GET /drives/best"),
        ("/drives/7", "GET /drives/{id}"),
        ("/drives/7/path", "GET /drives/{id}/path"),
        ("/drives/best/path", "GET /drives/{id}/path"),
        ("/drives/best/of/all", "GET /drives/{rest:path}"),
        ("/drives/7/other", "GET /drives/{rest:path}"),
        ("/other", "GET /{rest:path}"),
    ],
)
def test_literal_goes_before_parameter_before_tail_and_a_dead_end_goes_back(path: str, expected: str) -> None:
    table = router(
        "GET /{rest:path}",
        "GET /drives/{rest:path}",
        "GET /drives/{id}",
        "GET /drives/{id}/path",
        "GET /drives/best",
        "GET /drives/best/x",
    )
    assert match_text(table.find("GET", path))[0] == expected


def test_a_pattern_with_the_method_is_found_behind_better_patterns_without_it() -> None:
    table = router("GET /a/b", "PUT /a/{x}", "DELETE /a/{rest:path}")
    assert match_text(table.find("PUT", "/a/b")) == ("PUT /a/{x}", ("b",))
    assert match_text(table.find("DELETE", "/a/b")) == ("DELETE /a/{rest:path}", ("b",))


@pytest.mark.parametrize("path", ["/a/b", "/a/b/", "/a/%62"])
def test_a_wrong_method_gets_the_methods_of_every_matching_pattern(path: str) -> None:
    table = router("GET /a/b", "PUT /a/{x}", "DELETE /a/{rest:path}", "PATCH /other")
    with pytest.raises(MethodNotAllowed) as refused:
        table.find("POST", path)
    assert refused.value.headers == [("allow", "DELETE, GET, HEAD, OPTIONS, PUT")]
    assert table.methods(path) == ["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]


@pytest.mark.parametrize("path", ["/b", "/a", "/a/b/c/d", "/a/b/", "/a//c", "//", "", "*"])
def test_path_without_another_way_is_not_found(path: str) -> None:
    table = router("GET /a/b/c", "GET /a/{x}/y/z")
    assert table.methods(path) == []
    with pytest.raises(NotFound):
        table.find("GET", path)


def test_last_parameter_is_found_beside_all_other_patterns() -> None:
    table = router("GET /a/{x}", "PUT /a/b", "GET /a/{rest:path}", "GET /a/c/d", "DELETE /a/{x}", "GET /{y}/c")
    found = {path: match_text(table.find("GET", path)) for path in ("/a/z", "/a/b", "/a/c", "/a/z/", "/a/%7A", "/q/c")}
    assert found == {
        "/a/z": ("GET /a/{x}", ("z",)),
        "/a/b": ("GET /a/{x}", ("b",)),
        "/a/c": ("GET /a/{x}", ("c",)),
        "/a/z/": ("GET /a/{x}", ("z",)),
        "/a/%7A": ("GET /a/{x}", ("z",)),
        "/q/c": ("GET /{y}/c", ("q",)),
    }
    assert match_text(table.find("HEAD", "/a/z")) == ("GET /a/{x}", ("z",))
    assert match_text(table.find("DELETE", "/a/b")) == ("DELETE /a/{x}", ("b",))
    with pytest.raises(MethodNotAllowed):
        table.find("POST", "/a/z")


def test_any_serves_methods_without_their_own_route_but_not_options() -> None:
    table = router("* /mirror/{rest:path}", "GET /mirror/list")
    assert match_text(table.find("GET", "/mirror/list"))[0] == "GET /mirror/list"
    assert match_text(table.find("HEAD", "/mirror/list"))[0] == "GET /mirror/list"
    assert match_text(table.find("PROPFIND", "/mirror/list"))[0] == "* /mirror/{rest:path}"
    assert table.methods("/mirror/x") == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    with pytest.raises(MethodNotAllowed):
        table.find("OPTIONS", "/mirror/list")


@pytest.mark.parametrize(
    "declared",
    [
        ("GET /a", "GET /a"),
        ("GET /a/{x}", "GET /a/{y}"),
        ("GET /{a}/b", "GET /{b}/b"),
        ("GET /a/{x:path}", "GET /a/{y:path}"),
        ("* /a", "* /a"),
    ],
)
def test_two_routes_for_the_same_requests_are_an_error_at_import(declared: tuple[str, ...]) -> None:
    with pytest.raises(RouteConflict, match="match the same requests"):
        router(*declared)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a",
        "*",
        "//",
        "/a/",
        "/a//b",
        "/{",
        "/}",
        "/{}",
        "/{1}",
        "/{a-b}",
        "/{a}b",
        "/a{b}",
        "/{a:int}",
        "/{a:path}/b",
        "/{{a}}",
        "/{a}/{a}",
        "/{a}/{a:path}",
        "/a?b",
        "/a#b",
        "/a%20b",
    ],
)
def test_a_malformed_pattern_is_an_error_at_import(pattern: str) -> None:
    with pytest.raises(RouteConflict):
        Router([Pattern("GET", pattern)])


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/x/a%2Fb", ("a/b",)),
        ("/x/a%2fb/", ("a/b",)),
        ("/x/%252F", ("%2F",)),
        ("/x/%2E%2E", ("..",)),
        ("/x/..", ("..",)),
        ("/x/a+b", ("a+b",)),
        ("/x/%C3%A4", ("ä",)),
        ("/x/ä", ("ä",)),
        ("/x/%00", ("\0",)),
        ("/%78/1", ("1",)),
    ],
)
def test_a_segment_is_decoded_once_after_the_split(path: str, params: tuple[str, ...]) -> None:
    assert router("GET /x/{id}").find("GET", path)[1] == params


def test_a_literal_of_other_letters_is_found_encoded_and_plain() -> None:
    table = router("GET /straße/{id}")
    assert match_text(table.find("GET", "/stra%C3%9Fe/1")) == match_text(table.find("GET", "/straße/1"))


@pytest.mark.parametrize(
    ("path", "tail"),
    [
        ("/m/a", "a"),
        ("/m/a/", "a/"),
        ("/m/a%2Fb%20c", "a%2Fb%20c"),
        ("/m/a//b", "a//b"),
        ("/m//a", "/a"),
        ("/m/../a", "../a"),
        ("/%6D/a", "a"),
    ],
)
def test_a_tail_is_handed_over_as_it_came(path: str, tail: str) -> None:
    assert router("GET /m/{rest:path}").find("GET", path)[1] == (tail,)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "a",
        "xa",
        "//a",
        "/a//",
        "/a//b",
        "/a/b//",
        "/A",
        "/./a",
        "/a/..",
        "/x/../a",
        "/m",
        "/m/",
        "/m//",
        "/a;b",
    ],
)
def test_an_undeclared_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        router("GET /a", "GET /a/b", "GET /p/{x}/q", "GET /m/{rest:path}").find("GET", path)


def test_an_empty_segment_is_no_parameter() -> None:
    with pytest.raises(NotFound):
        router("GET /p/{x}/q").find("GET", "/p//q")


@pytest.mark.parametrize("path", ["/%", "/%2", "/%zz", "/a/%ff", "/%C3", "/%ED%A0%80", "/m/%e4"])
def test_wrong_escapes_are_refused(path: str) -> None:
    with pytest.raises(BadEncoding):
        router("GET /a", "GET /m/{rest:path}").find("GET", path)


def test_very_deep_and_very_long_paths_end_soon() -> None:
    table = router("GET /{a}/{b}/c", "GET /{a}/{rest:path}")
    deep = "/x" * 100_000
    assert table.find("GET", deep)[1] == ("x", deep[3:])
    assert table.find("GET", "/x/" + "y" * 1_000_000)[1] == ("x", "y" * 1_000_000)
    with pytest.raises(NotFound):
        router("GET /{a}/{b}").find("GET", deep)


KINDS = {"{x}": 1, "{t:path}": 2}


def naive_params(pattern: str, path: str) -> tuple[str, ...] | None:
    """Match one pattern by the rules as they are written, or None."""
    raw = path[1:].split("/")
    steps = raw[:-1] if len(raw) > 1 and raw[-1] == "" else raw
    params: list[str] = []
    expected = pattern[1:].split("/")
    for position, step in enumerate(expected):
        if step == "{t:path}":
            return (*params, "/".join(raw[position:])) if any(steps[position:]) else None
        if position >= len(steps):
            return None
        segment = unquote(steps[position])
        if step == "{x}" and segment:
            params.append(segment)
        elif step != segment:
            return None
    return tuple(params) if len(steps) == len(expected) else None


def naive_find(patterns: list[Pattern], method: str, path: str) -> tuple[str, tuple[str, ...]] | list[str]:
    """Return the first match in order of precedence, or the methods of all that match."""
    ranked = sorted(patterns, key=lambda route: [KINDS.get(step, 0) for step in route.path.split("/")])
    matches = [(route, params) for route in ranked if (params := naive_params(route.path, path)) is not None]
    for shape in dict.fromkeys(route.path for route, _ in matches):
        here = {route.method: (route, params) for route, params in matches if route.path == shape}
        fallback = here.get("GET") if method == "HEAD" else None
        hit = here.get(method) or fallback or here.get(ANY)
        if hit:
            return f"{hit[0].method} {hit[0].path}", hit[1]
    return sorted({route.method for route, _ in matches})


STEPS = st.lists(st.sampled_from(["a", "b", "a/b", "{x}"]), max_size=3)
PATTERNS = st.builds(
    lambda method, steps, tail: Pattern(method, "/" + "/".join([*steps, *tail])),
    st.sampled_from(["GET", "PUT", "HEAD", ANY]),
    STEPS,
    st.sampled_from([[], ["{t:path}"]]),
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "", "%61", "a%2Fb", "%252F", ".."]), max_size=4).map(
    lambda segments: "/" + "/".join(segments)
)


def distinct(patterns: list[Pattern]) -> list[Pattern]:
    """Parameters get a name by position, so that a pattern may have two of them."""
    return [
        Pattern(
            pattern_.method, "/".join(f"{{x{n}}}" if s == "{x}" else s for n, s in enumerate(pattern_.path.split("/")))
        )
        for pattern_ in patterns
    ]


def compiled(patterns: list[Pattern], method: str, path: str) -> tuple[Pattern, tuple[str, ...]] | set[str]:
    """Return the router's match, or the methods that it allows."""
    table = Router(distinct(patterns))
    try:
        return table.find(method, path)
    except (NotFound, MethodNotAllowed):
        return set(table.methods(path))


@settings(deadline=None)
@given(st.lists(PATTERNS, unique=True), st.sampled_from(["GET", "PUT", "HEAD", "POST"]), PATHS)
def test_the_compiled_router_agrees_with_a_naive_one(patterns: list[Pattern], method: str, path: str) -> None:
    expected = naive_find(patterns, method, path)
    found_methods = {*expected, "OPTIONS"} | ({"HEAD"} if "GET" in expected else set())
    match = compiled(patterns, method, path)
    if isinstance(expected, list):
        assert match == (found_methods if expected else set())
    else:
        assert match == (distinct([Pattern(*expected[0].split(" "))])[0], expected[1])


def words() -> Routes:
    routes = Routes("/words", tag="words", access=PUBLIC)

    @routes.get()
    async def list_words() -> list[str]:
        """List words."""
        return ["one"]

    @routes.get("/{word}")
    async def get_word(word: str) -> str:
        """Get one word."""
        return word

    @routes.put("/{word}")
    async def put_word(word: str) -> None:
        """Put one word."""

    @routes.any("/raw/{rest:path}")
    async def mirror(rest: str, request: Request) -> Response:
        """Return the request's method and path."""
        return Response.text(f"{request.method} {rest}")

    return routes


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/words", 200),
        ("GET", "/words/", 200),
        ("GET", "/words?x=1", 200),
        ("GET", "/words/a%2Fb", 200),
        ("HEAD", "/words", 200),
        ("HEAD", "/words/a", 200),
        ("OPTIONS", "/words", 204),
        ("OPTIONS", "/words/raw/x", 204),
        ("OPTIONS", "/unknown", 404),
        ("OPTIONS", "*", 404),
        ("POST", "/words", 405),
        ("PROPFIND", "/words", 405),
        ("get", "/words", 405),
        ("", "/words", 405),
        ("PROPFIND", "/words/raw/x", 200),
        ("get", "/words/raw/x", 200),
        ("", "/words/raw/x", 200),
        ("\ud800", "/words", 405),
        ("GET", "/\ud800", 404),
        ("GET", "/words/\ud800", 500),
        ("GET", "//", 404),
        ("GET", "", 404),
        ("GET", "/words/../words", 404),
        ("GET", "/words/%", 400),
        ("GET", "/" + "x" * 100_000, 414),
        ("GET", "/words" + "/x" * 50_000, 414),
        ("GET", "/words" + "/x" * 8_000, 404),
    ],
)
def test_every_method_and_path_is_answered(serve: Serve, method: str, target: str, status: int) -> None:
    answer = asyncio.run(serve(words()).request(method, target))
    assert answer.status == status
    if status >= 400:
        assert answer.json()["status"] == status


def test_options_names_the_methods_of_the_path(serve: Serve) -> None:
    answer = asyncio.run(serve(words()).request("OPTIONS", "/words/a"))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("allow") == "GET, HEAD, OPTIONS, PUT"


def test_head_is_get_without_the_body(serve: Serve) -> None:
    client = serve(words())
    get = asyncio.run(client.get("/words"))
    head = asyncio.run(client.request("HEAD", "/words"))
    assert head.body == b""
    assert sorted(head.headers) == sorted([*get.headers, ("content-length", str(len(get.body)))])


@pytest.mark.parametrize(
    ("target", "length"), [("/sized", ["999"]), ("/empty", []), ("/page", ["4"]), ("/nowhere", None)]
)
def test_head_has_one_length_at_most(serve: Serve, target: str, length: list[str] | None) -> None:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/sized")
    async def sized() -> Response:
        return Response(b"", headers=[("content-length", "999")])

    @routes.get("/empty")
    async def empty() -> None:
        pass

    answer = asyncio.run(serve(routes, files={"/page": "page"}).request("HEAD", target))
    sent = [value for name, value in answer.headers if name == "content-length"]
    assert answer.body == b""
    assert len(sent) == 1 if length is None else sent == length


def test_head_of_a_stream_closes_the_stream(serve: Serve) -> None:
    routes = Routes(tag="t", access=PUBLIC)
    closed = []

    class Stream:
        def __aiter__(self) -> "Stream":
            return self

        async def __anext__(self) -> bytes:
            return b"x"

        async def aclose(self) -> None:
            closed.append(True)

    @routes.get("/stream")
    async def stream() -> Response:
        return Response(Stream())

    answer = asyncio.run(serve(routes).request("HEAD", "/stream"))
    assert (answer.status, answer.body, answer.header("content-length"), closed) == (200, b"", None, [True])


def test_a_static_file_is_served_if_no_route_matches(serve: Serve) -> None:
    client = serve(words(), files={"/": "home", "/words": "never"})
    assert asyncio.run(client.get("/")).text == "home"
    assert asyncio.run(client.get("/", headers=[("if-none-match", '"1"')])).status == 304
    assert asyncio.run(client.get("/words")).json() == ["one"]
