"""A unit brings its papers in from a spreadsheet: as drafts of its own, by the rules of the form, and twice the same is once."""

import csv
import io
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from coordinator.calendar.models import Question
from coordinator.db import bind_reader, read_as_system
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.history.models import Event
from coordinator.overlaps.models import Overlap
from tests.search.test_views import counted_statements

pytestmark = pytest.mark.both

TWO = (
    "id;kind;title;text;topics;question;stance;type\n"
    "a-1;position;On keys;We support it.;Encryption;A treaty?;support;\n"
    "a-2;dossier;Work on keys;The work.;chiffrement;;;norms\n"
)


@pytest.fixture
def officer(make):
    return make.person("Ana Ferrer", unit=make.unit("Cyberspace Security", short_name="ICS"), roles=("officer",))


@pytest.fixture
def desk(sign_in, officer):
    return sign_in(officer)


@pytest.fixture
def topic(make):
    found = make.topic("Encryption", aliases=("chiffrement",))
    make.question("A treaty?", topic=found)
    return found


def upload(desk, text, *, then="draft", name="papers.csv"):
    data = text if isinstance(text, bytes) else text.encode()
    return desk.post("/bring-in", data={"file": (io.BytesIO(data), name), "then": then}, content_type="multipart/form-data")


def shown(desk, answer, what=""):
    return desk.get(f"{answer.location}{'?show=' + what if what else ''}").get_data(as_text=True)


def confirm(desk, answer):
    return desk.post(f"{answer.location}/bring-in", follow_redirects=True).get_data(as_text=True)


def refused(desk, answer):
    text = desk.get(f"{answer.location}/errors.csv").get_data(as_text=True).removeprefix("\ufeff")
    return {row["title"]: row["why"] for row in csv.DictReader(io.StringIO(text))}


def entries_of(session, make, person):
    make.act_as(person)
    found = session.scalars(select(Entry).where(Entry.unit_id == person.unit_id).order_by(Entry.id)).all()
    bind_reader(session, None)
    session.commit()
    return found


def test_rows_come_in_as_drafts_of_the_own_unit_and_flag_nothing(desk, make, session, officer, topic):
    other = make.officer()
    question = session.scalars(select(Question)).one()
    make.position(by=other, topic=topic, question=question, stance="red_line", title="Theirs")
    answer = upload(desk, TWO)
    assert "Bring in 2 rows" in shown(desk, answer)
    assert entries_of(session, make, officer) == []
    assert "Brought in, as it was shown." in confirm(desk, answer)
    position, dossier = entries_of(session, make, officer)
    assert (position.title, position.state, position.stance, position.author_id) == ("On keys", State.DRAFT, "support", officer.id)
    assert (dossier.kind, dossier.dossier_type, dossier.state) == ("dossier", "norms", State.DRAFT)
    with read_as_system(session, "check") as connection:
        assert connection.scalar(select(func.count()).select_from(Overlap.__table__)) == 0
    assert [e.title for e in entries_of(session, make, other)] == ["Theirs"]
    session.commit()
    logged = session.scalars(select(Event.actor_id).where(Event.action.in_(["position.logged", "dossier.logged"]))).all()
    assert logged.count(officer.id) == 2


def test_the_same_file_again_has_nothing_to_do(desk, make, session, officer, topic):
    confirm(desk, upload(desk, TWO))
    answer = upload(desk, TWO)
    assert "Nothing to do: everything in this file is there already" in shown(desk, answer)
    assert len(entries_of(session, make, officer)) == 2


def test_a_changed_row_becomes_a_version_and_shows_what_changes(desk, make, session, officer, topic):
    confirm(desk, upload(desk, TWO))
    answer = upload(desk, TWO.replace("We support it.", "We support it with care."))
    page = shown(desk, answer, "changed")
    assert "<del><bdi>We support it.</bdi></del>" in page
    assert "<ins><bdi>We support it with care.</bdi></ins>" in page
    confirm(desk, answer)
    position, dossier = entries_of(session, make, officer)
    assert (position.newest_version, position.text) == (2, "We support it with care.")
    assert dossier.newest_version == 1


def test_rows_without_an_id_are_known_again_by_their_title(desk, make, session, officer, topic):
    text = TWO.replace("a-1;", ";").replace("a-2;", ";")
    confirm(desk, upload(desk, text))
    assert "Nothing to do" in shown(desk, upload(desk, text))
    answer = upload(desk, text + ";position;on KEYS;Other;Encryption;;;\n")
    assert refused(desk, answer) == {"on KEYS": "It is about the same as row 2."}


