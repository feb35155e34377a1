"""`/api/v1/generate`: jobs that write exercises, their status by GET and SSE; dead letters for the administrator."""

from collections.abc import AsyncGenerator
from typing import Any, Literal, TypedDict

from pydantic_core import from_json, to_json

from devcapsules.access.callers import USERS
from devcapsules.access.plans import PlanLimits, QuotaExceeded
from devcapsules.capsules.catalogue import Catalogue
from devcapsules.capsules.models import Capsule
from devcapsules.generation.drafts import Order
from devcapsules.generation.jobs import Jobs, faults_of
from devcapsules.generation.models import Writer
from devcapsules.generation.quality import Parts
from devcapsules.generation.rounds import REASONS
from edge import (
    ADMIN,
    READER,
    Actor,
    Body,
    Clock,
    NotConfigured,
    NotFound,
    Operation,
    Queue,
    Request,
    Response,
    Routes,
)
from edge.live.event_stream import SSE, event_stream
from edge.negotiation import best
from edge.ports import Row
from edge.reach import OPEN

JSON = "application/json"
POLL_S = 1.0
LONGEST_STREAM_S = 600

routes = Routes("/api/v1/generate", tag="generation", access=READER, reach=USERS)
letters = Routes("/api/v1/dead-letters", tag="generation", access=ADMIN, reach=OPEN)

_JOBS = "SELECT * FROM generation_jobs ORDER BY created_at DESC, id LIMIT 50"
_JOB = "SELECT * FROM generation_jobs WHERE id = ?"
_WORDS = REASONS | {"gave_up": "it was tried often enough: the model or the executor was not there"}


class JobNotFound(NotFound):
    """No such job."""

    title = "No such job"


class JobAccepted(TypedDict):
    """A job that waits."""

    success: bool
    jobId: str
    statusUrl: str


class Job(TypedDict):
    """A job. `message` says in words why it failed, `faults` what was wrong with its last draft."""

    jobId: str
    state: Literal["queued", "running", "succeeded", "failed", "dead"]
    step: str
    rounds: int
    reason: str | None
    message: str | None
    faults: list[str]
    score: int | None
    parts: Parts | None
    capsule_id: str | None
    prompt: str
    language: str
    difficulty: str
    created_at: str
    finished_at: str | None


class JobStatus(Job):
    """A job with its capsule, once it has succeeded and while that is there."""

    capsule: Capsule | None


class JobList(TypedDict):
    """Jobs, the newest first."""

    jobs: list[Job]


class Revived(TypedDict):
    """A dead job that waits again."""

    jobId: str
    state: Literal["queued"]


class Intake:
    """Takes orders in: where no model is configured, none is counted."""

    def __init__(self, plans: PlanLimits, jobs: Jobs, generation_queue: Queue, writer: Writer) -> None:
        self._plans = plans
        self._jobs = jobs
        self._queue = generation_queue
        self._writer = writer

    async def add(self, user_id: str, order: Order) -> str:
        """Count, store and send a job; return its id. One whose message is lost is sent again by the clock."""
        await self._plans.count_generation(user_id)
        job_id = await self._jobs.add(user_id, order)
        await self._queue.send({"job_id": job_id})
        return job_id


@routes.post("", QuotaExceeded, NotConfigured, status=202, body_limit=16 * 1024)
async def order_exercise(body: Body[Order], actor: Actor, intake: Intake) -> JobAccepted:
    """Let a model write an exercise. It counts against the plan now, whatever becomes of it, and once."""
    job_id = await intake.add(actor.name, body)
    return JobAccepted(success=True, jobId=job_id, statusUrl=f"/api/v1/generate/{job_id}/status")


@routes.get("")
async def list_generations(catalogue: Catalogue) -> JobList:
    """List your jobs, the newest first."""
    return JobList(jobs=[_job(row) for row in await catalogue.db.all(_JOBS)])


@routes.get("/{job_id}/status", JobNotFound, operation=Operation({200: {JSON: JobStatus, SSE: JobStatus}}))
async def get_generation_status(job_id: str, request: Request, catalogue: Catalogue, clock: Clock) -> Response:
    """Get how far a job is; with `Accept: text/event-stream` an event `status` at each change, until it is over."""
    status = await _status(job_id, catalogue)
    if best(request.headers.get("accept"), (JSON, SSE)) == SSE:
        return event_stream(_changes(status, catalogue, clock))
    return Response.json(status)


@letters.get("")
async def list_dead_letters(jobs: Jobs) -> JobList:
    """List the jobs that the queue gave up, the oldest first."""
    return JobList(jobs=[_job(row) for row in await jobs.dead()])


@letters.post("/{job_id}/retry", JobNotFound, status=202)
async def retry_dead_letter(job_id: str, jobs: Jobs, generation_queue: Queue) -> Revived:
    """Send a dead job again; it is charged no second time."""
    if not await jobs.revive(job_id):
        raise JobNotFound("there is no dead job of this id")
    await generation_queue.send({"job_id": job_id})
    return Revived(jobId=job_id, state="queued")


async def _status(job_id: str, catalogue: Catalogue) -> JobStatus:
    row = await catalogue.db.first(_JOB, job_id)
    if row is None:
        raise JobNotFound("there is no such job of yours")
    capsule: Capsule | None = None
    if row["capsule_id"]:
        try:
            capsule = await catalogue.get(row["capsule_id"])
        except NotFound:
            capsule = None
    return JobStatus(**_job(row), capsule=capsule)


async def _changes(status: JobStatus, catalogue: Catalogue, clock: Clock) -> AsyncGenerator[bytes]:
    """Yield the status at each change; the stream ends with the job, or after ten minutes."""
    shown: Any = None
    for _ in range(int(LONGEST_STREAM_S / POLL_S)):
        if status != shown:
            yield b"event: status\ndata: %s\n\n" % to_json(status)
            shown = status
        if status["state"] not in {"queued", "running"}:
            return
        await clock.sleep(POLL_S)
        try:
            status = await _status(status["jobId"], catalogue)
        except NotFound:
            return


def _job(row: Row) -> Job:
    return Job(
        jobId=row["id"],
        state=row["state"],
        step=row["step"],
        rounds=row["rounds"],
        reason=row["reason"],
        message=_WORDS.get(row["reason"] or ""),
        faults=faults_of(row),
        score=row["score"],
        parts=from_json(row["parts"]) if row["parts"] else None,
        capsule_id=row["capsule_id"],
        prompt=row["prompt"],
        language=row["language"],
        difficulty=row["difficulty"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
