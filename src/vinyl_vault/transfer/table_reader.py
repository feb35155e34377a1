"""Reads a CSV file as rows of records, from bytes in parts; its state between two parts is JSON."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from vinyl_vault.transfer.columns import BadRow, Header, read_header, read_row
from vinyl_vault.transfer.csv_text import BadTable, Decoder, RowReader


class ReadRow(NamedTuple):
    """A row of a file: the fields of a record, or the reason for its refusal."""

    row: int
    fields: dict[str, Any] | None
    fault: str = ""


class TableReader:
    """Reads one file. `status` is that of its records; "" to find it by the columns."""

    def __init__(self, status: str = "") -> None:
        self.status = status
        self.header: Header | None = None
        self._decoder = Decoder()
        self._rows = RowReader()

    @property
    def encoding(self) -> str:
        """The file's encoding."""
        return self._decoder.encoding

    @property
    def delimiter(self) -> str:
        """The file's delimiter."""
        return self._rows.delimiter

    def read(self, part: bytes, *, is_last: bool = False) -> Iterator[ReadRow]:
        """Yield the rows completed by a part; raises `BadTable` if the file is not a table."""
        for cells in self._rows.feed(self._decoder.decode(part, is_last=is_last), is_last=is_last):
            if self.header is None:
                self._begin(cells)
                continue
            yield self._read(self.header, cells)
        if is_last and self.header is None:
            raise BadTable("the file is empty")

    def state(self) -> dict[str, Any]:
        """Return the state needed for the next parts."""
        header = None if self.header is None else self.header.names
        return {
            "status": self.status,
            "header": header,
            "decoder": self._decoder.state(),
            "rows": self._rows.state(),
        }

    @classmethod
    def resume(cls, state: dict[str, Any]) -> "TableReader":
        """Return a reader that continues from a state."""
        reader = cls(state["status"])
        reader._decoder.resume(state["decoder"])
        reader._rows.resume(state["rows"])
        if state["header"] is not None:
            reader.header = read_header(state["header"])
        return reader

    def _begin(self, cells: list[str]) -> None:
        try:
            self.header = read_header(cells)
        except BadRow as fault:
            raise BadTable(str(fault)) from None
        self.status = self.status or ("wanted" if self.header.is_wantlist else "owned")

    def _read(self, header: Header, cells: list[str]) -> ReadRow:
        try:
            return ReadRow(self._rows.row, read_row(header, cells, self.status))
        except BadRow as fault:
            return ReadRow(self._rows.row, None, str(fault))
