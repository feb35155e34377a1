"""`/practitioners/{id}`: a practitioner's public page."""

from base64 import b64encode
from hashlib import sha256
from itertools import islice

from edge import PUBLIC, Clock, Database, Operation, Response, Routes
from edge.reach import OPEN
from klear_karma.availability.slots import slots
from klear_karma.availability.timetables import Timetables
from klear_karma.availability.zones import Span, wall_of
from klear_karma.pages.profile import STYLE, PageParts, page
from klear_karma.practitioners.profile import PractitionerNotFound, practitioner_of
from klear_karma.settings import KarmaSettings

routes = Routes("/practitioners", tag="pages", access=PUBLIC, reach=OPEN)

MOST_REVIEWS = 10
MOST_SLOTS = 6
DAYS_AHEAD = 14

_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REVIEWS = (
    "SELECT author_name, rating, body, reply, created_at FROM reviews WHERE practitioner_id = ? "
    "AND state = 'published' ORDER BY created_at DESC, id LIMIT ?"
)


@routes.get("/{practitioner_id}", PractitionerNotFound, operation=Operation({200: {"text/html": str}}))
async def get_profile_page(
    practitioner_id: str, db: Database, timetables: Timetables, settings: KarmaSettings, clock: Clock
) -> Response:
    """Get a practitioner's page."""
    practitioner = await practitioner_of(practitioner_id, db)
    reviews = await db.all(_REVIEWS, practitioner_id, MOST_REVIEWS)
    now = int(clock.now().timestamp())
    times = await _next_times(practitioner_id, timetables, now)
    parts = PageParts(settings.site_name, settings.site, practitioner, reviews, times)
    response = Response.text(page(parts), media_type="text/html; charset=utf-8")
    response.headers += [("content-security-policy", _POLICY), ("cache-control", "public, max-age=60")]
    return response


async def _next_times(practitioner_id: str, timetables: Timetables, now: int) -> list[str]:
    """Return the next free slots of the shortest service, in the practitioner's time zone."""
    window = Span(now, now + DAYS_AHEAD * 86_400)
    timetable = await timetables.load(practitioner_id, window, now)
    if timetable is None or not timetable.offers:
        return []
    free = slots(timetable.calendar, timetable.offers[0].terms, window, now)
    return [wall_of(timetable.calendar.zone, slot.start).isoformat() for slot in islice(free, MOST_SLOTS)]
