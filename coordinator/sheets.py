"""The only place that knows CSV and XLSX: reading what somebody uploads, writing what somebody takes out.

A workbook is read in a process of its own, with little memory and little time: what unpacks to more than it says, or takes too
long, ends that process and nothing else. Only values are read; formulas and macros are never run.
"""

import csv
import io
import json
import os
import re
import resource
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, islice
from typing import IO, Any
from xml.sax.saxutils import escape

from openpyxl import load_workbook

from coordinator.errors import N_, Refused

MOST_ROWS = 5_000
MOST_COLUMNS = 80
LONGEST_CELL = 40_000
MOST_UNPACKED = 60_000_000  # bytes that a workbook says it comes to
MOST_PARTS = 400
DENSEST = 200  # times that a large part may be larger than its packed form
MEMORY, SECONDS = 512 * 1024 * 1024, 10
MOST_BLANK = 1_000  # blank rows after which nothing more is looked for

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Unreadable(Refused):
    """This file cannot be read."""

    field = "file"

    def __init__(self, sentence: str, **values: Any) -> None:
        self.said = (sentence, values)
        super().__init__(sentence % values if values else sentence)


@dataclass(frozen=True)
class Line:
    """One row of a file under its number there: its cells by column, or what is wrong with it as a row."""

    number: int
    cells: dict[str, str]
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """What a file holds: its columns that have a meaning here, those that have none, and its rows."""

    columns: tuple[str, ...]
    unused: tuple[str, ...]
    lines: tuple[Line, ...]


# --- cells that a spreadsheet would run ----------------------------------------------------------------------------------

_RUN = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


def safe(cell: str) -> str:
    """Return a cell as it is written: what a spreadsheet would take for a formula gets a quote in front, which shows it as text."""
    return f"'{cell}" if _RUN.match(cell) else cell


def plain(cell: str) -> str:
    """Return what a cell that `safe` has written stood for."""
    return cell[1:] if _QUOTED.match(cell) else cell


_NAME_SIGNS = re.compile(r"[^\w .()+-]+")


def file_name(name: str) -> str:
    """Return a file's name as it is shown and sent: the last part of a path, plain signs only, at most 100 characters."""
    bare = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    return " ".join(_NAME_SIGNS.sub(" ", bare).split())[-100:].lstrip(". ") or "file"


# --- reading -------------------------------------------------------------------------------------------------------------


def read(data: bytes, *, known: Sequence[str], needed: Iterable[str]) -> Table:
    """Return the table in a CSV file or a workbook; `known` are the columns that mean something. Raises Unreadable."""
    if not data.strip():
        raise Unreadable(N_("This file is empty."))
    if data.startswith(b"PK"):
        rows = _workbook_rows(data)
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(N_("This is a workbook with a password, or of the old form (.xls). Save it as .xlsx or as CSV UTF-8."))
    else:
        rows = _csv_rows(_text(data), known)
    return _table(rows, known, set(needed))


def _text(data: bytes) -> str:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in data and not utf16:
        raise Unreadable(N_("This is neither a CSV file nor a workbook (.xlsx)."))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(
            N_("The letters of this file are not in UTF-8, so accents would go wrong. In Excel, save it as “CSV UTF-8”.")
        ) from None


def _csv_rows(text: str, known: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r"sep=(.)\r?", first)
    if told:
        text = rest
    csv.field_size_limit(2_000_000)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=told[1] if told else _delimiter(first, known), strict=False)
    before = 1 if told else 0
    try:
        for row in rows:
            number, before = before + 1, rows.line_num + (1 if told else 0)
            yield number, row
    except csv.Error:
        raise Unreadable(
            N_("This CSV file breaks off in line %(line)s: a quote is opened there and not closed."), line=before
        ) from None


def _delimiter(first: str, known: Sequence[str]) -> str:
    """Return what parts the columns: that which finds the most known ones in the first line; Excel takes ; in half of Europe."""
    names = set(known)
    return max(",;\t", key=lambda d: sum(_name(c) in names for c in first.strip().split(d)))


def _name(heading: str) -> str:
    return re.sub(r"[\s\-]+", "_", heading.strip().strip('"').strip().casefold())


def _table(rows: Iterator[tuple[int, list[str]]], known: Sequence[str], needed: set[str]) -> Table:
    _number, headings = next(((n, row) for n, row in rows if any(cell.strip() for cell in row)), (0, []))
    names = [_name(plain(h)) for h in headings]
    while names and not names[-1]:
        names.pop()
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        raise Unreadable(N_("The first line names a column twice: %(columns)s."), columns=", ".join(twice))
    missing = sorted(needed - set(names))
    if missing:
        raise Unreadable(N_("The first line has to name the columns; missing: %(columns)s."), columns=", ".join(missing))
    lines = [_line(n, row, names, set(known)) for n, row in rows if any(cell.strip() for cell in row)]
    if len(lines) > MOST_ROWS:
        raise Unreadable(N_("More than %(most)s rows: split the file."), most=f"{MOST_ROWS:,}")
    if not lines:
        raise Unreadable(N_("This file names its columns and has no rows."))
    return Table(
        tuple(n for n in names if n in known),
        tuple(h for h, n in zip(headings, names, strict=False) if n and n not in known),
        tuple(lines),
    )


