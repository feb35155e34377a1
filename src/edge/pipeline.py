"""The pipeline of a request: the middleware around its answer."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any

from edge.failures import failure_response
from edge.http import Response
from edge.injection import Injector
from edge.request import Request

type Next = Callable[[Request], Awaitable[Response]]
type Middleware = Callable[..., Awaitable[Response] | None]
"""A part of the pipeline around an answer: called with a request, the rest of the pipeline, and any ports that its
signature requests after these two. One that is not async finishes the response: it is called with the request and the
response.
"""


def nested(middleware: Sequence[Middleware], answer: Next, injector: Injector) -> Next:
    """Return the pipeline of a request: the middleware around the answer, the first outermost."""
    pipeline = answer
    finishers: list[Callable[..., Any]] = []
    for layer in reversed(middleware):
        bound: Callable[..., Any] = injector.bind(layer, 2)
        if not iscoroutinefunction(layer):
            finishers.append(bound)
            continue
        pipeline = _guarded(bound, _finished(finishers, pipeline))
        finishers = []
    return _finished(finishers, pipeline)


def _guarded(layer: Callable[[Request, Next], Awaitable[Response]], inner: Next) -> Next:
    """Turn a layer's fault into a response, so that the layers outside it still do their part."""

    async def answer(request: Request) -> Response:
        try:
            return await layer(request, inner)
        except Exception as fault:
            return failure_response(request, fault)

    return answer


def _finished(finishers: Sequence[Callable[[Request, Response], object]], inner: Next) -> Next:
    """Let functions finish each response, one after the other; a fault of one becomes the response."""
    if not finishers:
        return inner

    async def answer(request: Request) -> Response:
        response = await inner(request)
        for finish in finishers:
            try:
                finish(request, response)
            except Exception as fault:
                response = failure_response(request, fault)
        return response

    return answer
