"""Files that come in and go out: cells that would run, encodings, and workbooks that mean harm."""

import io
import struct
import time
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from openpyxl import Workbook, load_workbook

from coordinator import sheets
from coordinator.sheets import MOST_ROWS, Unreadable, file_name, plain, read, safe, write_csv, write_workbook

KNOWN = ("name", "short_name", "on")


def csv_of(*rows: tuple[str, ...]) -> bytes:
    file = io.BytesIO()
    write_csv(file, rows[0], rows[1:])
    return file.getvalue()


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def cells(data: bytes) -> list[dict[str, str]]:
    return [line.cells for line in read(data, known=KNOWN, needed=("name",)).lines]


# --- cells that a spreadsheet would run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-3", "@SUM(A1)", "\tx", "\rx", "'=1", "''-"], ids=repr)
def test_what_a_spreadsheet_would_run_is_written_as_text_and_read_back(cell):
    assert safe(cell) == f"'{cell}"
    assert plain(safe(cell)) == cell


@pytest.mark.parametrize("cell", ["", "a=1", "'quoted'", "O'Neill", "3 - 1"], ids=repr)
def test_other_cells_are_left_as_they_are(cell):
    assert safe(cell) == plain(cell) == cell


@given(some.text())
def test_every_cell_comes_back_as_it_was(cell):
    assert plain(safe(cell)) == cell
    assert safe(cell)[:1] not in {"=", "+", "-", "@", "\t", "\r"}


# --- CSV -------------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_word_for_word():
    rows = (("name", "short_name"), ("Völkerrecht; Genf", '=cmd|"x"'), ("two\nlines", "a, b"))
    assert [tuple(c.values()) for c in cells(csv_of(*rows))] == list(rows[1:])
    assert csv_of(*rows).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    "data",
    [
        b"name,short_name\nLegal,LEG\n",
        b"\xef\xbb\xbfname,short_name\r\nLegal,LEG\r\n",
        b"name;short_name\r\nLegal;LEG\r\n",
        b"sep=;\r\nname;short_name\r\nLegal;LEG\r\n",
        b"name\tshort_name\nLegal\tLEG\n",
        "name\tshort_name\nLegal\tLEG\n".encode("utf-16"),
        b'"Name","Short name"\n"Legal","LEG"\n',
        b" NAME , Short-Name \n\n,,\nLegal,LEG\n",
    ],
    ids=["plain", "BOM", "semicolons", "sep line", "tabs", "UTF-16", "quoted words", "loose"],
)
def test_the_csv_of_every_spreadsheet_is_read(data):
    assert cells(data) == [{"name": "Legal", "short_name": "LEG"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"  \n", "This file is empty."),
        ("name\nVölkerrecht\n".encode("latin-1"), "CSV UTF-8"),
        (b"name\nA\x00B\n", "neither a CSV file nor a workbook"),
        (b"%PDF-1.7\nname", "missing: name"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "old form (.xls)"),
        (b"short_name\nLEG\n", "missing: name"),
        (b"name,Name\nA,B\n", "names a column twice: name"),
        (b"name,short_name\n", "has no rows"),
        (b"name\n" + b"A\n" * (MOST_ROWS + 1), "More than 5,000 rows"),
    ],
    ids=["empty", "Latin-1", "NUL", "PDF", "xls", "columns", "twice", "no rows", "too many"],
)
def test_what_cannot_be_read_is_refused_with_a_plain_sentence(data, said):
    with pytest.raises(Unreadable, match=r".") as refused:
        read(data, known=KNOWN, needed=("name",))
    assert said in refused.value.sentence


def test_columns_without_a_meaning_are_named_and_rows_keep_their_numbers():
    found = read(b"name,colour\nA,red\n\nB,blue\n", known=KNOWN, needed=("name",))
    assert (found.columns, found.unused) == (("name",), ("colour",))
    assert [line.number for line in found.lines] == [2, 4]


def test_a_row_with_more_values_than_columns_is_faulty_by_itself():
    found = read(b"name,short_name\nBureau, North,BN\nLegal,LEG\n", known=KNOWN, needed=("name",))
    assert [bool(line.fault) for line in found.lines] == [True, False]


def test_a_cell_that_is_too_long_is_faulty_by_itself():
    found = read(b"name\n" + b"x" * 40_001 + b"\nLegal\n", known=KNOWN, needed=("name",))
    assert [bool(line.fault) for line in found.lines] == [True, False]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("C:\\Users\\ana\\units.csv", "units.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\u202etxt.exe\n.csv", "a txt.exe .csv"),
        ("", "file"),
        ("Übersicht (2).xlsx", "Übersicht (2).xlsx"),
    ],
)
def test_a_name_of_a_file_is_shown_without_what_could_mislead(name, kept):
    assert file_name(name) == kept


# --- workbooks -------------------------------------------------------------------------------------------------------------


