"""Which database a signature gets: a caller's own, or by its name the whole one; and how long providers last."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from tests.contracts.scoped import KEY, ROWS
from tests.contracts.world import TABLES
from tests.edge.data.worlds import loaded

from edge.access import ADMIN, PUBLIC, READER, Actor
from edge.access_table import access_table
from edge.app import App
from edge.context import Ports
from edge.data import ScopedDatabase
from edge.endpoint import Body, PlanError
from edge.errors import Forbidden
from edge.events import Delivery, Frame, Tick
from edge.injection import event, singleton
from edge.ports import Background, Database, Log, SystemDatabase
from edge.ports.workflows import Run
from edge.reach import CHECKED, OPEN, UNBOUND, subject
from edge.request import Request
from edge.routes import Routes
from edge.settings import Settings
from edge.testing import Client

OTHER = Actor("theirs", READER, frozenset({"theirs"}))
ADMINISTRATOR = Actor("admin", ADMIN)
CALLERS = {"mine": KEY, "theirs": OTHER, "admin": ADMINISTRATOR}
SQL = "SELECT id FROM drives ORDER BY id"


class OneDatabase(Settings):
    """One database."""

    db: Database


class TwoDatabases(OneDatabase):
    """A database with tables, and another."""

    other: Database


class Finder:
    """Made for each event: it holds its caller's database."""

    def __init__(self, db: Database) -> None:
        self.db = db


class Whole:
    """Holds the whole database."""

    def __init__(self, db: SystemDatabase) -> None:
        self.db = db


class Counter:
    """Counts its calls."""

    def __init__(self, settings: OneDatabase) -> None:
        self.settings = settings
        self.count = 0


async def authenticate(request: Request) -> Actor:
    return CALLERS[request.headers.get("x-caller") or ""]


def quiet(*_: object, **__: object) -> None:
    """Log nothing."""


def composed(*resources: Routes, **options: Any) -> App:
    parts: dict[str, Any] = {"settings": OneDatabase, "authenticate": authenticate, "tables": TABLES, **options}
    return App("scoped", version="1", resources=resources, **parts)


def serve[T](app: App, case: Callable[[Client], Any]) -> Any:
    async def run() -> Any:
        with loaded(ROWS) as db:
            return await case(Client(app, Ports(app.settings({"DB": db, "OTHER": db}), {Log: quiet, Background: None})))

    return asyncio.run(run())


def ask(app: App, path: str, caller: str) -> Any:
    async def case(client: Client) -> Any:
        answer = await client.get(path, headers=[("x-caller", caller)])
        return answer.json() if answer.status == 200 else (answer.status, answer.json()["title"])

    return serve(app, case)


def listing() -> Routes:
    routes = Routes(tag="t", access=READER)

    @routes.get("/drives")
    async def list_drives(db: Database) -> list[str]:
        return [row["id"] for row in await db.all(SQL)]

    @routes.get("/found")
    async def list_found(finder: Finder, db: ScopedDatabase) -> list[str]:
        assert finder.db is db
        return [row["id"] for row in await finder.db.all(SQL)]

    @routes.get("/whole", reach=CHECKED)
    async def list_whole(whole: Whole, db: SystemDatabase) -> list[str]:
        assert whole.db is db
        return [row["id"] for row in await db.all(SQL)]

    @routes.get("/public", access=PUBLIC)
    async def list_public(db: Database | None) -> list[str]:
        assert db is not None
        return [row["id"] for row in await db.all(f"{SQL}")]

    return routes


PROVIDERS = [event(Finder), singleton(Whole)]


@pytest.mark.parametrize(
    ("path", "caller", "ids"),
    [
        ("/drives", "mine", ["mine1"]),
        ("/drives", "theirs", ["theirs1"]),
        ("/drives", "admin", ["mine1", "theirs1"]),
        ("/found", "mine", ["mine1"]),
        ("/found", "theirs", ["theirs1"]),
        ("/whole", "mine", ["mine1", "theirs1"]),
        ("/public", "mine", []),
        ("/public", "admin", []),
    ],
)
def test_handler_gets_its_callers_database(path: str, caller: str, ids: list[str]) -> None:
    assert ask(composed(listing(), providers=PROVIDERS), path, caller) == ids


def test_concurrent_requests_on_the_same_ports_keep_their_callers() -> None:
    async def case(client: Client) -> None:
        callers = ["mine", "theirs", "admin"] * 20
        calls = (
            client.get(path, headers=[("x-caller", caller)]) for caller in callers for path in ("/drives", "/found")
        )
        answers = [answer.json() for answer in await asyncio.gather(*calls)]
        rows = {"mine": ["mine1"], "theirs": ["theirs1"], "admin": ["mine1", "theirs1"]}
        assert answers == [rows[caller] for caller in callers for _ in range(2)]

    serve(composed(listing(), providers=PROVIDERS), case)


