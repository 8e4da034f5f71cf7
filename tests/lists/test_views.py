"""Taking a list out and bringing one in, as somebody does it who keeps it."""

import csv
import io
from datetime import timedelta

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from coordinator.calendar.models import Forum
from coordinator.exchange.models import Staged
from coordinator.history.models import Event, Payload
from coordinator.people.models import OneTimeLink, Person
from coordinator.people.queries import links_to_mail

pytestmark = pytest.mark.both

NEW_FORUM = b"name,short_name\nInternet Governance Forum,IGF\n,X\n"


@pytest.fixture
def keeper(make):
    return make.person("Kay Keeper", roles=("coordinator",))


@pytest.fixture
def desk(sign_in, keeper):
    return sign_in(keeper)


def upload(desk, path, data, name="rows.csv"):
    return desk.post(path, data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def said(session, action):
    found = select(Payload.said).join(Event, Event.number == Payload.number).where(Event.action == action)
    return session.scalars(found.order_by(Event.number)).all()


def test_a_list_is_taken_out_and_brought_in_again_without_anything_to_do(desk, make, session, keeper):
    make.forum("=Council; of Europe")
    answer = desk.post("/lists/forums/take-out")
    assert answer.headers["Content-Disposition"] == "attachment; filename=forums-2026-03-02.csv"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "text/csv"
    assert rows_of(answer)[0]["name"] == "'=Council; of Europe"
    told = said(session, "list.exported")
    assert [(t["list"], t["rows"], len(t["digest"])) for t in told] == [("forums", 1, 64)]
    page = desk.get(upload(desk, "/lists/forums", answer.get_data()).location).get_data(as_text=True)
    assert "Nothing to do: everything in this file is there already, word for word." in page
    assert "bring-in" not in page


def test_a_file_is_shown_then_brought_in_once(desk, session, keeper):
    answer = upload(desk, "/lists/forums", NEW_FORUM)
    page = desk.get(answer.location).get_data(as_text=True)
    assert "Nothing has been changed yet." in page
    assert "Name is missing." in page
    new = desk.get(f"{answer.location}?show=new").get_data(as_text=True)
    assert "Internet Governance Forum" in new
    assert "Bring in 1 row" in new
    assert session.scalar(select(func.count()).select_from(Forum)) == 0
    for _twice in range(2):
        desk.post(f"{answer.location}/bring-in")
    assert list(session.scalars(select(Forum.name))) == ["Internet Governance Forum"]
    assert "Brought in. Below is what became of each row." in desk.get(answer.location).get_data(as_text=True)
    told = said(session, "file.imported")
    assert [(t["kind"], t["new"], t["changed"], t["unchanged"], t["bad"]) for t in told] == [("forums", 1, 0, 0, 1)]
    added = session.scalars(select(Event.actor_id).where(Event.action == "forum.added")).all()
    assert added == [keeper.id]


def test_rows_with_errors_come_back_with_the_reason_and_can_be_sent_again(desk):
    answer = upload(desk, "/lists/forums", NEW_FORUM)
    refused = desk.get(f"{answer.location}/errors.csv")
    assert rows_of(refused) == [{"line": "3", "why": "Name is missing.", "name": "", "short_name": "X"}]
    again = desk.get(upload(desk, "/lists/forums", refused.get_data().replace(b"missing.,,X", b"missing.,Named,X")).location)
    assert "Bring in 1 row" in again.get_data(as_text=True)
    assert "mean nothing here" not in again.get_data(as_text=True)
    desk.post(f"{answer.location}/bring-in")
    assert rows_of(desk.get(f"{answer.location}/errors.csv"))[0]["short_name"] == "X"


def test_if_the_register_moved_meanwhile_the_preview_is_made_anew_and_says_so(desk, make, session):
    answer = upload(desk, "/lists/forums", NEW_FORUM)
    make.forum("Internet Governance Forum")
    page = desk.post(f"{answer.location}/bring-in", follow_redirects=True).get_data(as_text=True)
    assert "The lists changed after this was shown, so nothing was brought in." in page
    changed = desk.get(f"{answer.location}?show=changed").get_data(as_text=True)
    assert "<del><bdi>Internet Governance Forum</bdi></del>" in changed
    assert "<ins><bdi>IGF</bdi></ins>" in changed
    assert session.scalars(select(Forum.short_name)).one() != "IGF"
    desk.post(f"{answer.location}/bring-in")
    session.expire_all()
    assert session.scalars(select(Forum.short_name)).one() == "IGF"


def test_an_upload_is_its_uploaders_alone_and_can_be_forgotten(desk, sign_in, make, session):
    answer = upload(desk, "/lists/forums", NEW_FORUM)
    other = sign_in(make.person(roles=("coordinator",)))
    for path, method in (("", "GET"), ("/errors.csv", "GET"), ("/bring-in", "POST"), ("/drop", "POST")):
        assert other.open(answer.location + path, method=method).status_code == 404
    assert desk.post(f"{answer.location}/drop").location == "/lists/forums"
    assert desk.get(answer.location).status_code == 404
    assert session.scalar(select(func.count()).select_from(Staged)) == 0


def test_who_is_no_longer_a_keeper_brings_nothing_in(desk, session, keeper, make):
    answer = upload(desk, "/lists/forums", NEW_FORUM)
    make.retire(keeper)
    assert desk.post(f"{answer.location}/bring-in").status_code == 403
    assert session.scalar(select(func.count()).select_from(Forum)) == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "Choose a file."),
        (b"short_name\nX\n", "The first line has to name the columns; missing: name."),
        ("name\nVölkerrecht\n".encode("latin-1"), "save it as “CSV UTF-8”"),
        (b"name,short_name\n", "This file names its columns and has no rows."),
        (b"PK\x03\x04 no archive", "This workbook is damaged."),
    ],
    ids=["nothing", "columns", "Latin-1", "no rows", "damaged"],
)
def test_a_file_that_cannot_be_read_gets_a_plain_sentence_beside_its_field(desk, data, sentence, session):
    answer = upload(desk, "/lists/forums", data, name="rows.csv" if data else "")
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert session.scalar(select(func.count()).select_from(Staged)) == 0


