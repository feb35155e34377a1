"""Signed requests: only signed bytes, by the named sender, of this moment, are accepted."""

import asyncio
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.edge.conftest import NOON

from edge.auth.signatures import TOLERANCE, Ed25519Signature, HmacSignature
from edge.errors import Unauthorized
from edge.runtimes.local.crypto import LocalCrypto
from edge.settings import Secret
from sims.discord import DiscordSim
from sims.sanity import sign

SECRET = "a-secret-of-the-hook"
BODY = '{"_id": "post-1", "title": "Größe 🐢"}'.encode()
AT_MS = int(NOON.timestamp() * 1000)
MINUTES_5 = timedelta(minutes=5)
MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
STAMP = str(AT_MS // 1000)


def stamped(header: str | None, body: bytes = BODY, secret: str = SECRET, now: datetime = NOON) -> None:
    HmacSignature.read(header, now).check(body, Secret(secret))


def signed(stamp: str = STAMP, body: bytes = BODY) -> str:
    return KEY.sign(stamp.encode() + body).hex()


def checked(
    stamp: str | None, signature: str | None, body: bytes = BODY, key: str = PUBLIC, now: datetime = NOON
) -> None:
    asyncio.run(Ed25519Signature.read(stamp, signature, now).check(body, key, LocalCrypto()))


def test_the_clocks_of_both_sides_may_differ_by_five_minutes() -> None:
    assert TOLERANCE == MINUTES_5


# -- webhooks by HMAC -----------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [BODY, b"", b"\0\xff", b"a" * 100_000, b"1.", b"{}\n"])
@pytest.mark.parametrize("secret", [SECRET, "x", "ü" * 40, "s" * 200])
def test_requests_signed_with_the_secret_are_accepted(body: bytes, secret: str) -> None:
    stamped(sign(secret, body, AT_MS), body, secret)
    stamped(sign(secret, body, AT_MS).replace(",", ", "), body, secret)
    stamped(sign(secret, body, AT_MS) + "=", body, secret)


@pytest.mark.parametrize("late", [timedelta(), SECOND, -SECOND, MINUTES_5, -MINUTES_5])
def test_stamps_within_the_tolerance_are_accepted(late: timedelta) -> None:
    stamped(sign(SECRET, BODY, AT_MS), now=NOON + late)


@pytest.mark.parametrize("late", [MINUTES_5 + MS, -MINUTES_5 - MS, timedelta(days=1), timedelta(days=-3000)])
def test_stamps_outside_the_tolerance_are_refused(late: timedelta) -> None:
    with pytest.raises(Unauthorized, match="too old"):
        stamped(sign(SECRET, BODY, AT_MS), now=NOON + late)


GOOD = sign(SECRET, BODY, AT_MS)
HASH = GOOD.partition("v1=")[2]
REFUSED: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "no stamp": f"v1={HASH}",
    "no signature": f"t={AT_MS}",
    "an empty signature": f"t={AT_MS},v1=",
    "another stamp": f"t={AT_MS + 1},v1={HASH}",
    "a stamp with a sign": f"t=+{AT_MS},v1={HASH}",
    "a stamp of zeros before": f"t=0{AT_MS},v1={HASH}",
    "a stamp in Arabic digits": GOOD.translate({ord(str(n)): 0x660 + n for n in range(10)}),
    "a long stamp": f"t={'9' * 400},v1={HASH}",
    "another version": f"t={AT_MS},v2={HASH}",
    "the other order": f"v1={HASH},t={AT_MS}",
    "capitals": f"T={AT_MS},V1={HASH}",
    "a second signature": f"{GOOD},v1={HASH}",
    "something before": f" {GOOD}",
    "a line after": f"{GOOD}\n",
    "in hex": f"t={AT_MS},v1={urlsafe_b64decode(HASH + '=').hex()}",
    "in plain base64": f"t={AT_MS},v1={b64encode(urlsafe_b64decode(HASH + '=')).decode()}",
    "cut": GOOD[:-1],
    "longer": GOOD + "A",
    "two signs of the end": GOOD + "==",
    "other bits where none count": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "by another secret": sign("another", BODY, AT_MS),
    "by no secret": sign("", BODY, AT_MS),
    "of another body": sign(SECRET, BODY + b" ", AT_MS),
    "of the body alone": sign(SECRET, BODY, AT_MS).replace(HASH, sign(SECRET, b"", AT_MS).partition("v1=")[2]),
    "lone surrogates": "\ud800" * 43,
    "a signature that is not ASCII": f"t={AT_MS},v1={'é' * 43}",
}


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED)
def test_nothing_else_is_let_in(header: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        stamped(header)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)


def test_no_bit_of_a_stamped_body_or_signature_may_change() -> None:
    random = Random(1)
    for _ in range(300):
        with pytest.raises(Unauthorized):
            stamped(GOOD, flipped(BODY, random))
    for at in range(len(HASH)):
        changed = HASH[:at] + ("A" if HASH[at] != "A" else "B") + HASH[at + 1 :]
        with pytest.raises(Unauthorized):
            stamped(f"t={AT_MS},v1={changed}")