def test_asking_for_release_is_offered_and_released_by_hand_alone(desk, sign_in, make, session, officer, topic):
    confirm(desk, upload(desk, TWO, then="offer"))
    position, _dossier = entries_of(session, make, officer)
    assert position.state == State.DRAFT
    releasing = make.person(unit=officer.unit, roles=("releasing_officer",))
    assert "On keys" in sign_in(releasing).get("/").get_data(as_text=True)
    confirm(sign_in(releasing), upload(sign_in(releasing), TWO.replace("a-1", "b-1").replace("a-2", "b-2")))
    assert {e.state for e in entries_of(session, make, officer)} == {State.DRAFT}


def test_what_a_unit_exports_comes_back_without_anything_to_do(make, sign_in, session, topic):
    owner = make.officer(unit=make.unit("Legal; and more", short_name="LEG"))
    group, counterpart = make.group("Leadership"), make.counterpart("Japan")
    forum = make.forum("ITU")
    event = make.event("Council", forum=forum)
    line = make.position(
        by=owner,
        title="=HYPERLINK",
        text="- one\n- two",
        topic=topic,
        forum=forum,
        event=event,
        counterparts=(counterpart.id,),
        instruments=(make.instrument("Treaty; of Japan").id,),
        level=2,
        audience=frozenset({f"unit:{owner.unit_id}", f"group:{group.id}"}),
        restriction_reason="sources",
        review_by=date(2026, 6, 1),
    )
    make.position(by=owner, topic=topic, released=False, title="A draft")
    make.position(by=owner, topic=topic, on_behalf_of_id=counterpart.id, source="A speech; in Geneva", said_on=date(2026, 2, 27))
    hidden = make.position(sealed=True)
    make.dossier(
        by=owner,
        topic=topic,
        milestones=((date(2026, 5, 1), "Signing; Geneva"),),
        papers=(("Draft", "https://registry.example/1"),),
        positions=(line.id, hidden.id),
        lead_id=owner.id,
    )
    desk = sign_in(owner)
    for form in ("csv", "xlsx"):
        exported = desk.post(f"/export/search?unit={owner.unit.ref}", data={"format": form}).get_data()
        answer = upload(desk, exported, name=f"own.{form}")
        page = shown(desk, answer)
        assert "Nothing to do" in page, (form, refused(desk, answer), shown(desk, answer, "changed"))
        assert "mean nothing here" not in page
        assert "OFFICIAL-SENSITIVE" in page
    changed = exported_as_csv(desk, owner).replace(b"Signing\\; Geneva", b"Signing\\; Vienna")
    confirm(desk, upload(desk, changed))
    make.act_as(owner)
    dossier = session.scalars(select(Dossier)).one()
    versions = session.scalars(select(EntryVersion).where(EntryVersion.entry_id == dossier.id).order_by(EntryVersion.number)).all()
    assert [v.content["milestones"] for v in versions] == [[["2026-05-01", "Signing; Geneva"]], [["2026-05-01", "Signing; Vienna"]]]
    assert versions[1].content["positions"] == sorted([line.id, hidden.id])
    assert dossier.state == State.RELEASED


def exported_as_csv(desk, owner):
    return desk.post(f"/export/search?unit={owner.unit.ref}", data={"format": "csv"}).get_data()


def test_another_units_row_does_not_come_in(desk, make, sign_in, session, officer, topic):
    theirs = make.position(topic=topic, title="Theirs")
    hidden = make.position(sealed=True, topic=topic, title="Hidden")
    text = "ref,kind,title,text,topics\n" + "".join(
        f"{ref},position,Row {n},Mine now,Encryption\n" for n, ref in enumerate((theirs.ref, hidden.ref, "A" * 22))
    )
    answer = upload(desk, text)
    assert set(refused(desk, answer).values()) == {"No entry of your unit has that ref: leave it empty to log something new."}
    assert entries_of(session, make, officer) == []


