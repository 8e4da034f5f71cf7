"""What the demo shows, in figures: each is a claim of what it is for."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.agenda.queries import ahead
from coordinator.agenda.rules import Coordination
from coordinator.calendar.models import Event, Forum, Question
from coordinator.deputies.models import Deputy
from coordinator.deputies.rules import holds_on
from coordinator.digests.models import Subscription
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry, EntrySource, EntryTopic, EntryVersion, Kind, Level, State, TopicProposal
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import Filters as Everything
from coordinator.gaps.queries import listed
from coordinator.holidays.models import UnitHoliday
from coordinator.overlaps.models import Overlap, OverlapKind, OverlapState, Severity, Side, Step
from coordinator.overlaps.queries import CROWDED, OPEN
from coordinator.people.models import Circle, Organisation, Person, Role, Unit, UnitSuccession
from coordinator.people.queries import reader_of
from coordinator.positions.models import Adherence, Position
from coordinator.topics.models import Equity, Related, Stake, Topic
from coordinator.worklist.queries import waiting
from tests.conftest import AT

Sees = Callable[[str], Person]
TODAY = AT.date()
FRONT_OFFICE = "a.ferreira"


def on_topics(session: Session) -> set[str]:
    return set(session.scalars(select(Topic.key).join(EntryTopic, EntryTopic.topic_id == Topic.id).distinct()))


def pair(session: Session, a: str, b: str) -> Overlap | None:
    ids = set(session.scalars(select(EntrySource.entry_id).where(EntrySource.external_id.in_([a, b]))))
    return session.scalars(
        select(Overlap).where(Overlap.low_id.in_(ids), Overlap.high_id.in_(ids)).options(selectinload(Overlap.sides))
    ).one_or_none()


def signals(overlap: Overlap) -> set[str]:
    return {r["signal"] for r in overlap.reasons}


# --- how much there is -------------------------------------------------------------------------------------------------


def test_there_is_a_ministry_with_a_government_and_a_country_round_it(shown: Session) -> None:
    circles = Counter(shown.scalars(select(Organisation.circle)))
    units = shown.scalars(select(Unit).options(joinedload(Unit.parent))).all()
    model = [u for u in units if u.parent is not None and u.parent.short_name == "CDP"]

    assert circles == {Circle.MINISTRY: 1, Circle.GOVERNMENT: 2, Circle.COUNTRY: 2}
    assert {"ICS", "ICP", "CDF", "CDP-FO"} <= {u.short_name for u in model}
    assert 25 <= len(units) <= 30
    assert 45 <= shown.scalar(select(func.count(Person.id))) <= 55  # type: ignore[operator]


def test_each_role_is_there_and_every_unit_that_writes_can_release(shown: Session, sees: Sees) -> None:
    people = shown.scalars(select(Person).options(selectinload(Person.duties))).all()
    assert {r for p in people for r in p.roles} == set(Role)
    assert all(len([p for p in people if role in p.roles]) >= 2 for role in set(Role) - {Role.AUDITOR})

    sees(FRONT_OFFICE)
    writing = set(shown.scalars(select(Entry.unit_id)))
    ended = set(shown.scalars(select(Unit.id).where(Unit.ends_on.is_not(None))))
    releasing = {p.unit_id for p in people if Role.RELEASING_OFFICER in p.roles}
    assert writing - ended <= releasing


def test_there_are_positions_on_questions_and_dossiers_with_milestones_and_papers(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    positions = shown.scalars(select(Position)).all()
    dossiers = shown.scalars(select(Dossier).options(selectinload(Dossier.milestones), selectinload(Dossier.papers))).all()

    assert len(positions) >= 80
    assert len({p.question_id for p in positions if p.question_id}) >= 30
    assert len(dossiers) >= 20
    assert all(d.milestones and d.papers and d.lead_id and d.dossier_type for d in dossiers)
    assert len({d.dossier_type for d in dossiers}) == 6
    assert shown.scalar(select(func.count(Question.id))) >= 30  # type: ignore[operator]


def test_forums_meet_round_today_some_just_past_some_within_days_some_in_months(shown: Session) -> None:
    days = [(d - TODAY).days for d in shown.scalars(select(Event.starts_on))]

    assert shown.scalar(select(func.count(Forum.id))) >= 15  # type: ignore[operator]
    assert any(-10 <= d < 0 for d in days)
    assert any(0 < d <= 10 for d in days)
    assert any(d > 120 for d in days)


def test_the_texts_are_of_the_length_of_real_ones_and_no_two_begin_alike(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    entries = shown.scalars(select(Entry).where(Entry.state == State.RELEASED)).all()

    assert all(35 <= len(e.text.split()) <= 130 for e in entries), [e.title for e in entries if len(e.text.split()) < 35]
    openings = Counter(" ".join(e.text.split()[:6]) for e in entries if e.kind is Kind.POSITION)
    assert openings.most_common(1)[0][1] == 1
    assert len({e.title for e in entries}) == len(entries)


def test_papers_are_in_several_languages_and_on_what_the_field_speaks_of(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    languages = Counter(shown.scalars(select(Entry.language)))

    assert languages["fr"] >= 9
    assert languages["es"] + languages["ar"] >= 3
    assert on_topics(shown) >= {
        "cyber-conflict", "international-law", "confidence-building", "capacity-development", "data-flows", "data-governance",
        "commercial-spyware", "technical-standards", "artificial-intelligence", "quantum", "submarine-cables", "cybercrime",
        "child-safety-online", "encryption", "internet-governance", "cyber-sanctions", "e-commerce", "critical-infrastructure",
        "internet-shutdowns", "digital-identities", "mobile-networks", "spectrum-satellites", "ransomware",
    }  # fmt: skip


# --- what clashes, meets and repeats -----------------------------------------------------------------------------------


def test_a_critical_conflict_stands_before_an_event_within_days_and_nobody_has_acknowledged_it(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    critical = shown.scalars(
        select(Overlap)
        .where(Overlap.severity == Severity.CRITICAL, Overlap.state.in_(OPEN))
        .order_by(Overlap.near_on)
        .options(selectinload(Overlap.sides))
    ).all()

    assert 0 < (critical[0].near_on - TODAY).days <= 10
    assert critical[0].kind is OverlapKind.CONFLICT
    assert all(s.asked and s.acknowledged_at is None for s in critical[0].sides)
    assert len(critical) >= 3
    # the others are seen by one hand only
    assert all(sorted(s.acknowledged_at is None for s in o.sides) == [False, True] for o in critical[1:])


def test_there_are_conflicts_collisions_duplications_and_possible_pairs(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    found = Counter(
        (kind, severity) for kind, severity in shown.execute(select(Overlap.kind, Overlap.severity).where(Overlap.state.in_(OPEN)))
    )

    assert found[OverlapKind.CONFLICT, Severity.HIGH] >= 8
    assert found[OverlapKind.CONFLICT, Severity.MEDIUM] >= 4
    assert found[OverlapKind.COLLISION, Severity.HIGH] >= 6
    assert found[OverlapKind.COLLISION, Severity.MEDIUM] >= 1
    assert found[OverlapKind.DUPLICATION, Severity.MEDIUM] >= 3
    assert found[OverlapKind.POSSIBLE, Severity.LOW] >= 1


def test_units_collide_by_event_and_by_counterpart(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    collisions = shown.scalars(select(Overlap).where(Overlap.kind == OverlapKind.COLLISION, Overlap.state.in_(OPEN))).all()

    assert sum("event" in signals(o) for o in collisions) >= 3
    assert sum("counterpart" in signals(o) for o in collisions) >= 3


def test_two_units_draft_nearly_the_same_programme_in_other_words(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    twice = pair(shown, "ics-response-training", "pmg-response-training")

    assert twice is not None
    assert (twice.kind, twice.state) == (OverlapKind.DUPLICATION, OverlapState.OPEN)


def test_a_french_paper_and_its_english_twin_have_a_question_and_a_topic_in_common(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    ids = shown.scalars(
        select(EntrySource.entry_id).where(EntrySource.external_id.in_(["pmg-emblem-numerique", "la-digital-emblem"]))
    ).all()
    french, english = sorted(
        shown.scalars(select(Position).where(Position.id.in_(ids)).options(selectinload(Position.topics))),
        key=lambda p: p.language != "fr",
    )

    assert (french.language, english.language) == ("fr", "en")
    assert french.question_id == english.question_id
    assert {t.key for t in french.topics} & {t.key for t in english.topics}


def test_more_than_eight_units_work_on_one_topic(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    units = set(shown.scalars(select(Entry.unit_id).where(Entry.topics.any(key="artificial-intelligence"))))

    assert len(units) >= 9 > CROWDED


def test_a_sealed_overlap_is_seen_by_one_side_and_not_by_the_other(shown: Session, sees: Sees) -> None:
    sees("j.moreau")
    sealed = pair(shown, "eco-kenya-port", "ics-port-intrusion")
    assert sealed is not None
    assert sorted(s.asked for s in sealed.sides) == [False, True]

    sees("b.osei")
    assert pair(shown, "eco-kenya-port", "ics-port-intrusion") is None
    assert not list(shown.scalars(select(Entry.id).where(Entry.level == Level.OFFICIAL_SENSITIVE)))


# --- what was done about it --------------------------------------------------------------------------------------------


def closings(session: Session) -> list[datetime]:
    return list(session.scalars(select(Step.at).where(Step.did.in_(["settled", "dismissed"]))))


def test_overlaps_were_found_and_closed_in_nearly_every_one_of_the_last_ten_weeks(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    found = list(shown.scalars(select(Overlap.found_at)))
    weeks = [AT - timedelta(weeks=n) for n in range(11)]

    for moments in (found, closings(shown)):
        assert sum(any(start <= m < end for m in moments) for end, start in pairwise(weeks)) >= 8
    assert len(closings(shown)) >= 25


def test_states_are_mixed_and_some_have_waited_for_days(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    states = Counter(shown.scalars(select(Overlap.state)))
    unseen = shown.scalars(
        select(Overlap).where(
            Overlap.severity == Severity.HIGH,
            Overlap.found_at < AT - timedelta(days=14),
            Overlap.state == OverlapState.OPEN,
            ~exists().where(Side.overlap_id == Overlap.id, Side.acknowledged_at.is_not(None)),
        )
    ).all()

    assert states[OverlapState.SETTLED] >= 15
    assert states[OverlapState.DISMISSED] >= 5
    assert states[OverlapState.ACKNOWLEDGED] >= 8
    assert states[OverlapState.LAPSED] >= 2
    assert states[OverlapState.OPEN] >= 20
    assert unseen


def test_what_was_settled_or_dismissed_came_back_when_a_stance_moved(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    back = shown.scalars(select(Step).where(Step.did == "reopened")).all()

    assert len(back) >= 2
    assert all("a stance" in step.detail["what"] for step in back[:2])


def test_a_proposal_to_settle_waits_for_each_of_three_answers(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    offered = shown.scalars(
        select(Overlap).join(Side, Side.overlap_id == Overlap.id).where(Side.closing.is_not(None), Overlap.state.in_(OPEN))
    ).all()

    assert len(offered) >= 3


def test_units_adhere_to_the_lines_of_others(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    standing = shown.scalars(select(Adherence).where(Adherence.ended_at.is_(None))).all()

    assert len(standing) >= 8
    assert len({a.unit_id for a in standing}) >= 5
    moved_on = select(Adherence.id).join(Entry, Entry.id == Adherence.entry_id).where(Adherence.version < Entry.standing_version)
    assert list(shown.scalars(moved_on))


def test_work_is_in_every_state_and_some_waits_for_release(shown: Session, sees: Sees) -> None:
    for key, officer in (("ICS", "d.okonkwo"), ("HRB", "p.tavares")):
        person = sees(officer)
        mine = waiting(shown, reader_of(shown, person), at=AT, on=TODAY)
        assert mine.to_release, key

    sees("m.tanaka")
    drafts = select(EntryVersion.id).join(Entry, Entry.id == EntryVersion.entry_id)
    assert list(shown.scalars(drafts.where(Entry.state == State.DRAFT, EntryVersion.offered_at.is_(None))))
    states = set(shown.scalars(select(Entry.state)))
    assert states >= {State.SUPERSEDED, State.WITHDRAWN, State.EXPIRED}


def test_some_lines_are_past_their_review(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    assert list(shown.scalars(select(Entry.id).where(Entry.review_by < TODAY, Entry.state == State.RELEASED)))


def test_topics_are_proposed_for_the_work_of_other_units(shown: Session, sees: Sees) -> None:
    sees("z.rahimi")
    assert list(shown.scalars(select(TopicProposal.id).where(TopicProposal.answered_at.is_(None))))
    sees("b.osei")
    assert list(shown.scalars(select(TopicProposal.id).where(TopicProposal.answered_at.is_(None))))


def test_colleagues_stand_in_for_each_other_and_units_have_holidays_and_mailboxes(shown: Session) -> None:
    away = {d.person_id for d in shown.scalars(select(Deputy)) if holds_on(TODAY, from_on=d.from_on, until_on=d.until_on)}

    assert len(away) >= 2
    assert shown.scalar(select(func.count(UnitHoliday.id))) >= 3  # type: ignore[operator]
    assert shown.scalar(select(func.count(Subscription.id)).where(Subscription.unit_id.is_not(None))) == 2


# --- what is missing ---------------------------------------------------------------------------------------------------


def test_topics_that_are_worked_on_have_no_lead(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    led = select(Equity.id).where(Equity.topic_id == Topic.id, Equity.stake.in_([Stake.LEAD, Stake.CO_LEAD]))
    without = set(
        shown.scalars(
            select(Topic.key)
            .join(EntryTopic, EntryTopic.topic_id == Topic.id)
            .where(~led.exists(), Topic.umbrella.is_(False))
            .group_by(Topic.key)
            .having(func.count() >= 3)
        )
    )

    assert {"submarine-cables", "child-safety-online", "internet-shutdowns", "digital-identities"} <= without


def test_data_governance_is_a_butterfly_with_a_wing_that_nobody_covers(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    body = shown.scalars(select(Topic.id).where(Topic.key == "data-governance")).one()
    edges = shown.execute(select(Related.low_id, Related.high_id).where(or_(Related.low_id == body, Related.high_id == body)))
    wings = {low if high == body else high for low, high in edges}
    named = dict(shown.execute(select(Topic.id, Topic.key).where(Topic.id.in_(wings))).all())
    covered = set(
        shown.scalars(select(EntryTopic.topic_id).join(Entry, Entry.id == EntryTopic.entry_id).where(Entry.state == State.RELEASED))
    )

    assert {"technical-standards", "e-commerce", "privacy-data-protection"} <= {named[w] for w in wings & covered}
    assert "cloud-computing" in {named[w] for w in wings - covered}


def test_the_events_ahead_are_in_every_state_of_coordination(shown: Session, sees: Sees) -> None:
    sees(FRONT_OFFICE)
    coming = ahead(shown, on=TODAY, until=TODAY + timedelta(days=110))

    assert {c.state for c in coming} == set(Coordination)
    assert any(c.state is Coordination.NOTHING_YET and c.days <= 14 and c.outside for c in coming)


def test_each_sort_of_gap_is_there_and_most_units_were_asked(shown: Session, sees: Sees) -> None:
    reader = reader_of(shown, sees(FRONT_OFFICE))
    found = listed(shown, reader, Everything(), on=TODAY, size=500)
    seen = {(g.entry.title, g.unit.short_name) for g in found.gaps if g.entry is not None and g.unit is not None}

    assert {kind for kind, number in found.counts.items() if number} == set(GapKind)
    assert ("No mandate for treaty talks on state behaviour in cyberspace", "LA") in seen  # three days before the event
    assert len(seen) <= 25
    assert found.known == 1


# --- round the ministry ------------------------------------------------------------------------------------------------


def test_a_unit_was_taken_into_another_with_its_people_stakes_and_lines(shown: Session, sees: Sees) -> None:
    older, newer = aliased(Unit), aliased(Unit)
    names = shown.execute(
        select(older.short_name, newer.short_name)
        .join(UnitSuccession, UnitSuccession.predecessor_id == older.id)
        .join(newer, newer.id == UnitSuccession.successor_id)
    ).all()

    assert [tuple(n) for n in names] == [("OET", "ICP")]
    assert sees("m.quispe").unit.short_name == "ICP"
    line = shown.scalars(select(Position).where(Position.author.has(Person.name == "Mateo Quispe"))).one()
    assert (line.unit_id, line.state) == (sees("m.quispe").unit_id, State.RELEASED)
    lead = shown.scalars(select(Equity).where(Equity.until_on.is_(None), Equity.topic.has(Topic.key == "quantum"))).one()
    assert (lead.unit_id, lead.stake) == (line.unit_id, Stake.LEAD)


def test_others_see_what_is_shared_with_them_and_their_own_part_of_it(shown: Session, sees: Sees) -> None:
    levels: dict[str, int | None] = {}
    for key, unit in (("f.mbaye", "DTD"), ("w.chen", "IAO"), ("y.almeida", "OPP"), ("d.papadakis", "GIA")):
        person = sees(key)
        mine = shown.scalars(
            select(Overlap).where(
                or_(Overlap.low_unit.has(Unit.short_name == unit), Overlap.high_unit.has(Unit.short_name == unit)),
                Overlap.current.is_(True),
            )
        ).all()
        assert mine, key
        assert waiting(shown, reader_of(shown, person), at=AT, on=TODAY).pairs
        levels[key] = shown.scalar(select(func.max(Entry.level)))

    assert levels == {"f.mbaye": 1, "w.chen": 1, "y.almeida": 0, "d.papadakis": 0}


def test_each_sign_in_has_work_on_its_first_page(shown: Session, sees: Sees) -> None:
    found: dict[str, Any] = {}
    for key in ("j.moreau", "d.okonkwo", "p.lindqvist", "m.tanaka", "h.castellanos", "w.chen", "f.mbaye", "y.almeida"):
        person = sees(key)
        found[key] = waiting(shown, reader_of(shown, person), at=AT, on=TODAY)
    for key in (FRONT_OFFICE, "k.brandt"):
        person = sees(key)
        assert waiting(shown, reader_of(shown, person), at=AT, on=TODAY).open_total >= 40

    assert all(work.pairs for work in found.values())
    worst = {k: min(p.overlap.rank for p in w.pairs) for k, w in found.items()}
    assert worst["j.moreau"] == worst["h.castellanos"] == worst["w.chen"] == 0
    assert worst["f.mbaye"] == worst["y.almeida"] == 1
    assert all(len(work.pairs) <= 12 for work in found.values())
