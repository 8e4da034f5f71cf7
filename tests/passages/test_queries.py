"""Near texts are found by an index where the database has one: the same as by looking through all, and by a floor."""

import secrets

import numpy as np
import psycopg
import pytest
from alembic import command as alembic
from click.testing import CliRunner
from sqlalchemy import insert, text

from coordinator.cli import migrations, neighbours
from coordinator.db import db, read_as_system, transaction
from coordinator.entries.actions import withdraw
from coordinator.entries.models import Entry
from coordinator.overlaps.actions import would_touch
from coordinator.passages import queries
from coordinator.passages.models import EntryPassages
from coordinator.passages.rules import NEAR_ABROAD, NEAR_BITS, SKETCH_BITS, Meaning, apart, number_of

postgresql = pytest.mark.on("postgresql")

NONE = np.zeros(0, dtype=np.int64)
HOSPITALS = "Hospitals must be off limits for cyber attacks."
CLINICS = "Hospitals and clinics have to be off limits for every cyber attack."
HÔPITAUX = "Les hôpitaux doivent être à l'abri des cyberattaques."
HERRING = "The quota of herring stays as it is."


def touched(session, make, person, said=HOSPITALS, language="en"):
    """What a person would be told of a line, by a process that has looked at nothing before."""
    queries.forget()
    me = make.act_as(person)
    content = {"title": "A line", "text": said, "language": language}
    found = would_touch(session, content, unit_id=me.unit_id, on=make.at.date())
    return [(touch.other.id, touch.finding.kind, touch.finding.score) for touch in found]


@pytest.fixture
def without_index():
    """A process that is told not to ask the index."""
    queries.ask_index(False)
    yield
    queries.ask_index(True)


@pytest.fixture
def ministry(make):
    """Entries that are near one another and entries that are not, in two languages."""
    for said in (HOSPITALS, CLINICS, HÔPITAUX, HERRING):
        make.position(by=make.officer(), text=said)
    return make


# --- the same as by looking through all ----------------------------------------------------------------------------------


@postgresql
def test_a_process_that_holds_no_sketches_asks_the_index_and_holds_none_after(session, ministry):
    assert len(touched(session, ministry, ministry.officer())) == 3
    assert not queries._kept or not next(iter(queries._kept.values())).last


@postgresql
@pytest.mark.parametrize(("said", "language"), [(HOSPITALS, "en"), (HÔPITAUX, "fr"), (HERRING, "en"), ("…", "en")])
def test_the_index_finds_what_a_look_through_all_finds(session, ministry, said, language):
    reader = ministry.officer()
    by_index = touched(session, ministry, reader, said, language)
    queries.ask_index(False)
    try:
        assert touched(session, ministry, reader, said, language) == by_index
        assert next(iter(queries._kept.values())).last or said == "…"
    finally:
        queries.ask_index(True)


@postgresql
def test_a_process_that_holds_the_sketches_looks_through_them(session, ministry, monkeypatch):
    monkeypatch.setattr(queries, "_can_walk", lambda connection: pytest.fail("the index was asked"))
    me = ministry.act_as(ministry.officer())
    assert would_touch(session, {"title": "A line", "text": HOSPITALS}, unit_id=me.unit_id, on=ministry.at.date())


@postgresql
def test_what_is_withdrawn_is_not_found_any_more(session, make, at):
    officer = make.officer()
    position, reader = make.position(by=officer, text=CLINICS), make.officer()
    assert [entry_id for entry_id, *_ in touched(session, make, reader)] == [position.id]
    officer = make.act_as(officer)
    with transaction(session):
        withdraw(session, session.get_one(Entry, position.id), by=officer, at=at, why="It is over.")
    with read_as_system(session, "check") as connection:
        assert connection.scalar(text("SELECT count(*) FROM entry_passages")) == 0
    assert touched(session, make, reader) == []


def test_without_an_index_all_are_looked_through(session, ministry, without_index):
    assert len(touched(session, ministry, ministry.officer())) == 3
    assert next(iter(queries._kept.values())).last


# --- a floor, not a rank -------------------------------------------------------------------------------------------------


