"""Tokens: one that is unsigned, signed by another, or made for another service is refused."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.auth.tokens import LONGEST, MOST_READ, Tokens, TokenTooLong, kid_of
from edge.errors import Unauthorized

NOW = datetime.now(UTC)
KEY, OLD, ALIEN = "k" * 32, "o" * 32, "a" * 32
TOKENS = Tokens("api", [KEY, OLD])
CALLER = Actor("phone-1", OPERATOR, frozenset({"A", "B"}), 100)


def packed(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=lambda moment: int(moment.timestamp()))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    good = {"iss": "api", "aud": "api", "sub": "phone-1", "key": "phone-1", "role": "reader", "iat": NOW, "nbf": NOW}
    payload = good | {"exp": NOW + timedelta(hours=2)} | changes
    return {name: value for name, value in payload.items() if value is not None}


def signed(payload: object, key: str = KEY, **header: Any) -> str:
    head = {"alg": "HS256", "typ": "JWT", "kid": kid_of(key)} | header
    return stamped(packed({name: value for name, value in head.items() if value is not None}), packed(payload), key)


def stamped(head: str, payload: str, key: str) -> str:
    signature = hmac.digest(key.encode(), f"{head}.{payload}".encode(), hashlib.sha256)
    return f"{head}.{payload}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_token_holds_all_facts_about_its_caller() -> None:
    ends_at = float(int((NOW + timedelta(hours=2)).timestamp()))
    read = TOKENS.read(TOKENS.issue(CALLER, NOW, timedelta(hours=2)))
    assert read == Actor("phone-1", OPERATOR, frozenset({"A", "B"}), 100, is_token=True, expires_at=ends_at)
    plain = TOKENS.read(TOKENS.issue(Actor("x", READER), NOW, timedelta(hours=2)))
    assert (plain.subjects, plain.daily_calls) == (None, None)


def test_the_helper_of_these_tests_signs_as_it_should() -> None:
    assert TOKENS.read(signed(claims())).name == "phone-1"


def test_two_keys_live_while_one_takes_over_from_the_other() -> None:
    before, after = Tokens("api", [OLD]), Tokens("api", [KEY])
    token = before.issue(CALLER, NOW, timedelta(hours=2))
    assert TOKENS.read(token).name == "phone-1"
    assert before.read(token).name == "phone-1"
    with pytest.raises(Unauthorized, match="not in use"):
        after.read(token)
    assert after.read(TOKENS.issue(CALLER, NOW, timedelta(hours=2))).name == "phone-1"


@pytest.mark.slow
def test_a_token_that_was_read_before_ends_as_it_was_to_end() -> None:
    tokens = Tokens("api", [KEY])
    token = tokens.issue(CALLER, datetime.now(UTC), timedelta(seconds=2))
    assert tokens.read(token).name == tokens.read(token).name == "phone-1"
    time.sleep(2.1)
    for reader in (tokens, Tokens("api", [KEY])):
        with pytest.raises(Unauthorized, match="expired"):
            reader.read(token)


def test_so_many_tokens_are_remembered_and_no_more() -> None:
    tokens = Tokens("api", [KEY])
    for number in range(MOST_READ + 10):
        tokens.read(tokens.issue(Actor(f"x{number}", READER), NOW, timedelta(hours=2)))
    assert len(tokens._read) <= MOST_READ


def test_a_kid_tells_nothing_of_its_key() -> None:
    assert kid_of(KEY) not in KEY
    assert kid_of(KEY) not in hashlib.sha256(KEY.encode()).hexdigest()
    assert kid_of(KEY) != kid_of(OLD)


GOOD = claims()
PAST = NOW - timedelta(hours=1)
FUTURE = NOW + timedelta(hours=3)
TWICE = json.dumps(claims(), default=lambda moment: int(moment.timestamp()))[:-1] + ', "role": "admin"}'
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
OTHERWISE = {sign: _SIGNS[place | 1] for place, sign in enumerate(_SIGNS) if place % 4 == 0}
"""The last sign of 32 bytes carries two bits that mean nothing: the same bytes, spelled otherwise."""
BAD: dict[str, str] = {
    "no algorithm": f"{packed({'alg': 'none', 'kid': kid_of(KEY)})}.{packed(GOOD)}.",
    "no algorithm, but a signature": signed(GOOD, alg="none"),
    "none in capitals": f"{packed({'alg': 'NONE', 'kid': kid_of(KEY)})}.{packed(GOOD)}.",
    "another hash": jwt.encode(GOOD, KEY * 2, "HS512", headers={"kid": kid_of(KEY)}),
    "an algorithm of key pairs": signed(GOOD, alg="RS256"),
    "an algorithm of curves": signed(GOOD, alg="ES256"),
    "no alg": signed(GOOD, alg=None),
    "alg is a list": signed(GOOD, alg=["HS256"]),
    "expired": signed(claims(exp=PAST)),
    "expires never": signed(claims(exp=None)),
    "exp is text": signed(claims(exp="tomorrow")),
    "exp is huge": signed(claims(exp=10**400)),
    "exp is a list": signed(claims(exp=[FUTURE.timestamp()])),
    "not yet valid": signed(claims(nbf=FUTURE)),
    "issued in the future": signed(claims(iat=FUTURE)),
    "no nbf": signed(claims(nbf=None)),
    "no iat": signed(claims(iat=None)),
    "another audience": signed(claims(aud="other")),
    "no audience": signed(claims(aud=None)),
    "many audiences": signed(claims(aud=["api", "other"])),
    "another issuer": signed(claims(iss="other")),
    "no issuer": signed(claims(iss=None)),
    "issuer is a list": signed(claims(iss=["api"])),
    "no subject": signed(claims(sub=None)),
    "subject is a number": signed(claims(sub=1)),
    "no role": signed(claims(role=None)),
    "an unknown role": signed(claims(role="root")),
    "role is a number": signed(claims(role=3)),
    "subjects is text": signed(claims(subjects="A")),
    "subjects holds a number": signed(claims(subjects=[1])),
    "daily_calls is text": signed(claims(daily_calls="1")),
    "daily_calls is true": signed(claims(daily_calls=True)),
    "daily_calls is below zero": signed(claims(daily_calls=-1)),
    "daily_calls is huge": signed(claims(daily_calls=10**300)),
    "an administrator with subjects": signed(claims(role="admin", subjects=["A"])),
    "an administrator with no subjects at all": signed(claims(role="admin", subjects=[])),
    "a role of strangers": signed(claims(role="public")),
    "no key": signed(claims(key=None)),
    "another's key": signed(claims(key="phone-2")),
    "a key and an administrator's": signed(claims(admin_key="f" * 32)),
    "an administrator's key that is a number": signed(claims(key=None, admin_key=1)),
    "over a second ago": signed(claims(iat=NOW - timedelta(seconds=9), exp=NOW - timedelta(seconds=1))),
    "signed by somebody": signed(GOOD, ALIEN, kid=kid_of(KEY)),
    "signed by somebody, with a kid of theirs": signed(GOOD, ALIEN),
    "signed with nothing": signed(GOOD, "", kid=kid_of(KEY)),
    "signed with the kid": signed(GOOD, kid_of(KEY), kid=kid_of(KEY)),
    "no kid": signed(GOOD, kid=None),
    "kid is a path": signed(GOOD, kid="../../dev/null"),
    "kid is SQL": signed(GOOD, kid="x' UNION SELECT 'a"),
    "kid is a list": signed(GOOD, kid=[kid_of(KEY)]),
    "kid is huge": signed(GOOD, kid="k" * 3000),
    "the key is in the header": signed(GOOD, ALIEN, kid=kid_of(KEY), jwk={"kty": "oct", "k": packed(ALIEN)}),
    "the key is elsewhere": signed(GOOD, ALIEN, kid=kid_of(KEY), jku="http://127.0.0.1:9/keys"),
    "a critical extension": signed(GOOD, crit=["b64"], b64=False),
    "the payload is no object": signed([GOOD]),
    "the payload is no JSON": signed("{"),
    "the payload is deep": signed("[" * 2000 + "]" * 2000),
    "a claim stands twice": signed(TWICE),
    "a header stands twice": stamped(
        packed(f'{{"alg": "HS256", "kid": "x", "kid": "{kid_of(KEY)}"}}'), packed(GOOD), KEY
    ),
    "the signature is cut": signed(GOOD)[:-2],
    "the signature is padded": signed(GOOD) + "=",
    "the signature has a sign that base64 skips": signed(GOOD)[:-5] + "!" + signed(GOOD)[-5:],
    "the signature has a line break": signed(GOOD) + "\n",
    "the signature is spelled otherwise": signed(GOOD)[:-1] + OTHERWISE[signed(GOOD)[-1]],
    "the payload has a sign that base64 skips": stamped(signed(GOOD).split(".")[0], packed(GOOD) + "*", KEY),
    "no signature": signed(GOOD).rpartition(".")[0] + ".",
    "the payload is another's": ".".join(
        [signed(GOOD).split(".")[0], packed(claims(role="admin")), signed(GOOD).split(".")[2]]
    ),
    "no token": "..",
    "not base64": "a.b.c",
    "not ASCII": "é.é.é",
    "huge": signed(claims(more="x" * LONGEST)),
    "five parts": signed(GOOD) + ".e.f",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_nothing_but_a_token_of_ours_is_believed(token: str) -> None:
    with pytest.raises(Unauthorized):
        TOKENS.read(token)


@pytest.mark.parametrize("place", range(3))
def test_no_character_of_a_token_may_change(place: int) -> None:
    parts = TOKENS.issue(CALLER, NOW, timedelta(hours=2)).split(".")
    for at in range(len(parts[place]) - 1):  # the last may hold bits that are read by nobody
        mark = "A" if parts[place][at] != "A" else "B"
        changed = [*parts]
        changed[place] = parts[place][:at] + mark + parts[place][at + 1 :]
        with pytest.raises(Unauthorized):
            TOKENS.read(".".join(changed))


ODD: list[Any] = [
    *json.loads(r'[null, true, false, 0, -1, 1.5, 1e308, "", "1", "tomorrow", "\u0000", "\n", "\u202e"]'),
    *json.loads(
        r'["\ud800", "\udfff\ud800", [], [1], ["\ud800"], [null], [["A"]], {}, {"a": 1}, {"\ud800": "\udc00"}]'
    ),
    *(10**400, "9" * 30, "a" * 3000),
]
"""Values of JSON that a claim or a header's member may have; Infinity and NaN are added as text."""
CLAIMS = [*claims(), "subjects", "daily_calls", "jti", "admin_key", "other"]
MEMBERS = ["alg", "typ", "kid", "cty", "crit", "b64", "jwk", "x5c", "other"]


