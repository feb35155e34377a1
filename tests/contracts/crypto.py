"""Cases of every `Crypto`: signatures, right and wrong ones, and passwords.

The vectors are those of RFC 8032, section 7.1, and of RFC 7914, section 12, but for the one that needs 1 GiB.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator

from edge.ports.crypto import Crypto, ScryptCost

type Case = Callable[[Crypto], Awaitable[None]]
type Signed = tuple[bytes, bytes, bytes]
"""A key, a signature, a message."""

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
LONG = (
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1e355f6c50544e23f"
    "b1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d658675fc6ea534e0810a4432826bf58c"
    "941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82d522c4feba15452f80288a82"
    "1a579116ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbef"
    "efd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53"
    "f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
    "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759"
    "d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b07"
    "07e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22"
    "f04d83d1255dc51addd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8"
    "fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb"
    "038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
    "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d371459867"
    "80fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8b17b80e1"
    "b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a4"
    "3dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b5"
    "0d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fd"
    "e7cb68606937380db2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
    "c60c905c15fc910840b94c00a0b9d0"
)
VECTORS = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
        "",
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
        "72",
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
        "af82",
    ),
    "TEST 1024": (
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6"
        "ac00a9704a188a03",
        LONG,
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
        "d9bef1177331a704",
        hashlib.sha512(b"abc").hexdigest(),
    ),
}
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
"""The secret key of TEST 1."""
OF_ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
"""The `y` of the four points of order 8."""


SCRYPT = (
    (
        b"",
        b"",
        ScryptCost(16, 1, 1),
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3"
        "e0fb2e0d3628cf35e20c38d18906",
    ),
    (
        b"password",
        b"NaCl",
        ScryptCost(1024, 8, 16),
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727"
        "afb94a83ee6d8360cbdfa2cc0640",
    ),
    (
        b"pleaseletmein",
        b"SodiumChloride",
        ScryptCost(16384, 8, 1),
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e"
        "85dc0d651e40dfcf017b45575887",
    ),
)
"""Passwords, salts, costs and the derived bytes in hex, of RFC 7914."""
OF_THE_POLICY = "8c74359fef50110b285db58f96f47a51928dbb582dda7115a9d3c93985f81fc1"
"""Derived by OpenSSL from the password and salt below."""
NO_COSTS = [(0, 8, 1), (1, 8, 1), (3, 8, 1), (16, 0, 1), (16, 1, 0), (-16, 1, 1), (2**16, 8, 1), (2, 2**29, 2)]
"""Invalid costs, or costs that need too much memory."""


def vector(name: str) -> Signed:
    """Return one of the vectors."""
    key, signature, message = map(bytes.fromhex, VECTORS[name])
    return key, signature, message


def small_points() -> Iterator[bytes]:
    """Yield each encoding of a point of small order: either sign, `y` below the prime or not."""
    of_8 = [int.from_bytes(bytes.fromhex(y), "little") for y in OF_ORDER_8]
    for y in (0, 1, PRIME - 1, PRIME, PRIME + 1, *of_8):
        yield from ((y + sign).to_bytes(32, "little") for sign in (0, 2**255))


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield the bytes with one bit changed, for each of them."""
    whole = int.from_bytes(data)
    return ((whole ^ 1 << bit).to_bytes(len(data)) for bit in range(8 * len(data)))


async def refused(crypto: Crypto, wrong: Iterable[Signed]) -> int:
    """Return how many wrong signatures there are, all of which must be refused."""
    count = 0
    for key, signature, message in wrong:
        answer = await crypto.verify_ed25519(key, signature, message)
        assert answer is False, (key.hex(), signature.hex(), message.hex())
        count += 1
    return count


async def vectors_are_right(crypto: Crypto) -> None:
    for name in VECTORS:
        assert await crypto.verify_ed25519(*vector(name)) is True, name


async def a_key_is_right_again(crypto: Crypto) -> None:
    """Also after many other keys."""
    for _ in range(2):
        await vectors_are_right(crypto)
        key, signature, message = vector("TEST 2")
        assert await refused(crypto, ((other, signature, message) for other in [*flipped(key)][:40])) == 40


async def vectors_are_wrong_for_each_other(crypto: Crypto) -> None:
    signed = [vector(name) for name in VECTORS]
    mixed = {(a[0], b[1], c[2]) for a in signed for b in signed for c in signed} - {*signed}
    assert await refused(crypto, mixed) == 120


async def a_signature_with_any_bit_changed_is_wrong(crypto: Crypto) -> None:
    for name in ("TEST 1", "TEST SHA(abc)"):
        key, signature, message = vector(name)
        assert await refused(crypto, ((key, other, message) for other in flipped(signature))) == 512


async def a_message_with_any_bit_changed_is_wrong(crypto: Crypto) -> None:
    key, signature, message = vector("TEST SHA(abc)")
    assert await refused(crypto, ((key, signature, other) for other in flipped(message))) == 512


async def a_key_with_any_bit_changed_is_wrong(crypto: Crypto) -> None:
    for name in ("TEST 3", "TEST SHA(abc)"):
        key, signature, message = vector(name)
        assert await refused(crypto, ((other, signature, message) for other in flipped(key))) == 256


