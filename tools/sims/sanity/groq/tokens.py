"""A query's tokens."""

import re
from dataclasses import dataclass

_SPACE = re.compile(r"(?:[\t\n\v\f\r \u0085\u00a0]|//[^\n]*(?:\n|$))*")
_TOKEN = re.compile(
    r"""(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<param>\$[A-Za-z_][A-Za-z_0-9]*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>\.\.\.|\.\.|->|=>|::|\*\*|==|!=|<=|>=|&&|\|\||[-+*/%<>=!|&.,:@^(){}[\]])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SINGLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"} | {char: char for char in "\\/\"'"}
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class BadQuery(ValueError):
    """A query that is invalid or not supported by this evaluator; `start` and `end` are positions in it."""

    def __init__(self, description: str, start: int, end: int) -> None:
        super().__init__(description)
        self.description = description
        self.start = start
        self.end = end


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the query; `kind` is number, name, param, text, sign or end."""

    kind: str
    text: str
    start: int
    end: int


def tokens(query: str) -> list[Token]:
    """Cut a query up; the last token is its end."""
    result: list[Token] = []
    at = _after_space(query, 0)
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise BadQuery(f"unexpected character {query[at]!r}", at, at + 1)
        result.append(Token(match.lastgroup or "", match.group(), at, match.end()))
        at = _after_space(query, match.end())
    return [*result, Token("end", "", at, at)]


def literal(token: Token) -> str:
    """Return the value of a quoted text."""

    def unescaped(match: re.Match[str]) -> str:
        code, short, char = match.groups()
        if code or short:
            return chr(int(code or short, 16))
        if char not in _SINGLE:
            raise BadQuery(f"unknown escape sequence \\{char}", token.start, token.end)
        return _SINGLE[char]

    return _PAIR.sub(_joined, _ESCAPE.sub(unescaped, token.text[1:-1]))


def _joined(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")


def _after_space(query: str, at: int) -> int:
    match = _SPACE.match(query, at)
    return match.end() if match else at
