"""Lists that come in: what is added, changed, left alone, refused; on a real database."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from coordinator.calendar.actions import AliasTaken
from coordinator.calendar.models import Event, Forum
from coordinator.db import bookkeeping, transaction
from coordinator.exchange import actions as uploads
from coordinator.exchange import queries as uploaded
from coordinator.exchange.actions import ChangedMeanwhile
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import Did
from coordinator.history.models import Event as History
from coordinator.lists import queries
from coordinator.lists.actions import bring_in
from coordinator.lists.rules import ListKind, column_names, written
from coordinator.overlaps.models import Overlap
from coordinator.people.models import Person, Unit
from coordinator.people.queries import person as one_person
from coordinator.sheets import read
from coordinator.topics.models import Equity, Related, Topic

pytestmark = pytest.mark.both


@pytest.fixture
def keeper(make):
    return make.person(roles=("coordinator",))


@pytest.fixture
def take(session, keeper, at):
    """Bring in the text of a CSV file as the keeper does; returns what became of its rows."""

    def took(kind, text):
        known = column_names(ListKind(kind))
        lines = read(text.encode(), known=known, needed=()).lines
        with transaction(session):
            return bring_in(session, ListKind(kind), lines, by=keeper, at=at, time_zone="Europe/Vienna").outcomes

    return took


def did(outcomes):
    return [o.did.value for o in outcomes]


def why(outcomes):
    return [o.reason for o in outcomes if o.did is Did.BAD]


def as_file(session, kind):
    names, columns = queries.names(session), column_names(kind)
    rows = [{"ref": h.ref} | written(kind, h.values, names) for h in queries.held(session, kind)]
    return ",".join(columns) + "\n" + "".join(",".join(f'"{row[c]}"' for c in columns) + "\n" for row in rows)


def a_whole_ministry(make):
    ministry = make.ministry()
    trade = make.organisation("Trade Department", circle="government", ceiling=1)
    bureau = make.unit("Bureau of Cyberspace", short_name="CDP", mailbox="cdp@ministry.example")
    legal = make.unit("Legal", under=bureau, short_name="LEG")
    make.unit("Legal", of=trade, short_name="LEG")
    make.unit("Gone; and forgotten", of=ministry, short_name="G", starts_on=date(2020, 1, 1), ends_on=date(2021, 1, 1))
    group = make.group("Leadership")
    make.person("Ana Ferrer", unit=legal, roles=("officer", "coordinator"), clearance=2, groups=(group,))
    privacy = make.topic("Privacy", aliases=("data protection",))
    data = make.topic("Data governance", broader=(privacy,), related=(make.topic("Standards", umbrella=True),))
    make.equity(legal, data, "lead")
    make.equity(bureau, privacy, "inform", until_on=date(2026, 12, 31))
    make.event(forum=make.forum("Council of Europe", aliases=("CoE", "Conseil; Europe")), aliases=("T-CY plenary",))
    make.instrument(
        "Treaty of Freedonia",
        party_ids=(make.counterpart("Freedonia").id, make.counterpart("Ruritania").id),
        adopted_on=date(2001, 11, 23),
        link="https://treaties.example/185",
    )
    return legal


@pytest.mark.parametrize("kind", ListKind)
def test_what_is_taken_out_and_brought_in_again_changes_nothing(make, session, take, kind):
    a_whole_ministry(make)
    file = as_file(session, kind)
    before = session.scalar(select(func.max(History.number)))
    outcomes = take(kind, file)
    assert outcomes
    assert set(did(outcomes)) == {"unchanged"}
    session.commit()
    assert session.scalar(select(func.max(History.number))) == before


def test_units_come_in_though_the_one_above_stands_below_in_the_file(make, session, take):
    make.ministry()
    outcomes = take(
        "units",
        "organisation,name,short_name,parent,starts_on\n"
        "The Ministry,Desk,D,SEC,2026-01-01\n"
        "The Ministry,Section,SEC,BUR,\n"
        "The Ministry,Bureau,BUR,,\n",
    )
    assert did(outcomes) == ["new", "new", "new"]
    units = {u.short_name: u for u in session.scalars(select(Unit))}
    assert units["D"].parent_id == units["SEC"].id
    assert units["SEC"].parent_id == units["BUR"].id
    assert outcomes[0].changes[3] == ("parent", "", "SEC")


def test_units_that_wait_for_each_other_are_refused(make, take):
    make.ministry()
    outcomes = take("units", "organisation,name,short_name,parent\nThe Ministry,A,A,B\nThe Ministry,B,B,A\nThe Ministry,C,C,\n")
    assert did(outcomes) == ["bad", "bad", "new"]
    assert why(outcomes) == ["there is no unit “B”", "there is no unit “A”"]


def test_a_row_that_is_refused_leaves_the_others_as_they_are(make, session, take):
    make.ministry()
    make.unit("Legal", short_name="LEG")
    outcomes = take(
        "units",
        "organisation,name,short_name,starts_on,ends_on\n"
        "The Ministry,Protocol,PRO,,\n"
        "The Ministry,Law,leg,,\n"
        "The Ministry,Press,PRE,2026-02-01,2026-01-01\n"
        "The Ministry,protocol,P2,,\n"
        "Elsewhere,Press,PRE,,\n",
    )
    assert did(outcomes) == ["new", "bad", "bad", "bad", "bad"]
    assert why(outcomes) == [
        "This name is taken already. Choose another, or open the one that exists.",
        "This ends before it starts.",
        "it is about the same as row 2",
        "there is no organisation “Elsewhere”",
    ]
    assert set(session.scalars(select(Unit.short_name))) >= {"PRO", "LEG"}
    assert session.scalar(select(func.count()).select_from(Unit).where(Unit.short_name.in_(["leg", "PRE", "P2"]))) == 0


def test_a_ref_lets_a_thing_be_renamed_and_an_unknown_one_is_refused(make, session, take):
    forum = make.forum("Old name")
    outcomes = take("forums", f"ref,name,short_name\n{forum.ref},New name,NN\n{'A' * 22},Other,O\n")
    assert did(outcomes) == ["changed", "bad"]
    assert outcomes[0].changes == (("name", "Old name", "New name"), ("short_name", "Old name", "NN"))
    assert why(outcomes) == ["nothing in this list has that ref: leave the ref empty to add something"]
    assert list(session.scalars(select(Forum.name))) == ["New name"]


def test_columns_that_are_missing_leave_what_they_hold(make, session, take):
    legal = a_whole_ministry(make)
    person = session.scalars(select(Person).where(Person.name == "Ana Ferrer")).one()
    outcomes = take("people", f"email,name,unit\n{person.email.upper()},Ana Maria Ferrer,LEGAL\n".replace("LEGAL", "CDP"))
    assert did(outcomes) == ["changed"]
    session.commit()
    found = one_person(session, person.ref)
    assert (found.name, found.unit.short_name, found.clearance) == ("Ana Maria Ferrer", "CDP", 2)
    assert len(found.roles) == 2
    assert len(found.memberships) == 1
    assert legal.id != found.unit_id


def test_people_come_in_change_and_are_shut_out(make, session, take, keeper, at):
    make.unit("Legal", short_name="LEG")
    text = "email,name,unit,roles,clearance,state\nnew@ministry.example,New Person,LEG,officer,OFFICIAL,\n"
    assert did(take("people", text)) == ["new"]
    assert did(take("people", text)) == ["unchanged"]
    outcomes = take("people", text.replace("OFFICIAL,", "PUBLIC,disabled").replace("officer", "auditor"))
    assert did(outcomes) == ["changed"]
    assert {c for c, _before, _after in outcomes[0].changes} == {"roles", "clearance", "state"}
    session.commit()
    person = session.scalars(select(Person).where(Person.email == "new@ministry.example")).one()
    assert person.disabled_at == at
    assert did(take("people", text.replace("OFFICIAL,", "OFFICIAL,active"))) == ["changed"]
    session.commit()
    assert session.scalars(select(Person.disabled_at).where(Person.id == person.id)).one() is None
    me = session.get_one(Person, keeper.id)
    assert why(take("people", f"email,state\n{me.email},disabled\n")) == [
        "Nobody disables the own account: ask another administrator."
    ]


def test_topics_come_in_with_their_edges_whatever_their_order(make, session, take):
    make.topic("Umbrella", umbrella=True)
    text = (
        "name,umbrella,broader,related,aliases\n"
        "Data flows,,Data governance,Privacy,fr: flux de données; data transfers\n"
        "Data governance,,Umbrella,,\n"
        "Privacy,no,,,\n"
    )
    outcomes = take("topics", text)
    assert did(outcomes) == ["new", "new", "new"]
    topics = {t.name: t.id for t in session.scalars(select(Topic))}
    edges = {frozenset((e.low_id, e.high_id)) for e in session.scalars(select(Related))}
    assert edges == {frozenset((topics["Data flows"], topics["Privacy"]))}
    assert set(did(take("topics", text))) == {"unchanged"}
    assert did(take("topics", "name,related\nPrivacy,\n")) == ["changed"]
    session.commit()
    assert session.scalar(select(func.count()).select_from(Related)) == 0


def test_topics_are_refused_where_by_hand_they_would_be(make, take):
    outer = make.topic("Outer", aliases=("outside",))
    make.topic("Inner", broader=(outer,))
    outcomes = take("topics", "name,broader,aliases\nOuter,Inner,outside\noutside,,\nNew,,outside\n")
    assert why(outcomes) == [
        "A topic cannot lie within itself, not even through others.",
        "A topic has this name or alias already. Open that one, or choose another name.",
        "A topic has this name or alias already. Open that one, or choose another name.",
    ]


def test_an_alias_may_change_its_language_and_its_capitals(make, session, take):
    make.topic("Data", aliases=("donnees", "daten"))
    text = "name,aliases\nData,fr: Donnees; de: daten\n"
    assert did(take("topics", text)) == ["changed"]
    assert did(take("topics", text)) == ["unchanged"]


def test_a_renamed_topic_is_known_by_its_new_name_further_down(make, session, take):
    old = make.topic("Cyber")
    outcomes = take("topics", f"ref,name,broader\n{old.ref},Cybersecurity,\n,Norms,Cybersecurity\n")
    assert did(outcomes) == ["changed", "new"]


def test_stakes_come_in_end_and_move(make, session, take):
    make.unit("Legal", short_name="LEG")
    make.topic("Data", aliases=("donnees",))
    text = "topic,unit,stake,from_on,until_on\nDonnees,LEG,lead,2026-01-01,\n"
    assert did(take("equities", text)) == ["new"]
    assert did(take("equities", text.replace(",\n", ",2026-06-30\n").replace("lead", "co_lead"))) == ["changed"]
    session.commit()
    stake = session.scalars(select(Equity)).one()
    assert (stake.stake, stake.until_on) == ("co_lead", date(2026, 6, 30))
    assert did(take("equities", text)) == ["changed"]
    session.refresh(stake)
    assert (stake.stake, stake.until_on) == ("lead", None)
    assert why(take("equities", text.replace(",\n", ",2025-06-30\n"))) == ["This stake ends before it starts."]
    assert why(take("equities", f"ref,topic,unit,stake,from_on\n{stake.ref},Data,LEG,lead,2026-02-01\n")) == [
        "topic, unit and first day of a stake stay as they are: end it, and add another without a ref"
    ]
    assert why(take("equities", "topic,unit,stake,from_on\nData,LEG,inform,2026-03-01\n")) == [
        "This unit has a stake in the topic at that time already. End it first."
    ]


def test_events_come_in_and_what_no_column_holds_stays(make, session, take):
    forum = make.forum("International Telecommunication Union")
    text = f"forum,name,starts_on,ends_on,place\n{forum.short_name},Council,2026-06-01,2026-06-05,Geneva\n"
    assert did(take("events", text)) == ["new"]
    assert did(take("events", text.replace("Geneva", "Doha"))) == ["changed"]
    assert session.scalars(select(Event.place)).one() == "Doha"
    assert why(take("events", text.replace("2026-06-05", "2026-05-05"))) == ["This ends before it starts."]


def test_what_moves_overlaps_moves_them_here_too(make, session, take):
    topic, counterpart = make.topic("Encryption"), make.counterpart()
    forum = make.forum("Council")
    near, far = make.event(forum=forum, in_days=10), make.event(forum=forum, in_days=15)
    for event in (near, far):
        make.dossier(topic=topic, event=event, counterparts=(counterpart.id,))
    reader = make.person(clearance=2)
    make.act_as(reader)
    assert session.scalars(select(Overlap.severity)).one() == "high"
    session.commit()
    day = far.starts_on + timedelta(days=10)
    take("events", f"ref,forum,name,starts_on,ends_on\n{far.ref},Council,{far.name},{day},{day}\n")
    make.act_as(reader)
    assert session.scalars(select(Overlap.severity)).one() == "medium"


# --- until somebody confirms -----------------------------------------------------------------------------------------------


def test_an_upload_comes_in_only_as_it_was_shown(make, session, keeper, at):
    staged = make.upload(keeper, "forums", "name,short_name\nNew,N\nKnown,K\n")
    assert [o["did"] for o in staged.outcomes] == ["new", "new"]
    make.forum("Known")

    def confirm():
        with transaction(session):
            found = uploaded.staged(session, staged.ref, person_id=keeper.id)
            lines = uploaded.staged_rows(session, found.id).lines
            result = bring_in(session, ListKind.FORUMS, lines, by=keeper, at=at, time_zone="Europe/Vienna")
            uploads.use(session, found, result.outcomes, by=keeper, at=at)

    with pytest.raises(ChangedMeanwhile) as moved:
        confirm()
    assert [o.did for o in moved.value.outcomes] == [Did.NEW, Did.CHANGED]
    session.commit()
    assert list(session.scalars(select(Forum.name))) == ["Known"]


def test_an_upload_is_forgotten_after_thirty_days(make, session, keeper, at):
    make.upload(keeper, "forums", "name,short_name\nNew,N\n")
    for days, left in ((29, 1), (30, 0)):
        with bookkeeping(session):
            uploads.forget_old(session, at=at + timedelta(days=days))
        assert session.scalar(select(func.count()).select_from(Staged)) == left


def test_forums_and_events_come_in_with_their_other_names(make, session, take):
    text = "name,short_name,aliases\nTelecommunication Union,ITU,UIT; Union internationale\n"
    assert did(take("forums", text)) == ["new"]
    assert did(take("forums", text)) == ["unchanged"]
    assert did(take("forums", "name,short_name\nTelecommunication Union,I T U\n")) == ["changed"]
    assert session.scalars(select(Forum.aliases)).one() == ("UIT", "Union internationale")
    events = "forum,name,starts_on,ends_on,aliases\nuit,Conference,2026-06-01,2026-06-05,PP-26\n"
    assert did(take("events", events)) == ["new"]
    assert session.scalars(select(Event.aliases)).one() == ("PP-26",)
    assert why(take("forums", f"name,short_name,aliases\nA,A,{'x' * 121}\n")) == ["aliases is 121 characters long; at most 120 fit"]
    assert why(take("forums", f"name,short_name,aliases\nA,A,{';'.join(map(str, range(31)))}\n")) == [
        "aliases holds 31 names, and at most 30 fit"
    ]
    assert why(take("forums", "name,short_name,aliases\nA,A,uit\n")) == [AliasTaken().sentence]


def test_instruments_come_in_with_their_forum_and_parties(make, session, take):
    make.forum("Council of Europe", aliases=("CoE",))
    make.counterpart("Freedonia")
    text = (
        "name,short_name,kind,forum,party_list,parties,adopted_on,in_force_on,link\n"
        "Treaty,TR,treaty,coe,Freedonia,and 12 others,2001-11-23,2004-07-01,https://treaties.example/185\n"
    )
    assert did(take("instruments", text)) == ["new"]
    assert did(take("instruments", text)) == ["unchanged"]
    assert did(take("instruments", "name,short_name,kind\nTreaty,TR,norms\n")) == ["changed"]
    (held,) = queries.held(session, ListKind.INSTRUMENTS)
    assert (held.values["kind"].value, len(held.values["party_list"]), held.values["parties"]) == ("norms", 1, "and 12 others")
    assert why(take("instruments", text.replace("Freedonia", "Nowhere"))) == ["there is no counterpart “Nowhere”"]
    assert why(take("instruments", text.replace("https://", "javascript:"))) == ["link: a link starts with https://"]
    assert why(take("instruments", text.replace("2004-07-01", "1999-07-01"))) == ["It would be in force before it was adopted."]
    assert why(take("instruments", text.replace(",treaty,", ",law,"))) == [
        "kind “law” is none of treaty, agreement, norms, strategy"
    ]
