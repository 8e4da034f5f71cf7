from datetime import UTC, date, datetime

import pytest

from coordinator.exports.rules import (
    MARKS,
    MOST,
    Counted,
    Format,
    Nothing,
    Subject,
    Taken,
    TooMuch,
    cell,
    check,
    columns,
    file_name,
    head,
    marked,
    plain,
    said_of,
)

TAKEN = Taken("Ana Ferrer, ICS", datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


def test_each_row_carries_its_level_and_who_took_it_out_when():
    row = marked({"level": 2, "title": "x"}, TAKEN)
    assert row == {
        "level": "OFFICIAL-SENSITIVE",
        "title": "x",
        "exported_by": "Ana Ferrer, ICS",
        "exported_at": "2026-03-02T09:00:00Z",
    }
    assert all(columns(subject)[:3] == MARKS for subject in Subject)


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, ""), (date(2026, 3, 2), "2026-03-02"), (["a", "b; c"], "a; b\\; c"), (7, "7"), ([], "")],
    ids=repr,
)
def test_what_stands_in_a_cell(value, written):
    assert cell(value) == written


def test_json_keeps_lists_and_nothing_apart_from_empty():
    assert [plain(v) for v in (None, date(2026, 3, 2), ("a",), "")] == [None, "2026-03-02", ["a"], ""]


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ("", "OFFICIAL-search-2026-03-02.csv"),
        ("Flux de données: l'Europe", "OFFICIAL-search-flux-de-donnees-l-europe-2026-03-02.csv"),
        ("../../etc/passwd\u202e\n.exe", "OFFICIAL-search-etc-passwd-exe-2026-03-02.csv"),
        ("امن", "OFFICIAL-search-2026-03-02.csv"),
        ("x" * 300, f"OFFICIAL-search-{'x' * 60}-2026-03-02.csv"),
    ],
)
def test_a_file_is_named_by_its_level_in_plain_letters(named, name):
    assert file_name(Subject.SEARCH, level=1, on=date(2026, 3, 2), named=named, form=Format.CSV) == name


def test_a_file_says_what_it_is():
    told = head(Subject.OVERLAPS, level=0, taken=TAKEN, rows=3, filters={"severity": "high"})
    assert told["level"] == "PUBLIC"
    assert (told["exported_by"], told["exported_at"], told["rows"]) == ("Ana Ferrer, ICS", "2026-03-02T09:00:00Z", 3)


def test_the_history_keeps_no_words_that_were_searched_for():
    told = said_of({"q": "obsidian", "words": "obsidian", "unit": "x" * 22})
    assert told["unit"] == "x" * 22
    assert told["q"] == told["words"]
    assert "obsidian" not in str(told)


def test_rows_are_counted_on_their_way_with_the_highest_level_among_them():
    pair = {"level": 1, "ref": "o", "first_ref": "c", "second_ref": "d"}
    rows = Counted([{"level": 0, "ref": "a"}, {"level": 2, "ref": "b"}, pair])
    assert len(list(rows)) == rows.rows == 3
    assert rows.refs == ["a", "b", "c", "d"]
    assert rows.level == 2


def test_nothing_and_too_much_are_refused():
    check(1)
    check(MOST)
    with pytest.raises(Nothing):
        check(0)
    with pytest.raises(TooMuch):
        check(MOST + 1)
