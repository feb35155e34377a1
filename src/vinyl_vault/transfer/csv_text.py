"""CSV as people send it: any part of a file at a time, in UTF-8, UTF-16 or Latin-1, by comma, semicolon or tab."""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

MOST_CELL = 20_000
"""Characters of one cell; a quotation mark that is never closed ends in one that is longer."""
MOST_CELLS = 300
DELIMITERS = (",", ";", "\t")

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_NEEDS_QUOTES = re.compile(r'[",;\t\r\n]')
_BREAKS = re.compile(r"[\r\n]+")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LATIN = "windows-1252-bytes"


class BadTable(ValueError):
    """A file is no table that can be read; the message says in which row."""


class Decoder:
    """Text of bytes that come in parts: UTF-16 where its mark begins the file, else UTF-8, else Windows-1252.

    Excel saves in the last on Windows: a file is in it whose first byte beyond ASCII is no UTF-8. In a file that mixes
    both, each byte that is no UTF-8 is one of Windows-1252.
    """

    def __init__(self) -> None:
        self.encoding = ""
        self._is_plain = True
        self._rest = b""

    def decode(self, part: bytes, *, is_last: bool = False) -> str:
        """Return the text of a part; a character that is cut in two comes with the next."""
        data = self._rest + part
        self._rest = b""
        if not self.encoding:
            if len(data) < len(codecs.BOM_UTF8) and not is_last:
                self._rest = data
                return ""
            self.encoding = _WIDE.get(data[:2], "utf-8")
            data = data.removeprefix(codecs.BOM_UTF8) if self.encoding == "utf-8" else data[2:]
        text, used = self._decoded(data, is_last)
        self._rest = data[used:]
        self._is_plain = self._is_plain and text.isascii()
        return text

    def state(self) -> list[Any]:
        """Return what the next parts depend on, as JSON has it."""
        return [self.encoding, self._is_plain, self._rest.hex()]

    def resume(self, state: list[Any]) -> None:
        """Go on where another decoder was."""
        self.encoding, self._is_plain, rest = state
        self._rest = bytes.fromhex(rest)

    def _decoded(self, data: bytes, is_last: bool) -> tuple[str, int]:
        """Return the text of whole characters, and how many bytes they are."""
        try:
            return self._strict(data, is_last)
        except UnicodeDecodeError as fault:
            if self.encoding != "utf-8":
                raise BadTable("the text is no UTF-16 as its beginning says") from None
            if self._is_plain and data[: fault.start].isascii():
                self.encoding = "windows-1252"
                return self._strict(data, is_last)
        return codecs.utf_8_decode(data, _LATIN, is_last)

    def _strict(self, data: bytes, is_last: bool) -> tuple[str, int]:
        if self.encoding == "windows-1252":
            return codecs.charmap_decode(data, "strict", _WINDOWS)
        decode = {"utf-16-le": codecs.utf_16_le_decode, "utf-16-be": codecs.utf_16_be_decode}.get(self.encoding)
        return (decode or codecs.utf_8_decode)(data, "strict", is_last)


def _as_windows(fault: UnicodeError) -> tuple[str, int]:
    """Read one byte that is no UTF-8 as Windows-1252."""
    assert isinstance(fault, UnicodeDecodeError)
    return _WINDOWS[fault.object[fault.start]], fault.start + 1


_WINDOWS = "".join(bytes([n]).decode("cp1252", "ignore") or bytes([n]).decode("latin-1") for n in range(256))
"""The characters of Windows-1252 by their bytes; those of Latin-1 where it has none."""

codecs.register_error(_LATIN, _as_windows)


class RowReader:
    """Rows of a text that comes in parts; a row is given when its end is there.

    The delimiter is the one that the first row has most of, or that a line `sep=;` names. Rows without a character
    are passed over.
    """

    def __init__(self) -> None:
        self.delimiter = ""
        self.row = 0
        self._rest = ""

    def feed(self, text: str, *, is_last: bool = False) -> Iterator[list[str]]:
        """Yield the rows that are whole with this text; `BadTable` for one that cannot be read."""
        text = self._rest + text
        self._rest = ""
        if not self.delimiter and not self._begin(text, is_last=is_last):
            self._rest = text
            return
        if self.row == 0 and (named := _SEPARATOR_LINE.match(text)):
            text = text[named.end() :]
        place = 0
        while place < len(text):
            if (blank := _BREAKS.match(text, place)) is not None:
                self.row += blank[0].count("\n") or blank[0].count("\r")
                place = blank.end()
                continue
            cells, end = self._row_at(text, place, is_last=is_last)
            if end < 0:
                break
            place = end
            self.row += 1
            if cells != [""]:
                yield cells
        self._rest = text[place:]

    def state(self) -> list[Any]:
        """Return what the next parts depend on, as JSON has it."""
        return [self.delimiter, self.row, self._rest]

    def resume(self, state: list[Any]) -> None:
        """Go on where another reader was."""
        self.delimiter, self.row, self._rest = state

    def _begin(self, text: str, *, is_last: bool) -> bool:
        """Find the delimiter in the first line; false as long as it is not whole."""
        named = _SEPARATOR_LINE.match(text)
        if named:
            self.delimiter = named[1]
            return "\n" in named[0] or is_last
        first = text.lstrip("\r\n")
        end = _BREAKS.search(first)
        if end is None and not is_last:
            self._check(len(first))
            return False
        line = re.sub(r'"[^"]*"', "", first[: end.start()] if end else first)
        self.delimiter = max(DELIMITERS, key=line.count)
        return True

    def _row_at(self, text: str, place: int, *, is_last: bool) -> tuple[list[str], int]:
        """Return the cells of the row at a place and the place behind it, -1 where its end is not there yet."""
        cells: list[str] = []
        cell = _cell(self.delimiter)
        while True:
            found = cell.match(text, place)
            if found is None:  # a quotation mark that is not closed yet
                self._check(len(text) - place)
                if is_last:
                    raise BadTable(f"row {self.row + 1}: a quotation mark is not closed")
                return [], -1
            quoted, tail, plain, end = found.groups()
            cells.append(plain if quoted is None else quoted.replace('""', '"') + tail)
            self._check(len(cells[-1]))
            if len(cells) > MOST_CELLS:
                raise BadTable(f"row {self.row + 1} has more than {MOST_CELLS} cells")
            place = found.end()
            if end == self.delimiter:
                continue
            is_cut = place == len(text) and (not end or end == "\r")  # the rest, or \n, may come with the next part
            return ([], -1) if is_cut and not is_last else (cells, place)

    def _check(self, length: int) -> None:
        if length > MOST_CELL:
            raise BadTable(
                f"row {self.row + 1} has a cell of more than {MOST_CELL} characters; is a quotation mark open?"
            )


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    other = re.escape(delimiter)
    return re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"(?!")([^{other}\r\n]*)|(?!")([^{other}\r\n]*))({other}|\r\n|\n|\r|\Z)')


def write_row(cells: list[str], *, quote_all: bool = False) -> str:
    """Return a row as a line of CSV."""
    return ",".join(_written(cell, quote_all) for cell in cells) + "\n"


def _written(cell: str, quote_all: bool) -> str:
    if quote_all or _NEEDS_QUOTES.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def undo_escape(text: str) -> str:
    """Return a text as it was before a formula's escape."""
    return text[1:] if _ESCAPED.match(text) else text
