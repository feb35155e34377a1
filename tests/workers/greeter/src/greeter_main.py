"""Greets, by HTTP and by RPC."""
# mypy: disallow-subclassing-any=False

from workers import Response, WorkerEntrypoint


class Greeter(WorkerEntrypoint):
    """A named entrypoint."""

    async def greet(self, name: str) -> str:
        """Return a greeting."""
        return f"hello {name}{self.env.MARK}"


class Default(WorkerEntrypoint):
    """The Worker's own answers."""

    async def fetch(self, _request: object) -> Response:
        """Answer."""
        return Response("greeter")
