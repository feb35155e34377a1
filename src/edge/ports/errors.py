"""Errors of every port: a service failed or refused, or a limit was exceeded."""


class PortError(Exception):
    """An adapter's service failed or refused; the message says which and why, and holds no bound value.

    If it `is_away` (full, locked, overloaded, unreachable) the same may work later: the caller gets a 503.
    """

    is_away = True


class LimitExceeded(PortError):
    """The call is over a limit of the platform, so it was not made."""

    is_away = False