def _line(number: int, row: list[str], names: list[str], known: set[str]) -> Line:
    if any(cell.strip() for cell in row[len(names) :]):
        return Line(
            number, {}, N_("It has more values than there are columns: a text that holds the separator needs quotes round it.")
        )
    cells = {n: plain(cell) for n, cell in zip(names, row, strict=False) if n in known}
    if any(len(cell) > LONGEST_CELL for cell in cells.values()):
        return Line(number, {}, N_("One of its cells is too long."))
    return Line(number, cells)


# --- workbooks -----------------------------------------------------------------------------------------------------------


def _workbook_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    _look_inside(data)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "coordinator.sheets"],
            input=data,
            capture_output=True,
            timeout=SECONDS * 2,
            env=kept | {"OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreadable(N_("This workbook takes too long to read. Save its sheet as CSV UTF-8.")) from None
    if done.returncode != 0:
        raise Unreadable(N_("This workbook cannot be read. Save its sheet as CSV UTF-8."))
    for line in done.stdout.splitlines():
        number, row = json.loads(line)
        yield number, row


def _look_inside(data: bytes) -> None:
    """Refuse an archive by what it says of itself, before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unreadable(N_("This workbook is damaged.")) from None
    names = {p.filename for p in parts}
    if "xl/workbook.xml" not in names:
        raise Unreadable(N_("This is neither a CSV file nor a workbook (.xlsx)."))
    if any("vbaProject" in name for name in names):
        raise Unreadable(N_("This workbook holds macros. Save it without them, as .xlsx."))
    large = (p for p in parts if p.file_size > 1_000_000)
    if (
        len(parts) > MOST_PARTS
        or sum(p.file_size for p in parts) > MOST_UNPACKED
        or any(p.file_size > DENSEST * max(p.compress_size, 1) for p in large)
        or any(".." in name or name.startswith("/") for name in names)
    ):
        raise Unreadable(N_("This workbook unpacks to more than a table would. Save its sheet as CSV UTF-8."))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _read_workbook(source: IO[bytes], into: IO[str]) -> None:
    """Write the rows of the first sheet as lines of JSON: number and cells."""
    book = load_workbook(source, read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its size is not believed
    blank = rows = size = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), 1):
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        blank = 0 if cells else blank + 1
        size += sum(map(len, cells))
        if blank > MOST_BLANK or rows > MOST_ROWS + 1 or size > MOST_UNPACKED:
            break
        if cells:
            rows += 1
            into.write(json.dumps([number, cells]) + "\n")


def _child() -> None:
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (most, most))
    try:
        _read_workbook(io.BytesIO(sys.stdin.buffer.read()), sys.stdout)
    except BaseException:  # noqa: BLE001 - whatever it is: the file cannot be read, and its content is nobody's log line
        sys.exit(3)


# --- writing -------------------------------------------------------------------------------------------------------------


def write_csv(into: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as CSV in UTF-8, with the mark by which Excel knows it."""
    into.write(b"\xef\xbb\xbf")
    waiting = chain([columns], rows)
    while some := list(islice(waiting, 500)):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in some)
        into.write(text.getvalue().encode())


# A workbook of texts is a few parts of XML. Written here row by row, 50,000 rows take a fifth of the time that a library takes
# over them, and no more memory than ten.
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/worksheets/sheet2.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"'
    ' Target="worksheets/sheet1.xml"/>'
    '<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"'
    ' Target="worksheets/sheet2.xml"/>'
    '<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"'
    ' Target="styles.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="Rows" sheetId="1" r:id="rId1"/><sheet name="About" sheetId="2" r:id="rId2"/></sheets></workbook>',
    "xl/styles.xml": '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="49" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


Told = tuple[str, Sequence[tuple[str, str]]]


def write_workbook(
    into: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[str]], *, told: Callable[[], Told] = lambda: ("", ())
) -> None:
    """Write a table as a workbook: its rows, every cell a text, and a second sheet that says what they are.

    `told` is asked once the rows are written: for the marking at head and foot of each printed page, and for the second sheet.
    """
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, _HEAD + content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            _write_rows(part, columns, rows)
            marking, about = told()
            _write_end(part, marking)
        with archive.open("xl/worksheets/sheet2.xml", "w") as part:
            _write_rows(part, ("", ""), about)
            _write_end(part, marking)


def _write_rows(part: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    places = [_place(n) for n in range(len(columns))]
    part.write(
        f'{_HEAD}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>'
        '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        '</sheetViews><sheetFormatPr defaultColWidth="24" defaultRowHeight="15"/><sheetData>'.encode()
    )
    waiting = enumerate(chain([columns], rows), 1)
    while some := list(islice(waiting, 500)):
        part.write("".join(_row(number, row, places, 1 if number == 1 else 0) for number, row in some).encode())


def _write_end(part: IO[bytes], marking: str) -> None:
    said = escape(_NOT_XML.sub("", marking).replace("&", "&&"))
    printed = f"<headerFooter><oddHeader>&amp;C{said}</oddHeader><oddFooter>&amp;C{said}</oddFooter></headerFooter>" if said else ""
    part.write(f"</sheetData>{printed}</worksheet>".encode())


def _row(number: int, row: Sequence[str], places: Sequence[str], style: int) -> str:
    cells = "".join(
        f'<c r="{place}{number}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{_written(cell)}</t></is></c>'
        for place, cell in zip(places, row, strict=True)
        if cell
    )
    return f'<row r="{number}">{cells}</row>'


def _written(cell: str) -> str:
    return escape(_NOT_XML.sub("", safe(cell)))


def _place(number: int) -> str:
    """Return the letters of a column: A for 0, AA for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


if __name__ == "__main__":
    _child()
