"""The tables: roles that read and write them, and the owners of their rows. The migrations define their columns."""

from edge import PUBLIC, READER
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import MEMBER, OWNER, Table, Tables
from edge.data.conditions import CallerKind
from klear_karma.schema import SCHEMA

LISTED = "verification = 'verified' AND is_listed = 1"
"""The condition of publicly listed practitioners."""

_MINE = {MEMBER: "user_id = :caller", OWNER: "false"}
_PRACTITIONERS = {MEMBER: "practitioner_id = :caller", OWNER: "practitioner_id = ''"}
_SIDES = {MEMBER: "customer_id = :caller OR practitioner_id = :caller", OWNER: "false"}
_OF_LISTED = f"practitioner_id IN (SELECT id FROM main.practitioners WHERE {LISTED})"


def _at_most(most: int, table: str) -> dict[CallerKind, str]:
    """Return the check of new rows that are a user's own and do not exceed a number; an insert holds it by itself."""
    return {MEMBER: f"user_id = :caller AND (SELECT count(*) FROM main.{table} WHERE user_id = :caller) < {most}"}


MOST_BLOCKS = 1_000
MOST_UPLOADS = 100
MOST_LINKS = 10
_TALKS = "SELECT id FROM main.conversations WHERE customer_id = :caller OR practitioner_id = :caller"

TABLES = Tables(
    SCHEMA,
    USERS,
    *PRIVATE,
    Table("tickets", private=True),
    Table(
        "practitioners",
        read=PUBLIC,
        write=READER,
        own={MEMBER: "id = :caller", OWNER: "id = ''"},
        public=LISTED,
        writable=(
            "name",
            "headline",
            "bio",
            "specializations",
            "languages",
            "city",
            "country",
            "coarse_lat",
            "coarse_lng",
            "cell",
            "time_zone",
            "currency",
            "is_listed",
            "needs_confirmation",
            "notice_minutes",
            "horizon_days",
            "cancellation_hours",
            "photo_id",
            "min_price",
            "calendar_version",
            "created_at",
            "updated_at",
        ),
    ),
    Table("practitioner_places", read=READER, write=READER, own=_PRACTITIONERS),
    Table("practitioner_texts", read=PUBLIC, public="true"),
    Table("services", read=PUBLIC, write=READER, own=_PRACTITIONERS, public=f"is_active = 1 AND {_OF_LISTED}"),
    Table("working_hours", read=READER, write=READER, own=_PRACTITIONERS),
    Table("time_off", read=READER, write=READER, own=_PRACTITIONERS),
    Table("appointments", read=READER, own=_SIDES),
    Table("conversations", read=READER, own=_SIDES),
    Table("messages", read=READER, own={MEMBER: f"conversation_id IN ({_TALKS})", OWNER: "false"}),
    Table(
        "reviews",
        read=PUBLIC,
        public=f"state = 'published' AND {_OF_LISTED}",
        own={MEMBER: "author_id = :caller OR practitioner_id = :caller", OWNER: "author_id = ''"},
    ),
    Table("notifications", read=READER, write=READER, own=_MINE, writable=("read_at",)),
    Table("reminders", private=True),
    Table("reminder_mails", private=True),
    Table("reports", read=READER, own={MEMBER: "reporter_id = :caller", OWNER: "false"}),
    Table("blocks", read=READER, write=READER, own=_MINE, check=_at_most(MOST_BLOCKS, "blocks")),
    Table("uploads", read=READER, write=READER, own=_MINE, check=_at_most(MOST_UPLOADS, "uploads")),
    Table("feed_links", read=READER, write=READER, own=_MINE, check=_at_most(MOST_LINKS, "feed_links")),
    Table("admin_audit"),
)
"""Bookings, messages and reviews are written by the system, as their rules read rows of both sides.

`practitioner_texts` contains only words: searches join it with `practitioners`.
"""