def test_frame_gets_the_database_of_its_actor() -> None:
    routes = Routes(tag="t", access=READER)

    @routes.frame("list", access=READER)
    async def list_frame(finder: Finder, db: Database) -> list[str]:
        assert finder.db is db
        return [row["id"] for row in await db.all(SQL)]

    async def case(client: Client) -> Any:
        frames = [Frame({"type": "list"}, actor, "r") for actor in (KEY, OTHER, KEY)]
        return [(await client.app.frame(frame, client.ports))["result"] for frame in frames]

    assert serve(composed(routes, providers=PROVIDERS), case) == [["mine1"], ["theirs1"], ["mine1"]]


def test_code_without_a_caller_asks_for_the_whole_database_by_name() -> None:
    routes = Routes(tag="t", access=READER)
    seen = list[int]()

    @routes.cron("* * * * *")
    async def count(_: Tick, db: SystemDatabase) -> None:
        seen.append(len(await db.all(SQL)))

    @routes.queue("jobs")
    async def consume(_: Delivery, whole: Whole) -> None:
        seen.append(len(await whole.db.all(SQL)))

    async def case(client: Client) -> None:
        await client.scheduled("* * * * *")
        await client.queue("jobs", [1])

    serve(composed(routes, providers=PROVIDERS), case)
    assert seen == [2, 2]


def is_refused(complaint: str, *resources: Routes, **options: Any) -> None:
    with pytest.raises(PlanError, match=complaint):
        composed(*resources, **options)


def test_code_without_a_caller_gets_no_callers_database() -> None:
    async def job(_: Tick, db: Database) -> None: ...

    async def finding(_: Tick, finder: Finder) -> None: ...

    async def scoped(_: Tick, db: ScopedDatabase | None) -> None: ...

    for handler in (job, finding, scoped):
        routes = Routes(tag="t", access=READER)
        routes.cron("* * * * *")(handler)
        is_refused("use SystemDatabase", routes, providers=PROVIDERS)

    async def flow(_: Run, finder: Finder) -> None: ...

    routes = Routes(tag="t", access=READER)
    routes.workflow("FLOW")(flow)
    is_refused("use SystemDatabase", routes, providers=PROVIDERS)

    async def consumer(_: Delivery, db: Database) -> None: ...

    routes = Routes(tag="t", access=READER)
    routes.queue("jobs")(consumer)
    is_refused("use SystemDatabase", routes)

    async def authenticate(request: Request, db: Database) -> Actor:
        raise NotImplementedError

    async def admitted(request: Request, finder: Finder) -> None: ...

    async def layer(request: Request, call_next: Any, db: Database) -> Any: ...

    is_refused("use SystemDatabase", authenticate=authenticate)
    is_refused("use SystemDatabase", admit=admitted, providers=PROVIDERS)
    is_refused("use SystemDatabase", middleware=[layer])


class HoldsCaller:
    """Would hold a caller's database beyond its event."""

    def __init__(self, db: Database) -> None: ...


class HoldsFinder:
    """Would hold an object that holds a caller's database."""

    def __init__(self, finder: Finder) -> None: ...


class HoldsBackground:
    """Would hold an object that ends with its event."""

    def __init__(self, background: Background) -> None: ...


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (HoldsCaller, "use SystemDatabase"),
        (HoldsFinder, "a singleton cannot hold .*Finder"),
        (HoldsBackground, "a singleton cannot hold Background"),
    ],
)
def test_singleton_holds_nothing_of_an_event(make: type, complaint: str) -> None:
    routes = Routes(tag="t", access=READER)

    async def handler(resource: Any, db: Database) -> None: ...

    handler.__annotations__["resource"] = make
    routes.get("/x")(handler)
    is_refused(complaint, routes, providers=[singleton(make), event(Finder)])


def test_provider_beside_tables_says_its_lifetime() -> None:
    is_refused("declare its lifetime", providers=[Whole])
    App("plain", version="1", settings=OneDatabase, resources=[], authenticate=authenticate, providers=[Whole])


