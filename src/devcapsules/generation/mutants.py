"""Mutants: copies of a solution with one fault each, to measure whether tests detect faults."""

import re
from collections.abc import Iterator

MOST = 8
"""Most mutants of one solution that are run."""

_TEXTS = r"""\"{3}.*?\"{3}|\'{3}.*?\'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
_REST = (
    r"|(?P<mark>===|!==|==|!=|<=|>=|=>|->|&&|\|\||\*\*|//|\+=|-=|\*=|\+\+|--|[-+*/%<>])"
    r"|(?P<number>\b\d+\b)|(?P<word>\b[A-Za-z_]\w*\b)"
)
_PYTHON = re.compile(rf"(?P<skip>\#[^\n]*|{_TEXTS}){_REST}", re.DOTALL)
_JAVASCRIPT = re.compile(rf"(?P<skip>//[^\n]*|/\*.*?\*/|{_TEXTS}){_REST}", re.DOTALL)
_MARKS = {
    "===": ("!==",),
    "!==": ("===",),
    "==": ("!=",),
    "!=": ("==",),
    "<=": (">", "<"),
    ">=": ("<", ">"),
    "<": (">=", "<="),
    ">": ("<=", ">="),
    "&&": ("||",),
    "||": ("&&",),
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
    "/": ("*",),
    "//": ("*",),
    "%": ("*",),
    "**": ("*",),
    "+=": ("-=",),
    "-=": ("+=",),
    "*=": ("+=",),
    "++": ("--",),
    "--": ("++",),
}
"""Replacements of operators: a comparison is negated, and its bound is moved."""
_WORDS = {
    "and": "or",
    "or": "and",
    "True": "False",
    "False": "True",
    "true": "false",
    "false": "true",
    "not": "",
    "min": "max",
    "max": "min",
    "all": "any",
    "any": "all",
    "every": "some",
    "some": "every",
    "break": "continue",
}


def mutants(source: str, language: str, most: int = MOST) -> list[str]:
    """Return at most `most` mutants, spread over the source; each differs from it in one token."""
    changed = [*dict.fromkeys(_each(source, _PYTHON if language == "python" else _JAVASCRIPT))]
    if len(changed) <= most:
        return changed
    return [changed[place * len(changed) // most] for place in range(most)]


def _each(source: str, tokens: re.Pattern[str]) -> Iterator[str]:
    for token in tokens.finditer(source):
        kind, text = token.lastgroup, token[0]
        if _is_declaration(source, token.start()):
            continue
        for other in _others(kind or "", text, tokens is _PYTHON):
            yield source[: token.start()] + other + source[token.end() :]


def _others(kind: str, text: str, is_python: bool) -> tuple[str, ...]:
    """Return the replacements of a token."""
    if kind == "mark":
        return _MARKS.get(text, ())
    if kind == "number":
        return (str(int(text) + 1),) if len(text) < 10 else ()
    if text == "return":
        return ("return None and",) if is_python else ("return null &&",)
    return (_WORDS[text],) if kind == "word" and text in _WORDS else ()


def _is_declaration(source: str, place: int) -> bool:
    """Tell whether a position is in a function's signature or an import, as mutants there test no logic."""
    line = source[source.rfind("\n", 0, place) + 1 : place].lstrip()
    return line.startswith(("def ", "function ", "export function ", "import ", "from ", "interface ", "type "))
