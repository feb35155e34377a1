"""The router: literal paths in a dict, parameters in a tree by segment, compiled once at import."""

from collections.abc import Collection, Iterator
from typing import Protocol

from edge.errors import MethodNotAllowed, NotFound
from edge.http import percent_decode

ANY = "*"
"""The method of a route that takes every method."""


class Routed(Protocol):
    """A target of the router."""

    @property
    def method(self) -> str:
        """An HTTP method, or `ANY`."""

    @property
    def path(self) -> str:
        """The pattern: literal segments, `{name}` for one segment, `{name:path}` for all that follow."""


class RouteConflict(Exception):
    """Two routes match the same requests with the same precedence, or a pattern is malformed."""


class Node[R]:
    """All routes below one prefix of segments."""

    __slots__ = ("has_choice", "is_alone", "literals", "parameter", "routes", "tail")

    def __init__(self) -> None:
        self.literals: dict[str, Node[R]] = {}
        self.parameter: Node[R] | None = None
        self.tail: Node[R] | None = None
        self.routes: dict[str, R] = {}
        self.is_alone = False
        self.has_choice = False
        """Whether one segment can match in two ways: as a literal, a parameter or a tail."""

    def follow(self, kind: str, text: str) -> "Node[R]":
        """Return the node after one more segment of a pattern, created if missing."""
        node = self._follow(kind, text)
        self.has_choice = [bool(self.literals), self.parameter is not None, self.tail is not None].count(True) > 1
        return node

    def _follow(self, kind: str, text: str) -> "Node[R]":
        if kind == "tail":
            self.tail = self.tail or Node()
            return self.tail
        if kind == "parameter":
            self.parameter = self.parameter or Node()
            return self.parameter
        return self.literals.setdefault(text, Node())


class Router[R: Routed]:
    """Finds the route of a path and method.

    Literal goes before parameter before tail, segment by segment, and the first pattern in that order that has the
    method wins; if none has it, the 405 names the methods of all patterns that match. A pattern
    that is `alone` hides others: its word is no parameter's value. `HEAD` is served by
    `GET`. One trailing slash is ignored. Segments are decoded once, after the split, so `%2F` stays inside its
    segment; a tail is passed on unchanged, still encoded, for proxying.
    """

    def __init__(self, routes: list[R], alone: Collection[str] = ()) -> None:
        self._alone = alone
        self._root: Node[R] = Node()
        self._literal: dict[str, dict[str, R]] = {}
        self._last: dict[str, dict[str, R]] = {}
        """Routes with one parameter as their last segment, by the literal path before it."""
        for route in routes:
            self._add(route)

    def find(self, method: str, path: str) -> tuple[R, tuple[str, ...]]:
        """Return the route and its path parameters; `NotFound`, `MethodNotAllowed`, or `BadEncoding`."""
        routes = self._literal.get(path)
        if routes is not None:
            if (route := _serving(routes, method)) is not None:
                return route, ()
        else:
            before, _, last = path.rpartition("/")
            routes = self._last.get(before)
            if routes is not None and last and "%" not in last and (route := routes.get(method)) is not None:
                return route, (last,)
        if "%" not in path and (direct := self._walk(method, path)) is not None:
            return direct
        allowed: set[str] = set()
        for routes, params in self._candidates(path, _segments(path)):
            if (route := _serving(routes, method)) is not None:
                return route, params
            allowed.update(routes)
        if not allowed:
            raise _nothing_at(path)
        raise MethodNotAllowed(method, _allow(allowed))

    def _walk(self, method: str, path: str) -> tuple[R, tuple[str, ...]] | None:
        """Return the first candidate if it has the method: the best segment by segment, without a way back.

        `NotFound` if there was no other way.
        """
        node = self._root
        had_choice = False
        params: tuple[str, ...] = ()
        rest = path[1:]
        while True:
            segment, _, after = rest.partition("/")
            following = node.literals.get(segment)
            if following is None:
                if segment and node.parameter is not None:
                    following = node.parameter
                    params = (*params, segment)
                elif node.tail is not None and rest.strip("/"):
                    node = node.tail
                    params = (*params, rest)
                    break
                elif had_choice or path[:1] != "/":
                    return None
                else:
                    raise _nothing_at(path)
            had_choice = had_choice or node.has_choice
            node = following
            if not after:
                break
            rest = after
        route = _serving(node.routes, method) if path[:1] == "/" else None
        return None if route is None else (route, params)

    def methods(self, path: str) -> list[str]:
        """Return all methods that the path answers, sorted; an empty list for an unknown path."""
        allowed = {method for routes, _ in self._candidates(path, _segments(path)) for method in routes}
        return _allow(allowed) if allowed else []

    def _candidates(self, path: str, segments: list[str]) -> Iterator[tuple[dict[str, R], tuple[str, ...]]]:
        """Yield the candidates of a path, best first: the last of the pending ones is the best."""
        end = len(segments)
        pending: list[tuple[Node[R], int, tuple[str, ...]]] = [(self._root, 0, ())] if segments else []
        while pending:
            node, depth, params = pending.pop()
            if depth == end:
                if node.routes:
                    yield node.routes, params
                if node.is_alone:
                    return
                continue
            segment = segments[depth]
            if node.tail is not None and any(segments[depth:]):
                pending.append((node.tail, end, (*params, path.split("/", depth + 1)[-1])))
            if node.parameter is not None and segment:
                pending.append((node.parameter, depth + 1, (*params, segment)))
            if (literal := node.literals.get(segment)) is not None:
                pending.append((literal, depth + 1, params))

    def _add(self, route: R) -> None:
        node = self._root
        steps = parse_pattern(route.path)
        for kind, text in steps:
            node = node.follow(kind, text)
        _put(node.routes, route)
        node.is_alone = route.path in self._alone
        kinds = [kind for kind, _ in steps if kind != "literal"]
        if not kinds:
            self._literal[route.path] = node.routes
            self._literal.setdefault(route.path + "/", node.routes)
        elif kinds == ["parameter"] and steps[-1][0] == "parameter":
            self._last[route.path.rpartition("/")[0]] = node.routes


