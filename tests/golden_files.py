"""Golden files: tests compare them, and `make golden` writes them."""

import os
from difflib import unified_diff
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check_golden(path: Path, text: str) -> None:
    """Compare a text with its file; under `GOLDEN=write` write it first."""
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    golden = path.read_text(encoding="utf-8")
    changes = "\n".join(list(unified_diff(golden.splitlines(), text.splitlines(), lineterm="", n=0))[:20])
    assert text == golden, f"if it is meant, `make golden` writes {path.name}\n{changes}"
