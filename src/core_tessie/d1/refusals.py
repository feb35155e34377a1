"""Problems of `/d1`: PostgREST's code, message, details and hint beside RFC 9457's members."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from pydantic_core import from_json, to_json

from edge import Problem, Request, Response
from edge.errors import Fault, bounded
from edge.ports import CheckViolation, DatabaseError, ForeignKeyViolation, UniqueViolation

CODES = {
    400: "PGRST100",
    401: "PGRST302",
    403: "42501",
    404: "PGRST125",
    405: "PGRST117",
    413: "54000",
    415: "PGRST102",
    422: "PGRST102",
    500: "XX000",
    503: "PGRST001",
    504: "PGRST003",
}
"""PostgREST's codes of problems that are not of this resource's own, by status; for others its form of a status."""


class Refusal(Problem):
    """The request is not one that this table can answer."""

    title = "The request is not one that this table can answer"
    status = 400
    code: ClassVar[str] = "PGRST100"

    def __init__(self, message: str, *, details: str | None = None, hint: str | None = None, **extra: object) -> None:
        super().__init__(message)
        self.extra = {"code": self.code, "message": message, "details": details, "hint": hint} | extra


class MalformedQuery(Refusal):
    """The query string is malformed."""

    title = "The query string is malformed"


class Unsupported(Refusal):
    """This part of PostgREST's dialect is not supported."""

    title = "This part of PostgREST's dialect is not supported"
    code = "PGRST127"


class UnknownColumn(Refusal):
    """There is no such column."""

    title = "There is no such column"
    code = "42703"

    def __init__(self, table: str, name: str, columns: Iterable[str]) -> None:
        super().__init__(f"{quoted(name)} is no column of {table}", hint=f"the columns are {', '.join(columns)}")


class InvalidValue(Refusal):
    """A value does not fit its column."""

    title = "A value does not fit its column"
    code = "22P02"

    def __init__(self, name: str, text: str, expected: str) -> None:
        super().__init__(f"{name}: {quoted(text)} is not {expected}")


class PatternTooLong(Refusal):
    """The pattern is too long."""

    title = "The pattern is too long"
    code = "54000"


class QueryTooLarge(Refusal):
    """The database takes no query or row of this size."""

    title = "The database takes no query or row of this size"
    code = "54000"


class MissingFilter(Refusal):
    """A change of many rows needs a filter."""

    title = "A change of many rows needs a filter"
    code = "21000"


class CellFault(NamedTuple):
    """A fault in a body: PostgREST's code, a JSON pointer to it, and its description."""

    code: str
    pointer: str
    detail: str


class InvalidRow(Refusal):
    """A row of the body cannot be stored."""

    title = "A row of the body cannot be stored"

    def __init__(self, faults: Sequence[CellFault]) -> None:
        errors = bounded([Fault(pointer=fault.pointer, detail=fault.detail) for fault in faults])
        message = f"{errors[0]['pointer'] or 'the body'}: {errors[0]['detail']}"
        super().__init__(message, code=faults[0].code, errors=errors)


class UnknownTable(Refusal):
    """There is no such table."""

    title = "There is no such table"
    status = 404
    code = "PGRST205"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no table {quoted(name)}", hint="GET /d1 lists the tables")


class RowNotFound(Refusal):
    """There is no such row."""

    title = "There is no such row"
    status = 404
    code = "PGRST116"

    def __init__(self, table: str, row_id: str) -> None:
        super().__init__(f"{table} has no row {quoted(row_id)}", details="The result contains 0 rows")


class TableForbidden(Refusal):
    """This table is not for this caller."""

    title = "This table is not for this caller"
    status = 403
    code = "42501"


class NotAcceptable(Refusal):
    """None of the forms asked for can be served."""

    title = "None of the forms asked for can be served"
    status = 406
    code = "PGRST107"


class UnknownSchema(Refusal):
    """There is no such schema."""

    title = "There is no such schema"
    status = 406
    code = "PGRST106"


class DuplicateRow(Refusal):
    """A row with this key exists."""

    title = "A row with this key exists"
    status = 409
    code = "23505"


class MissingReference(Refusal):
    """A row refers to one that does not exist."""

    title = "A row refers to one that does not exist"
    status = 409
    code = "23503"


class StillReferenced(Refusal):
    """Other rows refer to this one."""

    title = "Other rows refer to this one"
    status = 409
    code = "23503"


class UnnaturalId(Refusal):
    """The id is not the one that this row has by its nature."""

    title = "The id is not the one that this row has by its nature"
    status = 400
    code = "23514"


def conflict(fault: DatabaseError, *, removing: bool = False) -> Problem | None:
    """Return the problem for a violated constraint, or None for any other error."""
    if isinstance(fault, UniqueViolation) and fault.columns:
        return DuplicateRow(f"a row with this {', '.join(fault.columns)} exists")
    if isinstance(fault, CheckViolation) and fault.constraint == "natural_id":
        hint = "leave id out, and leave the columns that it is made of as they are"
        return UnnaturalId("the id is made of the vehicle's VIN and what tells the row apart", hint=hint)
    if isinstance(fault, ForeignKeyViolation):
        if removing:
            return StillReferenced("rows of other tables refer to it", hint="remove those first")
        return MissingReference("a column refers to a row that does not exist", hint="GET /d1 names the references")
    return None


def quoted(text: str) -> str:
    """Return the caller's text, cut and escaped, for use in a message."""
    return repr(text if len(text) <= 80 else text[:79] + "…")


def translate_problem(_request: Request, response: Response) -> Response:
    """Add PostgREST's members to a problem that does not have them: its clients raise their errors by these."""
    if isinstance(response.body, bytes):
        problem: dict[str, Any] = from_json(response.body)
        code = CODES.get(response.status, f"PT{response.status}")
        members = {"code": code, "message": problem.get("detail") or problem["title"], "details": None, "hint": None}
        response.body = to_json({**problem, **{name: problem.get(name, value) for name, value in members.items()}})
    return response
