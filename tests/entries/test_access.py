"""The rule of access: its two forms agree everywhere, and nothing reads past it."""

from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import Any

import pytest
from sqlalchemy import func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import aliased, selectinload

from coordinator.calendar.models import Forum
from coordinator.db import Unscoped, bind_reader, db, read_as_system, transaction
from coordinator.entries import actions, queries
from coordinator.entries.models import Audience, Entry, EntryTopic, EntryVersion, State
from coordinator.entries.rules import may_see, may_see_version
from coordinator.errors import NotFound
from coordinator.overlaps.models import Overlap, Side, Step
from coordinator.people.rules import NOBODY, Reader
from coordinator.positions.models import Position
from coordinator.topics.models import Topic

TOKENS = ("unit:1", "unit:2", "bureau:9", "org:3", "circle:ministry", "circle:government", "user:4", "group:5")


def subsets(items: tuple[str, ...], most: int) -> Iterator[frozenset[str]]:
    return (frozenset(c) for c in chain.from_iterable(combinations(items, n) for n in range(most + 1)))


def _nobodys(session: Any) -> int:
    """An audience without any token: no action makes one, and nobody may see what carries it."""
    session.add(Audience(digest="none"))
    session.flush()
    return session.scalars(select(Audience.id).where(Audience.digest == "none")).one()


def test_the_two_forms_of_the_rule_agree_on_every_combination(session, make, at, nightly):
    """Every audience of up to three tokens at every level, against every reader of up to three (by night four) at every level."""
    unit = make.unit()
    audiences = list(subsets(TOKENS, 3))
    with transaction(session):
        kept = {a: actions.keep_audience(session, a) for a in audiences if a} | {frozenset(): _nobodys(session)}
        template = {
            "kind": "dossier",
            "unit_id": unit.id,
            "state": "released",
            "title": "t",
            "text": "t",
            "language": "en",
            "registry_link": "",
            "logged_on": at.date(),
            "logged_at": at,
            "released_at": at,
            "ended_why": "",
            "standing_version": 1,
            "newest_version": 1,
            "changed_number": 0,
        }
        rows = [
            template | {"ref": f"{number:022d}", "level": level, "audience_id": kept[audience]}
            for number, (level, audience) in enumerate(product(range(3), audiences))
        ]
        session.connection().execute(insert(Entry.__table__), rows)
    entries = {f"{number:022d}": pair for number, pair in enumerate(product(range(3), audiences))}
    compared = 0
    for level, tokens in product(range(-1, 3), subsets(TOKENS, 4 if nightly else 3)):
        reader = Reader(level=level, tokens=tokens)
        bind_reader(session, reader)
        seen = set(session.scalars(select(Entry.ref)))
        assert seen == {ref for ref, (lvl, a) in entries.items() if may_see(reader, level=lvl, audience=a)}, reader
        compared += len(entries)
    assert compared >= 50_000


def test_versions_follow_their_twin(session, make, at):
    unit, owner, other = make.unit(), None, make.officer()
    owner = make.officer(unit=unit)
    entry = make.position(by=owner, text="first")
    author = make.act_as(owner)
    entry = queries.one(session, entry.ref)
    with transaction(session):
        draft = _draft_of(entry, text="second", level=2, audience=frozenset({f"unit:{other.unit_id}"}))
        actions.revise(session, entry, draft, base=1, by=author, at=at)
    with read_as_system(session, "check") as connection:
        version = EntryVersion.__table__
        rows = connection.execute(select(version.c.number, version.c.level, version.c.audience_id, version.c.released_at)).all()
    tokens = {r.audience_id: queries.tokens_of(session, r.audience_id) for r in rows}
    for person in (owner, other, make.person(unit=unit, clearance=1)):
        reader = make.reader(person)
        bind_reader(session, reader)
        seen = set(session.scalars(select(EntryVersion.number).where(EntryVersion.entry_id == entry.id)))
        expected = {
            r.number
            for r in rows
            if may_see_version(
                reader,
                owner_id=unit.id,
                entry_seen=True,
                level=r.level,
                audience=tokens[r.audience_id],
                released=r.released_at is not None,
            )
        }
        assert seen == expected


def _draft_of(entry: Entry, **said: Any) -> Any:
    from coordinator.positions.rules import PositionDraft  # noqa: PLC0415

    return PositionDraft(title=entry.title, text=said.pop("text", entry.text), restriction_reason="a reason", **said)


