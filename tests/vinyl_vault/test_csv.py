"""CSV files of collectors: read in any dialect and in any parts, and written back to the same bytes."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vinyl_vault.record import RecordFields
from vinyl_vault.transfer.columns import COLLECTION, WANTLIST, Column, layout, read_header, write_cells
from vinyl_vault.transfer.csv_text import BadTable, RowReader, escape_formula, undo_escape, write_row
from vinyl_vault.transfer.table_reader import ReadRow, TableReader

HEADER = ",".join(column.name for column in COLLECTION)
ROWS = (
    'QUAY 1,The Glass Harbour,Night Ferry,Quay Records,"LP, Album",5,1979,1001,Uncategorized,2020-01-02 03:04:05,'
    "Near Mint (NM or M-),Very Good Plus (VG+),",
    'none,"Eat (2), Die Warzau",Split Decision,Fiction (3),"7"", Single, Pap",,0,1010,"Jazz, Blues",'
    '2021-05-06 07:08:09,,,"said ""mint""\nand was not"',
    '0,Los Ríos,Canción Nueva,Andes,"Box, Comp, Mono, Ltd, RE, RM, 180 + 14xLP, Album, Mono",4,,1020,All,'
    "2022-01-01 00:00:00,Mint (M),Generic,",
    "NW1,Gone Band,Lost Tapes,Nowhere,LP,1,1985,1030,All,2022-01-01 00:00:00,Poor (P),No Cover,x",
    "NW1,Gone Band,Lost Tapes,Nowhere,LP,1,1985,1030,All,2022-01-01 00:00:00,Poor (P),No Cover,x",
)
FILE = "\n".join((HEADER, *ROWS, ""))
WANTED = (
    "Catalog#,Artist,Title,Label,Format,Rating,Released,release_id,Notes\n"
    'BSN-7,Mono Lake,Salt Works,Basin,"LP, Album",,1994,2001,please\n'
)


def rows_of(data: bytes, size: int = 0, status: str = "") -> list[ReadRow]:
    """Read a file in parts of a size, each with a new reader resumed from the state."""
    reader = TableReader(status)
    rows = list[ReadRow]()
    size = size or len(data) or 1
    parts = [data[place : place + size] for place in range(0, len(data), size)] or [b""]
    for number, part in enumerate(parts):
        rows += reader.read(part, is_last=number == len(parts) - 1)
        reader = TableReader.resume(reader.state())
    return rows


def fields_of(data: bytes, size: int = 0) -> list[dict[str, Any]]:
    rows = rows_of(data, size)
    assert all(row.fields is not None for row in rows), rows
    return [row.fields or {} for row in rows]


def exported(records: list[dict[str, Any]], header: list[str] | None = None, *, is_wantlist: bool = False) -> str:
    present = {name for record in records for name in record.get("extra", {})}
    columns = layout(header, sorted(present), is_wantlist=is_wantlist)
    names = [column if isinstance(column, str) else column.name for column in columns]
    lines = [names, *(write_cells(columns, record) for record in records)]
    return "".join(write_row([escape_formula(cell) for cell in line]) for line in lines)


def test_file_of_discogs_comes_back_to_the_byte() -> None:
    records = fields_of(FILE.encode())
    assert exported(records, HEADER.split(",")) == FILE
    assert exported(records) == FILE
    wantlist = fields_of(WANTED.encode())
    assert {record["status"] for record in wantlist} == {"wanted"}
    assert exported(wantlist, is_wantlist=True) == WANTED


def test_fields_are_those_of_a_record() -> None:
    first, second, third, *copies = fields_of(FILE.encode())
    assert first["discogs"] == {"kind": "release", "id": 1001}
    assert (first["year"], first["rating"], first["media_condition"]) == (1979, 5, "Near Mint (NM or M-)")
    assert second["artist"] == "Eat (2), Die Warzau"
    assert "year" not in second
    assert second["extra"] == {"Released": "0"}
    assert third["formats"][1] == {"name": "LP", "quantity": 14, "descriptions": ["Album", "Mono"]}
    assert third["sleeve_condition"] == "Generic"
    assert copies[0] == copies[1]
    for record in (first, second, third):
        RecordFields.model_validate(record)


@pytest.mark.parametrize(
    "data",
    [
        FILE.encode(),
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n").encode(),
        FILE.encode("latin-1"),
        FILE.encode("utf-16"),
        b"\xfe\xff" + FILE.encode("utf-16-be"),
        ("sep=,\r\n" + FILE).encode(),
        FILE.replace(HEADER, HEADER.upper()).encode(),
        FILE.replace(HEADER, HEADER.lower().replace(" ", "_")).encode(),
        ("\n\n" + FILE).encode(),
        FILE.encode().removesuffix(b"\n"),
    ],
)
@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_dialects_are_read_in_any_parts(data: bytes, size: int) -> None:
    assert [row._replace(row=0) for row in rows_of(data, size)] == [
        row._replace(row=0, fields=_with_breaks(row.fields, data)) for row in rows_of(FILE.encode())
    ]


def _with_breaks(fields: dict[str, Any] | None, data: bytes) -> dict[str, Any] | None:
    if fields is None or b"\r\n" not in data or b"sep=" in data or "\n" not in fields.get("notes", ""):
        return fields
    return fields | {"notes": fields["notes"].replace("\n", "\r\n")}


def test_excel_saves_by_semicolon_in_windows_1252() -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(csv.reader(io.StringIO(FILE)))
    data = text.getvalue().replace("Canción", "Canción \u2013 \u201cÑ\u201d €").encode("cp1252")
    assert fields_of(data, 5)[2]["album"] == "Canción \u2013 \u201cÑ\u201d € Nueva"


def test_delimiter_is_found_behind_blank_lines() -> None:
    assert fields_of(b"\n\r\nArtist;Title\na;b, c\n") == [{"status": "owned", "artist": "a", "album": "b, c"}]


def test_megabytes_of_blank_lines_are_skipped_quickly() -> None:
    reader = TableReader()
    rows = [*reader.read(b"Artist,Title\n" + b"\n" * 4_000_000 + b"a,b\n\r\n\r\n", is_last=True)]
    assert [(row.row, row.fields) for row in rows] == [
        (4_000_002, {"status": "owned", "artist": "a", "album": "b"}),
    ]


def test_rows_one_cell_short_are_read() -> None:
    header = HEADER.removesuffix(",Collection Notes")
    row = ROWS[0].removesuffix(",")
    assert fields_of(f"{header}\n{row}\n".encode()) == fields_of(f"{HEADER}\n{row}\n".encode())
    assert exported(fields_of(f"{header}\n{row}\n".encode()), header.split(",")) == f"{header}\n{row}\n"


def test_unknown_columns_come_back_in_their_place() -> None:
    text = f"My Shelf,{HEADER},Collection Mood,\nA 3,{ROWS[0]},blue,x\n,{ROWS[3]},,\n"
    records = fields_of(text.encode())
    assert records[0]["extra"] == {"My Shelf": "A 3", "Collection Mood": "blue", "Column 16": "x"}
    assert exported(records, next(csv.reader([text.splitlines()[0]]))).splitlines()[1:] == text.splitlines()[1:]


@pytest.mark.parametrize(
    "row",
    [
        ",,,,,,,,,,,,",
        ROWS[0] + ",,more",
        "x," + "a" * 1_001 + ",b",
        "n,\0,b",
        ",".join("x" * 12) + "," + "n" * 10_001,
    ],
)
def test_invalid_rows_are_refused_with_a_reason(row: str) -> None:
    (read, other) = rows_of(f"{HEADER}\n{row}\n{ROWS[0]}\n".encode())
    assert read.fields is None
    assert read.fault
    assert other.fields is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"a;b;c\n1;2;3\n",
        b'Artist,"Title\nx,y',
        b'Artist,Title\n"' + b"x" * 30_000,
        b"Artist" + b"," * 400,
        b"\xff\xfeA\0r\0\xd8",
    ],
)
def test_files_that_are_no_tables_are_refused(data: bytes) -> None:
    with pytest.raises(BadTable):
        rows_of(data)


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Settings of properties with large examples, which a busy machine generates slowly."""
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ['7" Single', '"', '""', "a,b", "a;b", "x\ny", "x\r\ny", "=1+1", "'=1", "''@x", "-M-", " x ", "\t", "é"]
)


