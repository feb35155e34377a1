"""Traversals: the composition of the steps after an expression, such as `[]->name`.

A step takes and gives either an array or anything ("plain"). When an array meets a step for plain values, the rest of
the traversal is applied to each of its elements; GROQ's specification calls this the composition of traversals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sims.sanity.groq.nodes import Above, Array, Each, Everything, Node, Object, Order, Projection

THIS = Above()


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `array` makes an array of an array, `element` something of an array, `plain` something of one thing.

    A projection has its `shape`, and fits both.
    """

    kind: Literal["array", "element", "plain", "projection"]
    make: Callable[[Node], Node] = lambda node: node
    shape: Object | None = None


def traverse(base: Node, steps: Sequence[Step]) -> Node:
    """Return the node for a base with the steps after it."""
    is_array = isinstance(base, Everything | Array | Order)
    return _joined(base, [Step("array"), *steps] if is_array else steps)


def _joined(base: Node, steps: Sequence[Step]) -> Node:
    if not steps:
        return base
    step = steps[0]
    rest = steps[1:]
    if step.shape is not None:
        if _takes_array(rest):
            return _joined(Each(base, Projection(THIS, step.shape)), rest)
        return _joined(Projection(base, step.shape), rest)
    joined = step.make(base)
    if step.kind != "array" or not rest or _takes_array(rest):
        return _joined(joined, rest)
    return Each(joined, _joined(THIS, rest), flat=_gives_array(rest))


def _takes_array(steps: Sequence[Step]) -> bool:
    kind = next((step.kind for step in steps if step.kind != "projection"), "plain")
    return kind in {"array", "element"}


def _gives_array(steps: Sequence[Step]) -> bool:
    return any(step.kind == "array" and not _takes_array(steps[at:]) for at, step in enumerate(steps, start=1))
