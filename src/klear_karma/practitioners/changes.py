"""Changes of a verified profile's public text: it stays verified, and administrators are shown what was verified.

Doctolib and Airbnb do the same: they verify a person, publish edits at once, and look at them afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge import Statement
from edge.auth.audit import audit_statement

FIELDS = ("name", "headline", "bio", "specializations", "languages", "city", "country", "photo_id")
_FLAG = "UPDATE practitioners SET changed_at = ?1, updated_at = ?1 WHERE id = ?2"

type Rows = Sequence[Mapping[str, Any]]


def flag(
    user_id: str, before: tuple[Mapping[str, Any] | None, Rows], after: tuple[Mapping[str, Any] | None, Rows], now: str
) -> list[Statement]:
    """Return the statements that flag the first change of a verified profile's public text, and audit the old text.

    `before` and `after` are the profile and its services.
    """
    profile = before[0]
    if profile is None or profile["verification"] != "verified" or profile["changed_at"] is not None:
        return []
    old, new = public_text(*before), public_text(*after)
    changed = {name: value for name, value in old.items() if new[name] != value}
    if not changed:
        return []
    audit = audit_statement(user_id, "profile.changed", ("practitioner", user_id), {"verified": changed}, now)
    return [Statement(_FLAG, (now, user_id)), audit]


def public_text(profile: Mapping[str, Any] | None, services: Rows) -> dict[str, Any]:
    """Return the public text of a profile and of its active services."""
    text = {name: (profile or {}).get(name) for name in FIELDS}
    return text | {"services": [[row["name"], row["description"]] for row in services if row["is_active"]]}
