"""Who opened it, as the unit reads it, and taking a release back by hand."""

import csv
import io
from typing import Any

from sqlalchemy import event, select

from coordinator.db import db
from coordinator.openings.models import Opening


def noted() -> list[tuple[Any, ...]]:
    with db.engine.connect().execution_options(migration=True) as connection:
        table = Opening.__table__
        return [tuple(r) for r in connection.execute(select(table.c.person_id, table.c.version, table.c.way).order_by(table.c.id))]


def test_opening_a_page_is_noted_once_and_ones_own_not_at_all(make, sign_in):
    owner, other = make.officer(), make.officer()
    position, dossier = make.position(by=owner), make.dossier(by=owner)
    for person in (owner, other):
        browser = sign_in(person)
        for _ in range(2):
            assert browser.get(f"/positions/{position.ref}").status_code == 200
            assert browser.get(f"/dossiers/{dossier.ref}").status_code == 200
            assert browser.get(f"/entries/{position.ref}/compare").status_code == 200
    assert noted() == [(other.id, 1, "page"), (other.id, 1, "page")]


def test_looking_again_writes_nothing(make, sign_in):
    position, browser = make.position(), sign_in(make.officer())
    written: list[str] = []

    def watch(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        written.extend([statement] if statement.startswith(("INSERT", "BEGIN IMMEDIATE")) else [])

    browser.get(f"/positions/{position.ref}")
    event.listen(db.engine, "before_cursor_execute", watch)
    try:
        browser.get(f"/positions/{position.ref}")
    finally:
        event.remove(db.engine, "before_cursor_execute", watch)
    assert written == []


def test_pages_with_whole_texts_and_files_are_noted(make, sign_in):
    topic, forum = make.topic(), make.forum()
    question, session = make.question(topic=topic, forum=forum), make.event(forum=forum)
    owner, other = make.officer(), make.officer()
    make.position(by=owner, question=question, event=session, topic=topic)
    for person, address in ((make.officer(), f"questions/{question.ref}"), (make.officer(), f"events/{session.ref}/brief")):
        assert sign_in(person).get(f"/calendar/{address}").status_code == 200
        assert noted()[-1] == (person.id, 1, "page")
    before = noted()
    assert sign_in(make.officer()).get("/positions").status_code == 200
    assert noted() == before
    assert sign_in(other).post("/export/positions", data={"format": "csv"}).status_code == 200
    assert noted() == [*before, (other.id, 1, "file")]


def test_both_texts_of_an_overlap_are_noted(make, sign_in):
    ref, one, _other = make.overlap()
    onlooker = make.officer()
    sign_in(one).get(f"/overlaps/{ref}")
    sign_in(onlooker).get(f"/overlaps/{ref}")
    assert [row[0] for row in noted()] == [one.id, onlooker.id, onlooker.id]


def test_the_page_says_who_opened_it_to_those_of_the_unit_who_may_know(make, sign_in):
    owner = make.officer(name="Olga Owner")
    drafter = make.person(unit=owner.unit)
    colleague = make.person(unit=owner.unit)
    other = make.officer(name="Rita Reader")
    firm = make.person("Fred Firm", unit=make.unit(of=make.organisation("Orrery", circle="country", ceiling=0)))
    position = make.position(by=drafter, level=0, audience=frozenset({"circle:country"}))
    for person in (other, firm):
        assert sign_in(person).get(f"/positions/{position.ref}").status_code == 200
    for person in (owner, drafter):
        page = sign_in(person).get(f"/positions/{position.ref}").get_data(as_text=True)
        assert "2 people of other units" in page
        page = sign_in(person).get(f"/entries/{position.ref}/openings").get_data(as_text=True)
        assert "Rita Reader" in page
        assert "Orrery" in page
        assert "Fred Firm" not in page  # outside of one's organisation a unit has read
    for person in (colleague, other, firm):
        browser = sign_in(person)
        assert "of other units" not in browser.get(f"/positions/{position.ref}").get_data(as_text=True)
        assert browser.get(f"/entries/{position.ref}/openings").status_code == 403


def test_a_release_is_recalled_and_the_page_says_who_opened_it_meanwhile(make, sign_in):
    owner, other, quick = make.officer(name="Olga Owner"), make.officer(name="Olaf Other"), make.officer(name="Quentin Quick")
    position = make.position(by=owner, title="Too wide")
    reading = sign_in(quick)
    assert "Too wide" in reading.get(f"/positions/{position.ref}").get_data(as_text=True)
    assert "Too wide" in reading.get("/positions").get_data(as_text=True)
    browser = sign_in(owner)
    assert f"/entries/{position.ref}/recall" in browser.get(f"/positions/{position.ref}").get_data(as_text=True)
    assert "1 person of another unit has opened it" in browser.get(f"/entries/{position.ref}/recall").get_data(as_text=True)
    answer = browser.post(f"/entries/{position.ref}/recall", data={"how": "draft", "level": "1", "why": "The annex was in it"})
    assert answer.status_code == 303
    for person in (quick, other):
        assert sign_in(person).get(f"/positions/{position.ref}").status_code == 404
        assert sign_in(person).get(f"/entries/{position.ref}/openings").status_code == 404
        assert "Too wide" not in sign_in(person).get("/positions").get_data(as_text=True)
    page = browser.get(answer.location).get_data(as_text=True)
    assert "Quentin Quick" in page
    assert "Olaf Other" not in page
    assert "Can no longer read it" in page
    assert "The annex was in it" in page
    page = browser.get(f"/positions/{position.ref}").get_data(as_text=True)
    assert "released too widely, was recalled" in page
    assert "it is a draft again" in browser.get(f"/entries/{position.ref}/history").get_data(as_text=True)
    assert browser.get(f"/entries/{position.ref}/recall").status_code == 409


def test_those_who_are_left_read_on_and_are_not_told(make, sign_in):
    owner, kept = make.officer(), make.officer()
    position = make.position(by=owner, title="Too wide")
    kept_ref = f"unit:{kept.unit.ref}"
    answer = sign_in(owner).post(
        f"/entries/{position.ref}/recall",
        data={"how": "narrower", "audience": "named", "named": kept_ref, "level": "1", "why": "The annex was in it"},
    )
    assert answer.status_code == 303
    browser = sign_in(kept)
    for address in (f"/positions/{position.ref}", f"/entries/{position.ref}/history", f"/history?entry={position.ref}"):
        page = browser.get(address)
        assert page.status_code == 200
        assert "ecalled" not in page.get_data(as_text=True)
        assert "The annex" not in page.get_data(as_text=True)


def test_what_was_typed_stays_where_a_recall_is_refused(make, sign_in):
    owner, other = make.officer(), make.officer()
    position = make.position(by=owner, audience=frozenset({f"unit:{make.unit().id}"}), restriction_reason="two units")
    named = f"unit:{other.unit.ref}"
    said = {"how": "narrower", "audience": "named", "named": named, "level": "1", "why": "The annex was in it"}
    answer = sign_in(owner).post(f"/entries/{position.ref}/recall", data=said)
    assert answer.status_code == 409
    page = answer.get_data(as_text=True)
    assert "A recall only takes away" in page
    assert "The annex was in it" in page
    for missing in ({"why": ""}, {"how": "sideways"}, {"level": "9"}, {"audience": "moon"}):
        assert sign_in(owner).post(f"/entries/{position.ref}/recall", data=said | missing).status_code == 422
    assert sign_in(other).get(f"/positions/{position.ref}").status_code == 404


def test_a_file_of_overlaps_counts_for_both_ends(make, sign_in):
    make.overlap()
    onlooker = make.person(unit=make.unit(), roles=("coordinator",))
    answer = sign_in(onlooker).post("/export/overlaps", data={"format": "csv"})
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert len(rows) >= 2
    assert [row[2] for row in noted()] == ["file", "file"]


def test_a_recall_offers_nothing_that_is_wider(make, sign_in):
    owner = make.officer()
    position = make.position(by=owner)
    page = sign_in(owner).get(f"/entries/{position.ref}/recall").get_data(as_text=True)
    assert [f'value="{word}"' in page for word in ("named", "ministry", "government", "country")] == [True, True, False, False]
    assert [f'name="level" type="radio" value="{level}"' in page for level in (0, 1, 2)] == [False, True, True]
    said = {"how": "narrower", "audience": "government", "level": "1", "why": "The annex was in it"}
    assert sign_in(owner).post(f"/entries/{position.ref}/recall", data=said).status_code == 422
    assert (
        sign_in(owner).post(f"/entries/{position.ref}/recall", data=said | {"audience": "ministry", "level": "0"}).status_code
        == 422
    )
