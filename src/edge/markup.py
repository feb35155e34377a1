"""HTML and SVG that is escaped by construction: text becomes markup only as a child of an element."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"img", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


type Child = str | Markup | Iterable[Markup] | None


def el(tag: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Return an element. Attribute `stroke_width` is written stroke-width, `class_` class; None omits it."""
    written = "".join(f' {_name(key)}="{_text(value)}"' for key, value in attributes.items() if value is not None)
    inner = "" if tag in _VOID else f"{''.join(map(_inner, children))}</{tag}>"
    return Markup(f"<{tag}{written}>{inner}")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def _inner(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    return escape(child) if isinstance(child, str) else "".join(child)
