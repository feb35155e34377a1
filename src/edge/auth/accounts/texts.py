"""The texts of mails to users, in plain English; `site` is the name of the site."""

from edge.auth.accounts.letters import Letter


def registration(site: str, link: str) -> Letter:
    """Return the mail that confirms a registration."""
    return Letter(
        f"{site}: confirm your address",
        f"Somebody registered at {site} with this address. If it was you, open this link within 24 hours and choose "
        f"your password:\n\n{link}\n\nIf it was not you, do nothing: no account is made.\n",
    )


def registered_already(site: str, page: str) -> Letter:
    """Return the mail to an existing user about a new registration of the address."""
    return Letter(
        f"{site}: you have an account",
        f"Somebody registered at {site} with this address, which has an account already. Nothing was changed. If it "
        f"was you, log in, or reset your password: {page}\n",
    )


def reset(site: str, link: str) -> Letter:
    """Return the mail with a link that resets the password."""
    return Letter(
        f"{site}: reset your password",
        f"Somebody asked to reset the password of your account at {site}. If it was you, open this link within 30 "
        f"minutes:\n\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
    )


def new_address(site: str, link: str) -> Letter:
    """Return the mail that confirms a new address."""
    return Letter(
        f"{site}: confirm your new address",
        f"Your account at {site} is to have this address. Open this link within an hour:\n\n{link}\n\nIf you have no "
        "account there, do nothing.\n",
    )


def address_taken(site: str) -> Letter:
    """Return the mail to a user about another account's request for the address."""
    return Letter(
        f"{site}: your address",
        f"Another account at {site} was to get this address. Your account has it, so nothing was changed.\n",
    )


def address_change_requested(site: str, new: str) -> Letter:
    """Return the notice to the present address that another one was requested in its place."""
    return Letter(
        f"{site}: your address is to change",
        f"The address of your account at {site} is to become {new}, once it is confirmed there. If that was not you, "
        "change your password now.\n",
    )


def address_changed(site: str, new: str) -> Letter:
    """Return the notice to the former address that another has taken its place."""
    return Letter(
        f"{site}: your address has changed",
        f"The address of your account at {site} is now {new}. Mails go there from now on.\n",
    )


def password_changed(site: str) -> Letter:
    """Return the notice of a new password."""
    return Letter(
        f"{site}: your password was changed",
        f"The password of your account at {site} was changed, and all other sessions were ended. If that was not you, "
        "reset it.\n",
    )


def account_deleted(site: str) -> Letter:
    """Return the notice of a deleted account."""
    return Letter(
        f"{site}: your account was deleted",
        f"Your account at {site} was deleted, as you have asked with your password.\n",
    )


def reuse(site: str) -> Letter:
    """Return the notice of a session that was ended because a replaced token was used."""
    return Letter(
        f"{site}: a session was ended",
        f"A session of your account at {site} was ended, because a key of it was used that had been replaced before. "
        "If you do not know why, somebody may have copied it: change your password.\n",
    )
