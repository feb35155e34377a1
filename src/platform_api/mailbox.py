"""The mailbox of an e-mail address: equal for all spellings of it, as a key for limits."""

from unicodedata import normalize

_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})
"""Domains that ignore dots in mailboxes; both are one domain."""


def mailbox_of(address: str) -> str:
    """Return an address in one form: case-folded, without a tag behind a plus, its domain in ASCII.

    Mail is never sent to it: some hosts keep mailboxes apart that are one here.
    """
    local, _, domain = normalize("NFKC", address).strip().casefold().rpartition("@")
    domain = _in_ascii(domain)
    name = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        name = name.replace(".", "") or name
        domain = "gmail.com"
    return f"{name}@{domain}"


def _in_ascii(domain: str) -> str:
    """Return a domain as DNS has it; one that it cannot have stays as it is."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError:
        return domain
