"""`/api/v1/generate`: jobs that generate exercises, their status by GET or SSE; dead letters for administrators."""

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
    Log,
    NotConfigured,
    NotFound,
    Operation,
    Queue,
    Request,
    Response,
    Routes,
)
from edge.live.event_stream import JSON, SSE, event_stream, wants_events
from edge.ports import PortError, Row
from edge.reach import OPEN

POLL_S = 1.0
LONGEST_STREAM_S = 600
BODY_LIMIT = 32 * 1024
"""Room for the longest prompt with each character written as two escapes of six bytes."""

routes = Routes("/api/v1/generate", tag="generation", access=READER, reach=USERS)
letters = Routes("/api/v1/dead-letters", tag="generation", access=ADMIN, reach=OPEN)

_JOBS = "SELECT * FROM generation_jobs ORDER BY created_at DESC, id LIMIT 50"
_JOB = "SELECT * FROM generation_jobs WHERE id = ?"
_WORDS = REASONS | {"gave_up": "all retries failed: the model or the executor was not available"}


class JobNotFound(NotFound):
    """No such job."""

    title = "No such job"


class JobAccepted(TypedDict):
    """An accepted job."""

    success: bool
    jobId: str
    statusUrl: str


class Job(TypedDict):
    """A job. `message` explains its failure, `faults` are those of its last draft."""

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
    """A job with its capsule; null before success, and after the capsule is deleted."""

    capsule: Capsule | None


class JobList(TypedDict):
    """Jobs, the newest first."""

    jobs: list[Job]


class Revived(TypedDict):
    """A requeued job."""

    jobId: str
    state: Literal["queued"]


class Sender:
    """Sends jobs to the queue. A stored job needs no second order if that fails: a cron job sends it again."""

    def __init__(self, generation_queue: Queue, log: Log) -> None:
        self._queue = generation_queue
        self._log = log

    async def send(self, job_id: str) -> None:
        """Send a stored job's id; log a failure of the queue."""
        try:
            await self._queue.send({"job_id": job_id})
        except PortError as fault:
            self._log("warning", "generation_not_sent", jobId=job_id, fault=str(fault))


class Intake:
    """Accepts orders; without a configured model none is accepted or counted."""

    def __init__(self, plans: PlanLimits, jobs: Jobs, sender: Sender, writer: Writer) -> None:
        self._plans = plans
        self._jobs = jobs
        self._sender = sender
        self._writer = writer

    async def add(self, user_id: str, order: Order) -> str:
        """Count, store and enqueue a job; return its id."""
        await self._plans.count_generation(user_id)
        job_id = await self._jobs.add(user_id, order)
        await self._sender.send(job_id)
        return job_id


@routes.post(
    "", QuotaExceeded, NotConfigured, status=202, location="/api/v1/generate/{jobId}/status", body_limit=BODY_LIMIT
)
async def order_exercise(body: Body[Order], actor: Actor, intake: Intake) -> JobAccepted:
    """Order an exercise written by a model. It counts once against the plan, even if it fails."""
    job_id = await intake.add(actor.name, body)
    return JobAccepted(success=True, jobId=job_id, statusUrl=f"/api/v1/generate/{job_id}/status")


@routes.get("")
async def list_generations(catalogue: Catalogue) -> JobList:
    """List your jobs, the newest first."""
    return JobList(jobs=[_job(row) for row in await catalogue.db.all(_JOBS)])


@routes.get("/{job_id}/status", JobNotFound, operation=Operation({200: {JSON: JobStatus, SSE: JobStatus}}))
async def get_generation_status(job_id: str, request: Request, catalogue: Catalogue, clock: Clock) -> Response:
    """Get the status of a job; with `Accept: text/event-stream` as events `status`, one per change until its end."""
    status = await _status(job_id, catalogue)
    if wants_events(request):
        return event_stream(_changes(status, catalogue, clock))
    return Response.json(status)


@letters.get("")
async def list_dead_letters(jobs: Jobs) -> JobList:
    """List the dead jobs, the oldest first."""
    return JobList(jobs=[_job(row) for row in await jobs.dead()])


@letters.post("/{job_id}/retry", JobNotFound, status=202, location="/api/v1/generate/{jobId}/status")
async def retry_dead_letter(job_id: str, jobs: Jobs, sender: Sender) -> Revived:
    """Retry a dead job; it is not charged again."""
    if not await jobs.requeue(job_id):
        raise JobNotFound("there is no dead job with this id")
    await sender.send(job_id)
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
    sent: Any = None
    for _ in range(int(LONGEST_STREAM_S / POLL_S)):
        if status != sent:
            yield b"event: status\ndata: %s\n\n" % to_json(status)
            sent = status
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
