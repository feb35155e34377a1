"""The reason why a deployment stops."""


class Refusal(Exception):
    """The deployment stops; the message says why, and what to do."""
