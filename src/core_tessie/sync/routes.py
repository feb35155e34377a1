"""The sync: started by the clock, the API or the command line, and done by queue messages, one a vehicle."""

from core_tessie.actions.work import ActionWork, RunAction
from core_tessie.reach import ALL_VEHICLES, VehicleOutOfReach
from core_tessie.sync import runs
from core_tessie.sync.poll import poll
from core_tessie.sync.runs import SyncRun
from core_tessie.sync.work import DEAD_LETTERS, QUEUE, PlanSync, SyncVehicle, SyncWork
from core_tessie.tariffs.estimates import Estimates
from edge import OPERATOR, READER, Actor, Body, Database, Delivery, NotConfigured, NotFound, Request, Routes, Tick

routes = Routes("/colbycommands/sync", tag="colbycommands", access=READER, reach=ALL_VEHICLES)

CRON = "0 */4 * * *"
POLL_CRON = "*/5 * * * *"


class RunNotFound(NotFound):
    """No such sync run."""

    title = "No such sync run"


@routes.post("", NotConfigured, VehicleOutOfReach, access=OPERATOR, status=202, location="/colbycommands/sync/{id}")
async def start_sync(request: Request, actor: Actor, work: SyncWork) -> SyncRun:
    """Start a sync of all vehicles now."""
    return await work.begin("api", actor.name, request.id)


@routes.get("/{run_id}", RunNotFound, VehicleOutOfReach)
async def get_sync(run_id: str, db: Database) -> SyncRun:
    """Get one sync run, with how far each vehicle is."""
    run = await runs.read(db, run_id)
    if run is None:
        raise RunNotFound(f"there is no sync run {run_id[:80]}")
    return run


@routes.cron(CRON)
async def sync_on_schedule(tick: Tick, work: SyncWork) -> None:
    """Start a sync. It includes the unfinished rest of earlier ones: each vehicle stores its own progress."""
    await work.begin_at_once("cron", f"cron-{int(tick.scheduled_at.timestamp())}")


@routes.cron(POLL_CRON)
async def poll_on_schedule(tick: Tick, work: SyncWork) -> list[str]:
    """Poll all vehicles by one call that wakes none, and sync those that began or ended a drive or charge."""
    return await poll(tick, work)


@routes.queue(QUEUE, batch_size=1, max_retries=5, max_concurrency=4, dead_letter=DEAD_LETTERS)
async def do_work(
    delivery: Delivery,
    message: Body[PlanSync | SyncVehicle | RunAction],
    work: SyncWork,
    actions: ActionWork,
    estimates: Estimates,
) -> None:
    """Do one message of a sync or an action, and estimate the costs of charges that it changed."""
    if isinstance(message, RunAction):
        await actions.do(message, delivery)
    else:
        await work.do(message, delivery.attempts)
    await estimates.catch_up(batches=2)


@routes.queue(DEAD_LETTERS, max_retries=10)
async def handle_dead_letter(
    message: Body[PlanSync | SyncVehicle | RunAction], work: SyncWork, actions: ActionWork
) -> None:
    """Record work that failed on every attempt, in its run or in its action's row."""
    if isinstance(message, RunAction):
        await actions.give_up(message)
    else:
        await work.give_up(message)
