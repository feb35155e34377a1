"""The files of pictures in the bucket, and the queries about them across all users."""

from collections.abc import AsyncIterable

from edge import Bucket, SystemDatabase
from edge.pictures.formats import Picture
from edge.ports import Row, StoredObject
from klear_karma.tables import LISTED

MOST_REMOVED = 500
"""Most pictures removed per run."""

_ROW = (
    "SELECT content_type, is_published AND NOT EXISTS "
    f"(SELECT 1 FROM practitioners WHERE practitioners.id = uploads.user_id AND NOT ({LISTED})) AS is_public "
    "FROM uploads WHERE id = ? AND user_id IS NOT NULL"
)


class PictureFiles:
    """Stores the files of pictures by upload id."""

    def __init__(self, uploads: Bucket, db: SystemDatabase) -> None:
        self._bucket = uploads
        self._db = db

    async def put(self, upload_id: str, body: bytes, picture: Picture) -> None:
        """Store a picture."""
        size = {"width": str(picture.width), "height": str(picture.height)}
        await self._bucket.put(key_of(upload_id), body, content_type=picture.media_type, metadata=size)

    async def get(self, upload_id: str) -> tuple[StoredObject, AsyncIterable[bytes]] | None:
        """Return a file, or None."""
        return await self._bucket.get(key_of(upload_id))

    async def row(self, upload_id: str) -> Row | None:
        """Return whether a picture is public, and its type; None without picture or owner.

        A published picture of a practitioner is public as long as the practitioner is.
        """
        return await self._db.first(_ROW, upload_id)

    async def delete(self, upload_id: str) -> None:
        """Remove a file."""
        await self._bucket.delete(key_of(upload_id))

    async def leave_profile(self, user_id: str, upload_id: str) -> None:
        """Remove a picture from its owner's profile."""
        sql = "UPDATE practitioners SET photo_id = NULL, updated_at = CURRENT_TIMESTAMP WHERE id = ? AND photo_id = ?"
        await self._db.run(sql, user_id, upload_id)

    async def remove_ownerless(self, *, is_dry: bool) -> int:
        """Remove the pictures of deleted users, the file before the row; return their number."""
        rows = await self._db.all("SELECT id FROM uploads WHERE user_id IS NULL LIMIT ?", MOST_REMOVED)
        for row in [] if is_dry else rows:
            await self.delete(row["id"])
            await self._db.run("DELETE FROM uploads WHERE id = ?", row["id"])
        return len(rows)


def key_of(upload_id: str) -> str:
    """Return the key of a file in the bucket."""
    return f"uploads/{upload_id}"
