"""Import and export of capsules, as ZIP files in Exercism's layout."""

from pydantic import ValidationError

from devcapsules.access.callers import USERS
from devcapsules.capsules import store
from devcapsules.capsules.catalogue import CapsuleNotFound, Catalogue
from devcapsules.capsules.exercism import ArchiveRefused, read_archive, slug_of, write_archive
from devcapsules.capsules.models import Capsule, NewCapsule
from edge import READER, Actor, InvalidBody, Operation, Request, Response, Routes
from edge.errors import list_faults

LARGEST_ARCHIVE = 512 * 1024
ZIP = "application/zip"

routes = Routes("/api/v1/capsules", tag="capsules", access=READER, reach=USERS)


@routes.get("/{capsule_id}/export", CapsuleNotFound, operation=Operation({200: {ZIP: bytes}}))
async def export_capsule(capsule_id: str, catalogue: Catalogue) -> Response:
    """Export a capsule that you may change as a ZIP file in Exercism's layout."""
    row, content = await catalogue.editable(capsule_id)
    authors = await store.authors_of(catalogue.names, [row])
    response = Response(write_archive(content, row["language"], authors.get(row["owner_id"], store.NOBODY)))
    name = f"{slug_of(content.title)}.zip"
    response.headers += [("content-type", ZIP), ("content-disposition", f'attachment; filename="{name}"')]
    return response


@routes.post(
    "/import",
    ArchiveRefused,
    InvalidBody,
    status=201,
    operation=Operation({201: {"application/json": Capsule}}, body={ZIP: bytes, "application/octet-stream": bytes}),
    alone=True,
)
async def import_capsule(request: Request, actor: Actor, catalogue: Catalogue) -> Response:
    """Import a ZIP file in Exercism's layout, sent as the body, as a private capsule."""
    members = read_archive(await request.body(LARGEST_ARCHIVE))
    try:
        new = NewCapsule.model_validate(members)
    except ValidationError as fault:
        raise InvalidBody(list_faults(fault)) from None
    content = store.content_of(new)
    capsule_id = await store.add_capsule(
        catalogue.db, actor.name, store.capsule_cells(new, content, catalogue.now()), content
    )
    response = Response.json(await catalogue.get(capsule_id), 201)
    response.headers.append(("location", f"/api/v1/capsules/{capsule_id}"))
    return response