async def other_lengths_are_wrong(crypto: Crypto) -> None:
    key, signature, message = vector("TEST SHA(abc)")
    await refused(crypto, ((key, (signature * 2)[:size], message) for size in range(129) if size != 64))
    await refused(crypto, (((key * 2)[:size], signature, message) for size in range(65) if size != 32))
    await refused(crypto, ((key, signature, (message * 2)[:size]) for size in range(129) if size != 64))


async def parts_in_another_order_are_wrong(crypto: Crypto) -> None:
    for name in VECTORS:
        key, signature, message = vector(name)
        others = (signature[32:] + signature[:32], signature[::-1], signature[:32] * 2, signature[32:] * 2, key * 2)
        await refused(crypto, ((key, other, message) for other in others))
        await refused(crypto, [(key[::-1], signature, message), (signature[:32], key + signature[32:], message)])
        await refused(crypto, [(key, signature, message + b"\0"), (key, signature, b"\0" + message)])


async def an_s_that_is_not_below_the_order_is_wrong(crypto: Crypto) -> None:
    for name in VECTORS:
        key, signature, message = vector(name)
        s = int.from_bytes(signature[32:], "little")
        above = [s + times * ORDER for times in range(1, 16) if s + times * ORDER < 2**256]
        assert len(above) > 10
        more = ((signature[:32] + high.to_bytes(32, "little"), message) for high in above)
        await refused(crypto, ((key, *signed) for signed in more))


async def a_key_that_is_no_point_is_wrong(crypto: Crypto) -> None:
    """Nine of the numbers from 2 to 29 are no point's `y`; from the prime on none is one as it must be written."""
    _, signature, message = vector("TEST SHA(abc)")
    for y in (*range(2, 30), *range(PRIME, 2**255)):
        keys = [(y + sign).to_bytes(32, "little") for sign in (0, 2**255)]
        assert await refused(crypto, ((key, signature, message) for key in keys)) == 2


async def a_key_of_small_order_is_wrong(crypto: Crypto) -> None:
    """Such a key would fit one in 1, 2, 4 or 8 messages, with a signature that anybody can write."""
    for key in small_points():
        wrong = ((key, key + bytes(32), b"%d" % number) for number in range(32))
        assert await refused(crypto, wrong) == 32
    assert await refused(crypto, ((bytes(32), bytes(64), b"%d" % number) for number in range(32))) == 32


async def a_signature_whose_point_is_of_small_order_is_wrong(crypto: Crypto) -> None:
    """The key's owner alone can write one, by R = 0 and S = ha; WebCrypto's specification refuses it."""
    key, _, message = vector("TEST 1")
    secret = int.from_bytes(hashlib.sha512(SEED).digest()[:32], "little") & 2**254 - 8 | 2**254
    for point in small_points():
        h = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little")
        s = (h * secret % ORDER).to_bytes(32, "little")
        await refused(crypto, [(key, point + s, message)])


async def large_messages_are_taken(crypto: Crypto) -> None:
    key, signature, _ = vector("TEST 1")
    assert await refused(crypto, [(key, signature, bytes(4_000_000))]) == 1


async def scrypt_matches_its_vectors(crypto: Crypto) -> None:
    for password, salt, cost, derived in SCRYPT:
        assert (await crypto.scrypt(password, salt, cost, len(derived) // 2)).hex() == derived


async def a_password_has_the_same_hash_everywhere(crypto: Crypto) -> None:
    password = "correct horse \u00e9 \U0001f600".encode()
    salt = b"0123456789abcdef"
    assert (await crypto.scrypt(password, salt, ScryptCost(2**14, 8, 5), 32)).hex() == OF_THE_POLICY


async def salts_and_passwords_are_bytes_of_any_value(crypto: Crypto) -> None:
    every = bytes(range(256))
    hashes = {
        (await crypto.scrypt(password, salt, ScryptCost(2, 1, 1), 32)).hex()
        for password in (every, every[1:], b"\0", b"")
        for salt in (every, b"\0", b"")
    }
    assert len(hashes) == 9  # HMAC pads a short key with zeros: an empty password is as good as one zero byte


async def a_cost_that_is_none_or_too_much_is_refused(crypto: Crypto) -> None:
    for cost in NO_COSTS:
        try:
            await crypto.scrypt(b"password", b"salt", ScryptCost(*cost), 32)
        except ValueError:
            continue
        raise AssertionError(cost)


CASES: list[Case] = [
    vectors_are_right,
    a_key_is_right_again,
    vectors_are_wrong_for_each_other,
    a_signature_with_any_bit_changed_is_wrong,
    a_message_with_any_bit_changed_is_wrong,
    a_key_with_any_bit_changed_is_wrong,
    other_lengths_are_wrong,
    parts_in_another_order_are_wrong,
    an_s_that_is_not_below_the_order_is_wrong,
    a_key_that_is_no_point_is_wrong,
    a_key_of_small_order_is_wrong,
    a_signature_whose_point_is_of_small_order_is_wrong,
    large_messages_are_taken,
    scrypt_matches_its_vectors,
    a_password_has_the_same_hash_everywhere,
    salts_and_passwords_are_bytes_of_any_value,
    a_cost_that_is_none_or_too_much_is_refused,
]
