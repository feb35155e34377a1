"""Plans and their exact limits of calls: per minute of the clock, and per UTC day."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from edge import Clock, Problem, SystemDatabase
from edge.auth.limits import LimitState
from edge.ports import Quotas
from edge.ports.quotas import Allowance

type PlanName = Literal["free", "creator", "team", "enterprise"]


class Plan(NamedTuple):
    """A plan with its limits; None means unlimited."""

    name: PlanName
    minute: int
    day: int | None
    generations: int | None


PLANS: dict[str, Plan] = {
    "free": Plan("free", 10, 100, 5),
    "creator": Plan("creator", 60, 5_000, 100),
    "team": Plan("team", 300, 25_000, 500),
    "enterprise": Plan("enterprise", 1_000, None, None),
}
"""The plans, in ascending order."""
UNLIMITED = 2**53 - 1
WITH_TEAMS = ("team", "enterprise")

_PLAN = "SELECT plan FROM users WHERE id = ?"


class Window(NamedTuple):
    """A period in which calls are counted; `seconds` is the time until its end."""

    name: str
    period: str
    length: int
    seconds: int


def minute_of(now: datetime) -> Window:
    """Return the current minute of the clock."""
    return Window("minute", now.strftime("%Y-%m-%dT%H:%M"), 60, 60 - now.second)


def day_of(now: datetime) -> Window:
    """Return the current UTC day."""
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return Window("day", now.strftime("%Y-%m-%d"), 86_400, int((tomorrow - now).total_seconds()) + 1)


class QuotaExceeded(Problem):
    """The plan's calls are used up."""

    title = "The plan's calls are used up"
    status = 429

    def __init__(self, plan: Plan, member: str, window: Window) -> None:
        most = getattr(plan, member)
        what = "generations" if member == "generations" else "calls"
        lifts: list[dict[str, object]] = [{"by": "time", "seconds": window.seconds}]
        lifts += [
            {"by": "plan", "plan": other.name, what: getattr(other, member)}
            for other in PLANS.values()
            if most is not None and (getattr(other, member) is None or getattr(other, member) > most)
        ]
        larger = " or choose a larger plan" if len(lifts) > 1 else ""
        super().__init__(
            f"plan {plan.name} has {most} {what} per {window.name}: wait {window.seconds} s{larger}",
            headers=[("retry-after", str(window.seconds))],
            retry_after=window.seconds,
            plan=plan.name,
            lifted_by=lifts,
            **{"violated-policies": [member if member == "generations" else window.name]},
        )


QuotaExceeded.type = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class PlanLimits:
    """Counts the calls of accounts. A refused call is not counted; a new plan applies from the next call on."""

    def __init__(self, db: SystemDatabase, plan_limits: Quotas, clock: Clock) -> None:
        self._db = db
        self._quotas = plan_limits
        self._clock = clock

    async def plan_of(self, user_id: str) -> Plan:
        """Return the plan of an account; the smallest if the account does not exist."""
        row = await self._db.first(_PLAN, user_id)
        return PLANS[row["plan"]] if row else PLANS["free"]

    async def count_call(self, user_id: str, standings: list[LimitState]) -> None:
        """Count a call and append the account's rate-limit standings; raises `QuotaExceeded` beyond a limit."""
        plan = await self.plan_of(user_id)
        now = self._clock.now()
        windows = [("minute", minute_of(now)), ("day", day_of(now))]
        standings += await self._take(_counter("calls", user_id), plan, windows, standings)

    async def count_generation(self, user_id: str) -> None:
        """Count a generation; raises `QuotaExceeded` beyond the daily limit."""
        plan = await self.plan_of(user_id)
        await self._take(_counter("generations", user_id), plan, [("generations", day_of(self._clock.now()))], [])

    async def used(self, user_id: str) -> dict[str, int]:
        """Return an account's usage in the current minute and day."""
        now = self._clock.now()
        calls = await self._quotas.take(_counter("calls", user_id), _full(minute_of(now), day_of(now)))
        generations = await self._quotas.take(_counter("generations", user_id), _full(day_of(now)))
        return {"minute": calls[0], "day": calls[1], "generations": generations[0]}

    async def _take(
        self, name: str, plan: Plan, windows: Sequence[tuple[str, Window]], refused: list[LimitState]
    ) -> list[LimitState]:
        """Count a call and return the standings; if it is refused, append them to `refused` instead."""
        allowances = [Allowance(window.period, _most(plan, member)) for member, window in windows]
        used = await self._quotas.take(name, allowances)
        full = [number for number, allowance in enumerate(allowances) if used[number] >= allowance.most]
        standings = [
            LimitState(member, most, window.length, max(0, most - used[number] - (not full)), window.seconds)
            for number, (member, window) in enumerate(windows)
            if (most := getattr(plan, member)) is not None
        ]
        if full:
            refused += standings
            raise QuotaExceeded(plan, *windows[full[-1]])
        return standings


def _counter(kind: str, user_id: str) -> str:
    """Return the name of an account's counter: a hash, as counters outlive their account."""
    return f"{kind} {sha256(user_id.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _most(plan: Plan, member: str) -> int:
    most = getattr(plan, member)
    return UNLIMITED if most is None else int(most)


def _full(*windows: Window) -> list[Allowance]:
    """Return allowances of zero calls, to read the usage without counting."""
    return [Allowance(window.period, 0) for window in windows]
