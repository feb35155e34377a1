"""The Dockerfile and the compose file match the repository. They are not run here, only linted and checked."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
NAMES = ("Dockerfile", "compose.yaml", ".dockerignore")
SECRET = re.compile(r"[A-Z0-9_]*(?:KEY|SECRET|TOKEN|PASSWORD)[A-Z0-9_]*\s*[=:]")
MAKE = re.compile(r"\bmake((?:\s+[\w./-]+)+)|\"make\"((?:,\s*\"[\w./-]+\")+)")
UNMADE = re.compile(r"(?:^|[\s\"])((?:tools|src)/[\w/]+\.py)")

type Files = dict[str, str]


@dataclass
class Stage:
    """One stage of a Dockerfile: its instructions in their order, after those of the stage that it begins from."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        return next((rest for step, rest in reversed(self.steps) if step == word), "")


def stages(dockerfile: str) -> dict[str, Stage]:
    by_name: dict[str, Stage] = {}
    lines = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    stage = Stage("")
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = by_name[name] = Stage(name, list(by_name[base].steps) if base in by_name else [])
        else:
            stage.steps.append((word, rest.strip()))
    return by_name


def is_ignored(path: str, ignored: str) -> bool:
    """Return whether `.dockerignore` keeps a path, or a folder that it is in, out of the context."""
    patterns = [line for line in ignored.splitlines() if line and not line.startswith("#")]
    parts = Path(path).parts
    places = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    whole = [pattern for pattern in patterns if not pattern.startswith("**/")]
    anywhere = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    return any(fnmatchcase(place, pattern) for place in places for pattern in whole) or any(
        fnmatchcase(part, pattern) for part in parts for pattern in anywhere
    )


def targets_of(makefile: str) -> set[str]:
    """Return the targets of a Makefile."""
    values = dict(re.findall(r"^([A-Z]+) := (\S+)$", makefile, re.MULTILINE))
    filled = re.sub(r"\$\((\w+)\)", lambda name: values.get(name[1], name[0]), makefile)
    return set(re.findall(r"^([\w./-]+):(?!=)", filled, re.MULTILINE))


def faults(files: Files) -> list[str]:
    """Return the faults that no linter sees."""
    parsed = stages(files["Dockerfile"])
    compose = yaml.safe_load(files["compose.yaml"])
    return [
        *(fault for stage in parsed.values() for fault in faults_of_stage(stage, parsed, files[".dockerignore"])),
        *(fault for name, service in compose["services"].items() for fault in faults_of_service(name, service, parsed)),
        *(fault for name, service in compose["services"].items() for fault in faults_of_mounts(name, service, compose)),
        *(
            f"{name_} may get into an image"
            for name_ in (".dev.vars", ".dev.vars.production", ".state", ".git", ".env")
            if not is_ignored(name_, files[".dockerignore"])
        ),
        *(f"{name}: a secret: {secret}" for name in NAMES for secret in SECRET.findall(files[name])),
    ]


def faults_of_stage(stage: Stage, stages_: dict[str, Stage], ignored: str) -> Iterator[str]:
    for step, rest in stage.steps:
        if step == "COPY":
            yield from faults_of_copy(rest, stages_, ignored)
        targets = [name for words in MAKE.findall(rest) for name in re.findall(r"[\w./-]+", "".join(words))]
        built = targets_of((ROOT / "Makefile").read_text(encoding="utf-8"))
        if step in {"RUN", "CMD"} and not rest.startswith("apt-get"):
            yield from (f"{stage.name}: no make target {name}" for name in targets if name not in built)
            yield from (f"{stage.name}: no {name}" for name in UNMADE.findall(rest) if not (ROOT / name).is_file())
    installs = max((at for at, (step, _) in enumerate(stage.steps) if step == "RUN"), default=0)
    copies = [at for at, (step, rest) in enumerate(stage.steps) if step == "COPY" and {"src", "."} & {*rest.split()}]
    if any(at < installs for at in copies):
        yield f"{stage.name}: sources are copied before all is installed: each edit would install again"