def put(session, sketches, *, language="en", first=1):
    """Keep sketches of entries that nobody made, and let the database count them; many are put into the index all at once."""
    rows = [
        {"entry_id": n, "encoder": "e", "digest": "", "language": language, "sketch": said.tobytes(), "rows": b""}
        for n, said in enumerate(sketches, first)
    ]
    session.commit()
    with db.engine.connect().execution_options(migration=True) as connection, connection.begin():
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        index = connection.scalar(text(f"SELECT indexdef FROM pg_indexes WHERE indexname = '{queries.NEIGHBOURS}'"))
        if len(rows) > 100:
            connection.execute(text(f"DROP INDEX {queries.NEIGHBOURS}"))
        connection.execute(insert(EntryPassages), rows)
        if len(rows) > 100:
            connection.exec_driver_sql(index)
        connection.execute(text("ANALYZE entry_passages"))


def about(wanted, chance, many, *, differing):
    """Return sketches that differ from one in so many bits."""
    made = np.repeat(np.unpackbits(wanted.view(np.uint8))[None, :], many, axis=0)
    for row, few in zip(made, np.broadcast_to(differing, many), strict=True):
        row[chance.choice(SKETCH_BITS, few, replace=False)] ^= 1
    return np.packbits(made, axis=1).view(np.uint64)


@pytest.fixture
def crowd(session):
    """A text, and eight thousand others: of every kind of distance, in clusters as papers on one matter are."""
    chance = np.random.default_rng(7)
    rows = chance.integers(-127, 127, size=(1, SKETCH_BITS)).astype(np.int8)
    text_ = Meaning("e", rows)
    middles = about(text_.sketch, chance, 160, differing=chance.integers(90, 260, 160))
    others = np.concatenate([about(m, chance, 50, differing=chance.integers(10, 120, 50)) for m in middles])
    put(session, others)
    return text_, others


def index_is_walked(connection, meaning):
    """Whether the database goes along the index for those near a text."""
    assert queries._can_walk(connection)
    kept = queries.select(EntryPassages.entry_id).where(EntryPassages.encoder == "e")
    asked = queries.walk(kept, queries._differing(meaning))
    said = asked.compile(connection)
    plan = connection.exec_driver_sql(f"EXPLAIN DECLARE walk CURSOR FOR {said}", said.params).scalars()
    return any(f"using {queries.NEIGHBOURS}" in line for line in plan)


def near(found, meaning):
    differing = apart(meaning.sketch, found.bits)
    floor = np.where(found.languages == number_of("en"), NEAR_BITS, NEAR_ABROAD)
    return set(found.ids[differing <= floor].tolist())


@postgresql
def test_the_index_is_walked_and_finds_nearly_all_within_the_floor(session, crowd):
    meaning, others = crowd
    wanted = set((1 + np.flatnonzero(apart(meaning.sketch, others) <= NEAR_BITS)).tolist())
    assert 200 < len(wanted) < 4000
    with read_as_system(session, "check") as connection:
        assert index_is_walked(connection, meaning)
        found = near(queries.sketched_about(connection, "e", (meaning, "en"), NONE), meaning)
    assert found <= wanted
    assert len(found) >= 0.98 * len(wanted)


@postgresql
def test_what_shares_words_comes_along_and_what_is_abroad_has_its_own_floor(session, crowd):
    meaning, others = crowd
    put(session, about(meaning.sketch, np.random.default_rng(1), 3, differing=[140, 165, 175]), language="fr", first=8501)
    far = 1 + int(apart(meaning.sketch, others).argmax())
    with read_as_system(session, "check") as connection:
        found = queries.sketched_about(connection, "e", (meaning, "en"), np.array([far, 99_999]))
    assert far in found.ids
    assert 99_999 not in found.ids
    assert {i for i in near(found, meaning) if i > 8500} == {8501, 8502}
    assert len(set(found.ids.tolist())) == len(found.ids)


@postgresql
def test_however_many_nearer_ones_are_hidden_the_visible_one_is_found(session, crowd):
    """The walk ends at the floor: nothing that a reader may not see takes the place of what they may."""
    meaning, _others = crowd
    seen = about(meaning.sketch, np.random.default_rng(2), 1, differing=NEAR_BITS - 2)
    put(session, seen, first=9001)
    hidden = about(meaning.sketch, np.random.default_rng(3), 4000, differing=60)
    put(session, hidden, first=10_001)
    with read_as_system(session, "check") as connection:
        assert index_is_walked(connection, meaning)
        assert 9001 in queries.sketched_about(connection, "e", (meaning, "en"), NONE).ids


