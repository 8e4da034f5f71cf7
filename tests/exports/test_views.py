"""What is taken out is what the reader sees, and says so."""

import csv
import io
import json
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from coordinator.history.models import Event, Payload
from tests.search.test_views import counted_statements

pytestmark = pytest.mark.both


@pytest.fixture
def reader(make):
    return make.officer(unit=make.unit("Cyberspace Security", short_name="ICS"))


@pytest.fixture
def desk(sign_in, reader):
    return sign_in(reader)


def take(desk, path, form="csv"):
    answer = desk.post(path, data={"format": form})
    assert answer.status_code == 200, (answer.status_code, answer.get_data(as_text=True)[:300])
    return answer


def rows(answer):
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def titles(desk, path):
    return [row["title"] for row in rows(take(desk, path))]


def told(session):
    found = select(Payload.said).join(Event, Event.number == Payload.number).where(Event.action == "entries.exported")
    return session.scalars(found.order_by(Event.number)).all()


def test_a_row_holds_what_the_page_shows(desk, make, reader, session):
    topic, forum = make.topic("Data; flows"), make.forum("Council of Europe")
    event = make.event("Plenary", forum=forum, in_days=9)
    question = make.question("A treaty?", topic=topic)
    position = make.position(
        by=reader,
        title="=HYPERLINK(1)",
        text="We say\nso.",
        topic=topic,
        event=event,
        forum=forum,
        question=question,
        stance="oppose",
        reason="-it binds",
        red_lines="None",
        valid_until=date(2026, 12, 31),
        counterparts=((voice := make.counterpart("Freedonia")).id,),
        on_behalf_of_id=voice.id,
        source="=a statement",
        said_on=date(2026, 2, 27),
        instruments=(make.instrument("Treaty of Freedonia").id,),
    )
    (row,) = rows(take(desk, "/export/positions"))
    assert row["title"] == "'=HYPERLINK(1)"
    assert row["reason"] == "'-it binds"
    assert (row["level"], row["exported_by"], row["exported_at"]) == ("OFFICIAL", f"{reader.name}, ICS", "2026-03-02T09:00:00Z")
    assert (row["ref"], row["kind"], row["unit"], row["state"]) == (position.ref, "position", "ICS", "released")
    assert (row["topics"], row["counterparts"], row["question"], row["stance"]) == (
        "Data\\; flows",
        "Freedonia",
        "A treaty?",
        "oppose",
    )
    assert (row["forum"], row["event"], row["event_on"]) == ("Council of Europe", "Plenary", "2026-03-11")
    assert (row["valid_until"], row["released_on"], row["audience"]) == ("2026-12-31", "2026-03-02", "ministry")
    assert row["text"] == "We say\nso."
    assert (row["on_behalf_of"], row["source"], row["said_on"]) == ("Freedonia", "'=a statement", "2026-02-27")
    assert row["instruments"] == "Treaty of Freedonia"


def test_a_dossier_comes_with_its_work(desk, make, reader):
    drawn, hidden = make.position(), make.position(sealed=True)
    make.dossier(
        by=reader,
        dossier_type="norms",
        lead_id=reader.id,
        contributing=(drawn.unit_id,),
        milestones=((date(2026, 5, 1), "Signing; Geneva"),),
        papers=(("Draft", "https://registry.example/1"),),
        positions=(drawn.id, hidden.id),
    )
    answer = take(desk, "/export/dossiers", "json")
    (row,) = answer.get_json(force=True)["rows"]
    assert row["milestones"] == ["2026-05-01 Signing; Geneva"]
    assert row["papers"] == ["Draft https://registry.example/1"]
    assert row["positions"] == [drawn.ref]
    assert (row["type"], row["lead"]) == ("norms", reader.name)
    assert row["code"].startswith("ICS-")


def test_the_same_stands_in_every_form(desk, make, reader):
    make.position(by=reader, title="One", level=0, audience=frozenset({"circle:country"}))
    make.position(by=reader, title="Two", sealed=True)
    for form in ("csv", "xlsx", "json"):
        answer = take(desk, "/export/positions", form)
        assert answer.headers["Cache-Control"] == "no-store"
        name = f"attachment; filename=OFFICIAL-SENSITIVE-positions-2026-03-02.{form}"
        assert answer.headers["Content-Disposition"] == name
        if form == "json":
            said = json.loads(answer.get_data())
            found = [(r["title"], r["level"]) for r in said["rows"]]
            assert said["head"] | {"filters": {}} == {
                "level": "OFFICIAL-SENSITIVE",
                "what": "positions",
                "exported_by": f"{reader.name}, ICS",
                "exported_at": "2026-03-02T09:00:00Z",
                "rows": 2,
                "filters": {},
            }
        elif form == "xlsx":
            book = load_workbook(io.BytesIO(answer.get_data()))
            heads = [c.value for c in book["Rows"][1]]
            found = [
                (r[heads.index("title")], r[heads.index("level")]) for r in book["Rows"].iter_rows(min_row=2, values_only=True)
            ]
            about = dict(book["About"].iter_rows(min_row=2, values_only=True))
            assert (about["level"], about["exported_by"], about["rows"]) == ("OFFICIAL-SENSITIVE", f"{reader.name}, ICS", "2")
            assert book["Rows"].oddFooter.center.text == "OFFICIAL-SENSITIVE"
        else:
            found = [(r["title"], r["level"]) for r in rows(answer)]
        assert found == [("Two", "OFFICIAL-SENSITIVE"), ("One", "PUBLIC")]


