"""The version of the project: the one place that has it, but for pyproject.toml, which a test compares."""

VERSION = "0.2.0"