def test_entries_that_a_reader_may_not_see_push_out_none_that_they_may(session, make):
    reader, seen = make.officer(), make.position(by=make.officer(), text=CLINICS)
    before = touched(session, make, reader)
    for _ in range(4):
        make.position(by=make.officer(), text=HOSPITALS, sealed=True)
    assert [entry_id for entry_id, *_ in before] == [seen.id]
    assert touched(session, make, reader) == before


# --- making it -----------------------------------------------------------------------------------------------------------


INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = %s"


@pytest.fixture
def elsewhere(database, monkeypatch):
    """A database of somebody who may do nothing but own it: its address, theirs and the server's."""
    name = f"own_{secrets.token_hex(6)}"
    with psycopg.connect(database, autocommit=True) as server:
        server.execute(f"CREATE ROLE {name} LOGIN")
        server.execute(f"CREATE DATABASE {name} OWNER {name}")
    above = database.replace(database.split("/")[3].split("?")[0], name, 1)
    theirs = above.replace("postgres:@", f"{name}:@", 1)
    monkeypatch.setenv("COORDINATOR_ENV", "test")
    monkeypatch.setenv("COORDINATOR_SECRET_KEY", secrets.token_hex(32))
    monkeypatch.setenv("COORDINATOR_DATABASE_URL", theirs)
    yield above, theirs
    with psycopg.connect(database, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.execute(f"DROP ROLE {name}")


@postgresql
def test_a_role_that_may_not_make_the_extension_upgrades_without_and_makes_the_index_later(database, elsewhere):
    above, theirs = elsewhere
    alembic.upgrade(migrations(theirs), "head")
    run = CliRunner().invoke(neighbours)
    assert run.exit_code == 1
    assert "CREATE EXTENSION vector" in run.output
    with psycopg.connect(above, autocommit=True) as server:
        assert server.execute(INDEX, [queries.NEIGHBOURS]).fetchone() is None
        server.execute("CREATE EXTENSION vector")
        assert CliRunner().invoke(neighbours).output == "The index is made.\n"
        assert CliRunner().invoke(neighbours).output == "The index is there already.\n"
        made = server.execute(INDEX, [queries.NEIGHBOURS]).fetchone()
    with psycopg.connect(database) as upgraded:
        assert upgraded.execute(INDEX, [queries.NEIGHBOURS]).fetchone() == made
    assert CliRunner().invoke(neighbours, ["--drop"]).exit_code == 0
    with psycopg.connect(above) as server:
        assert server.execute(INDEX, [queries.NEIGHBOURS]).fetchone() is None
    assert CliRunner().invoke(neighbours, ["--drop"]).exit_code == 0


@postgresql
def test_an_index_that_was_left_half_made_is_not_asked_and_made_anew(database, elsewhere):
    above, _theirs = elsewhere
    alembic.upgrade(migrations(above), "head")
    with psycopg.connect(above, autocommit=True) as server:
        server.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [queries.NEIGHBOURS])
        assert (
            server.execute(
                queries._walkable.text.replace(":at_once", "'1'").replace(":index", f"'{queries.NEIGHBOURS}'")
            ).fetchone()
            is None
        )
    with psycopg.connect(above, autocommit=True) as server:
        server.execute(f"ALTER TABLE entry_passages OWNER TO {above.split('/')[3].split('?')[0]}")
    assert CliRunner().invoke(neighbours).output == "The index is made.\n"


@pytest.mark.on("sqlite")
def test_sqlite_needs_no_index_and_says_so(database, monkeypatch):
    monkeypatch.setenv("COORDINATOR_ENV", "test")
    monkeypatch.setenv("COORDINATOR_SECRET_KEY", secrets.token_hex(32))
    monkeypatch.setenv("COORDINATOR_DATABASE_URL", database)
    run = CliRunner().invoke(neighbours)
    assert run.exit_code == 1
    assert "SQLite" in run.output