def test_rows_with_errors_say_why_and_the_others_come_in(desk, make, session, officer, topic):
    rows = {
        "Good": "position;Good;Text;Encryption;;;;",
        "No topic": "position;No topic;Text;;;;;",
        "Refusal": "position;Refusal;Text;Encryption;A treaty?;oppose;;",
        "Open end": "position;Open end;Text;Encryption;;support;;",
        "Too wide": "position;Too wide;Text;Encryption;;;OFFICIAL-SENSITIVE;ministry",
        "Public": "position;Public;Text;Encryption;;;OFFICIAL;country",
        "Narrow": "position;Narrow;Text;Encryption;;;OFFICIAL;ICS",
        "Nobody": ";Nobody;Text;Encryption;;;;",
    }
    answer = upload(desk, "kind;title;text;topics;question;stance;level;audience\n" + "\n".join(rows.values()) + "\n")
    assert refused(desk, answer) == {
        "No topic": "Topics is missing.",
        "Refusal": "Say why: a refusal without a reason cannot be settled.",
        "Open end": "A stance is on a question: choose one, or leave the stance open.",
        "Too wide": "An OFFICIAL-SENSITIVE entry goes to named units, bureaus, groups or persons only.",
        "Public": "Only a PUBLIC text may go beyond the government.",
        "Narrow": "Entries are open to the whole ministry by default. Say why this one is not.",
        "Nobody": "Kind is missing.",
    }
    confirm(desk, answer)
    assert [e.title for e in entries_of(session, make, officer)] == ["Good"]
    assert len(refused(desk, answer)) == 7


def test_nobody_logs_above_what_they_read(sign_in, make, topic):
    officer = make.person(roles=("officer",), clearance=1)
    desk = sign_in(officer)
    answer = upload(desk, "kind,title,text,topics,level,audience,restriction_reason\nposition,T,t,Encryption,2,U1,why\n")
    assert refused(desk, answer)["T"] in {"Its level is above what you may read.", "There is no unit “U1”."}
    answer = upload(desk, "kind,title,text,topics,level\nposition,T,t,Encryption,2\n")
    assert refused(desk, answer) == {"T": "Its level is above what you may read."}


def test_lowering_and_going_abroad_are_drafts_until_a_second_person_releases_them(make, sign_in, session, topic):
    owner = make.officer()
    desk = sign_in(owner)
    sealed = make.position(by=owner, sealed=True, topic=topic, title="Sealed")
    confirm(desk, upload(desk, f"ref,title,level,audience\n{sealed.ref},Sealed,PUBLIC,country\n"))
    make.act_as(owner)
    entry = session.scalars(select(Entry).where(Entry.id == sealed.id)).one()
    assert (entry.level, entry.newest_version, entry.standing_version) == (2, 2, 1)
    bind_reader(session, None)
    session.commit()
    desk.post(f"/entries/{sealed.ref}/release", data={"version": "2"})
    make.act_as(owner)
    entry = session.scalars(select(Entry).where(Entry.id == sealed.id)).one()
    assert (entry.level, entry.standing_version) == (2, 1)


def test_a_person_becomes_no_reader_by_a_file_but_stays_one(make, sign_in, session, topic, officer):
    friend = make.person()
    owner = make.officer(unit=officer.unit)
    make.position(
        by=owner,
        topic=topic,
        title="Narrow",
        level=2,
        audience=frozenset({f"user:{friend.id}", f"unit:{officer.unit_id}"}),
        restriction_reason="x",
    )
    other = make.position(by=owner, topic=topic, title="Other")
    desk = sign_in(owner)
    assert "Nothing to do" in shown(desk, upload(desk, exported_as_csv(desk, owner)))
    text = f"ref,title,audience,restriction_reason\n{other.ref},Other,user:{friend.email},x\n"
    assert refused(desk, upload(desk, text)) == {"Other": f"“{friend.email}” is nobody who reads this entry by name."}
    both = text + f"{narrow_ref(session, make, owner)},Narrow,user:{friend.email},x\n"
    assert refused(desk, upload(desk, both)) == {"Other": "A single person cannot be made a reader by a file."}


def narrow_ref(session, make, owner):
    return next(e.ref for e in entries_of(session, make, owner) if e.title == "Narrow")


def test_an_outsider_learns_no_name_of_the_ministry(make, sign_in, topic):
    make.unit("Secret Negotiations", short_name="SEN")
    make.group("Leadership")
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    desk = sign_in(make.officer(unit=make.unit("Policy", of=firm, short_name="POL")))
    head = "kind,title,text,topics,level,audience,restriction_reason\n"
    asked = ("SEN", "Secret Negotiations", "Nowhere", "group:Leadership")
    rows = [f"position,{name},t,Encryption,PUBLIC,{name},x\n" for name in asked]
    found = refused(desk, upload(desk, head + "".join(rows)))
    assert found["SEN"] == "There is no unit “SEN”."
    assert found["Nowhere"] == "There is no unit “Nowhere”."
    assert found["group:Leadership"] == "There is no reading group “Leadership”."
    answer = upload(desk, head + "position,T,t,Encryption,PUBLIC,country,\n")
    assert "Bring in 1 row" in shown(desk, answer)


