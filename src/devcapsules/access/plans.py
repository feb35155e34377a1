"""Plans, and the exact limits of their calls: by the minute of the clock, and by the day of UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Literal, NamedTuple

from edge import Clock, Problem, SystemDatabase
from edge.auth.limits import LimitState
from edge.ports import Quotas
from edge.ports.quotas import Allowance

type PlanName = Literal["free", "creator", "team", "enterprise"]


class Plan(NamedTuple):
    """The limits of a plan; None is unlimited."""

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
"""The plans, each with more than the one before."""
UNLIMITED = 2**53 - 1
WITH_TEAMS = ("team", "enterprise")

_PLAN = "SELECT plan FROM users WHERE id = ?"


class Window(NamedTuple):
    """A period of the clock in which calls are counted; `seconds` are those until it is over."""

    name: str
    period: str
    length: int
    seconds: int


def minute_of(now: datetime) -> Window:
    """Return the minute of the clock."""
    return Window("minute", now.strftime("%Y-%m-%dT%H:%M"), 60, 60 - now.second)


def day_of(now: datetime) -> Window:
    """Return the day of UTC."""
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
        super().__init__(
            f"the plan {plan.name} has {most} {what} a {window.name}: wait {window.seconds} s, or take a larger plan",
            headers=[("retry-after", str(window.seconds))],
            retry_after=window.seconds,
            plan=plan.name,
            lifted_by=lifts,
            **{"violated-policies": [member if member == "generations" else window.name]},
        )


QuotaExceeded.type = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class PlanLimits:
    """Counts the calls of accounts. A refused call counts nowhere; a plan that changes holds from the next call on."""

    def __init__(self, db: SystemDatabase, plan_limits: Quotas, clock: Clock) -> None:
        self._db = db
        self._quotas = plan_limits
        self._clock = clock

    async def plan_of(self, user_id: str) -> Plan:
        """Return the plan of an account; the smallest where there is none."""
        row = await self._db.first(_PLAN, user_id)
        return PLANS[row["plan"]] if row else PLANS["free"]

    async def count_call(self, user_id: str, standings: list[LimitState]) -> None:
        """Count a call and add how the account stands; `QuotaExceeded` beyond a limit."""
        plan, now = await self.plan_of(user_id), self._clock.now()
        windows = [("minute", minute_of(now)), ("day", day_of(now))]
        standings += await self._take(f"calls {user_id}", plan, windows, standings)

    async def count_generation(self, user_id: str) -> None:
        """Count a generation; `QuotaExceeded` beyond the day's."""
        plan = await self.plan_of(user_id)
        await self._take(f"generations {user_id}", plan, [("generations", day_of(self._clock.now()))], [])

    async def used(self, user_id: str) -> dict[str, int]:
        """Return what an account has used in the windows of now."""
        now = self._clock.now()
        calls = await self._quotas.take(f"calls {user_id}", _full(minute_of(now), day_of(now)))
        generations = await self._quotas.take(f"generations {user_id}", _full(day_of(now)))
        return {"minute": calls[0], "day": calls[1], "generations": generations[0]}

    async def _take(
        self, name: str, plan: Plan, windows: Sequence[tuple[str, Window]], refused: list[LimitState]
    ) -> list[LimitState]:
        """Count a call and return the standings; where it is refused, they go to `refused`."""
        allowances = [Allowance(window.period, _most(plan, member)) for member, window in windows]
        used = await self._quotas.take(name, allowances)
        full = [number for number, one in enumerate(allowances) if used[number] >= one.most]
        standings = [
            LimitState(member, most, window.length, max(0, most - used[number] - (not full)), window.seconds)
            for number, (member, window) in enumerate(windows)
            if (most := getattr(plan, member)) is not None
        ]
        if full:
            refused += standings
            raise QuotaExceeded(plan, *windows[full[-1]])
        return standings


def _most(plan: Plan, member: str) -> int:
    most = getattr(plan, member)
    return UNLIMITED if most is None else int(most)


def _full(*windows: Window) -> list[Allowance]:
    """Return allowances of no call, which count nothing."""
    return [Allowance(window.period, 0) for window in windows]
