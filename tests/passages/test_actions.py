"""Directions are kept with what is current, go with it, and cost no save its time."""

import pytest
from sqlalchemy import select

from coordinator import encoder
from coordinator.db import read_as_system, transaction
from coordinator.entries.actions import withdraw
from coordinator.entries.models import Entry
from coordinator.likeness.queries import views_of
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps.models import Overlap, OverlapKind
from coordinator.passages import actions, queries
from coordinator.passages.models import EntryPassages, ServingEncoder
from coordinator.passages.rules import FAR_BITS, Meaning, apart
from coordinator.recompute import actions as recompute
from coordinator.worklist.commands import see_unseen

HOSPITALS = "Hospitals must be off limits for cyber attacks."
CLINICS = "Les hôpitaux doivent être à l'abri des cyberattaques."


class Mirror:
    """An encoder of another name that sees what the default one sees."""

    name, stretch = "mirror/1", (1.0, 0.0)

    def encode(self, texts):
        return encoder.encoder(encoder.DEFAULT).encode(texts)


@pytest.fixture
def other_encoder(monkeypatch):
    def change(made):
        monkeypatch.setattr(actions, "chosen", lambda: made)
        monkeypatch.setattr(queries, "chosen", lambda: made)

    return change


def rows(session):
    session.expire_all()
    with read_as_system(session, "check") as connection:
        table = EntryPassages.__table__
        return connection.execute(select(table.c.entry_id, table.c.encoder, table.c.digest).order_by(table.c.id)).all()


def pairs(session):
    with read_as_system(session, "check") as connection:
        table = Overlap.__table__
        return list(connection.execute(select(table.c.low_id, table.c.high_id, table.c.kind).where(table.c.current)).all())


def test_a_release_keeps_directions_and_a_withdrawal_forgets_them(session, make, at):
    officer = make.officer()
    position = make.position(by=officer, text=HOSPITALS)
    assert [row.entry_id for row in rows(session)] == [position.id]
    officer = make.act_as(officer)
    with transaction(session):
        withdraw(session, session.get_one(Entry, position.id), by=officer, at=at, why="It is over.")
    assert rows(session) == []


def test_a_draft_has_no_directions(session, make):
    make.position(text=HOSPITALS, released=False)
    assert rows(session) == []


def test_a_paper_in_french_is_found_when_the_second_is_released(session, make):
    one = make.position(by=make.officer(), title="Hospitals", text=HOSPITALS)
    other = make.position(by=make.officer(), title="Hôpitaux", text=CLINICS)
    assert pairs(session) == [(one.id, other.id, OverlapKind.POSSIBLE)]


def test_what_comes_in_masses_is_encoded_by_the_job_and_found_then(session, make, app):
    with app.app_context():
        one = make.position(by=make.officer(), title="Hospitals", text=HOSPITALS)
        other = make.position(by=make.officer(), title="Hôpitaux", text=CLINICS)
        third = make.position(by=make.officer(), title="Herring", text="The quota of herring stays as it is.")
        actions._prepared.clear()
        with transaction(session):  # as an import leaves them
            session.execute(EntryPassages.__table__.delete())
            overlaps.bring_up_to_date(session, [one.id, other.id, third.id], at=make.at)
        assert rows(session) == []
        assert pairs(session) == []
        session.commit()
        told = []
        assert see_unseen(told.append) == 3
        assert sum(told) == 3
        assert {row.entry_id for row in rows(session)} == {one.id, other.id, third.id}
        assert pairs(session) == [(one.id, other.id, OverlapKind.POSSIBLE)]
        assert see_unseen() == 0


def test_a_text_that_says_nothing_is_seen_once(session, make, app):
    with app.app_context():
        make.position(title="…", text="—")
        session.commit()
        assert see_unseen() == 0
        with read_as_system(session, "check") as connection:
            ids = [row.entry_id for row in rows(session)]
            assert [view.meaning for view in views_of(connection, ids).values()] == [None]


def test_another_encoder_takes_over_when_it_has_seen_every_text(session, make, app, other_encoder):
    with app.app_context():
        one = make.position(by=make.officer(), title="Hospitals", text=HOSPITALS)
        other = make.position(by=make.officer(), title="Hôpitaux", text=CLINICS)
        before = rows(session)
        other_encoder(Mirror())
        ids = actions.prepare_unseen(session, most=1)
        with transaction(session):
            recompute.see_unseen(session, ids, at=make.at)
        with read_as_system(session, "check") as connection:  # the old ones still serve
            assert queries.serving(connection) == before[0].encoder
            assert len(queries.meanings_of(connection, [one.id, other.id], queries.serving(connection))) == 2
        assert pairs(session) == [(one.id, other.id, OverlapKind.POSSIBLE)]
        session.commit()
        see_unseen()
        assert {row.encoder for row in rows(session)} == {"mirror/1"}
        assert [row.encoder for row in session.scalars(select(ServingEncoder))] == ["mirror/1"]
        assert pairs(session) == [(one.id, other.id, OverlapKind.POSSIBLE)]


def test_without_an_encoder_the_words_speak_alone(session, make, other_encoder):
    other_encoder(None)
    make.position(by=make.officer(), title="Hospitals", text=HOSPITALS)
    make.position(by=make.officer(), title="Hôpitaux", text=CLINICS)
    assert rows(session) == []
    assert pairs(session) == []


def test_a_process_takes_in_what_another_kept(session, make, at):
    one = make.position(title="Hospitals", text=HOSPITALS)
    meaning = actions.prepare("Hôpitaux", CLINICS)
    assert isinstance(meaning, Meaning)

    def kept():
        queries.take_in(connection)
        found = queries.sketched(connection, queries.serving(connection))
        return found.ids.tolist(), bool(apart(meaning.sketch, found.bits)[0] <= FAR_BITS)

    with read_as_system(session, "check") as connection:
        assert kept() == ([one.id], True)
        queries.forget()
        assert kept() == ([one.id], True)
