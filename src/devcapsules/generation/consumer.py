"""Consumers of the queues `generation-jobs` and `generation-dlq`, and the cron job that resends lost messages."""

import math
from typing import Any

from devcapsules.generation.jobs import Claimed, Jobs, LeaseLost
from devcapsules.generation.models import Writer
from devcapsules.generation.rounds import Budget, ExecutorAway, Generated, JobFailed, Rounds
from devcapsules.generation_settings import GenerationSettings
from devcapsules.judging import Judging
from edge import ADMIN, Clock, Delivery, Log, NotConfigured, Queue, Retry, Routes, Tick
from edge.ports.model import ModelBusy, ModelError

QUEUE, DEAD_LETTERS = "generation-jobs", "generation-dlq"
CRON = "*/5 * * * *"

routes = Routes("/api/v1/generate", tag="generation", access=ADMIN)


class Worker:
    """Runs generation jobs."""

    def __init__(
        self, jobs: Jobs, writer: Writer, judging: Judging, clock: Clock, settings: GenerationSettings
    ) -> None:
        self._jobs = jobs
        self._writer = writer
        self._judging = judging
        self._clock = clock
        self._settings = settings

    async def work(self, claimed: Claimed) -> Generated:
        """Generate the exercise of a job. Errors: `JobFailed`, `LeaseLost`, and transient errors."""
        settings = self._settings
        limits = (settings.generation_rounds, settings.generation_tokens, settings.generation_seconds)
        budget = Budget(*limits, spent=claimed.row["tokens"])
        rounds = Rounds(self._writer, settings.generation_model, self._judging, self._clock, budget)

        async def report(step: str, number: int, tokens: int) -> None:
            await self._jobs.step(claimed, step, number, tokens)

        return await rounds.run(claimed.order, report)


@routes.queue(QUEUE, batch_size=1, max_retries=4, retry_delay=20, max_concurrency=4, dead_letter=DEAD_LETTERS)
async def generate(delivery: Delivery, jobs: Jobs, worker: Worker, log: Log, clock: Clock) -> None:
    """Generate the exercise of a job, unless it has ended or another delivery is working on it."""
    job_id = _job_of(delivery)
    begun = clock.now()
    claimed = await jobs.claim(job_id)
    if claimed is None:
        await _wait_for_another(job_id, jobs, clock)
        return
    try:
        exercise = await worker.work(claimed)
    except JobFailed as fault:
        await jobs.fail(claimed, fault.reason, fault.faults)
        log("warning", "generation_failed", jobId=job_id, reason=fault.reason)
        return
    except LeaseLost:
        return
    except (ModelError, ExecutorAway, NotConfigured) as fault:
        await jobs.release(claimed, f"waits for a retry: {fault}")
        delay = math.ceil(fault.retry_after) if isinstance(fault, ModelBusy) and fault.retry_after else None
        raise Retry(str(fault), delay=delay) from None
    if await jobs.succeed(claimed, exercise) is not None:
        milliseconds = round((clock.now() - begun).total_seconds() * 1000)
        log("info", "generation_complete", jobId=job_id, qualityScore=exercise.score, generationTime=milliseconds)


@routes.queue(DEAD_LETTERS, max_retries=10)
async def handle_dead_letter(delivery: Delivery, jobs: Jobs, log: Log, clock: Clock) -> None:
    """Mark the job of a dead-lettered message as dead, unless another delivery is working on it."""
    job_id = _job_of(delivery)
    row = await jobs.row(job_id)
    if await jobs.bury(job_id, [row["step"]] if row and row["step"] else []):
        log("error", "generation_dead", jobId=job_id)
    else:
        await _wait_for_another(job_id, jobs, clock)


@routes.cron(CRON)
async def send_again(tick: Tick, jobs: Jobs, generation_queue: Queue) -> dict[str, Any]:
    """Resend the messages of stalled jobs: the message was never sent, or its delivery crashed."""
    if tick.is_dry:
        return {"jobs": None}
    ids = await jobs.stalled()
    for job_id in ids:
        await generation_queue.send({"job_id": job_id})
    return {"jobs": len(ids)}


async def _wait_for_another(job_id: str, jobs: Jobs, clock: Clock) -> None:
    """Raise `Retry` if another delivery has the job, as that one may crash."""
    row = await jobs.row(job_id)
    if row is not None and row["state"] in {"queued", "running"}:
        left = (row["lease_until"] or 0) - clock.now().timestamp()
        raise Retry("another delivery is working on it", delay=max(5, math.ceil(left)))


def _job_of(delivery: Delivery) -> str:
    body = delivery.body
    job_id = body.get("job_id") if isinstance(body, dict) else None
    return job_id if isinstance(job_id, str) else ""