def test_if_somebody_saved_meanwhile_nothing_comes_in_and_the_page_says_so(desk, make, sign_in, session, officer, topic):
    confirm(desk, upload(desk, TWO))
    mine = upload(desk, TWO.replace("We support it.", "Mine."))
    theirs = sign_in(make.person(unit=officer.unit, roles=("officer",)))
    confirm(theirs, upload(theirs, TWO.replace("We support it.", "Theirs.")))
    assert "Something changed after this was shown, so nothing was brought in." in confirm(desk, mine)
    assert entries_of(session, make, officer)[0].text == "Theirs."
    assert "<del><bdi>Theirs.</bdi></del>" in shown(desk, mine, "changed")
    confirm(desk, mine)
    assert entries_of(session, make, officer)[0].text == "Mine."


def test_an_upload_is_its_uploaders_alone(desk, sign_in, make, officer, topic):
    answer = upload(desk, TWO)
    other = sign_in(make.person(unit=officer.unit, roles=("officer",)))
    for path, method in (("", "GET"), ("/errors.csv", "GET"), ("/bring-in", "POST"), ("/drop", "POST")):
        assert other.open(answer.location + path, method=method).status_code == 404
    assert desk.post(f"{answer.location}/drop").location == "/bring-in"
    assert desk.get(answer.location).status_code == 404


def test_the_examples_come_in(desk, make, session, officer):
    make.topic("Data governance")
    make.topic("Privacy and data protection")
    make.counterpart("Japan")
    example = desk.get("/bring-in/example.xlsx")
    heads = [c.value for c in load_workbook(io.BytesIO(example.get_data()))["Rows"][1]]
    assert heads[:3] == ["ref", "id", "kind"]
    confirm(desk, upload(desk, example.get_data(), name="example.xlsx"))
    assert len(entries_of(session, make, officer)) == 2
    assert "Nothing to do" in shown(desk, upload(desk, desk.get("/bring-in/example.csv").get_data()))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "Choose a file."),
        ("title\nVölkerrecht\n".encode("latin-1"), "save it as “CSV UTF-8”"),
        (b"name,text\nA,B\n", "missing: title"),
        (b"title\n" + b"A\n" * 501, "501 rows are too many for one file: at most 500 fit."),
    ],
    ids=["nothing", "Latin-1", "columns", "too many"],
)
def test_a_file_that_cannot_be_taken_gets_a_plain_sentence(desk, data, sentence):
    answer = upload(desk, data, name="rows.csv" if data else "")
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)


def test_who_does_not_log_brings_nothing_in(sign_in, make):
    desk = sign_in(make.person(roles=("coordinator", "leadership")))
    assert desk.get("/bring-in").status_code == 403
    assert upload(desk, TWO).status_code == 403


# --- what somebody else holds under the same name ----------------------------------------------------------------------------


def outcome(desk, text):
    """What one sees of a file that is uploaded, and how many statements it took."""
    with counted_statements() as statements:
        answer = upload(desk, text)
        page = shown(desk, answer)
    return page.replace(answer.location, ""), len(statements)


@pytest.mark.parametrize("whose", ["another unit's", "a colleague's above my clearance"])
def test_an_id_that_is_taken_where_i_cannot_see_is_answered_like_a_free_one(make, sign_in, session, topic, whose):
    unit = make.unit("Legal", short_name="LEG")
    me = make.person("Me", unit=unit, roles=("officer",), clearance=1)
    owner = make.officer(unit=unit if whose.startswith("a coll") else None)
    text = "id,kind,title,text,topics\nsame,position,Mine,t,Encryption\n"
    desk = sign_in(me)
    make.position(by=me, topic=topic, title="Earlier")  # its readers are the same: that set of them is kept once
    free = outcome(desk, text)
    head = "id,kind,title,text,topics,level,audience,restriction_reason\n"
    secret = f"same,position,Secret,t,Encryption,2,{owner.unit.short_name},why\n"
    theirs = sign_in(owner)
    confirm(theirs, upload(theirs, head + secret))
    assert "Secret" in [e.title for e in entries_of(session, make, owner)]
    assert outcome(desk, text) == free
    confirm(desk, upload(desk, text))
    assert "Mine" in [e.title for e in entries_of(session, make, me)]
    assert "Secret" not in [e.title for e in entries_of(session, make, me)]
    assert "Nothing to do" in shown(desk, upload(desk, text))
    assert [e.newest_version for e in entries_of(session, make, owner) if e.title == "Secret"] == [1]