def faults_of_copy(rest: str, stages_: dict[str, Stage], ignored: str) -> Iterator[str]:
    options = [word for word in rest.split() if word.startswith("--")]
    sources = [word for word in rest.split() if not word.startswith("--")][:-1]
    origin = next((option.removeprefix("--from=") for option in options if option.startswith("--from=")), None)
    if origin is not None:
        yield from [] if origin in stages_ else [f"COPY from {origin}, which is no stage"]
        return
    for source in sources:
        if not (ROOT / source).exists():
            yield f"COPY {source}: it is not there"
        if is_ignored(source, ignored):
            yield f"COPY {source}: .dockerignore leaves it out"


def faults_of_service(name: str, service: dict[str, Any], stages_: dict[str, Stage]) -> Iterator[str]:
    stage = stages_.get(service["build"]["target"])
    if stage is None:
        yield f"{name}: no target {service['build']['target']}"
        return
    if stage.last("USER").partition(":")[0] in {"", "root", "0"}:
        yield f"{name}: it runs as root"
    if not stage.last("HEALTHCHECK"):
        yield f"{name}: nothing asks for its health"
    exposed = stage.last("EXPOSE")
    for port in service.get("ports", []):
        filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", port)
        address, _, inside = filled.rpartition(":")
        if not address.startswith("127.0.0.1:"):
            yield f"{name}: {port} is published beyond this machine"
        if inside != exposed or inside not in re.findall(r"PORT=(\d+)", stage.last("ENV")):
            yield f"{name}: nothing serves at port {inside}"
    if exposed and "/health" not in stage.last("HEALTHCHECK"):
        yield f"{name}: its health is not asked for at /health"


def faults_of_mounts(name: str, service: dict[str, Any], compose: dict[str, Any]) -> Iterator[str]:
    for mount in service.get("volumes", []):
        source = mount.partition(":")[0]
        if source.startswith(".") and not (ROOT / source).exists():
            yield f"{name}: {source} is not there"
        if not source.startswith(".") and source not in compose["volumes"]:
            yield f"{name}: no volume {source}"


def copied(stage: Stage, place: Path) -> None:
    """Copy the files that a stage copies out of the context."""
    for step, rest in stage.steps:
        sources = [word for word in rest.split() if not word.startswith("--")]
        if step == "COPY" and "--from" not in rest:
            for source in sources[:-1]:
                target = place / sources[-1]
                target.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_dir():
                    shutil.copytree(
                        ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
                    )
                else:
                    shutil.copy(ROOT / source, target)


def run_as(stage: Stage, word: str) -> list[str]:
    """Return the command of a stage's CMD or HEALTHCHECK, with the Python that runs this."""
    command: list[str] = json.loads(stage.last(word)[stage.last(word).index("[") :])
    return [sys.executable if part == ".venv/bin/python" else part for part in command]


def hadolint(dockerfile: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "hadolint"), "--no-color", "--failure-threshold", "style", "-"]
    return subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=False)


def compose_schema(compose: str, folder: Path) -> subprocess.CompletedProcess[str]:
    place = folder / "compose.yaml"
    place.write_text(compose, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def files() -> Files:
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}


