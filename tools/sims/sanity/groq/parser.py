"""The parser: recursive descent, a method for each of GROQ's precedences."""

from collections.abc import Callable, Mapping
from functools import partial

from sims.sanity.groq import nodes
from sims.sanity.groq.conditions import Call, Contains, Logic, Not, Operation, Select, Signed, Within
from sims.sanity.groq.functions import FUNCTIONS
from sims.sanity.groq.nodes import Node, Object
from sims.sanity.groq.reader import Reader
from sims.sanity.groq.static import constant, name_of
from sims.sanity.groq.tokens import Token, literal
from sims.sanity.groq.traversal import THIS, Step, traverse
from sims.sanity.groq.values import Value, number

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in", "match"}
_CONSTANTS: dict[str, Value] = {"null": None, "true": True, "false": False}
_RANGES = {"..", "..."}


def parse(query: str, params: Mapping[str, Value]) -> Node:
    """Parse a query with its parameters; raise `BadQuery` if it is invalid or not supported."""
    reader = Reader.of(query)
    try:
        node = _Parser(reader, params).expression()
    except RecursionError:
        raise reader.wrong("the query is nested too deeply") from None
    if reader.next.kind != "end":
        raise reader.wrong("unable to parse entire query")
    return node


class _Parser:
    def __init__(self, reader: Reader, params: Mapping[str, Value]) -> None:
        self.reader = reader
        self.params = params

    def expression(self) -> Node:
        node = self._and()
        while self.reader.skip("||"):
            node = Logic(node, self._and(), decides=True)
        return node

    def _and(self) -> Node:
        node = self._comparison()
        while self.reader.skip("&&"):
            node = Logic(node, self._comparison(), decides=False)
        return node

    def _comparison(self) -> Node:
        node = self._sum()
        if self.reader.next.text not in _COMPARISONS:
            return node
        sign = self.reader.take().text
        if sign == "in":
            return self._among(node)
        return Operation(sign, node, self._sum())

    def _among(self, node: Node) -> Node:
        start = self.reader.at
        grouped = self.reader.skip("(")
        low = self._sum()
        if self.reader.next.text in _RANGES:
            with_end = self.reader.take().text == ".."
            within = Within(node, low, self._sum(), with_end)
            if grouped:
                self.reader.expect(")")
            return within
        self.reader.at = start
        return Contains(node, self._sum())

    def _sum(self) -> Node:
        node = self._product()
        while self.reader.next.text in {"+", "-"}:
            node = Operation(self.reader.take().text, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._power()
        while self.reader.next.text in {"*", "/", "%"}:
            node = Operation(self.reader.take().text, node, self._power())
        return node

    def _power(self) -> Node:
        node = self._signed()
        return Operation("**", node, self._power()) if self.reader.skip("**") else node

    def _signed(self) -> Node:
        if self.reader.skip("-"):
            return Signed(self._power(), -1)
        if self.reader.skip("!"):
            return Not(self._signed())
        return Signed(self._signed(), 1) if self.reader.skip("+") else self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        steps: list[Step] = []
        while True:
            step = self._step()
            if step is not None:
                steps.append(step)
                continue
            node, steps = traverse(node, steps) if steps else node, []
            if not self.reader.skip("|"):
                return node
            node = self._piped(node)

    def _step(self) -> Step | None:
        sign = self.reader.next.text
        if sign in {"{", "|"} and self.reader.peek(sign == "|").text == "{":
            self.reader.skip("|")
            return Step("projection", shape=self._object())
        steps: dict[str, Callable[[], Step]] = {"[": self._bracket, ".": self._member, "->": self._dereference}
        if self.reader.next.kind != "sign" or sign not in steps:
            return None
        self.reader.take()
        return steps[sign]()

    def _member(self) -> Step:
        return Step("plain", partial(nodes.Attribute, name=self.reader.name()))

    def _dereference(self) -> Step:
        if self.reader.next.kind != "name":
            return Step("plain", nodes.Dereference)
        name = self.reader.name()
        return Step("plain", lambda base: nodes.Attribute(nodes.Dereference(base), name))

    def _bracket(self) -> Step:
        if self.reader.skip("]"):
            return Step("array", nodes.Elements)
        first = self.reader.next
        inside = self.expression()
        if self.reader.next.text in _RANGES:
            return self._slice(inside, first)
        self.reader.expect("]")
        value = constant(inside)
        if isinstance(value, str):
            return Step("plain", partial(nodes.Attribute, name=value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Step("element", partial(nodes.Element, index=value))
        return Step("array", partial(nodes.Filter, test=inside))

    def _slice(self, inside: Node, first: Token) -> Step:
        with_end = self.reader.take().text == ".."
        start = constant(inside)
        end = constant(self.expression())
        self.reader.expect("]")
        if type(start) is not int or type(end) is not int:
            raise self.reader.wrong("slicing must use constant numbers", first)
        return Step("array", partial(nodes.Slice, start=start, end=end, with_end=with_end))

    def _piped(self, base: Node) -> Node:
        name = self.reader.next
        if name.text != "order":
            raise self.reader.wrong(f"undefined pipe function: {name.text}", name)
        self.reader.take()
        self.reader.expect("(")
        keys = [*self.reader.listed(")", self._key)]
        if not keys:
            raise self.reader.wrong("order() needs an argument", name)
        return nodes.Order(base, keys)

    def _key(self) -> tuple[Node, bool]:
        node = self.expression()
        way = self.reader.next.text
        if way not in {"asc", "desc"}:
            return node, False
        if isinstance(node, Logic):
            raise self.reader.wrong(f"unexpected {way}: it binds closer than && and ||")
        self.reader.take()
        return node, way == "desc"

    def _primary(self) -> Node:
        token = self.reader.next
        by_kind = {"number": self._number, "text": self._text, "param": self._param, "name": self._named}
        by_sign = {"(": self._group, "{": self._object, "[": self._array, "*": self._all, "@": self._this}
        read: Callable[[], Node] | None = by_kind.get(token.kind) or {**by_sign, "^": self._above}.get(token.text)
        if read is None:
            raise self.reader.wrong("expected an expression")
        return read()

    def _number(self) -> Node:
        text = self.reader.take().text
        return nodes.Literal(int(text) if text.isdigit() else number(float(text)))

    def _text(self) -> Node:
        return nodes.Literal(literal(self.reader.take()))

    def _param(self) -> Node:
        token = self.reader.take()
        if token.text[1:] not in self.params:
            raise self.reader.wrong(f"param {token.text} referenced, but not provided", token)
        return nodes.Literal(self.params[token.text[1:]])

    def _group(self) -> Node:
        self.reader.take()
        inside = self.expression()
        self.reader.expect(")")
        return nodes.Group(inside)

    def _all(self) -> Node:
        self.reader.take()
        return nodes.Everything()

    def _this(self) -> Node:
        self.reader.take()
        return nodes.Above()

    def _above(self) -> Node:
        self.reader.take()
        levels = 1
        while self.reader.next.text == "." and self.reader.peek(1).text == "^":
            self.reader.at += 2
            levels += 1
        return nodes.Above(levels)

    def _named(self) -> Node:
        name = self.reader.take()
        if self.reader.touches(name, "(", "::"):
            return self._call(name)
        return nodes.Literal(_CONSTANTS[name.text]) if name.text in _CONSTANTS else nodes.Attribute(THIS, name.text)

    def _call(self, first: Token) -> Node:
        name = first.text
        if self.reader.skip("::"):
            name += "::" + self.reader.name()
        self.reader.expect("(")
        if name == "select":
            return self._select()
        if name not in FUNCTIONS:
            raise self.reader.wrong(f"undefined function: {name}", first)
        arguments = [*self.reader.listed(")", self.expression)]
        signature = FUNCTIONS[name]
        if not signature.least <= len(arguments) <= signature.most:
            raise self.reader.wrong(f"incorrect number of arguments to function {name}()", first)
        return Call(signature.call, arguments)

    def _select(self) -> Node:
        choices: list[tuple[Node, Node]] = []
        otherwise: Node | None = None
        for condition, value in self.reader.listed(")", self._choice):
            if otherwise is not None:
                raise self.reader.wrong("unexpected argument to select()")
            if value is None:
                otherwise = condition
            else:
                choices.append((condition, value))
        return Select(choices, otherwise)

    def _choice(self) -> tuple[Node, Node | None]:
        condition = self.expression()
        return condition, self.expression() if self.reader.skip("=>") else None

    def _array(self) -> Node:
        self.reader.take()
        return nodes.Array([*self.reader.listed("]", self._spread)])

    def _spread(self) -> tuple[Node, bool]:
        spread = self.reader.skip("...")
        return self.expression(), spread

    def _object(self) -> Object:
        self.reader.expect("{")
        return Object([*self.reader.listed("}", self._pair)])

    def _pair(self) -> nodes.Member:
        first = self.reader.next
        if self.reader.skip("..."):
            return nodes.Member(THIS if self.reader.next.text in {",", "}"} else self.expression())
        if first.kind == "text" and self.reader.peek(1).text == ":":
            self.reader.at += 2
            return nodes.Member(self.expression(), literal(first))
        node = self.expression()
        if self.reader.skip("=>"):
            return nodes.Member(self.expression(), condition=node)
        name = name_of(node)
        if name is None:
            raise self.reader.wrong("cannot determine property key of this expression", first)
        return nodes.Member(node, name)
