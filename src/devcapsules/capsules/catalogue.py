"""The catalogue: finds the capsules that a caller may read or change."""

from devcapsules.capsules import store
from devcapsules.capsules.models import Capsule, Content
from edge import Clock, NotFound, SystemDatabase
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import Row

_EDITABLE = "SELECT 1 AS yes FROM capsule_answers WHERE capsule_id = ? LIMIT 1"
_OWN = "SELECT * FROM own_capsules WHERE id = ?"


class CapsuleNotFound(NotFound):
    """No such capsule."""

    title = "No such capsule"


class Catalogue:
    """Finds capsules in the caller's scope; authors' names are public, so they are read without a scope."""

    def __init__(self, db: ScopedDatabase, names: SystemDatabase, clock: Clock) -> None:
        self.db = db
        self.names = names
        self._clock = clock

    def now(self) -> str:
        """Return the present instant in the format of the database."""
        return to_text(self._clock.now())

    async def get(self, capsule_id: str) -> Capsule:
        """Return a capsule for learners; raises `CapsuleNotFound` if the caller may not read it."""
        row = await self.db.first(store.BY_ID, capsule_id)
        if row is None:
            raise CapsuleNotFound("there is no such capsule, or you may not read it")
        is_editable = await self.db.first(_EDITABLE, capsule_id) is not None
        return store.capsule_of(row, await store.authors_of(self.names, [row]), is_editable=is_editable)

    async def is_own(self, capsule_id: str) -> bool:
        """Tell whether the caller owns a capsule."""
        return await self.db.first(_OWN, capsule_id) is not None

    async def editable(self, capsule_id: str, *, is_own: bool = False) -> tuple[Row, Content]:
        """Return a capsule's row and content; raises `CapsuleNotFound` unless the caller may change it, or owns it."""
        row = await self.db.first(_OWN if is_own else "SELECT * FROM capsules WHERE id = ?", capsule_id)
        whole = await self.db.first(store.WHOLE, capsule_id, row["version"]) if row else None
        if row is None or whole is None:
            raise CapsuleNotFound("there is no such capsule of yours")
        return row, store.content_of_row(whole)
