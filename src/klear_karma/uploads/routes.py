"""`/api/uploads`: pictures of users, checked by content and stripped of metadata, private until published."""

from typing import TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from edge import READER, Actor, Body, Clock, NotFound, Operation, Problem, Request, Response, Routes, Tick
from edge.data import ScopedDatabase
from edge.errors import PayloadTooLarge, UnsupportedMediaType
from edge.instants import to_text
from edge.pictures.formats import MOST_BYTES, SENT, NoPicture
from edge.pictures.metadata import without_metadata
from edge.ports import OutOfScope, PortError, Row
from klear_karma.cursors import utc
from klear_karma.members import MEMBER
from klear_karma.settings import KarmaSettings
from klear_karma.tables import MOST_UPLOADS
from klear_karma.uploads.files import PictureFiles
from klear_karma.uploads.links import ASSETS, LinkSigner

routes = Routes("/api/uploads", tag="uploads", access=READER, reach=MEMBER)


class UploadNotFound(NotFound):
    """There is no such upload."""

    title = "There is no such upload"


class NotAPicture(Problem):
    """This is not a picture that can be stored."""

    title = "This is not a picture that can be stored"
    status = 422


class TooManyUploads(Problem):
    """Too many uploads."""

    title = "Too many uploads"
    status = 409


class Publication(BaseModel):
    """The visibility of a picture."""

    model_config = ConfigDict(extra="forbid")

    is_published: bool


class Upload(TypedDict):
    """A picture; `path` is its public address while it is published, of a practitioner once that is verified."""

    id: str
    content_type: str
    bytes: int
    width: int
    height: int
    is_published: bool
    created_at: str
    path: str


class SignedLink(TypedDict):
    """A link to a picture; anyone with the link can read it until it expires."""

    url: str
    expires_at: str


@routes.get()
async def list_uploads(db: ScopedDatabase) -> list[Upload]:
    """List your pictures."""
    return [_upload_view(row) for row in await db.all("SELECT * FROM uploads ORDER BY created_at, id")]


@routes.post(
    "",
    NotAPicture,
    TooManyUploads,
    PayloadTooLarge,
    UnsupportedMediaType,
    body_limit=MOST_BYTES,
    operation=Operation({201: {"application/json": Upload}}, body=SENT),
)
async def add_upload(request: Request, actor: Actor, db: ScopedDatabase, files: PictureFiles, clock: Clock) -> Response:
    """Upload a picture as the body: JPEG, PNG or WebP by its content, 5 MiB and 25 million pixels at most.

    Its metadata is removed, above all its place; its orientation stays.
    """
    media_type = (request.headers.get("content-type") or "").partition(";")[0].strip().casefold()
    if not media_type.startswith("image/") and media_type != "application/octet-stream":
        raise UnsupportedMediaType("send the bytes of a picture as image/jpeg, image/png or image/webp")
    try:
        picture, body = without_metadata(await request.body(MOST_BYTES))
    except NoPicture as fault:
        raise NotAPicture(str(fault)) from None
    row: Row = {"id": str(uuid4()), "user_id": actor.name, "content_type": picture.media_type, "bytes": len(body)}
    row |= {"width": picture.width, "height": picture.height, "is_published": 0, "created_at": to_text(clock.now())}
    try:
        await db.insert("uploads", [row])  # before the file, so that no file is ever without a row
    except OutOfScope:
        raise TooManyUploads(f"there are {MOST_UPLOADS} pictures: remove some") from None
    try:
        await files.put(row["id"], body, picture)
    except PortError:
        await db.delete("uploads", "id = ?", row["id"])
        raise
    response = Response.json(_upload_view(row), 201)
    response.headers.append(("location", f"{routes.prefix}/{row['id']}/link"))
    return response


@routes.patch("/{upload_id}", UploadNotFound)
async def publish_upload(upload_id: str, new: Body[Publication], db: ScopedDatabase, files: PictureFiles) -> Upload:
    """Publish a picture, or make it private; a private picture is removed from the profile."""
    changed = await db.update("uploads", {"is_published": int(new.is_published)}, "id = ?", upload_id)
    row = await _own(upload_id, db)
    if changed.changes and not new.is_published:
        await files.leave_profile(row["user_id"], upload_id)
    return _upload_view(row)


@routes.get("/{upload_id}/link", UploadNotFound)
async def get_upload_link(upload_id: str, db: ScopedDatabase, settings: KarmaSettings, clock: Clock) -> SignedLink:
    """Get a link to your picture that is valid for 15 minutes."""
    row = await _own(upload_id, db)
    query, ends_at = LinkSigner(settings.signing_keys()).sign(row["id"], clock.now())
    return SignedLink(url=f"{ASSETS}/{row['id']}?{query}", expires_at=utc(to_text(ends_at)))


@routes.delete("/{upload_id}", UploadNotFound, status=204)
async def remove_upload(upload_id: str, db: ScopedDatabase, files: PictureFiles) -> None:
    """Remove a picture."""
    row = await _own(upload_id, db)
    await files.leave_profile(row["user_id"], upload_id)
    await files.delete(upload_id)
    await db.delete("uploads", "id = ?", upload_id)


@routes.cron("*/5 * * * *")
async def remove_pictures_of_deleted_users(tick: Tick, files: PictureFiles) -> dict[str, int]:
    """Remove the pictures of deleted accounts."""
    return {"pictures": await files.remove_ownerless(is_dry=tick.is_dry)}


async def _own(upload_id: str, db: ScopedDatabase) -> Row:
    row = await db.first("SELECT * FROM uploads WHERE id = ?", upload_id)
    if row is None:
        raise UploadNotFound(f"there is no upload {upload_id[:80]}")
    return row


def _upload_view(row: Row) -> Upload:
    return Upload(
        id=row["id"],
        content_type=row["content_type"],
        bytes=row["bytes"],
        width=row["width"],
        height=row["height"],
        is_published=bool(row["is_published"]),
        created_at=utc(row["created_at"]),
        path=f"{ASSETS}/{row['id']}",
    )