@PATIENT
@given(
    st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 30),
)
def test_any_table_is_read_as_it_was_written(
    table: list[list[str]], delimiter: str, end: str, quoting: Any, size: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["Artist", "Title", "c", "d"])
    writer.writerows(table)
    reader = RowReader()
    rows = list[list[str]]()
    whole = text.getvalue()
    for place in range(0, len(whole), size):
        rows += reader.feed(whole[place : place + size], is_last=place + size >= len(whole))
        other = RowReader()
        other.resume(reader.state())
        reader = other
    assert rows[1:] == [row for row in table if row != [""]]


@given(CELL)
def test_formulas_are_escaped_and_undone(text: str) -> None:
    escaped = escape_formula(text)
    assert escaped[:1] not in {*"=+-@\t\r"} or not escaped
    assert undo_escape(escaped) == text


GRADE = st.sampled_from(["", "Mint (M)", "VG+", "near mint (nm or m-)", "Generic", "bad"])
RECORD_ROW = st.tuples(
    CELL,
    CELL,
    st.text("ab", min_size=1),
    CELL,
    CELL,
    st.sampled_from(["", "0", "5", "6", "x"]),
    st.sampled_from(["", "0", "1979", "79", "2999", " 1980 "]),
    st.sampled_from(["", "0", "12", "012", "x", "9" * 30]),
    CELL,
    CELL,
    GRADE,
    GRADE,
    CELL,
)


