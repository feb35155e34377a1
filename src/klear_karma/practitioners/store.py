"""Writes of a practitioner's rows: each raises the calendar version and updates the full-text index and minimum price.

It writes without a scope, as the full-text index has no owner. The statements of a change are of the caller's scope,
or bound to the caller's id.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from edge import Clock, Statement, SystemDatabase
from edge.data.writes import raise_unless_changed
from edge.errors import NotFound, Overloaded
from edge.instants import to_text
from edge.ports import OutOfScope, Row, UniqueViolation
from klear_karma.practitioners.changes import flag
from klear_karma.search.geography import FINE, Place, cell_words
from klear_karma.search.words import indexed, one_word

ATTEMPTS = 8
"""Attempts of a write if the profile is changed concurrently."""

_BUMP = (
    "UPDATE practitioners SET calendar_version = calendar_version + 1, min_price = ?, updated_at = ? "
    "WHERE id = ? AND calendar_version = ?"
)
_UNINDEX = "DELETE FROM practitioner_texts WHERE rowid = (SELECT number FROM practitioners WHERE id = ?)"
_INDEX = "INSERT INTO practitioner_texts (rowid, words, marks) SELECT number, ?, ? FROM practitioners WHERE id = ?"


class ProfileMissing(NotFound):
    """There is no profile yet."""

    title = "There is no profile yet"


class Snapshot(NamedTuple):
    """A practitioner's profile, services and number of times off: None and empty before the profile is created."""

    profile: Mapping[str, Any] | None
    services: Sequence[Mapping[str, Any]]
    times_off: int = 0


class Change(NamedTuple):
    """Statements that change a practitioner's rows, and the snapshot after them."""

    statements: Sequence[Statement]
    after: Snapshot


type Edit = Callable[[Snapshot], Change]


class PractitionerStore:
    """Reads and changes a practitioner's rows, by the user's id."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def now(self) -> int:
        """Return the present instant in Unix seconds."""
        return int(self._clock.now().timestamp())

    async def user_type(self, user_id: str) -> str:
        """Return the type of a user's account."""
        row = await self._db.first("SELECT user_type FROM users WHERE id = ?", user_id)
        return str(row["user_type"]) if row else ""

    async def snapshot(self, user_id: str) -> Snapshot:
        """Return the current profile and services of a practitioner."""
        profiles, services, times_off = await self._db.batch(
            [
                Statement("SELECT * FROM practitioners WHERE id = ?", (user_id,)),
                Statement("SELECT * FROM services WHERE practitioner_id = ? ORDER BY created_at, id", (user_id,)),
                Statement("SELECT count(*) AS n FROM time_off WHERE practitioner_id = ?", (user_id,)),
            ]
        )
        return Snapshot(profiles.rows[0] if profiles.rows else None, services.rows, times_off.rows[0]["n"])

    async def change(self, user_id: str, edit: Edit) -> Snapshot:
        """Apply a change to the current snapshot; apply it again if a concurrent change came first."""
        for _ in range(ATTEMPTS):
            before = await self.snapshot(user_id)
            change = edit(before)
            try:
                await self._db.batch(self._statements(user_id, before, change))
            except (OutOfScope, UniqueViolation):
                continue
            return change.after
        raise Overloaded("the profile is being changed concurrently: try again")

    async def change_calendar(
        self, user_id: str, statements: Sequence[Statement], check: Callable[[Snapshot], None] | None = None
    ) -> None:
        """Apply a change of hours or time off, which leaves the profile as it is; `check` may refuse it."""

        def edit(before: Snapshot) -> Change:
            if before.profile is None:
                raise ProfileMissing("write a profile first: PUT /api/practitioners/me")
            if check is not None:
                check(before)
            return Change(statements, before)

        await self.change(user_id, edit)

    def _statements(self, user_id: str, before: Snapshot, change: Change) -> list[Statement]:
        now = to_text(self._clock.now())
        prices = [service["price"] for service in change.after.services if service["is_active"]]
        version = 0 if before.profile is None else before.profile["calendar_version"]
        bump = [
            Statement(_BUMP, (min(prices, default=None), now, user_id, version)),
            Statement(raise_unless_changed("practitioners")),
        ]
        if before.profile is None:
            return [*change.statements, *bump, *index(user_id, change.after)]
        changes_texts = change.after is not before
        flagged = flag(user_id, (before.profile, before.services), (change.after.profile, change.after.services), now)
        return [*bump, *change.statements, *flagged, *(index(user_id, change.after) if changes_texts else [])]


def index(user_id: str, after: Snapshot) -> list[Statement]:
    """Return the statements that update a practitioner's entry in the full-text index."""
    assert after.profile is not None
    return [
        Statement(_UNINDEX, (user_id,)),
        Statement(_INDEX, (words(after), marks(after.profile), user_id)),
    ]


def words(after: Snapshot) -> str:
    """Return the indexed words of a practitioner."""
    profile: Mapping[str, Any] = after.profile or {}
    texts = [profile["name"], profile["headline"], profile["city"], profile["bio"]]
    texts += [*from_json(profile["specializations"])]
    for service in after.services:
        if service["is_active"]:
            texts += [service["name"], service["description"]]
    return indexed(texts)


def marks(profile: Mapping[str, Any]) -> str:
    """Return the index terms of a practitioner's place and specialisations."""
    specializations = [f"s{one_word(name)}" for name in from_json(profile["specializations"])]
    place = place_of(profile)
    return " ".join([*specializations, *(cell_words(place) if place else [])])


def place_of(profile: Mapping[str, Any] | Row) -> Place | None:
    """Return the rounded place of a profile, or None."""
    if profile["coarse_lat"] is None:
        return None
    return Place(profile["coarse_lat"], profile["coarse_lng"])


def cell_of(place: Place | None) -> int | None:
    """Return the number of the cell in which a place is indexed."""
    return None if place is None else FINE.number(place)
