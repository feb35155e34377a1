"""SQLite's messages as typed errors: the only place that reads them."""

import re

from edge.ports import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    OutOfScope,
    UniqueViolation,
)

type Violation = type[ConstraintViolation]

_KINDS: dict[str, Violation] = {
    "UNIQUE constraint": UniqueViolation,
    "FOREIGN KEY constraint": ForeignKeyViolation,
    "NOT NULL constraint": NotNullViolation,
    "CHECK constraint": CheckViolation,
    "cannot store": CheckViolation,
    "datatype mismatch": CheckViolation,
}
_VIOLATED = re.compile(
    r"((?:UNIQUE|FOREIGN KEY|NOT NULL|CHECK) constraint) failed(?:: .*)?"
    r"|(cannot store) \w+ value in \w+ column .*|(datatype mismatch)",
    re.S,
)
_COLUMNS = re.compile(r"\w+\.\w+(?:, \w+\.\w+)*")
_NAMED = re.compile(r"(?:index )?'(.*)'", re.S)
_OUTSIDE = re.compile(r"(?:JSON path error near|bad JSON path:) 'out_of_scope\((\w+)\)'")


def database_error(message: str) -> DatabaseError:
    """Return the error that a message stands for."""
    if violated := _VIOLATED.fullmatch(message):
        return violation(_KINDS[violated[1] or violated[2] or violated[3]], message)
    outside = _OUTSIDE.fullmatch(message)
    return OutOfScope(outside[1]) if outside else DatabaseError(message)


def violation(kind: Violation, message: str) -> ConstraintViolation:
    """Return a violation with the table and columns, or the constraint, that its message names."""
    subject = message.partition(" failed: ")[2]
    if message.startswith("cannot store"):
        subject = message.rpartition(" column ")[2]
    elif kind is CheckViolation:
        return kind(message, constraint=subject or None)
    if _COLUMNS.fullmatch(subject):
        names = [name.split(".") for name in subject.split(", ")]
        return kind(message, names[0][0], tuple(column for _, column in names))
    index = _NAMED.fullmatch(subject)
    return kind(message, constraint=(index[1] if index else subject) or None)
