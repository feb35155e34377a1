"""CSV in parts of any size: in UTF-8, UTF-16 or Windows-1252, separated by comma, semicolon or tab."""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

MOST_CELL = 20_000
"""Most characters of one cell; an unclosed quotation mark leads to a longer one."""
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
    """A file is not a readable table; the message names the row."""


class Decoder:
    """Decodes bytes in parts: UTF-16 if the file begins with its byte order mark, else UTF-8, else Windows-1252.

    Excel on Windows saves in Windows-1252. It is used if the first non-ASCII byte of a file is invalid UTF-8; in a file
    that mixes both, each invalid byte is read as Windows-1252.
    """

    def __init__(self) -> None:
        self.encoding = ""
        self._is_plain = True
        self._rest = b""

    def decode(self, part: bytes, *, is_last: bool = False) -> str:
        """Return the text of a part; a character split between parts is returned with the next one."""
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
        """Return the state needed for the next parts, as JSON values."""
        return [self.encoding, self._is_plain, self._rest.hex()]

    def resume(self, state: list[Any]) -> None:
        """Continue from the state of another decoder."""
        self.encoding, self._is_plain, rest = state
        self._rest = bytes.fromhex(rest)

    def _decoded(self, data: bytes, is_last: bool) -> tuple[str, int]:
        """Return the text of complete characters, and their length in bytes."""
        try:
            return self._strict(data, is_last)
        except UnicodeDecodeError as fault:
            if self.encoding != "utf-8":
                raise BadTable("the text begins with the mark of UTF-16, but is not valid UTF-16") from None
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
    """Decode one invalid byte of UTF-8 as Windows-1252."""
    assert isinstance(fault, UnicodeDecodeError)
    return _WINDOWS[fault.object[fault.start]], fault.start + 1


_WINDOWS = "".join(bytes([n]).decode("cp1252", "ignore") or bytes([n]).decode("latin-1") for n in range(256))
"""The characters of Windows-1252 by byte; undefined bytes are those of Latin-1."""

codecs.register_error(_LATIN, _as_windows)


class RowReader:
    """Reads rows from a text in parts; a row is yielded when it is complete.

    The delimiter is the most frequent one in the first row, or the one of a line `sep=;`. Empty rows are skipped.
    """

    def __init__(self) -> None:
        self.delimiter = ""
        self.row = 0
        self._rest = ""

    def feed(self, text: str, *, is_last: bool = False) -> Iterator[list[str]]:
        """Yield the rows completed by a text; raises `BadTable` for an unreadable row."""
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
        """Return the state needed for the next parts, as JSON values."""
        return [self.delimiter, self.row, self._rest]

    def resume(self, state: list[Any]) -> None:
        """Continue from the state of another reader."""
        self.delimiter, self.row, self._rest = state

    def _begin(self, text: str, *, is_last: bool) -> bool:
        """Find the delimiter in the first line; return false while the line is incomplete."""
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
        """Return the cells of the row at a position, and the position after it, or -1 if it is incomplete."""
        cells: list[str] = []
        cell = _cell(self.delimiter)
        while True:
            match = cell.match(text, place)
            if match is None:  # an open quotation mark
                self._check(len(text) - place)
                if is_last:
                    raise BadTable(f"row {self.row + 1}: a quotation mark is not closed")
                return [], -1
            quoted, tail, plain, end = match.groups()
            cells.append(plain if quoted is None else quoted.replace('""', '"') + tail)
            self._check(len(cells[-1]))
            if len(cells) > MOST_CELLS:
                raise BadTable(f"row {self.row + 1} has more than {MOST_CELLS} cells")
            place = match.end()
            if end == self.delimiter:
                continue
            is_cut = place == len(text) and (not end or end == "\r")  # the rest, or \n, may follow in the next part
            return ([], -1) if is_cut and not is_last else (cells, place)

    def _check(self, length: int) -> None:
        if length > MOST_CELL:
            raise BadTable(
                f"row {self.row + 1} has a cell of more than {MOST_CELL} characters: is a quotation mark unclosed?"
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
    """Escape a text that spreadsheets would read as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def undo_escape(text: str) -> str:
    """Undo the escape of a formula."""
    return text[1:] if _ESCAPED.match(text) else text