def test_a_workbook_is_read_as_words():
    data = workbook(
        ("Name", "Short name", "On"),
        ("Legal", 7, date(2026, 3, 31)),
        (None, None, None),
        ("Völkerrecht", 2.5, datetime(2026, 3, 31, 9, 30)),  # noqa: DTZ001 - as a workbook holds it
        ("x", True, 3.0),
    )
    assert cells(data) == [
        {"name": "Legal", "short_name": "7", "on": "2026-03-31"},
        {"name": "Völkerrecht", "short_name": "2.5", "on": "2026-03-31 09:30"},
        {"name": "x", "short_name": "yes", "on": "3"},
    ]


def test_a_formula_is_not_run_and_says_nothing():
    assert cells(workbook(("name", "short_name"), ("Legal", "=1+1"))) == [{"name": "Legal"}]


def test_a_workbook_of_ours_opens_elsewhere_and_comes_back():
    file = io.BytesIO()
    rows = [["=1+1", 'a <b> & "c"', "2026-03-31"], ["two\nlines", "bell\x07", ""]]
    write_workbook(file, KNOWN, rows, told=lambda: ("OFFICIAL & more", [("Level", "OFFICIAL")]))
    book = load_workbook(io.BytesIO(file.getvalue()))
    assert book.sheetnames == ["Rows", "About"]
    assert [c.value for c in book["Rows"][2]] == ["'=1+1", 'a <b> & "c"', "2026-03-31"]
    assert book["Rows"].oddHeader.center.text == "OFFICIAL && more"
    assert [c.value for c in book["About"][2]] == ["Level", "OFFICIAL"]
    assert cells(file.getvalue()) == [
        {"name": "=1+1", "short_name": 'a <b> & "c"', "on": "2026-03-31"},
        {"name": "two\nlines", "short_name": "bell"},
    ]


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """Return a workbook with one part put in or replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part.filename, old.read(part.filename))
        new.writestr(name, content)
    return file.getvalue()


PLAIN = workbook(("name",), ("Legal",))
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)
OUTSIDE = ENTITIES.replace(b'<!ENTITY a "aaaaaaaaaa">', b'<!ENTITY a SYSTEM "file:///etc/hostname">')


def archive(names: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in names.items():
            new.writestr(name, content)
    return file.getvalue()


def lying(data: bytes) -> bytes:
    """Return an archive whose parts say that they unpack to ten bytes."""
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark)
        while at >= 0:
            data = data[: at + offset] + struct.pack("<I", 10) + data[at + offset + 4 :]
            at = data.find(mark, at + 4)
    return data


HOSTILE = {
    "a bomb": with_part(PLAIN, "xl/worksheets/sheet1.xml", b"<x>" + b"0" * 80_000_000),
    "a dense part": with_part(PLAIN, "xl/sharedStrings.xml", b" " * 5_000_000),
    "a lying bomb": lying(with_part(PLAIN, "xl/worksheets/sheet1.xml", b"<x>" + b"0" * 80_000_000)),
    "100,000 parts": archive({"xl/workbook.xml": b"", **{f"x{n}": b"" for n in range(2_000)}}),
    "macros": with_part(PLAIN, "xl/vbaProject.bin", b"x"),
    "a path out": with_part(PLAIN, "../../evil", b"x"),
    "entities": with_part(PLAIN, "xl/worksheets/sheet1.xml", ENTITIES),
    "an outside entity": with_part(PLAIN, "xl/worksheets/sheet1.xml", OUTSIDE),
    "another archive": archive({"word/document.xml": b"<x/>"}),
    "half of one": PLAIN[: len(PLAIN) // 2],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_at_once(name):
    started = time.perf_counter()
    with pytest.raises(Unreadable):
        read(HOSTILE[name], known=KNOWN, needed=("name",))
    assert time.perf_counter() - started < 5


def test_a_sheet_that_claims_a_million_rows_costs_nothing():
    far = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="XFD1" t="inlineStr"><is><t>far</t></is></c></row>'
        b'<row r="2"><c r="A2" t="inlineStr"><is><t>Legal</t></is></c></row>'
        b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>late</t></is></c></row></sheetData></worksheet>'
    )
    assert cells(with_part(PLAIN, "xl/worksheets/sheet1.xml", far)) == [{"name": "Legal"}]


def test_a_workbook_with_too_many_rows_is_refused():
    with pytest.raises(Unreadable, match="More than 5,000 rows"):
        read(workbook(("name",), *((f"n{n}",) for n in range(MOST_ROWS + 1))), known=KNOWN, needed=("name",))


def test_the_reader_of_workbooks_is_given_no_secret(monkeypatch):
    seen = {}

    def run(command, **how):
        seen.update(how["env"])
        return type("Done", (), {"returncode": 0, "stdout": b'[1, ["name"]]\n[2, ["Legal"]]\n'})

    monkeypatch.setenv("COORDINATOR_SECRET_KEY", "x" * 40)
    monkeypatch.setattr(sheets.subprocess, "run", run)
    assert cells(PLAIN) == [{"name": "Legal"}]
    assert not [name for name in seen if "SECRET" in name or "COORDINATOR" in name]


def test_a_reader_that_takes_too_long_is_ended(monkeypatch):
    def run(command, **how):
        raise sheets.subprocess.TimeoutExpired(command, how["timeout"])

    monkeypatch.setattr(sheets.subprocess, "run", run)
    with pytest.raises(Unreadable, match="takes too long"):
        cells(PLAIN)
