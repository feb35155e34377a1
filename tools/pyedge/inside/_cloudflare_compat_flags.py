"""The runtime's module of this name: each compatibility flag as an attribute."""
# mypy: disable-error-code="import-not-found"

from _pyedge_host import compatFlag


def __getattr__(name: str) -> bool:
    if name.startswith("__"):
        raise AttributeError(name)
    return bool(compatFlag(name))