def test_the_filters_of_the_list_hold_for_the_file(desk, make, reader):
    topic, other = make.topic("Encryption"), make.topic("Quantum")
    make.position(by=reader, title="Ours on keys", topic=topic)
    make.position(title="Theirs on keys", topic=topic)
    make.position(title="Theirs on quanta", topic=other)
    make.dossier(title="Work on keys", topic=topic)
    assert titles(desk, f"/export/positions?topic={topic.ref}") == ["Theirs on keys", "Ours on keys"]
    assert titles(desk, f"/export/positions?unit={reader.unit.ref}") == ["Ours on keys"]
    assert titles(desk, "/export/positions?words=quanta") == ["Theirs on quanta"]
    assert titles(desk, f"/export/search?q=keys&unit={reader.unit.ref}") == ["Ours on keys"]
    assert titles(desk, f"/export/topic/{topic.ref}") == ["Work on keys", "Theirs on keys", "Ours on keys"]
    assert desk.post(f"/export/positions?forum={'A' * 22}", data={"format": "csv"}).status_code == 404
    assert desk.get("/export/search").location == "/search"
    page = desk.get(f"/export/positions?topic={topic.ref}&page=7").get_data(as_text=True)
    assert "2 rows, up to" in page
    assert "Encryption" in page


def test_one_entry_is_taken_out_by_whoever_sees_it(desk, make, sign_in):
    position, hidden = make.position(title="Open line"), make.position(sealed=True)
    assert titles(desk, f"/export/entry/{position.ref}") == ["Open line"]
    assert desk.get(f"/export/entry/{hidden.ref}").status_code == 404
    assert desk.post(f"/export/entry/{hidden.ref}", data={"format": "csv"}).status_code == 404
    firm = make.person(unit=make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0)))
    assert sign_in(firm).get(f"/export/entry/{position.ref}").status_code == 404


def test_who_reads_an_entry_is_told_to_its_own_house_and_why_to_its_own_unit(desk, make, sign_in, reader):
    trade = make.organisation("Trade Department", circle="government", ceiling=2)
    outsider = make.officer(unit=make.unit("Trade", short_name="TRD", of=trade))
    owner = make.officer(unit=make.unit("Legal", short_name="LEG"))
    audience = frozenset({f"unit:{reader.unit_id}", f"unit:{outsider.unit_id}"})
    make.position(by=owner, title="Narrow", level=2, audience=audience, restriction_reason="A source at risk", text="x")
    seen = {}
    for person in (reader, owner, outsider):
        (seen[person.id],) = rows(take(sign_in(person), "/export/positions"))
    assert seen[owner.id]["restriction_reason"] == "A source at risk"
    assert {seen[p.id]["restriction_reason"] for p in (reader, outsider)} == {""}
    assert seen[owner.id]["audience"] == seen[reader.id]["audience"] == "ICS; TRD"
    assert seen[outsider.id]["audience"] == ""


def test_overlaps_are_taken_out_as_the_list_shows_them(make, sign_in, session):
    _ref, one, _other = make.overlap("critical")
    make.overlap("medium")
    desk = sign_in(one)
    found = rows(take(desk, "/export/overlaps"))
    assert [row["severity"] for row in found] == ["critical", "medium"]
    assert found[0]["first_unit"] == one.unit.short_name
    assert found[0]["first_stance"] == "support"
    assert found[0]["second_stance"] == "red_line"
    assert found[0]["waiting_for"].count(";") == 1
    assert "same question" in found[0]["reasons"].lower() or found[0]["reasons"]
    assert [row["severity"] for row in rows(take(desk, "/export/overlaps?severity=medium"))] == ["medium"]
    assert len(take(desk, "/export/overlaps?mine=1", "json").get_json(force=True)["rows"]) == 1


def test_every_export_is_on_record_without_its_content(desk, make, reader, session):
    make.position(by=reader, title="Obsidian", text="ledger")
    for form in ("csv", "json"):
        take(desk, "/export/search?q=obsidian", form)
    desk.get("/export/search?q=obsidian")
    found = told(session)
    assert [(f["what"], f["form"], f["rows"], f["level"]) for f in found] == [("search", "csv", 1, 1), ("search", "json", 1, 1)]
    assert found[0]["digest"] != found[1]["digest"]
    assert "bsidian" not in str(found)
    actors = session.scalars(select(Event.actor_id).where(Event.action == "entries.exported")).all()
    assert set(actors) == {reader.id}


def test_nothing_is_not_taken_out(desk, session):
    assert "there is nothing to take out" in desk.get("/export/positions").get_data(as_text=True)
    assert desk.post("/export/positions", data={"format": "csv"}).status_code == 409
    assert desk.post("/export/positions", data={"format": "exe"}).status_code == 422
    assert session.scalar(select(func.count()).select_from(Event).where(Event.action == "entries.exported")) == 0


def test_a_draft_of_another_unit_is_not_in_it(desk, make):
    make.position(title="Theirs", released=False)
    make.position(title="Open")
    assert titles(desk, "/export/positions") == ["Open"]


@pytest.mark.parametrize("path", ["/export/positions", "/export/overlaps"])
def test_more_rows_take_no_more_statements(make, sign_in, path):
    _ref, one, _other = make.overlap("critical")
    desk = sign_in(one)
    take(desk, path)
    with counted_statements() as few:
        take(desk, path)
    make.overlap("high")
    make.overlap("medium")
    with counted_statements() as many:
        take(desk, path)
    assert len(few) == len(many)
