"""Seeded odd input for any app: requests drawn from its OpenAPI document, each with something wrong in it."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.odd_values import BODIES, HEADERS, MEDIA_TYPES, TEXTS, VALUES, Pairs, Raw

from edge.testing import Answer, Client

ROOT = Path(__file__).parents[1]
METHODS = ("get", "post", "put", "patch", "delete")
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
LARGEST = 250_000
"""Most bytes of a refusal: it never repeats a long input in full."""


def written(value: Any) -> str:
    """Return a value as JSON, lone surrogates as escapes."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict | Pairs):
        pairs = value.pairs if isinstance(value, Pairs) else value.items()
        return "{" + ",".join(f"{written(name)}:{written(item)}" for name, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Operation:
    """One of a document's operations: `faults` are the statuses from 500 that it names."""

    method: str
    path: str
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None
    faults: frozenset[int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was drawn."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    operation: Operation

    def __str__(self) -> str:
        """Describe it in a line."""
        return f"{self.method} {self.target[:300]} {[(n, v[:80]) for n, v in self.headers]} {self.body[:400]!r}"


class Document:
    """An app's OpenAPI document, for making requests.

    `examples` holds good values by the names of fields and parameters; one of a path alone has a slash before its name.
    """

    def __init__(
        self, path: str, examples: Mapping[str, Any], without: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self.document = json.loads((ROOT / "openapi" / path).read_text(encoding="utf-8"))
        self.examples = examples
        self.operations = [
            Operation(method.upper(), path, parameters, self._body(item[method]), _faults(item[method]))
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item and (method, path) not in without
            for parameters in [[*map(self.resolved, item.get("parameters", []) + item[method].get("parameters", []))]]
        ]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference."""
        while "$ref" in schema:
            part = self.document
            for name in schema["$ref"].split("/")[1:]:
                part = part[name]
            schema = part
        return schema

    def sample(self, schema: dict[str, Any], draw: random.Random, name: str = "") -> Any:
        """Return a value that fits a schema, more or less."""
        if name in self.examples:
            return self.examples[name]
        schema = self.resolved(schema)
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self.sample(draw.choice(schema[choice]), draw, name)
        if "const" in schema or "enum" in schema:
            return schema.get("const", draw.choice(schema.get("enum", [None])))
        kind = schema.get("type", "string")
        return self._samples[kind if isinstance(kind, str) else kind[0]](self, schema, draw)

    def _object(self, schema: dict[str, Any], draw: random.Random) -> dict[str, Any]:
        members = schema.get("properties", {})
        present = [name for name in members if name in schema.get("required", []) or draw.random() < 0.5]
        return {name: self.sample(members[name], draw, name) for name in present}

    def _array(self, schema: dict[str, Any], draw: random.Random) -> list[Any]:
        return [self.sample(schema.get("items", {}), draw) for _ in range(draw.randint(0, 3))]

    def _number(self, schema: dict[str, Any], draw: random.Random) -> Any:
        least = schema.get("minimum", 0)
        return schema.get("default") or draw.randint(least, max(least, min(schema.get("maximum", 50), 50)))

    def _body(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        content = self.resolved(operation.get("requestBody", {})).get("content", {})
        body: dict[str, Any] | None = content.get("application/json", {}).get("schema") if content else None
        return {} if content and body is None else body

    _samples: Mapping[str, Callable[["Document", dict[str, Any], random.Random], Any]] = {
        "object": _object,
        "array": _array,
        "integer": _number,
        "number": _number,
        "string": lambda _self, schema, draw: (
            schema.get("examples") or [draw.choice(("x", "some text", "2026-01-01"))]
        )[0],
        "boolean": lambda _self, _schema, draw: draw.random() < 0.5,
        "null": lambda _self, _schema, _draw: None,
    }


def _faults(operation: dict[str, Any]) -> frozenset[int]:
    return frozenset(int(status) for status in operation["responses"] if status.isdigit() and int(status) > 500)


def mutated(value: Any, draw: random.Random) -> Any:
    """Return a JSON value with something wrong in one of its places."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice([*value])
        change = draw.random()
        pairs = [*value.items()]
        if change < 0.65:
            return value | {name: mutated(value[name], draw)}
        if change < 0.75:
            return {other: item for other, item in pairs if other != name}
        if change < 0.85:
            return Pairs([*pairs, (name, odd(draw))])
        return value | {draw.choice(TEXTS): odd(draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    if isinstance(value, int) and draw.random() < 0.4:
        return draw.choice((Raw(f"{value}.0"), Raw(f"{-value}.0"), Raw("1.0"), Raw("0.0"), -1, 10**30, str(value)))
    return draw.choice((odd(draw), [value], {"a": value}, [value] * 120, odd(draw), odd(draw)))


def odd(draw: random.Random) -> Any:
    """Return a value that hardly any field takes."""
    return draw.choice(TEXTS) if draw.random() < 0.45 else draw.choice(VALUES)


@dataclass(slots=True)
class Storm:
    """Requests without an end, the same for the same seed."""

    document: Document
    seed: int
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def __iter__(self) -> Iterator[Sent]:
        while True:
            yield self._sent(self.draw.choice(self.document.operations))

    def _sent(self, operation: Operation) -> Sent:
        draw = self.draw
        wrong = self._place(operation)
        method = operation.method
        headers = list[tuple[str, str]]()
        if wrong == "method":
            method = draw.choice(("HEAD", "OPTIONS", "TRACE", "PATCH", "DELETE", "get", "X-ODD"))
        body = b""
        if operation.body is not None or draw.random() < 0.1:
            body, headers = self._body(operation.body or {}, wrong == "body")
        if wrong == "header" or draw.random() < 0.1:
            headers += [(draw.choice(HEADERS), self._header()) for _ in range(draw.randint(1, 3))]
        target = self._path(operation, wrong == "path")
        query = "&".join(self._query(operation, wrong == "query"))
        return Sent(method, f"{target}?{query}" if query else target, headers, body, operation)

    def _place(self, operation: Operation) -> str:
        """Return the part of a request to be made wrong: most often one that it has."""
        places = ["header", *self.draw.sample(("method", "path", "query", "body"), 1)]
        places += ["path"] * 3 * operation.path.count("{") + ["body"] * 8 * (operation.body is not None)
        places += ["query"] * 4 * any(parameter["in"] == "query" for parameter in operation.parameters)
        return self.draw.choice(places)

    def _path(self, operation: Operation, is_wrong: bool) -> str:
        path = operation.path
        names = [part.partition("}")[0] for part in path.split("{")[1:]]
        bad = self.draw.choice(names) if names and is_wrong else None
        for name in names:
            good = quote(str(self.document.examples.get(f"/{name}", self.document.examples.get(name, "x"))), safe="")
            path = path.replace(f"{{{name}}}", self._coded() if name == bad else good)
        return path + (self._coded() if is_wrong and not names else "")

    def _query(self, operation: Operation, is_wrong: bool) -> Iterator[str]:
        for parameter in operation.parameters:
            if parameter["in"] == "query" and self.draw.random() < 0.5:
                if is_wrong and self.draw.random() < 0.6:
                    yield f"{parameter['name']}={self._coded()}"
                else:
                    sample = self.document.sample(parameter.get("schema", {}), self.draw, parameter["name"])
                    yield f"{parameter['name']}={quote(str(sample))}"
        if is_wrong:
            yield from (f"{self._coded()}={self._coded()}" for _ in range(self.draw.choice((0, 1, 1, 3, 60))))

    def _coded(self) -> str:
        """Return an odd text encoded for a URL."""
        text = self.draw.choice(TEXTS)[:1_200]
        return text if text.startswith("%") else quote(text.encode(errors="surrogatepass"), safe="")

    def _header(self) -> str:
        text = self.draw.choice([*TEXTS, *MEDIA_TYPES, "*/*;q=" + "9" * 50, "a=b," * 3_000, "bytes=0-", "items=1-2"])
        return "".join(mark for mark in text if mark.isprintable() and mark < "\ud800").strip()

    def _body(self, schema: dict[str, Any], is_wrong: bool) -> tuple[bytes, list[tuple[str, str]]]:
        value = self.document.sample(schema, self.draw)
        media_type = "application/json"
        if is_wrong:
            if self.draw.random() < 0.15:
                media_type = self.draw.choice(MEDIA_TYPES)
            if self.draw.random() < 0.15:
                return self.draw.choice(BODIES), [("content-type", media_type)]
            for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
                value = mutated(value, self.draw)
        return written(value).encode(errors="surrogatepass"), [("content-type", media_type)]


type Sign = Callable[[Sent], list[tuple[str, str]]]
"""Returns the headers that a request needs beside its own, such as a signature of its body."""


def complaint(sent: Sent, answer: Answer) -> str | None:
    """Return the fault of an answer, None if the document names the answer or it is a refusal."""
    status = answer.status
    if status == 501 and sent.method not in KNOWN_METHODS:  # workerd's own answer: no Worker is asked
        return None
    if status >= 500 and status not in sent.operation.faults:
        return f"status {status}: {answer.text[:300]}"
    if status < 400 or sent.method == "HEAD":
        return None
    if len(answer.body) > LARGEST:
        return f"a refusal of {len(answer.body)} bytes"
    if answer.header("content-type") == "application/problem+json" and answer.json()["status"] != status:
        return f"status {status} says {answer.text[:300]}"
    if status == 503 and answer.json().get("type") in {"urn:problem:service-away", "urn:problem:overloaded"}:
        return f"nothing was away: {answer.text[:300]}"
    return None


async def weather(client: Client, storm: Storm, count: int, sign: Sign = lambda _: []) -> list[str]:
    """Send so many requests of a storm, and return the faults of the answers."""
    faults = []
    seen = set[int]()
    for number, sent in zip(range(count), storm, strict=False):
        headers = [*sign(sent), *sent.headers]
        answer = await client.request(sent.method, sent.target, headers=headers, body=sent.body)
        seen.add(answer.status)
        if fault := complaint(sent, answer):
            faults.append(f"seed {storm.seed}, number {number}: {sent}\n  {fault}")
    assert {200, 400, 422} <= seen, "some are answered, and others are refused"
    return faults