@pytest.mark.slow
@PATIENT
@given(st.lists(RECORD_ROW, min_size=1, max_size=6), st.integers(1, 50))
def test_any_collection_is_exported_imported_and_exported_to_the_same_bytes(
    rows: list[tuple[str, ...]], size: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([[column.name for column in COLLECTION], *rows])
    records = fields_of(text.getvalue().encode())
    for record in records:
        RecordFields.model_validate(record)
    first = exported(records)
    again = fields_of(first.encode(), size)
    assert again == records
    assert exported(again) == first
    read = list(csv.reader(io.StringIO(first, newline="")))[1:]
    assert [[undo_escape(cell) for cell in row] for row in read] == [
        [undo_escape(cell) for cell in row] for row in rows
    ]


def test_own_columns_come_back() -> None:
    record = {
        "status": "owned",
        "artist": "-M-",
        "album": "x",
        "genre": ["Folk, World, & Country", "Rock"],
        "tags": ["a;b", "c"],
        "price_paid": {"amount": 1250, "currency": "EUR"},
        "price_sold": {"amount": 900, "currency": "JPY"},
        "bought_on": "2020-02-29",
        "colour": "red/black",
        "discogs": {"kind": "master", "id": 7},
    }
    names = ["Genre", "Tags", "Price Paid", "Price Sold", "Bought On", "Colour", "Master Id"]
    columns: list[Column | str] = layout(None, names, is_wantlist=False)
    lines = [[column if isinstance(column, str) else column.name for column in columns], write_cells(columns, record)]
    text = "".join(write_row([escape_formula(cell) for cell in line]) for line in lines)
    assert "'-M-" in text
    assert fields_of(text.encode()) == [record]


def test_header_of_a_wantlist_is_discogs_own() -> None:
    assert ",".join(column.name for column in WANTLIST) == WANTED.splitlines()[0]
    assert read_header(WANTED.splitlines()[0].split(",")).is_wantlist


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_many_megabytes_are_read_in_little_memory(megabytes: int) -> None:
    row = ROWS[0].encode() + b"n" * 400 + b"\n"
    total = megabytes * 1024 * 1024

    def parts() -> Iterator[bytes]:
        block = row * (64 * 1024 // len(row))
        yield HEADER.encode() + b"\n"
        for _ in range(total // len(block)):
            yield block

    tracemalloc.start()
    reader = TableReader()
    count = 0
    for part in parts():
        count += sum(read.fields is not None for read in reader.read(part))
    count += len(list(reader.read(b"", is_last=True)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == (64 * 1024 // len(row)) * (total // ((64 * 1024 // len(row)) * len(row)))
    assert peak < 3_000_000
