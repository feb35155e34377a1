"""`/jobs`: the app's scheduled jobs, to be run by hand; with `dry_run` they only report their effects."""

from datetime import datetime
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge.access import ADMIN
from edge.context import Ports
from edge.endpoint import PlanError, Query
from edge.errors import NotFound
from edge.events import EventHandler, Tick
from edge.ports import Clock
from edge.reach import UNBOUND
from edge.routes import Composition, Routes


class JobNotFound(NotFound):
    """No such job."""

    title = "No such job"


class JobInfo(TypedDict):
    """A job: `cron` is its schedule, five fields in UTC."""

    name: str
    cron: str


class JobRun(BaseModel):
    """Options for running a job."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="true: send and write nothing; the answer reports the effects")


class JobReport(TypedDict):
    """The report of a job's run, or dry run; `report` is the job's own."""

    name: str
    cron: str
    dry_run: bool
    ran_at: datetime
    report: Any


class Jobs(Routes):
    """The resource's group; `by_name` are the jobs by the names of their handlers, once the app is composed."""

    def __init__(self) -> None:
        super().__init__("/jobs", tag="jobs", access=ADMIN, reach=UNBOUND)
        self.by_name: dict[str, tuple[str, EventHandler[Tick]]] = {}

    def compose(self, app: Composition) -> None:
        """Read the app's jobs; `PlanError` if two have one name, as only one of them could be run."""
        for cron, job in app.jobs:
            name = job.handler.__name__
            if name in self.by_name:
                raise PlanError(f"two jobs are called {name}")
            self.by_name[name] = cron, job


def job_routes() -> Jobs:
    """Return the resource for one app."""
    group = Jobs()

    @group.get()
    async def list_jobs() -> list[JobInfo]:
        """List the scheduled jobs."""
        return [JobInfo(name=name, cron=cron) for name, (cron, _) in group.by_name.items()]

    @group.post("/{name}", JobNotFound)
    async def run_job(name: str, query: Query[JobRun], ports: Ports, clock: Clock) -> JobReport:
        """Run a job now, at any hour; its own guards against repeated work apply.

        With `dry_run` nothing is sent or written, and the report tells the effects that it would have.
        """
        if name not in group.by_name:
            raise JobNotFound(f"there are {', '.join(group.by_name) or 'none'}")
        cron, job = group.by_name[name]
        tick = Tick(cron, clock.now(), is_dry=query.dry_run)
        report = await job(tick, ports)
        return JobReport(name=name, cron=cron, dry_run=query.dry_run, ran_at=tick.scheduled_at, report=report)

    return group
