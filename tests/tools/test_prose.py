"""The measure of docstrings and names finds violations, and nothing else."""

import ast

import pytest

from prose import Doc, Measure, bound_names, docs, faults


def rules(text: str) -> list[str]:
    return [finding.rule for finding in faults(Doc("here", text))]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("Return the row of a key.", []),
        ("What a row is made of.", ["beginning", "clause"]),
        ("That which is.", ["beginning"]),
        ("Return what is stored.", ["clause"]),
        ("Return `what` as text.", []),
        ("Somewhat whole: nowhere to go.", []),
        (" ".join(["word"] * 26), ["long"]),
        (" ".join(["word"] * 25) + ".", []),
        (" ".join(["word"] * 20) + ". " + " ".join(["word"] * 20), []),
    ],
)
def test_a_text_is_measured(text: str, findings: list[str]) -> None:
    assert rules(text) == findings


def test_docstrings_and_texts_below_constants_are_read() -> None:
    tree = ast.parse(
        '"""Module."""\nA = 1\n"""Constant."""\n"no doc"\nclass B:\n    """Class."""\n    def c(self):\n        "C."\n'
    )
    assert [doc.text for doc in docs(tree, "x")] == ["Module.", "Constant.", "Class.", "C."]


def test_each_bound_name_counts() -> None:
    tree = ast.parse(
        "def f(told, *, kept=1):\n    one = [found for found in told]\nclass Desk: ...\nused = given.made\n"
    )
    assert sorted(name for name, _ in bound_names(tree)) == ["Desk", "f", "found", "kept", "one", "told", "used"]


def test_bounds_are_shares() -> None:
    three = [finding for _ in range(3) for finding in faults(Doc("x", "Return what is."))]
    assert Measure(three, lines=100, names=0).complaints() == []
    assert Measure(three, lines=99, names=0).complaints() != []
