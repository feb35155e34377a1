"""Publication: others see a capsule only after its own solution has passed its tests."""

from devcapsules.capsules.models import Content
from devcapsules.execution.routes import ExecutorAway
from devcapsules.judging import BadValue, Judging
from edge.errors import StorageConflict

MOST_NAMED = 5


class SolutionFails(StorageConflict):
    """The solution does not pass the capsule's own tests."""

    title = "The solution does not pass the capsule's own tests"


class Publisher:
    """Runs the solution of what is about to be seen by others: public and unlisted capsules."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging

    async def check(self, visibility: str, language: str, content: Content, time_limit_ms: int) -> None:
        """Raise `SolutionFails` if a test fails, `ExecutorAway` if nobody runs it; private capsules are not run."""
        if visibility == "private" or not content.tests:
            return
        solution = (language, content.solution, content.function_name, content.tests)
        try:
            results = await self._judging.judge(*solution, time_limit_ms)
        except BadValue as fault:
            raise SolutionFails(f"a test has an invalid value: {fault}; it stays as it was") from None
        for result in results:
            if result.status == "unavailable":
                raise ExecutorAway(f"the solution cannot be tried, so nothing changed: {result.message}", wait=5)
        failed = [(place, result) for place, result in enumerate(results) if not result.has_passed]
        if failed:
            tests = [
                {"test": place, "name": result.name, "status": result.status, "message": result.message}
                for place, result in failed[:MOST_NAMED]
            ]
            raise SolutionFails(
                f"{len(failed)} of {len(results)} tests fail with the solution, so nothing changed: correct it first",
                failed=len(failed),
                total=len(results),
                tests=tests,
            )
