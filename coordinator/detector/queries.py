"""What the detector knows of a pair that it is asked about, and what became of the flags it raised."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.db import read_as_system
from coordinator.detector.rules import WRONG, KindHealth, TopicUse, proposes_umbrella
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry, EntryTopic, State
from coordinator.entries.queries import Filters, listed, with_company, work_by_topic
from coordinator.exclusions import queries as exclusions
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.likeness.queries import views_of
from coordinator.likeness.rules import are_compared, likeness
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import as_text
from coordinator.overlaps.models import Closing, Dismissal, Hidden, Overlap, OverlapKind, OverlapState, Recheck, Severity
from coordinator.overlaps.rules import Facts, Finding, Floors, Signals, Text, Vocabulary, hidden_by, signals, weigh
from coordinator.stems import query_stems
from coordinator.topics.models import Topic
from coordinator.words.rules import phrases

# --- two entries -------------------------------------------------------------------------------------------------------

MOST_CHOICES = 8
_REF = re.compile(r"(?:^|/)([A-Za-z0-9_-]{22})(?:[/?#]\S*)?$")


def meant(session: Session, said: str) -> Sequence[Entry]:
    """Return the entries that somebody may mean by an address, a ref, a dossier's code, or words of its text; at most eight."""
    address = _REF.search(said)
    named = or_(Entry.ref == (address[1] if address else said), Entry.id.in_(select(Dossier.id).where(Dossier.code == said)))
    found = session.scalars(with_company().where(named).order_by(Entry.id)).all()
    if found or "/" in said or not query_stems(said):
        return found
    return listed(session, Filters(words=said), size=MOST_CHOICES)[0]


@dataclass(frozen=True)
class Pair:
    """All that the detector knows of two current entries, and what the rule says of them."""

    one: Facts
    other: Facts
    known: Vocabulary
    floors: Floors
    signals: Signals
    compared: bool
    """Whether their texts have enough in common to be compared."""
    finding: Finding | None
    """What the rule says, whatever is excluded."""
    hidden_by: tuple[int, ...]
    """The exclusions that hide it."""


def pair(session: Session, one: Entry, other: Entry) -> Pair | None:
    """Return what the detector knows of two entries that the reader sees, by its signals and rule; None if one is not current."""
    low, high = sorted((one.id, other.id))
    with read_as_system(session, "detector") as connection:
        known, floors = overlaps.vocabulary(connection), overlaps.floors()
        facts = overlaps.facts(connection, (low, high))
        if len(facts) < 2:
            return None
        known = overlaps.with_questions(connection, known, facts.values())
        bare = signals(facts[low], facts[high], known, Text())
        beside = bool(bare.topics or bare.related or bare.counterparts or bare.instruments or bare.forum_id is not None)
        views = views_of(connection, (low, high))
        compared, text = len(views) == 2 and are_compared(views[low], views[high], beside=beside), Text()
        if compared:
            said = overlaps.texts(connection, (low, high))
            like = likeness(views[low], views[high])
            text = as_text(like, phrases(*said[low][:2], *said[high][:2], said[low][2]))
    seen = signals(facts[low], facts[high], known, text)
    finding = weigh(seen, known, floors)
    return Pair(facts[low], facts[high], known, floors, seen, compared, finding, hidden_by(seen, finding) if finding else ())


def kept(session: Session, one: Entry, other: Entry) -> Overlap | None:
    """Return the row that is kept of a pair, current or not."""
    low, high = sorted((one.id, other.id))
    return session.scalars(select(Overlap).where(Overlap.low_id == low, Overlap.high_id == high)).one_or_none()


def left_out(session: Session, *unit_ids: int) -> Sequence[Exclusion]:
    """Return the phrases that are left out of the texts of some units, as far as the reader may see them."""
    holding = Exclusion.ended_at.is_(None), Exclusion.kind == ExclusionKind.PHRASE, Exclusion.unit_id.in_(unit_ids)
    return session.scalars(exclusions.with_company().where(*holding).order_by(Exclusion.id)).all()


def is_waiting(session: Session, one: Entry, other: Entry) -> bool:
    """Say whether one of two entries still waits to be looked at after a large change."""
    return bool(session.scalar(select(exists().where(Recheck.entry_id.in_([one.id, other.id])))))


# --- how it does -------------------------------------------------------------------------------------------------------------


