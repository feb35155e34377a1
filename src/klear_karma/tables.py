"""The tables: roles that read and write them, and the owners of their rows. The migrations define their columns."""

from edge import PUBLIC, READER
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import MEMBER, OWNER, Part, Table, Tables
from edge.data.limits import at_most
from klear_karma.schema import SCHEMA

LISTED = "verification = 'verified' AND is_listed = 1"
"""The condition of publicly listed practitioners."""

_MINE = {MEMBER: "user_id = :caller", OWNER: "false"}
_PRACTITIONERS = {MEMBER: "practitioner_id = :caller", OWNER: "practitioner_id = ''"}
_SIDES = {MEMBER: "customer_id = :caller OR practitioner_id = :caller", OWNER: "false"}
_CUSTOMER = {MEMBER: "customer_id = :caller"}
_PRACTITIONER = {MEMBER: "practitioner_id = :caller"}
_OF_LISTED = f"practitioner_id IN (SELECT id FROM main.practitioners WHERE {LISTED})"


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
        parts=[Part("own_profiles", {MEMBER: "id = :caller"})],
    ),
    Table("practitioner_places", read=READER, write=READER, own=_PRACTITIONERS),
    Table("practitioner_texts", read=PUBLIC, public="true"),
    Table(
        "services",
        read=PUBLIC,
        write=READER,
        own=_PRACTITIONERS,
        public=f"is_active = 1 AND {_OF_LISTED}",
        parts=[Part("own_services", _PRACTITIONER)],
    ),
    Table("working_hours", read=READER, write=READER, own=_PRACTITIONERS),
    Table("time_off", read=READER, write=READER, own=_PRACTITIONERS),
    Table(
        "appointments",
        read=READER,
        own=_SIDES,
        parts=[Part("customer_appointments", _CUSTOMER), Part("practitioner_appointments", _PRACTITIONER)],
    ),
    Table("conversations", read=READER, own=_SIDES, parts=[Part("practitioner_conversations", _PRACTITIONER)]),
    Table(
        "messages",
        read=READER,
        own={MEMBER: f"conversation_id IN ({_TALKS})", OWNER: "false"},
        parts=[Part("sent_messages", {MEMBER: "sender_id = :caller"})],
    ),
    Table(
        "reviews",
        read=PUBLIC,
        write=READER,
        public=f"state = 'published' AND {_OF_LISTED}",
        own={MEMBER: "author_id = :caller OR practitioner_id = :caller", OWNER: "author_id = ''"},
        check={MEMBER: "false"},
        writable=(),
        parts=[
            Part(
                "written_reviews",
                {MEMBER: "author_id = :caller"},
                columns=("rating", "body", "state", "edited_at", "allowed"),
                deletes=True,
            ),
            Part("received_reviews", _PRACTITIONER, columns=("reply", "replied_at")),
        ],
    ),
    Table("notifications", read=READER, write=READER, own=_MINE, writable=("read_at",)),
    Table("reminders", private=True),
    Table("reminder_mails", private=True),
    Table("reports", read=READER, own={MEMBER: "reporter_id = :caller", OWNER: "false"}),
    Table("blocks", read=READER, write=READER, own=_MINE, check={MEMBER: at_most(MOST_BLOCKS, "blocks")}),
    Table("uploads", read=READER, write=READER, own=_MINE, check={MEMBER: at_most(MOST_UPLOADS, "uploads")}),
    Table("feed_links", read=READER, write=READER, own=_MINE, check={MEMBER: at_most(MOST_LINKS, "feed_links")}),
    Table("admin_audit"),
)
"""Bookings, messages and new reviews are written by the system, as their rules read rows of both sides.

`practitioner_texts` contains only words: searches join it with `practitioners`.
"""
