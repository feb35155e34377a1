"""Tables of accounts, as an app declares them, and the retention rules for them.

`make migration PART=accounts APP=…` writes their migration. `users` may get further columns by a migration of the app.
"""

from datetime import timedelta

from edge.access import READER
from edge.data import MEMBER, Table
from edge.data.retention import Rule

USERS = Table("users", read=READER, own={MEMBER: "id = :caller"})
"""A user sees its own row; an app that shows more of it declares the table itself, never with writes for members."""
PRIVATE = tuple(
    Table(name, private=True) for name in ("user_passwords", "refresh_tokens", "account_links", "auth_attempts")
)
"""Tables that no handler's database has."""

RULES = (
    Rule("refresh_tokens", "expires_at", timedelta(days=30)),
    Rule("refresh_tokens", "ended_at", timedelta(days=30)),
    Rule("account_links", "expires_at", timedelta(days=1)),
    Rule("auth_attempts", "seen_at", timedelta(days=2), is_epoch=True),
)
"""Rules for an app's retention: sessions that are over, expired links, old attempts."""