def health(session: Session) -> list[KindHealth]:
    """Return what became of the flags of each kind, as far as the reader may see them, the strongest kind first."""
    rows = session.execute(
        select(
            Overlap.kind,
            func.count(),
            func.sum(case((Overlap.state == OverlapState.OPEN, 1), else_=0)),
            func.sum(case((Overlap.state == OverlapState.ACKNOWLEDGED, 1), else_=0)),
            func.sum(case((Overlap.state == OverlapState.LAPSED, 1), else_=0)),
            func.sum(case((Overlap.closed_as == Closing.SETTLE, 1), else_=0)),
        ).group_by(Overlap.kind)
    ).all()
    dismissed: defaultdict[OverlapKind, dict[Dismissal | None, int]] = defaultdict(dict)
    for kind, reason, number in session.execute(
        select(Overlap.kind, Overlap.dismissed_as, func.count())
        .where(Overlap.closed_as == Closing.DISMISS)
        .group_by(Overlap.kind, Overlap.dismissed_as)
    ):
        dismissed[kind][reason] = number
    found = {
        kind: KindHealth(kind, raised, still, acknowledged, settled, dismissed[kind], lapsed)
        for kind, raised, still, acknowledged, lapsed, settled in rows
    }
    return [found[kind] for kind in OverlapKind if kind in found]


def hidden_now(session: Session) -> dict[Severity, int]:
    """Return how many pairs exclusions hide, by how bad they are, as far as the reader may see both ends."""
    pairs = select(Hidden.low_id, Hidden.high_id, Hidden.severity).distinct().subquery()
    return dict(session.execute(select(pairs.c.severity, func.count()).group_by(pairs.c.severity)).all())


MOST_PROPOSED = 10
_topic = EntryTopic.__table__  # of an entry, or of an end, that is seen already: what hangs on it is seen with it


def umbrellas_proposed(session: Session) -> list[tuple[Topic, TopicUse]]:
    """Return the topics that might be umbrellas, from how they are used as far as the reader sees it, the widest first."""
    plain = (Topic.umbrella.is_(False), Topic.merged_into_id.is_(None))
    counted = session.execute(work_by_topic(*plain).join(Topic, Topic.id == _topic.c.topic_id))
    use = {topic_id: (units, entries) for topic_id, units, entries in counted}
    low, high = _topic.alias(), _topic.alias()
    wrong = case((Overlap.dismissed_as.in_(sorted(WRONG)), 1), else_=0)
    judged = (
        select(low.c.topic_id, func.count(), func.sum(wrong))
        .select_from(Overlap)
        .join(low, low.c.entry_id == Overlap.low_id)
        .join(high, and_(high.c.entry_id == Overlap.high_id, high.c.topic_id == low.c.topic_id))
        .where(or_(Overlap.closed_as == Closing.SETTLE, Overlap.dismissed_as.in_([*sorted(WRONG), Dismissal.COORDINATED])))
        .group_by(low.c.topic_id)
    )
    spoken = {topic_id: (number, wrong) for topic_id, number, wrong in session.execute(judged)}
    uses = [TopicUse(i, *counted, *spoken.get(i, (0, 0))) for i, counted in use.items()]
    chosen = [u for u in uses if proposes_umbrella(u, crowded=overlaps.CROWDED)]
    chosen = sorted(chosen, key=lambda u: (-u.units, -u.wrong, u.topic_id))[:MOST_PROPOSED]
    topics = {t.id: t for t in session.scalars(select(Topic).where(Topic.id.in_([u.topic_id for u in chosen])))}
    return [(topics[u.topic_id], u) for u in chosen]


# --- other settings ----------------------------------------------------------------------------------------------------------

MOST_PREVIEWED = 1000


def newest_released(session: Session) -> tuple[Sequence[int], int]:
    """Return the newest released entries that the reader sees, at most a thousand, and how many there are in all."""
    total = session.scalar(select(func.count(Entry.id)).where(Entry.state == State.RELEASED)) or 0
    found = select(Entry.id).where(Entry.state == State.RELEASED).order_by(Entry.id.desc()).limit(MOST_PREVIEWED)
    return session.scalars(found).all(), total


def entries_of(session: Session, ids: Iterable[int]) -> dict[int, Entry]:
    """Return some entries with their units, as far as the reader sees them."""
    found = select(Entry).where(Entry.id.in_(sorted(set(ids)))).options(joinedload(Entry.unit))
    return {entry.id: entry for entry in session.scalars(found)}