@pytest.fixture
def hidden(session, make):
    """An entry that the bound reader may not see, and one that they may."""
    reader = make.officer()
    topic, forum = make.topic(), make.forum()
    entry = make.position(sealed=True, title="Sealed away", topic=topic, forum=forum)
    shown = make.position(title="Open to all", topic=topic, forum=forum)
    make.act_as(reader)
    return entry, shown


OTHER, LINK = aliased(Entry), aliased(EntryTopic)
FORMS = {
    "entities": lambda s, i: s.scalars(select(Entry).where(Entry.id == i)).all(),
    "subclass": lambda s, i: s.scalars(select(Position).where(Position.id == i)).all(),
    "columns": lambda s, i: s.execute(select(Entry.title).where(Entry.id == i)).all(),
    "get": lambda s, i: [e for e in [s.get(Entry, i)] if e],
    "aliased": lambda s, i: s.scalars(select(aliased(Entry)).where(literal(i) == i)).all()[1:],
    "count": lambda s, i: [None] * (s.scalar(select(func.count(Entry.id)).where(Entry.id == i)) or 0),
    "exists": lambda s, i: s.execute(select(literal(1)).where(select(Entry.id).where(Entry.id == i).exists())).all(),
    "join": lambda s, i: s.execute(
        select(EntryTopic.topic_id).join(Entry, Entry.id == EntryTopic.entry_id).where(Entry.id == i)
    ).all(),
    "joined alias": lambda s, i: s.execute(
        select(OTHER.title).select_from(Forum).join(OTHER, OTHER.forum_id == Forum.id).where(OTHER.id == i)
    ).all(),
    "joined alias of links": lambda s, i: s.execute(
        select(LINK.topic_id).select_from(Topic).join(LINK, LINK.topic_id == Topic.id).where(LINK.entry_id == i)
    ).all(),
    "outer joined alias": lambda s, i: [
        row for row in s.execute(select(Topic.id, LINK.entry_id).outerjoin(LINK, LINK.topic_id == Topic.id)) if row[1] == i
    ],
    "alias in a subquery": lambda s, i: s.execute(select(literal(1)).where(select(OTHER.id).where(OTHER.id == i).exists())).all(),
    "topics": lambda s, i: s.execute(select(EntryTopic.topic_id).where(EntryTopic.entry_id == i)).all(),
    "versions": lambda s, i: s.scalars(select(EntryVersion).where(EntryVersion.entry_id == i)).all(),
    "subquery": lambda s, i: s.execute(select(literal(1)).where(literal(i).in_(select(Entry.id).where(Entry.id == i)))).all(),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_asking_shows_a_hidden_entry(session, hidden, form):
    entry, _ = hidden
    assert FORMS[form](session, entry.id) == []


@pytest.mark.parametrize("form", [name for name in FORMS if name != "aliased"])
def test_the_same_forms_show_an_open_one(session, hidden, form):
    _, shown = hidden
    assert FORMS[form](session, shown.id)


RAW = {
    "text": lambda s: s.execute(text("SELECT title FROM entry")).all(),
    "core": lambda s: s.execute(select(Entry.__table__)).all(),
    "connection": lambda s: s.connection().execute(select(Entry.__table__.c.title)).all(),
    "driver": lambda s: s.connection().exec_driver_sql("SELECT title FROM entry").all(),
    "returning": lambda s: s.connection().execute(update(Entry.__table__).values(title="x").returning(Entry.__table__.c.title)),
    "versions": lambda s: s.connection().exec_driver_sql("SELECT content FROM entry_version").all(),
    "overlaps": lambda s: s.connection().exec_driver_sql("SELECT * FROM overlap").all(),
    "words": lambda s: s.connection().exec_driver_sql("SELECT * FROM entry_words").all(),
    "index": lambda s: s.connection().exec_driver_sql("SELECT * FROM entry_search").all(),
}


@pytest.mark.parametrize("form", RAW)
def test_raw_statements_on_protected_tables_are_refused(session, hidden, form):
    with pytest.raises(Unscoped):
        RAW[form](session)


def test_a_session_without_a_reader_reads_no_entries(session, make):
    make.position()
    bind_reader(session, None)
    with pytest.raises(Unscoped):
        session.scalars(select(Entry)).all()


def test_nobody_sees_nothing(session, make):
    make.position(level=0, audience=frozenset({"circle:country"}))
    bind_reader(session, NOBODY)
    assert session.scalars(select(Entry)).all() == []


def test_only_listed_purposes_read_as_the_system(session):
    with pytest.raises(Unscoped), read_as_system(session, "curiosity"):
        pass


def test_what_one_reader_loaded_does_not_stay_for_the_next(session, make):
    owner = make.officer()
    entry = make.position(by=owner, sealed=True)
    make.act_as(owner)
    assert session.get(Entry, entry.id) is not None
    make.act_as(make.officer())
    assert session.get(Entry, entry.id) is None


def test_a_hidden_entry_and_one_that_never_was_are_not_found_alike(session, hidden):
    for ref in (hidden[0].ref, "x" * 22):
        with pytest.raises(NotFound):
            queries.one(session, ref)


def test_an_overlap_is_seen_by_whoever_sees_both_ends(session, make):
    topic, event = make.topic(), make.event()
    owner, other = make.officer(), make.officer()
    make.dossier(by=other, topic=topic, event=event)
    make.dossier(by=owner, topic=topic, event=event, sealed=True)
    make.act_as(owner)
    assert len(session.scalars(select(Overlap)).all()) == 1
    assert len(session.scalars(select(Side)).all()) == 2
    assert len(session.scalars(select(Step)).all()) == 1
    make.act_as(other)
    for table in (Overlap, Side, Step):
        assert session.scalars(select(table)).all() == []


def test_an_overlap_keeps_who_may_see_its_ends_and_the_database_keeps_it_true(make):
    topic, event = make.topic(), make.event()
    ends = [make.dossier(by=make.officer(), topic=topic, event=event).id for _ in range(2)]
    entry, overlap = Entry.__table__, Overlap.__table__
    with (
        db.engine.connect().execution_options(migration=True) as connection,
        connection.begin(),
    ):  # past the rule: the test's own eye
        none = connection.scalars(insert(Audience).returning(Audience.id), {"digest": "none"}).one()
        connection.execute(update(entry).where(entry.c.id == min(ends)).values(level=2, audience_id=none))
        kept = connection.execute(select(overlap).where(overlap.c.low_id == min(ends), overlap.c.high_id == max(ends))).one()
        assert (kept.low_level, kept.low_audience_id) == (2, none)
        assert (kept.high_level, kept.high_audience_id) != (2, none)
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(update(overlap).values(low_level=0))


def test_whoever_is_let_in_sees_it_in_the_same_breath(session, make):
    """The audiences of a reader are read once in a transaction on PostgreSQL: a new one among them counts from its first row on."""
    draft = make.position(by=(owner := make.officer()), released=False)
    make.act_as(owner)
    assert session.scalars(select(Entry.id)).all() == [draft.id]
    new = actions.keep_audience(session, frozenset({f"unit:{owner.unit_id}", "unit:77"}))
    session.execute(update(Entry).where(Entry.id == draft.id).values(audience_id=new))
    assert session.scalars(select(Entry.id)).all() == [draft.id]
    session.rollback()


def test_a_statement_reads_for_the_reader_of_its_session_and_nobody_else(session, make):
    make.act_as(make.officer())
    stranger = Reader(level=2, tokens=frozenset({"unit:77"}))
    wanted = select(Entry.id).where(queries.visible(stranger))
    if session.get_bind().dialect.name == "postgresql":
        with pytest.raises(StatementError, match="not bound"):
            session.scalars(wanted).all()
    else:
        assert session.scalars(wanted).all() == []


def test_a_draft_stays_with_its_unit_until_it_is_released(session, make, at):
    owner, stranger = make.officer(), make.officer()
    draft = make.position(by=owner, released=False)
    make.act_as(stranger)
    assert session.get(Entry, draft.id) is None
    author = make.act_as(owner)
    entry = queries.one(session, draft.ref)
    with transaction(session):
        actions.release(session, entry, by=author, at=at)
    make.act_as(stranger)
    assert queries.one(session, draft.ref).state is State.RELEASED


def test_one_statement_serves_every_reader_and_each_sees_their_own(session, make):
    """The key of a statement says nothing of who reads: it is compiled once, and each reader's own values go with it."""
    officers = [make.officer() for _ in range(3)]
    drafts = [make.position(by=o, released=False, title=f"Draft {n}") for n, o in enumerate(officers)]
    wanted = select(Entry.id).where(Entry.state == State.DRAFT).order_by(Entry.id)
    compiled = db.engine._compiled_cache
    seen = []
    for turn in range(2):
        before = len(compiled)
        for officer, draft in zip(officers, drafts, strict=True):
            make.act_as(officer)
            seen.append(session.scalars(wanted).all())
            assert seen[-1] == [draft.id]
            assert session.scalars(select(Entry).options(selectinload(Entry.topics)).where(Entry.id == draft.id)).one().topics == []
        if turn:
            assert len(compiled) == before
    bind_reader(session, None)