def test_named_files_and_targets_exist(files: Files) -> None:
    assert faults(files) == []
    assert {"dev", "test"} <= stages(files["Dockerfile"]).keys()


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("Dockerfile", "COPY --chown=app openapi openapi", "COPY openapis openapi", "COPY openapis: it is not there"),
        ("Dockerfile", "--from=node", "--from=nodes", "COPY from nodes, which is no stage"),
        ("Dockerfile", "make build/.vendored", "make build/.vendor", "test: no make target build/.vendor"),
        ("Dockerfile", '"make", "test"', '"make", "tests"', "test: no make target tests"),
        ("Dockerfile", '"tools/dev.py"', '"tools/serve.py"', "dev: no tools/serve.py"),
        ("Dockerfile", "CMD [", "USER root\nCMD [", "dev: it runs as root"),
        ("Dockerfile", "USER 10001", "", "test: it runs as root"),
        ("Dockerfile", "EXPOSE 8787", "EXPOSE 8788", "dev: nothing serves at port 8787"),
        ("Dockerfile", "PORT=8787", "PORT=80", "dev: nothing serves at port 8787"),
        ("Dockerfile", "/health", "/", "dev: its health is not asked for at /health"),
        ("Dockerfile", "HEALTHCHECK NONE", "", "test: nothing asks for its health"),
        ("Dockerfile", "ENV HOST", "ENV TESSIE_API_KEY=x HOST", "Dockerfile: a secret: TESSIE_API_KEY="),
        ("Dockerfile", "RUN python -m", "COPY src src\nRUN python -m", "dev: sources are copied before all is"),
        ("compose.yaml", "target: test", "target: tests", "test: no target tests"),
        ("compose.yaml", "- 127.0.0.1:", "- 0.0.0.0:", "is published beyond this machine"),
        ("compose.yaml", "- 127.0.0.1:", "- ", "is published beyond this machine"),
        ("compose.yaml", ":${PORT:-8787}\n", ":9000\n", "dev: nothing serves at port 9000"),
        ("compose.yaml", "./src:", "./source:", "dev: ./source is not there"),
        ("compose.yaml", "state:/state", "kept:/state", "dev: no volume kept"),
        ("compose.yaml", "HOST: 0.0.0.0", "ADMIN_API_KEY: x", "compose.yaml: a secret: ADMIN_API_KEY:"),
        (".dockerignore", ".dev.vars*", ".dev.vars", ".dev.vars.production may get into an image"),
        (".dockerignore", "build\n", "build\ntools\n", "COPY tools: .dockerignore leaves it out"),
        (".dockerignore", "build\n", "**/pyedge\n", "COPY tools/pyedge/vendor.py: .dockerignore leaves it out"),
    ],
)
def test_a_mistake_is_found(files: Files, name: str, old: str, new: str, complaint: str) -> None:
    assert old in files[name]
    problems = faults(files | {name: files[name].replace(old, new)})
    assert [fault for fault in problems if complaint in fault]


@pytest.mark.slow
def test_files_of_the_dev_stage_suffice_for_a_healthy_app(files: Files, tmp_path: Path) -> None:
    stage = stages(files["Dockerfile"])["dev"]
    copied(stage, tmp_path / "app")
    port = str(free_port())
    env = dict(pair.split("=", 1) for step, rest in stage.steps if step == "ENV" for pair in rest.split())
    own = {"PATH": os.environ["PATH"], **env, "HOST": "127.0.0.1", "PORT": port, "STATE": str(tmp_path / "state")}
    place: Any = {"cwd": tmp_path / "app", "env": own}
    with subprocess.Popen(run_as(stage, "CMD"), **place, stdout=subprocess.PIPE, text=True) as serving:
        try:
            until = time.monotonic() + 60
            ask = [*run_as(stage, "HEALTHCHECK")]
            while (done := subprocess.run(ask, **place, capture_output=True, check=False)).returncode:
                assert serving.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
            assert done.stderr == b""
        finally:
            serving.terminate()
            serving.communicate(timeout=30)
    assert subprocess.run(ask, **place, capture_output=True, check=False).returncode != 0


def test_no_source_is_left_out_of_the_image_that_tests_it(files: Files) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: nothing says what the sources are")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [path for path in listed.stdout.splitlines() if is_ignored(path, files[".dockerignore"])] == []


@pytest.mark.slow
def test_the_linters_have_nothing_to_say(files: Files, tmp_path: Path) -> None:
    linted = hadolint(files["Dockerfile"])
    assert (linted.returncode, linted.stdout) == (0, "")
    assert compose_schema(files["compose.yaml"], tmp_path).returncode == 0


@pytest.mark.slow
def test_the_linters_find_a_mistake(files: Files, tmp_path: Path) -> None:
    assert "DL3007" in hadolint(files["Dockerfile"].replace("node:24-bookworm-slim", "node:latest")).stdout
    assert compose_schema(files["compose.yaml"].replace("ports:", "port:"), tmp_path).returncode != 0


def test_no_rule_is_switched_off_without_a_reason(files: Files) -> None:
    lines = files["Dockerfile"].splitlines()
    switched = [at for at, line in enumerate(lines) if "hadolint ignore=" in line]
    assert all(lines[at - 1].startswith("# ") and "hadolint" not in lines[at - 1] for at in switched)
    assert [*ROOT.glob(".hadolint.y*ml")] == []


@pytest.mark.slow
def test_compose_reads_its_file_if_installed() -> None:
    compose = [shutil.which("docker") or "false", "compose"]
    if subprocess.run([*compose, "version"], capture_output=True, check=False).returncode:
        pytest.skip("Docker Compose is not installed here")
    subprocess.run([*compose, "--profile", "test", "config", "--quiet"], cwd=ROOT, check=True)
