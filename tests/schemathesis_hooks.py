"""Serializers of raw bodies for schemathesis: it knows pictures and octets, not ZIP files and CSV."""

import io
import zipfile
from typing import Any

import schemathesis
from schemathesis.transport.serialization import serialize_binary

NO_TEXT = b"\xff\xfe\x00\xd8A\x00"


@schemathesis.serializer("text/csv")
def write_csv(_: Any, value: Any) -> bytes:
    """Return text as it is; what is no text has no form in CSV, and becomes a file that says UTF-16 and is none."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else NO_TEXT


@schemathesis.serializer("application/zip")
def write_zip(_: Any, value: Any) -> bytes:
    """Return bytes of an odd length as they are, and put others into a ZIP file that opens."""
    body = bytes(serialize_binary(value))
    if len(body) % 2:
        return body
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("README.md", body)
    return archive.getvalue()
