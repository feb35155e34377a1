"""Errors of every port: a service failed or refused, or a limit was met."""


class PortError(Exception):
    """An adapter's service failed or refused; the message says which and why, and holds no value that was bound.

    Where it `is_away` (full, locked, overloaded, not to be reached) the same may work later: a caller is answered 503.
    """

    is_away = True


class LimitExceeded(PortError):
    """The call is over a limit of the platform, so it was not made."""

    is_away = False
