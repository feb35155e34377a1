"""Answers for failures: problems as responses, and faults of ours as one line in the log and a 500."""

import traceback

from pydantic_core import to_json

from edge.context import Ports
from edge.errors import (
    PROBLEM_JSON,
    Forbidden,
    InternalError,
    NotConfigured,
    Problem,
    ServiceAway,
    StorageConflict,
    UnstorableValue,
)
from edge.events import Frame
from edge.http import FixedHeaders, Response
from edge.ports import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    OutOfScope,
    PortError,
    UniqueViolation,
)
from edge.request import Request

_PROBLEM = (FixedHeaders([("content-type", PROBLEM_JSON)]),)


def problem_response(problem: Problem, request: Request) -> Response:
    """Return a problem as the response to a request."""
    try:
        body = to_json(problem.document(request.path, request.id))
    except ValueError:  # a member is not JSON, such as a lone surrogate: keep the standard ones
        body = to_json({"type": problem.type, "title": problem.title, "status": problem.status})
    return Response(body, problem.status, list(problem.headers), _PROBLEM)


def failure_response(request: Request, fault: Exception) -> Response:
    """Return the response to a failed request; log faults that its caller did not cause."""
    if isinstance(fault, Problem):
        return problem_response(fault, request)
    if isinstance(fault, PortError) and fault.is_away:
        request.ports.log(
            "error", "a service is unavailable", request_id=request.id, route=request.route, error=str(fault)
        )
        return problem_response(ServiceAway(wait=5), request)
    if isinstance(fault, DatabaseError) and (refused := storage_problem(fault, request.ports, request.id)):
        return problem_response(refused, request)
    request.ports.log("error", "unhandled", request_id=request.id, route=request.route, error=trace_of(fault))
    return problem_response(InternalError(), request)


def storage_problem(fault: DatabaseError, ports: Ports, request_id: str) -> Problem | None:
    """Return the problem for a row that the database refused, without a value; None for any other error."""
    columns = ", ".join(fault.columns) if isinstance(fault, ConstraintViolation) else ""
    problem: Problem
    match fault:
        case OutOfScope():
            problem = Forbidden("a row is outside what this caller may write")
        case UniqueViolation():
            problem = StorageConflict(f"a row with this {columns or 'key'} exists")
        case ForeignKeyViolation():
            problem = StorageConflict("a referenced row does not exist, or other rows refer to this one")
        case NotNullViolation():
            problem = UnstorableValue(f"{columns or 'a column'} needs a value")
        case CheckViolation():
            rule = fault.constraint if (fault.constraint or "").isidentifier() else columns
            problem = UnstorableValue(f"{rule or 'a column'} does not take this value")
        case _:
            return None
    ports.log("warning", "row refused", request_id=request_id, error=str(fault))
    return problem


def frame_problem(frame: Frame, ports: Ports, fault: Exception, path: str) -> Problem:
    """Log a fault that the sender did not cause, and return the problem for the answer."""
    if isinstance(fault, DatabaseError) and (refused := storage_problem(fault, ports, frame.request_id)):
        return refused
    if isinstance(fault, PortError) and fault.is_away:
        ports.log("error", "a service is unavailable", request_id=frame.request_id, route=path, error=str(fault))
        return ServiceAway(wait=5)
    ports.log("error", "frame failed", request_id=frame.request_id, error=trace_of(fault))
    return InternalError()


def report_missing(fault: NotConfigured, ports: Ports, where: str) -> None:
    """Log a setting that is missing or invalid, once for all events with these settings."""
    name = str(fault.extra.get("setting"))
    if ports.is_first_report(name):
        ports.log("error", "a setting is missing", where=where, setting=name, error=fault.detail)


def trace_of(fault: BaseException) -> str:
    """Return a fault with its traceback, as text for the log."""
    return "".join(traceback.format_exception(fault))
