"""Password hashes: PHC strings, costs of old hashes, and a bounded queue before the work."""

import asyncio

import pytest
from tests.edge.parts.conftest import SetClock

from edge.auth.accounts.hashes import (
    LONGEST_WAIT_S,
    MOST_AT_ONCE,
    MOST_WAITING,
    POLICY,
    Hasher,
    PasswordHash,
    padding_cost,
)
from edge.errors import Overloaded
from edge.ports.crypto import ScryptCost
from edge.runtimes.local.clock import LocalClock
from edge.runtimes.local.crypto import LocalCrypto

CHEAP = ScryptCost(2**4, 8, 1)
KNOWN = (
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
    "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
)
"""The third vector of RFC 7914, as a PHC string."""
WRONG = [
    "",
    "plain",
    "$scrypt$ln=14,r=8$c2FsdA$aGFzaA",
    "$argon2id$ln=14,r=8,p=1$c2FsdA$aGFzaA",
    "$scrypt$ln=14,r=8,p=1$c2FsdA==$aGFzaA",
    "$scrypt$ln=14,r=8,p=1$$aGFzaA",
    "$scrypt$ln=99,r=8,p=1$c2FsdA$aGFzaA",
    "$scrypt$ln=x,r=8,p=1$c2FsdA$aGFzaA",
    "x$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA",
    "$scrypt$ln=14,r=8,p=1,q=2$c2FsdA$aGFzaA",
]


class Work:
    """A fake scrypt that only counts its calls, and can be made to wait."""

    def __init__(self) -> None:
        self.work: list[int] = []
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()

    async def scrypt(self, _password: bytes, _salt: bytes, cost: ScryptCost, length: int) -> bytes:
        self.work.append(cost.n * cost.r * cost.p)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        return bytes(length)

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        raise NotImplementedError(key, signature, message)


def test_policy_matches_owasps_advice_for_its_memory() -> None:
    assert POLICY == (2**14, 8, 5)


def test_hash_is_a_phc_string_of_its_cost_and_fits_its_password_alone() -> None:
    async def case() -> None:
        hasher = Hasher(LocalCrypto(), LocalClock(), CHEAP)
        text, again = await hasher.make("pässword \u00e9\u2019\U0001f600"), await hasher.make("pässword")
        assert text.startswith("$scrypt$ln=4,r=8,p=1$")
        assert text != again
        assert await hasher.check("pässword \u00e9\u2019\U0001f600", text) == (True, False)
        for other in ("pässword", "pässword e\u0301\u2019\U0001f600", "pässword \u00e9\u2019\U0001f600 ", ""):
            assert not (await hasher.check(other, text)).fits
        assert await hasher.check("anything", None) == (False, False)

    asyncio.run(case())


def test_hash_of_another_cost_fits_and_is_old() -> None:
    checked = asyncio.run(Hasher(LocalCrypto(), LocalClock(), CHEAP).check("pleaseletmein", KNOWN))
    assert checked == (True, True)
    assert str(PasswordHash.parse(KNOWN)) == KNOWN


@pytest.mark.parametrize("text", WRONG)
def test_text_that_is_no_phc_string_of_scrypt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PasswordHash.parse(text)


@pytest.mark.parametrize("text", [*WRONG, "$scrypt$ln=20,r=8,p=1$c2FsdA$aGFzaA"])
def test_no_password_fits_a_hash_that_cannot_be_checked(text: str) -> None:
    assert not asyncio.run(Hasher(LocalCrypto(), LocalClock(), CHEAP).check("password", text)).fits


@pytest.mark.parametrize(
    "cost",
    [ScryptCost(2**14, 8, 1), ScryptCost(2**13, 8, 5), ScryptCost(2**12, 8, 3), ScryptCost(2**13, 8, 10), POLICY],
)
def test_every_check_does_the_work_of_the_present_cost(cost: ScryptCost) -> None:
    async def case() -> None:
        work = Work()
        work.gate.set()
        hasher = Hasher(work, SetClock())
        await hasher.check("password", str(PasswordHash(cost, b"salt", bytes(32))))
        old = [*work.work]
        work.work.clear()
        await hasher.check("password", None)
        assert len(old) == len(work.work) == 2
        assert old == sorted(old, reverse=True)
        assert 0 <= sum(old) - sum(work.work) < POLICY.n * POLICY.r

    asyncio.run(case())


def test_cost_that_is_higher_adds_the_least_work() -> None:
    assert padding_cost(ScryptCost(2**15, 8, 5), POLICY) == POLICY._replace(p=1)


def test_two_hash_at_once_and_a_bounded_queue_waits() -> None:
    async def case() -> None:
        work = Work()
        hasher = Hasher(work, LocalClock(), CHEAP)
        tasks = [asyncio.ensure_future(hasher.make("password")) for _ in range(MOST_AT_ONCE + MOST_WAITING)]
        await asyncio.sleep(0.05)
        assert work.running == MOST_AT_ONCE
        with pytest.raises(Overloaded) as refused:
            await hasher.make("password")
        assert ("retry-after", "2") in refused.value.headers
        work.gate.set()
        await asyncio.gather(*tasks)
        assert work.most == MOST_AT_ONCE
        await hasher.make("password")

    asyncio.run(case())


def test_work_of_events_that_ended_without_a_word_is_forgotten() -> None:
    async def case() -> None:
        work = Work()
        clock = SetClock()
        hasher = Hasher(work, clock, CHEAP)
        lost = [asyncio.ensure_future(hasher.make("password")) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0.01)
        assert work.running == MOST_AT_ONCE
        clock.pass_by(LONGEST_WAIT_S + 1)
        later = asyncio.ensure_future(hasher.make("password"))
        await asyncio.sleep(0.01)
        assert work.running == MOST_AT_ONCE + 1
        work.gate.set()
        await asyncio.gather(later, *lost)

    asyncio.run(case())
