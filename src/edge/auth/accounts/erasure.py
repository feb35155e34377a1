"""Erasure: the rows of the kernel's own tables that name a user without a foreign key."""

from collections.abc import Collection, Sequence

from edge.auth.accounts.users import User
from edge.ports import Statement

GONE = "deleted user"
"""Stands for an erased user in rows that stay."""

_LINKS = "DELETE FROM account_links WHERE email = ? COLLATE NOCASE"
_TICKETS = "DELETE FROM tickets WHERE actor = ?"
_IN_TARGET = "instr('/' || target_id || '/', '/' || ?1 || '/') > 0"
_AUDIT = (
    f"UPDATE admin_audit SET actor = CASE actor WHEN ?1 THEN '{GONE}' ELSE actor END, "
    f"target_id = CASE WHEN {_IN_TARGET} THEN '{GONE}' ELSE target_id END, details = '{{}}' "
    f"WHERE actor = ?1 OR {_IN_TARGET} OR instr(details, ?1) > 0"
)


def erasing(user: User, tables: Collection[str]) -> Sequence[Statement]:
    """Return the statements for those of an app's tables that the kernel writes.

    An entry of the audit log stays with its administrator, action and time; its details may quote the user, so they go.
    """
    known = {"account_links": (_LINKS, user.email), "tickets": (_TICKETS, user.id), "admin_audit": (_AUDIT, user.id)}
    return [Statement(sql, (value,)) for name, (sql, value) in known.items() if name in tables]
