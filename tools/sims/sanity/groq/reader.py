"""The parser's position in a query's tokens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sims.sanity.groq.tokens import BadQuery, Token, tokens


@dataclass(slots=True)
class Reader:
    """The tokens, of which those before `at` are read."""

    tokens: list[Token]
    at: int = 0

    @classmethod
    def of(cls, query: str) -> "Reader":
        """Begin with a query."""
        return cls(tokens(query))

    @property
    def next(self) -> Token:
        """The next token; a quoted text is never an operator."""
        return self.tokens[self.at]

    def peek(self, ahead: int) -> Token:
        """Return a token further on, or the end token."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Read a token."""
        token = self.next
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def skip(self, text: str) -> bool:
        """Read this token if it comes next; return whether it did."""
        if self.next.text != text:
            return False
        self.take()
        return True

    def expect(self, text: str) -> None:
        """Read this token, which must come next."""
        if not self.skip(text):
            raise self.wrong(f"expected '{text}'")

    def name(self) -> str:
        """Read a name, which must come next."""
        if self.next.kind != "name":
            raise self.wrong("expected a name")
        return self.take().text

    def touches(self, before: Token, *signs: str) -> bool:
        """Tell whether one of the signs comes next, with no space after the token before."""
        return self.next.text in signs and self.next.start == before.end

    def listed[T](self, end: str, read: Callable[[], T]) -> Iterator[T]:
        """Yield the items between commas, of which a last one may trail, and read the end."""
        while not self.skip(end):
            yield read()
            if not self.skip(","):
                self.expect(end)
                return

    def wrong(self, description: str, token: Token | None = None) -> BadQuery:
        """Return the error for a token, by default the next one."""
        where = token or self.next
        return BadQuery(description, where.start, where.end)
