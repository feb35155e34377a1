"""Facts about a part of a query that need no document."""

from sims.sanity.groq import nodes
from sims.sanity.groq.conditions import OPERATORS, Operation, Signed
from sims.sanity.groq.nodes import Node
from sims.sanity.groq.traversal import THIS
from sims.sanity.groq.values import Value

_BASED = nodes.Each | nodes.Projection | nodes.Dereference | nodes.Slice | nodes.Filter
_CARRIES_A_NAME = _BASED | nodes.Element | nodes.Elements | nodes.Order
_ARITHMETIC = {"+", "-", "*", "/", "%", "**"}


def name_of(node: Node) -> str | None:
    """Return the default name of an object's member, for a query that names none."""
    while isinstance(node, _CARRIES_A_NAME | nodes.Group):
        node = node.inside if isinstance(node, nodes.Group) else node.base
    return node.name if isinstance(node, nodes.Attribute) and node.base is THIS else None


def constant(node: Node) -> Value:
    """Return the value of literals, signs and arithmetic, None for other expressions."""
    if isinstance(node, nodes.Literal):
        return node.value
    if isinstance(node, nodes.Group):
        return constant(node.inside)
    if isinstance(node, Signed):
        return OPERATORS["*"](constant(node.base), node.factor)
    if isinstance(node, Operation) and node.sign in _ARITHMETIC:
        return OPERATORS[node.sign](constant(node.left), constant(node.right))
    return None