def parse_pattern(pattern: str) -> list[tuple[str, str]]:
    """Return a pattern's segments as (literal, parameter or tail; its text or name); `RouteConflict` if malformed."""
    steps = [parse_step(step, pattern) for step in pattern[1:].split("/")]
    names = [text for kind, text in steps if kind != "literal"]
    if not pattern.startswith("/") or len(names) != len(set(names)) or any(kind == "tail" for kind, _ in steps[:-1]):
        raise RouteConflict(f"{pattern}: a pattern begins with /, names a parameter once, and a tail ends it")
    return steps


def parse_step(step: str, pattern: str) -> tuple[str, str]:
    """Return one segment of a pattern as (literal, parameter or tail; its text or name)."""
    if step.startswith("{") and step.endswith("}"):
        name, _, kind = step[1:-1].partition(":")
        if name.isidentifier() and kind in {"", "path"}:
            return ("tail" if kind else "parameter"), name
    if any(mark in step for mark in "{}%?#") or (step == "" and pattern != "/"):
        raise RouteConflict(f"{pattern}: {step!r} is no literal segment, {{name}} or {{name:path}}")
    return "literal", step


def _put[R: Routed](routes: dict[str, R], route: R) -> None:
    rival = routes.get(route.method)
    if rival is not None:
        raise RouteConflict(f"{route.method} {route.path} and {rival.path} match the same requests")
    routes[route.method] = route


def _segments(path: str) -> list[str]:
    """Return the path's segments, decoded; none for a target that is no path, such as the `*` of OPTIONS."""
    if not path.startswith("/"):
        return []
    segments = path[1:].split("/")
    if segments[-1] == "" and len(segments) > 1:
        segments.pop()
    return [percent_decode(segment) for segment in segments] if "%" in path else segments


def _nothing_at(path: str) -> NotFound:
    return NotFound(f"there is nothing at {path[:200]}")


def _serving[R](routes: dict[str, R], method: str) -> R | None:
    route = routes.get(method)
    if route is None and method == "HEAD":
        route = routes.get("GET")
    return route or (routes.get(ANY) if method != "OPTIONS" else None)


def _allow(methods: set[str]) -> list[str]:
    if ANY in methods:
        methods = (methods - {ANY}) | {"DELETE", "GET", "PATCH", "POST", "PUT"}
    extra = {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return sorted(methods | extra)
