"""Errors in the shapes that Sanity gives them."""

from typing import Any

STATUS_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Payload Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body

    def at(self, index: int) -> "Refused":
        """Return the error of the mutation with this number in a transaction."""
        error = self.body["error"]
        return Refused(self.status, {"error": error | {"items": [item | {"index": index} for item in error["items"]]}})


def api_error(status: int, message: str) -> Refused:
    """Return an error as the API's front has it."""
    name = STATUS_NAMES.get(status, "Error")
    return Refused(status, {"statusCode": status, "error": name, "message": message})


def query_error(description: str, query: str, start: int, end: int) -> Refused:
    """Return the error of a query that cannot be read; the positions are characters of the query."""
    error = {"type": "queryParseError", "description": description, "query": query, "start": start, "end": end}
    return Refused(400, {"error": error})


def mutation_error(status: int, *items: dict[str, Any]) -> Refused:
    """Return the error of a transaction, of which nothing has been done; an item has type, description and more."""
    description = "; ".join(item["description"] for item in items)
    error = {
        "type": "mutationError",
        "description": f"The mutation(s) failed: {description}",
        "items": [{"error": item} for item in items],
    }
    return Refused(status, {"error": error})


def forbidden(permission: str) -> Refused:
    """Return the error of a token that may not do it."""
    description = f'Insufficient permissions; permission "{permission}" required'
    return mutation_error(
        403, {"type": "insufficientPermissionsError", "description": description, "permission": permission}
    )