def numbered(value: object) -> Any:
    return json.loads(json.dumps(value, default=lambda moment: int(moment.timestamp())))


def read_or_refused(token: str) -> Actor | None:
    """Return the caller of a token, None if it is refused; any other exception is a fault."""
    try:
        return TOKENS.read(token)
    except Unauthorized:
        return None


@pytest.mark.parametrize("name", CLAIMS)
def test_odd_claim_never_does_more_than_to_be_refused(name: str) -> None:
    good = numbered(claims())
    texts = [json.dumps({**good, name: value}) for value in ODD]
    texts += [json.dumps({**good, name: "@"}).replace('"@"', number) for number in ("NaN", "Infinity", "-Infinity")]
    for text in texts:
        caller = read_or_refused(signed(text))
        if caller is not None:
            json.dumps(sorted(caller.subjects or ()), ensure_ascii=False).encode()
            assert (caller.name, caller.role, type(caller.expires_at)) == ("phone-1", READER, float)


@pytest.mark.parametrize("name", MEMBERS)
def test_odd_header_member_never_does_more_than_to_be_refused(name: str) -> None:
    for value in ODD:
        head = {"alg": "HS256", "typ": "JWT", "kid": kid_of(KEY), name: value}
        caller = read_or_refused(stamped(packed(json.dumps(head)), packed(claims()), KEY))
        assert caller is None or caller.name == "phone-1"


def test_token_that_is_issued_is_read_or_it_is_too_long() -> None:
    plain = Actor("phone-1", READER, frozenset(f"{number:02}".ljust(100, "x") for number in range(50)))
    assert TOKENS.read(TOKENS.issue(plain, NOW, timedelta(hours=2))).subjects == plain.subjects
    wide = Actor("phone-1", READER, frozenset(f"{number:02}".ljust(100, "é") for number in range(50)))
    with pytest.raises(TokenTooLong, match=f"more than {LONGEST}"):
        TOKENS.issue(wide, NOW, timedelta(hours=2))


def test_administrators_token_carries_the_mark_of_the_key_and_no_other_name() -> None:
    administrator = Actor("admin", ADMIN, fingerprint="f" * 32)
    token = TOKENS.issue(administrator, NOW, timedelta(hours=2))
    assert TOKENS.read(token).fingerprint == "f" * 32
    payload = jwt.decode(token, options={"verify_signature": False})
    assert (payload["admin_key"], "key" in payload) == ("f" * 32, False)
