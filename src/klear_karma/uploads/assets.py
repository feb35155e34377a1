"""`/assets/{id}`: published pictures for everybody, others through a signed link that has not expired."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge import PUBLIC, Clock, Header, NotFound, Operation, Query, Response, Routes
from edge.http import HeaderList, has_current
from edge.pictures.formats import SHOWN
from edge.reach import OPEN
from klear_karma.settings import KarmaSettings
from klear_karma.uploads.files import PictureFiles
from klear_karma.uploads.links import ASSETS, LinkSigner

routes = Routes(ASSETS, tag="uploads", access=PUBLIC, reach=OPEN)

LONGEST_ID = 64

type Tags = Annotated[str, Field(max_length=1_000)] | None


class AssetNotFound(NotFound):
    """There is no such picture."""

    title = "There is no such picture"


class Signature(BaseModel):
    """The signature of a link to a private picture."""

    model_config = ConfigDict(extra="forbid")

    expires: int = Field(0, ge=0, le=99_999_999_999)
    signature: str = Field("", max_length=64)


@routes.get("/{upload_id}", AssetNotFound, operation=Operation({200: SHOWN, 304: {}}))
async def get_asset(  # noqa: PLR0913, PLR0917 - a link's parts and the parts that check it
    upload_id: str,
    query: Query[Signature],
    if_none_match: Header[Tags],
    files: PictureFiles,
    settings: KarmaSettings,
    clock: Clock,
) -> Response:
    """Get a picture."""
    row = await files.row(upload_id) if len(upload_id) <= LONGEST_ID else None
    if row is None:
        raise AssetNotFound
    is_public = bool(row["is_public"])
    signer = LinkSigner(settings.signing_keys())
    if not is_public and not signer.is_good(upload_id, query.expires, query.signature, clock.now()):
        raise AssetNotFound
    file = await files.get(upload_id)
    if file is None:
        raise AssetNotFound
    stored, body = file
    cache = "public, max-age=300" if is_public else "private, no-store"
    etag = f'"{stored.etag}"'
    headers: HeaderList = [("etag", etag), ("cache-control", cache)]
    if has_current(etag, if_none_match):
        return Response(status=304, headers=headers)
    return Response(body, 200, [*headers, ("content-type", row["content_type"]), ("content-length", str(stored.size))])
