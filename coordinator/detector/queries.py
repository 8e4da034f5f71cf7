"""What the detector knows of a pair that it is asked about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from coordinator.db import read_as_system
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry
from coordinator.entries.queries import Filters, listed, with_company
from coordinator.likeness.queries import views_of
from coordinator.likeness.rules import likeness
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import as_text
from coordinator.overlaps.models import Overlap, Recheck
from coordinator.overlaps.rules import Facts, Finding, Floors, Signals, Text, Vocabulary, judge, signals, texts_compared
from coordinator.passages.rules import are_near
from coordinator.stems import query_stems
from coordinator.words.rules import keywords, phrases

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


def pair(session: Session, one: Entry, other: Entry) -> Pair | None:
    """Return what the detector knows of two entries that the reader sees, by its signals and rule; None if one is not current."""
    low, high = sorted((one.id, other.id))
    with read_as_system(session, "detector") as connection:
        known, floors = overlaps.vocabulary(connection), overlaps.floors()
        facts = overlaps.facts(connection, (low, high))
        if len(facts) < 2:
            return None
        bare = signals(facts[low], facts[high], known, Text())
        beside = bool(bare.topics or bare.related or bare.counterparts or bare.instruments or bare.forum_id is not None)
        views = views_of(connection, (low, high))
        shared = len(set(keywords(views[low].words)) & set(keywords(views[high].words))) if len(views) == 2 else 0
        close = are_near(views[low].meaning, views[high].meaning) if len(views) == 2 else False
        compared, text = texts_compared(shared, near=close, beside_structure=beside), Text()
        if compared:
            said = overlaps.texts(connection, (low, high))
            like = likeness(views[low], views[high])
            text = as_text(like, phrases(*said[low][:2], *said[high][:2], said[low][2]))
    seen = signals(facts[low], facts[high], known, text)
    return Pair(facts[low], facts[high], known, floors, seen, compared, judge(seen, known, floors))


def kept(session: Session, one: Entry, other: Entry) -> Overlap | None:
    """Return the row that is kept of a pair, current or not."""
    low, high = sorted((one.id, other.id))
    return session.scalars(select(Overlap).where(Overlap.low_id == low, Overlap.high_id == high)).one_or_none()


def is_waiting(session: Session, one: Entry, other: Entry) -> bool:
    """Say whether one of two entries still waits to be looked at after a large change."""
    return bool(session.scalar(select(exists().where(Recheck.entry_id.in_([one.id, other.id])))))