def test_singletons_last_and_event_objects_do_not() -> None:
    class PerEvent(Counter):
        """Made for each event."""

    routes = Routes(tag="t", access=READER, reach=OPEN)

    @routes.get("/count")
    async def count(counter: Counter, fresh: Annotated[PerEvent, ""]) -> list[int]:
        counter.count += 1
        fresh.count += 1
        return [counter.count, fresh.count]

    async def case(client: Client) -> Any:
        return [(await client.get("/count", headers=[("x-caller", "mine")])).json() for _ in range(3)]

    options = {"providers": [singleton(Counter), event(PerEvent)]}
    assert serve(composed(routes, **options), case) == [[1, 1], [2, 1], [3, 1]]
    assert serve(composed(routes, **options, tables=None), case) == [[1, 1], [2, 1], [3, 1]]


def test_settings_of_a_handler_hold_no_database() -> None:
    routes = Routes(tag="t", access=READER, reach=OPEN)

    @routes.get("/settings")
    async def look(settings: OneDatabase) -> bool:
        return hasattr(settings, "db")

    assert ask(composed(routes), "/settings", "mine") is False


def test_another_database_is_declared_as_the_systems() -> None:
    routes = Routes(tag="t", access=READER)

    @routes.get("/other")
    async def look(db: Annotated[Database, "OTHER"]) -> None: ...

    is_refused("no tables are declared for OTHER", routes, settings=TwoDatabases)


def test_route_without_rows_says_its_reach() -> None:
    routes = Routes(tag="t", access=READER)

    @routes.get("/silent")
    async def silent(db: SystemDatabase) -> None: ...

    is_refused("declare its reach=", routes)
    frames = Routes(tag="t", access=READER)

    @frames.frame("silent", access=READER)
    async def silent_frame(frame: Frame) -> None: ...

    is_refused("declare its reach=", frames)


class CarOutOfReach(Forbidden):
    """This key is bound to other cars."""

    title = "This key is bound to other cars"


def reaching() -> Routes:
    routes = Routes(tag="t", access=READER)

    @routes.get("/cars/{car}", reach=subject("car", CarOutOfReach))
    async def get_car(car: str) -> str:
        return car

    @routes.get("/all", reach=UNBOUND)
    async def get_all() -> str:
        return "all"

    @routes.post("/body", reach=subject("values.car"))
    async def post_body(values: Body[dict[str, str]]) -> str:
        return values["car"]

    @routes.frame("all", access=READER, reach=UNBOUND)
    async def all_frame(frame: Frame) -> str:
        return str(frame.body["type"])

    return routes


@pytest.mark.parametrize(
    ("path", "caller", "answer"),
    [
        ("/cars/mine", "mine", "mine"),
        ("/cars/theirs", "mine", (403, "This key is bound to other cars")),
        ("/cars/theirs", "admin", "theirs"),
        ("/all", "mine", (403, "This key is bound to other subjects")),
        ("/all", "admin", "all"),
    ],
)
def test_reach_is_checked_before_the_handler(path: str, caller: str, answer: Any) -> None:
    assert ask(composed(reaching()), path, caller) == answer


def test_reach_of_a_frame_is_checked() -> None:
    async def case(client: Client) -> Any:
        frames = [Frame({"type": "all"}, actor, "r") for actor in (KEY, ADMINISTRATOR)]
        return [await client.app.frame(frame, client.ports) for frame in frames]

    refused, answered = serve(composed(reaching()), case)
    assert refused["problem"]["status"] == 403
    assert answered == {"result": "all"}


def test_reach_names_a_parameter_of_a_route_with_a_caller() -> None:
    for access, argument, complaint in ((READER, "bike", "no parameter bike"), (PUBLIC, "car", "knows no caller")):
        routes = Routes(tag="t", access=access)

        @routes.get("/cars/{car}", reach=subject(argument))
        async def get_car(car: str) -> str:
            return car

        is_refused(complaint, routes)


def test_access_table_says_role_reach_and_whole_database() -> None:
    lines = access_table(composed(listing(), reaching(), providers=PROVIDERS)).splitlines()
    rows = {" ".join(line.split()) for line in lines}
    assert {
        "GET /drives reader rows",
        "GET /found reader rows",
        "GET /whole reader checked system",
        "GET /public public rows",
        "GET /cars/{car} reader subject car",
        "GET /all reader unbound",
        "frame all /ws reader unbound",
        "table secrets private",
        "table drives read reader, write reader",
        "bound vin IN (SELECT value FROM json_each(:subjects))",
        "owner all rows",
        "writable n, txt",
    } <= rows


def test_application_without_tables_gets_the_binding_as_before() -> None:
    routes = Routes(tag="t", access=READER)

    @routes.get("/drives")
    async def list_drives(db: Database, whole: SystemDatabase, settings: OneDatabase) -> list[str]:
        assert db is whole is settings.db
        return [row["id"] for row in await db.all(SQL)]

    assert ask(composed(routes, tables=None), "/drives", "mine") == ["mine1", "theirs1"]