def test_a_file_that_is_too_large_is_refused(desk):
    answer = desk.post("/lists/forums", data=b"x" * 12_100_000, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413


def test_columns_without_a_meaning_are_named(desk):
    answer = upload(desk, "/lists/forums", b"name,short_name,<b>colour</b>\nA,B,red\n")
    assert "&lt;b&gt;colour&lt;/b&gt;" in desk.get(answer.location).get_data(as_text=True)


def test_a_workbook_comes_in_like_a_csv_file(desk, session):
    book = Workbook()
    for row in (("Name", "Short name"), ("Conseil de l'Europe", "CdE")):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    answer = upload(desk, "/lists/forums", file.getvalue(), name="forums.xlsx")
    desk.post(f"{answer.location}/bring-in")
    assert list(session.scalars(select(Forum.name))) == ["Conseil de l'Europe"]


def test_new_people_are_mailed_a_link_only_if_that_was_ticked(sign_in, make, session, at):
    make.unit("Legal", short_name="LEG")
    desk = sign_in(make.person(roles=("administrator",)))
    text = "email,name,unit,clearance\n{0}@ministry.example,{0},LEG,OFFICIAL\n"
    for name, ticked in (("one", {}), ("two", {"links": "1"})):
        answer = upload(desk, "/lists/people", text.format(name).encode())
        assert "Mail each new person a link" in desk.get(answer.location).get_data(as_text=True)
        desk.post(f"{answer.location}/bring-in", data=ticked)
    assert [email for _link, email in links_to_mail(session, at=at + timedelta(minutes=1))] == ["two@ministry.example"]
    assert session.scalar(select(func.count()).select_from(OneTimeLink)) == 1
    assert session.scalar(select(func.count()).select_from(Person).where(Person.password_hash.is_(None))) >= 2


@pytest.mark.parametrize("kind", ["units", "topics", "equities", "forums", "events", "instruments"])
def test_every_example_comes_in_once_what_it_names_is_there(desk, make, kind, session):
    make.ministry()
    for short_name in ("ICS", "ICP") if kind == "equities" else ():
        make.unit(short_name=short_name)
    for name in ("Data governance",) if kind == "equities" else ():
        make.topic(name)
    for name in ("ITU", "IGF") if kind == "events" else ():
        make.forum(name)
    example = desk.get(f"/lists/{kind}/example.csv")
    assert example.status_code == 200
    answer = upload(desk, f"/lists/{kind}", example.get_data())
    page = desk.get(answer.location).get_data(as_text=True)
    assert "With errors" not in page
    assert f"Bring in {len(rows_of(example))} rows" in page


def test_five_thousand_rows_are_shown_page_by_page(sign_in, make, session):
    make.unit("Legal", short_name="LEG")
    desk = sign_in(make.person(roles=("administrator",)))
    rows = "".join(f"p{n}@ministry.example,Person {n},{'LEG' if n % 100 == 0 else 'GEL'},OFFICIAL\n" for n in range(5_000))
    answer = upload(desk, "/lists/people", f"email,name,unit,clearance\n{rows}".encode())
    page = desk.get(answer.location).get_data(as_text=True)
    assert "With errors (4,950)" in page
    assert page.count("<tr>") == 51
    assert desk.get(f"{answer.location}?page=99").status_code == 200
    assert desk.get(f"{answer.location}?page=100").status_code == 404
    desk.post(f"{answer.location}/bring-in")
    assert session.scalar(select(func.count()).select_from(Person).where(Person.unit.has(short_name="LEG"))) == 50
    assert len(rows_of(desk.get(f"{answer.location}/errors.csv"))) == 4_950
