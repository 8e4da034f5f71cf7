import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, read_as_system
from coordinator.entries.models import Entry, EntrySource, EntryVersion, State
from coordinator.exchange import commands
from coordinator.exchange.commands import group
from coordinator.history.models import Event, Payload
from coordinator.overlaps.commands import group as overlaps_group
from coordinator.overlaps.models import Overlap, OverlapKind
from coordinator.people.models import Unit
from coordinator.people.queries import reader_of
from tests.make import Make

pytestmark = pytest.mark.both

Import = Callable[..., Result]


@pytest.fixture
def bring_in(app: Flask) -> Import:
    """Run `entries import` as an operator would."""

    def run(file: Path, *options: str) -> Result:
        result = app.test_cli_runner().invoke(group, ["import", str(file), *options])
        assert not result.exception or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write rows to a file as JSON lines, filled up with what every row needs."""

    def to(*rows: dict[str, Any], name: str = "registry.jsonl") -> Path:
        lines = [json.dumps({"unit": "Legal", "title": f"Title of {r['id']}", "text": f"Text of {r['id']}"} | r) for r in rows]
        data = ("\n".join(lines) + "\n").encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return to


def all_of(session: Session, *columns: Any) -> list[Any]:
    """Return columns of all rows, whoever may see them."""
    session.commit()
    with read_as_system(session, "check") as connection:
        return list(connection.execute(select(*columns).order_by(columns[0])).all())


_source, _entry, _version = EntrySource.__table__, Entry.__table__, EntryVersion.__table__


def texts_of(session: Session) -> dict[str, list[str]]:
    """Return by external id the texts of all versions, oldest first."""
    session.commit()
    with read_as_system(session, "check") as connection:
        rows = connection.execute(
            select(_source.c.external_id, _version.c.content)
            .join(_version, _version.c.entry_id == _source.c.entry_id)
            .order_by(_version.c.entry_id, _version.c.number)
        )
        found: dict[str, list[str]] = {}
        for external_id, content in rows:
            found.setdefault(external_id, []).append(content["text"])
        return found


def test_rows_come_in_as_released_entries_of_units_made_on_request(write: Any, bring_in: Import, session: Session) -> None:
    result = bring_in(write({"id": "1"}, {"id": "2", "unit": "Posts"}), "--organisation", "Department of State")

    assert result.exit_code == 0
    assert "2 rows = 2 good (2 new, 0 new version, 0 unchanged) + 0 bad; source “registry”" in result.output
    assert all_of(session, _entry.c.title, _entry.c.state) == [("Title of 1", State.RELEASED), ("Title of 2", State.RELEASED)]
    assert sorted(session.scalars(select(Unit.name))) == ["Legal", "Posts"]


def test_a_unit_nobody_knows_makes_its_row_bad_unless_an_organisation_is_named(
    write: Any, bring_in: Import, session: Session
) -> None:
    result = bring_in(write({"id": "1"}))

    assert result.exit_code == 1
    assert "line 1: there is no unit “Legal”; --organisation says where to make it" in result.output
    assert "1 rows = 0 good (0 new, 0 new version, 0 unchanged) + 1 bad" in result.output
    assert all_of(session, _entry.c.id) == []


def test_bad_rows_are_listed_by_line_and_the_others_come_in(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    file = write({"id": "1"}, {"id": "2", "text": ""}, {"id": "3", "topics": ["Nowhere"]}, {"id": "4"})
    file.write_bytes(
        b"not json\n" + file.read_bytes() + b'\n["a list"]\n{"id": "5", "unit": "Legal", "title": "\xff", "text": "x"}\n'
    )

    result = bring_in(file)

    assert result.exit_code == 1
    listed = [line for line in result.output.splitlines() if line.startswith("line ")]
    assert listed == [
        "line 1: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        "line 3: text is missing",
        "line 4: there is no topic “Nowhere”; --create makes it",
        "line 7: it is JSON, but not an object with fields",
        "line 8: it holds bytes that are no UTF-8 text",
    ]
    assert "7 rows = 2 good (2 new, 0 new version, 0 unchanged) + 5 bad" in result.output
    assert set(texts_of(session)) == {"1", "4"}


def test_a_second_run_changes_nothing_at_all(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    file = write({"id": "1"}, {"id": "2"}, {"id": "1", "text": "Later in the same file"})
    bring_in(file)
    before = all_of(session, Event.number)

    result = bring_in(file)

    assert "3 rows = 3 good (0 new, 0 new version, 3 unchanged) + 0 bad" in result.output
    assert all_of(session, Event.number) == before
    assert texts_of(session) == {"1": ["Text of 1", "Later in the same file"], "2": ["Text of 2"]}


def test_a_changed_text_becomes_a_released_version(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    bring_in(write({"id": "1"}))

    result = bring_in(write({"id": "1", "text": "Another text"}))

    assert "(0 new, 1 new version, 0 unchanged)" in result.output
    assert all_of(session, _entry.c.text, _entry.c.standing_version, _entry.c.state) == [("Another text", 2, State.RELEASED)]
    assert texts_of(session) == {"1": ["Text of 1", "Another text"]}


def test_a_text_that_goes_back_to_what_it_was_is_a_version_too(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    for text in ("first", "second", "first"):
        bring_in(write({"id": "1", "text": text}))

    assert texts_of(session) == {"1": ["first", "second", "first"]}


def test_the_same_id_in_another_source_is_another_entry(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    file = write({"id": "1"})

    bring_in(file)
    result = bring_in(file, "--source", "elsewhere")

    assert "(1 new, 0 new version, 0 unchanged)" in result.output
    assert len(all_of(session, _entry.c.id)) == 2


def test_an_entry_does_not_move_to_another_unit(make: Make, write: Any, bring_in: Import) -> None:
    make.unit("Legal")
    make.unit("Posts")
    bring_in(write({"id": "1"}))

    result = bring_in(write({"id": "1", "unit": "Posts"}))

    assert "line 1: “1” was imported for another unit, and an entry does not move" in result.output


def test_a_row_that_repeats_a_refused_one_is_itself_good(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    file = write({"id": "1", "text": ""}, {"id": "1"})

    assert "2 rows = 1 good (1 new, 0 new version, 0 unchanged) + 1 bad" in bring_in(file).output
    assert "2 rows = 1 good (0 new, 0 new version, 1 unchanged) + 1 bad" in bring_in(file).output
    assert texts_of(session) == {"1": ["Text of 1"]}


def test_a_row_refused_by_the_register_leaves_the_others(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    make.question("A pledge?")
    same = {"kind": "position", "question": "A pledge?", "stance": "support"}

    result = bring_in(write({"id": "1", **same}, {"id": "2", **same}, {"id": "3"}, {"id": "4", **same, "stance": "oppose"}))

    listed = [line for line in result.output.splitlines() if line.startswith("line ")]
    assert [line[:7] for line in listed] == ["line 2:", "line 4:"]
    assert "already has a released position" in listed[0]
    assert "Say why" in listed[1]
    assert set(texts_of(session)) == {"1", "3"}
    assert len(all_of(session, _entry.c.id)) == 2


def test_a_dry_run_says_the_same_and_changes_nothing(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    file = write({"id": "1"}, {"id": "2", "unit": "New"}, {"id": "3", "level": 2})
    before = all_of(session, Event.number)

    dry = bring_in(file, "--dry-run", "--organisation", "Elsewhere")

    assert "line 3: An OFFICIAL-SENSITIVE entry goes to named units" in dry.output
    assert "3 rows = 2 good (2 new, 0 new version, 0 unchanged) + 1 bad" in dry.output
    assert "This was a dry run: nothing was changed." in dry.output
    assert all_of(session, Event.number) == before
    assert all_of(session, _entry.c.id) == []
    assert "3 rows = 2 good (2 new, 0 new version, 0 unchanged) + 1 bad" in bring_in(file, "--organisation", "Elsewhere").output


def test_csv_and_compressed_json_say_the_same(make: Make, write: Any, bring_in: Import, tmp_path: Path) -> None:
    make.unit("Legal")
    make.topic("Encryption")
    make.topic("Data flows")
    said = {"id": "1", "unit": "Legal", "title": "Keys", "text": "One line\nand another", "date": "2026-02-01"}
    with (tmp_path / "registry.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        rows = csv.writer(stream)
        rows.writerow([*said, "topics"])
        rows.writerow([*said.values(), "encryption; data flows"])
        rows.writerow(["2", "Legal", "short"])

    first = bring_in(tmp_path / "registry.csv")
    second = bring_in(write({**said, "topics": ["encryption", "data flows"]}, name="registry.jsonl.gz"))

    assert "line 4: it has 3 values for 6 columns" in first.output
    assert "2 rows = 1 good (1 new, 0 new version, 0 unchanged) + 1 bad" in first.output
    assert "1 rows = 1 good (0 new, 0 new version, 1 unchanged) + 0 bad; source “registry”" in second.output


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("rows.txt", b"", "has to end in .jsonl or .csv"),
        ("rows.csv", b"id,title\n1,x\n", "missing: unit, text"),
        ("rows.jsonl.gz", gzip.compress(b'{"id": "1"}\n' * 100)[:-9], "cannot be read to its end"),
    ],
    ids=["another kind", "no columns", "cut off"],
)
def test_a_file_that_cannot_be_read_is_refused_before_anything_is_taken(
    bring_in: Import, tmp_path: Path, session: Session, name: str, data: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(data)

    result = bring_in(tmp_path / name, "--organisation", "Anything")

    assert result.exit_code == 1
    assert sentence in result.output
    assert all_of(session, _entry.c.id) == []


def test_topics_forums_questions_and_counterparts_are_made_on_request(write: Any, bring_in: Import, session: Session) -> None:
    said = {"topics": ["Quantum"], "forum": "New forum", "counterparts": ["Japan", "A league"]}
    asked = {"kind": "position", "question": "Ban it?", "stance": "support"}

    result = bring_in(write({"id": "1", **said, **asked}, {"id": "2", **said}), "--create", "--organisation", "Home")

    assert "2 rows = 2 good (2 new, 0 new version, 0 unchanged) + 0 bad" in result.output
    actions = list(session.scalars(select(Event.action).where(Event.action.like("%.added"))))
    assert sorted(actions) == sorted(
        [
            "organisation.added",
            "unit.added",
            "topic.added",
            "forum.added",
            "question.added",
            "counterpart.added",
            "counterpart.added",
        ]
    )


def test_states_levels_and_audiences_are_as_the_row_says(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    make.unit("Legal")
    other = make.unit("Posts")

    bring_in(
        write(
            {"id": "1", "state": "draft"},
            {"id": "2", "state": "withdrawn"},
            {"id": "3", "level": "official-sensitive", "audience": ["Posts"]},
            {"id": "4", "level": 0, "audience": "country"},
        )
    )

    assert all_of(session, _entry.c.id, _entry.c.state)[0].state == State.DRAFT
    assert [row.state for row in all_of(session, _entry.c.id, _entry.c.state)] == [
        State.DRAFT,
        State.WITHDRAWN,
        State.RELEASED,
        State.RELEASED,
    ]
    outsider = make.person(unit=other)
    bind_reader(session, reader_of(session, outsider))
    assert sorted(session.scalars(select(Entry.title))) == ["Title of 2", "Title of 3", "Title of 4"]


def test_history_says_that_the_product_itself_brought_it_from_its_source(
    make: Make, write: Any, bring_in: Import, session: Session
) -> None:
    make.unit("Legal")
    bring_in(write({"id": "1"}))

    event, payload = session.execute(
        select(Event, Payload).join(Payload, Payload.number == Event.number).where(Event.action == "entry.imported")
    ).one()
    assert (event.actor_kind, event.actor_id, payload.said) == ("system", None, {"source": "registry", "id": "1"})


def test_many_rows_come_in_in_changes_of_their_own(
    make: Make, write: Any, bring_in: Import, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.unit("Legal")
    monkeypatch.setattr(commands, "CHUNK", 3)

    result = bring_in(write(*({"id": str(n % 8), "text": f"number {n}"} for n in range(10)), {"id": "8", "text": ""}))

    assert "11 rows = 10 good (8 new, 2 new version, 0 unchanged) + 1 bad" in result.output
    assert texts_of(session)["0"] == ["number 0", "number 8"]


def test_imported_entries_meet_what_is_there(make: Make, write: Any, bring_in: Import, session: Session) -> None:
    topic = make.topic("Encryption")
    question = make.question("A pledge?", topic=topic)
    officer = make.officer()
    make.position(by=officer, topic=topic, question=question, stance="red_line")
    make.unit("Legal")

    bring_in(write({"id": "1", "kind": "position", "topics": ["Encryption"], "question": "A pledge?", "stance": "support"}))

    bind_reader(session, reader_of(session, officer))
    assert list(session.scalars(select(Overlap.kind))) == [OverlapKind.CONFLICT]


def test_overlaps_are_taken_out_by_ref_and_external_id_as_one_person_sees_them(
    app: Flask, make: Make, write: Any, bring_in: Import, session: Session
) -> None:
    topic = make.topic("Encryption")
    question = make.question("A pledge?", topic=topic)
    one, other, third = make.officer(), make.officer(), make.officer()
    make.unit("Legal")
    make.position(by=one, topic=topic, question=question, stance="red_line")
    make.position(by=other, topic=topic, question=question, stance="support", sealed=True)
    bring_in(write({"id": "r-1", "kind": "position", "topics": ["Encryption"], "question": "A pledge?", "stance": "support"}))

    def taken_out(*options: str) -> list[dict[str, Any]]:
        result = app.test_cli_runner().invoke(overlaps_group, ["export", *options])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.output.splitlines()]

    every = taken_out()
    assert [row["kind"] for row in every] == ["conflict", "conflict"]
    imported = [row for row in every if "r-1" in {row["a_id"], row["b_id"]}]
    assert len(imported) == 1
    assert set(imported[0]) == {"a", "b", "a_id", "b_id", "kind", "severity", "score", "reasons", "signals", "settings"}
    assert imported[0]["a_id"] is None
    assert imported[0]["severity"] == "critical"
    assert "both cannot be said in one room" in imported[0]["reasons"][0]
    assert every == taken_out()
    assert taken_out("--as", third.email) == imported
    assert len(taken_out("--as", other.email)) == len(every)


def test_recomputing_right_after_finds_nothing_new(app: Flask, make: Make) -> None:
    make.overlap()

    result = app.test_cli_runner().invoke(overlaps_group, ["recompute", "--chunk", "1"])

    assert "2 released entries looked at, 0 overlaps changed" in result.output
