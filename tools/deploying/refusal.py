"""The reason why a deployment stops."""


class Refusal(Exception):
    """The deployment stops; the message gives the reason, and the remedy."""