# -- Discord's by Ed25519 -------------------------------------------------------------------------------
def flipped(data: bytes, random: Random) -> bytes:
    """Return bytes of which one bit is another."""
    place = random.randrange(len(data) * 8)
    return bytes(byte ^ (1 << place % 8 if at == place // 8 else 0) for at, byte in enumerate(data))


def in_text(text: str, random: Random) -> str:
    """Return hex digits of which one bit is another."""
    return flipped(bytes.fromhex(text), random).hex()


@pytest.mark.parametrize("body", [b"", BODY, b"\0" * 70_000])
def test_requests_signed_with_the_key_are_accepted(body: bytes) -> None:
    checked(STAMP, signed(body=body), body)


def test_digits_may_be_of_either_case() -> None:
    checked(STAMP, signed().upper(), key=PUBLIC.upper())


def test_requests_signed_by_the_stand_in_for_discord_are_accepted() -> None:
    with DiscordSim() as sim:
        checked(STAMP, sim.sign(STAMP, BODY), key=sim.public_key)


type Change = Callable[[Random], tuple[str, str, bytes, str]]
CHANGES: dict[str, Change] = {
    "signature": lambda random: (STAMP, in_text(signed(), random), BODY, PUBLIC),
    "stamp": lambda random: (
        str(int(STAMP) + random.choice((-1, 1)) * random.randrange(1, 290)),
        signed(),
        BODY,
        PUBLIC,
    ),
    "body": lambda random: (STAMP, signed(), flipped(BODY, random), PUBLIC),
    "key": lambda random: (STAMP, signed(), BODY, in_text(PUBLIC, random)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_of_a_thousand_changes_none_is_let_in(what: str) -> None:
    random = Random(what)
    crypto = LocalCrypto()

    async def run() -> None:
        for _ in range(250):
            stamp, signature, body, key = CHANGES[what](random)
            with pytest.raises(Unauthorized, match="not that of this body"):
                await Ed25519Signature.read(stamp, signature, NOON).check(body, key, crypto)

    asyncio.run(run())


def shifted() -> Iterator[tuple[str, bytes]]:
    """Yield stamps and bodies that make the same message when they are put together."""
    message = STAMP + "0" + BODY.decode()
    for cut in range(1, 12):
        if cut != len(STAMP):
            yield message[:cut], message[cut:].encode()


@pytest.mark.parametrize(("stamp", "body"), [*shifted()])
def test_the_boundary_of_stamp_and_body_cannot_be_moved_far(stamp: str, body: bytes) -> None:
    with pytest.raises(Unauthorized):
        checked(stamp, signed(body=b"0" + BODY), body)


SIGNATURE = signed()
BAD: dict[str, tuple[str | None, str | None]] = {
    "neither": (None, None),
    "no stamp": (None, SIGNATURE),
    "no signature": (STAMP, None),
    "an empty stamp": ("", KEY.sign(BODY).hex()),
    "an empty signature": (STAMP, ""),
    "odd": (STAMP, SIGNATURE[:-1]),
    "odd and longer": (STAMP, SIGNATURE + "a"),
    "too short": (STAMP, SIGNATURE[:-2]),
    "too long": (STAMP, SIGNATURE + "ab"),
    "not hex": (STAMP, "zz" + SIGNATURE[2:]),
    "with blanks": (STAMP, SIGNATURE[:2] + "  " + SIGNATURE[2:]),
    "a blank before": (STAMP, " " + SIGNATURE),
    "a line after": (STAMP, SIGNATURE + "\n"),
    "with 0x": (STAMP, "0x" + SIGNATURE),
    "full-width digits": (STAMP, SIGNATURE.translate({ord(str(n)): 0xFF10 + n for n in range(10)})),
    "base64": (STAMP, b64encode(bytes.fromhex(SIGNATURE)).decode()),
    "zeros": (STAMP, "0" * 128),
    "stamp with a fraction": (f"{STAMP}.0", signed(f"{STAMP}.0")),
    "stamp with a sign": (f"+{STAMP}", signed(f"+{STAMP}")),
    "stamp with a blank": (f" {STAMP}", signed(f" {STAMP}")),
    "stamp in milliseconds": (str(AT_MS), signed(str(AT_MS))),
    "a long stamp": ("9" * 5000, signed("9" * 5000)),
    "a stamp of other digits": ("\u0661" * 10, signed("\u0661" * 10)),
    "a stamp that is text": ("now", signed("now")),
}


@pytest.mark.parametrize(("stamp", "signature"), BAD.values(), ids=BAD)
def test_signatures_of_another_form_are_refused(stamp: str | None, signature: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        checked(stamp, signature)
    assert caught.value.status == 401


@pytest.mark.parametrize("late", [timedelta(), MINUTES_5, -MINUTES_5])
def test_signatures_within_the_tolerance_are_accepted(late: timedelta) -> None:
    checked(STAMP, signed(), now=NOON + late)


@pytest.mark.parametrize("late", [MINUTES_5 + MS, -MINUTES_5 - MS, timedelta(days=365), timedelta(days=-20000)])
def test_signatures_outside_the_tolerance_are_refused(late: timedelta) -> None:
    with pytest.raises(Unauthorized, match="too old"):
        checked(STAMP, signed(), now=NOON + late)


@pytest.mark.parametrize("key", ["00" * 32, "ff" * 32, "01" + "00" * 31, PUBLIC[:-2], PUBLIC + "00", ""])
def test_an_invalid_key_accepts_nothing(key: str) -> None:
    with pytest.raises(Unauthorized):
        checked(STAMP, signed(), key=key)
