"""Finding overlaps, keeping them up to date, and what people do about them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from coordinator.db import (
    Change,
    Unscoped,
    bound_reader,
    new_ref,
    one_of,
    read_as_system,
)
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry
from coordinator.entries.rules import may_see
from coordinator.errors import Refused
from coordinator.exclusions.actions import exclude_pair
from coordinator.exclusions.models import Exclusion
from coordinator.exclusions.queries import phrases as phrases_of_units
from coordinator.exclusions.rules import ExclusionDraft, without
from coordinator.history.actions import next_number, record
from coordinator.likeness.actions import keep_texts, view_of
from coordinator.likeness.queries import views_of
from coordinator.likeness.rules import Among, Company, Likeness, told
from coordinator.overlaps import queries
from coordinator.overlaps.models import (
    FAR,
    Closing,
    Dismissal,
    Hidden,
    Outcome,
    Overlap,
    OverlapKind,
    OverlapState,
    Recheck,
    Severity,
    Side,
    Step,
)
from coordinator.overlaps.rules import (
    RANK,
    Closed,
    Facts,
    Finding,
    Floors,
    Lapsed,
    NotYourOverlap,
    SideFacts,
    StatementMissing,
    Text,
    Vocabulary,
    WhyDismiss,
    check_excludable,
    dismissal_needs_both,
    fingerprint,
    first_acknowledged,
    hidden_by,
    is_side,
    judge,
    may_act,
    sides_after,
    signals,
    state_of,
    weigh,
    what_changed,
    without_topic,
)
from coordinator.passages.queries import serving, sketched_about
from coordinator.people.models import Person, Role, Unit
from coordinator.people.queries import unit_readers
from coordinator.topics.actions import when_merged
from coordinator.topics.models import Topic
from coordinator.words.actions import text_digest
from coordinator.words.models import EntryWords
from coordinator.words.queries import Ids, holders_of
from coordinator.words.rules import keywords, phrases

_overlap, _side, _step, _hidden = Overlap.__table__, Side.__table__, Step.__table__, Hidden.__table__
Pair = tuple[int, int]
CHUNK = 500
MOST_IN_VIEW = 8000  # texts compared at a time, some nine kilobytes each

# --- finding -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A pair that touches: what is known of both ends, and what the rule says."""

    low: Facts
    high: Facts
    finding: Finding
    hidden: tuple[int, ...] = ()
    """The exclusions that hide it."""


@dataclass
class Standing:
    """A row that is kept of a pair."""

    row: Any
    acted: bool


@dataclass
class Plan:
    """What is to be written of one pair: its columns, who is asked, and the step for its record; `again` if it waits anew."""

    did: str
    id: int | None
    columns: dict[str, Any]
    asked: dict[int, bool]
    reset: bool = False
    again: bool = False
    detail: dict[str, Any] | None = None


def _paired(pairs: Iterable[Pair]) -> set[Pair]:
    return {(a, b) if a < b else (b, a) for a, b in pairs if a != b}


def find(
    connection: Connection, ids: Sequence[int], known: Vocabulary, floors: Floors, *, also: set[Pair], higher: bool
) -> dict[Pair, Found]:
    """Return all that the rule says of the pairs of some released entries; with `higher`, of those where they are the lower.

    `also` are pairs that are looked at whatever they share: those that somebody acted on, which stay as long as they touch.
    """
    structural = _paired(queries.structural_candidates(connection, ids, window_days=floors.window_days))
    if higher:
        own = set(ids)
        structural = {pair for pair in structural if pair[0] in own}
    alike = _alike(connection, _once(queries.textual_candidates(connection, ids, known, higher=higher), higher=higher), floors)
    structural |= also
    involved = {i for pair in structural | alike.keys() for i in pair}
    facts = queries.facts(connection, involved, _digests(connection, involved))
    known = queries.with_questions(connection, known, facts.values())
    structural = {(a, b) for a, b in structural if a in facts and b in facts and facts[a].unit_id != facts[b].unit_id}
    found: dict[Pair, Found] = {}
    for low, high in sorted(structural | alike.keys()):
        like = alike.get((low, high))
        seen = signals(facts[low], facts[high], known, as_text(like) if like else Text())
        finding = weigh(seen, known, floors)
        if finding is not None:
            found[low, high] = Found(facts[low], facts[high], finding, hidden_by(seen, finding))
    return _with_phrases(connection, found, alike, known, floors)


def _digests(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    words = EntryWords.__table__
    rows = connection.execute(select(words.c.entry_id, words.c.digest).where(one_of(words.c.entry_id, sorted(ids))))
    return {entry_id: digest for entry_id, digest in rows}


def as_text(like: Likeness, said: tuple[str, ...] = ()) -> Text:
    """Return what the rule takes of a likeness, and the phrases that carry it."""
    return Text(like.score, said, abroad=like.abroad, uneven=like.uneven)


def _once(candidates: Mapping[int, Ids], *, higher: bool) -> dict[int, Ids]:
    """Leave each pair to its lower end; where only the other one was asked about, to that, unless only `higher` ones are wanted."""
    own = np.array(sorted(candidates), dtype=np.int64)
    above = {i: others > i for i, others in candidates.items()}
    if not higher:
        above = {i: mask | ~np.isin(candidates[i], own) for i, mask in above.items()}
    return {i: others[above[i]] for i, others in candidates.items()}


def _alike(connection: Connection, candidates: Mapping[int, Ids], floors: Floors) -> dict[Pair, Likeness]:
    """Return the likeness of some entries to others of other units, of those pairs that reach the lower floor."""
    released, unit_of = queries.units_of(connection, {*candidates, *_all_of(candidates).tolist()})
    compared = {}
    for i, others in candidates.items():
        (own_place,), (is_released,) = _places(released, np.array([i]))
        if is_released:
            place, there = _places(released, others)
            compared[i] = others[there][unit_of[place[there]] != unit_of[own_place]]
    own, wanted, found = views_of(connection, compared), _all_of(compared), dict[Pair, Likeness]()
    for start in range(0, len(wanted), MOST_IN_VIEW):
        views = views_of(connection, wanted[start : start + MOST_IN_VIEW].tolist())
        if not views:
            continue
        in_view = np.array(sorted(views), dtype=np.int64)
        company = Company([views[i] for i in in_view.tolist()])
        for i, view in own.items():
            first, last = np.searchsorted(compared[i], (in_view[0], in_view[-1] + 1))
            place, there = _places(in_view, compared[i][first:last])
            some = place[there]
            for n, like in company.like(view, None if len(some) == len(in_view) else some, least=floors.least):
                other = int(in_view[n])
                found[min(i, other), max(i, other)] = like
    return found


def _all_of(candidates: Mapping[int, Ids]) -> Ids:
    return np.unique(np.concatenate([*candidates.values(), np.zeros(0, dtype=np.int64)]))


def _places(among: Ids, ids: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where some ids stand among others, in order, and which of them stand there at all."""
    place = np.minimum(np.searchsorted(among, ids), max(len(among) - 1, 0))
    return place, among[place] == ids if len(among) else np.zeros(len(ids), dtype=bool)


def _with_phrases(
    connection: Connection, found: dict[Pair, Found], alike: dict[Pair, Likeness], known: Vocabulary, floors: Floors
) -> dict[Pair, Found]:
    """Judge those pairs again in which text counts, with the phrases that carry the likeness."""
    counted = [pair for pair, f in found.items() if f.finding.inputs["texts"] is not None and f.finding.kind != OverlapKind.CONTACT]
    if not counted:
        return found
    said = queries.texts(connection, {i for pair in counted for i in pair})
    for pair in counted:
        (a_title, a_text, language), (b_title, b_text, _) = said[pair[0]], said[pair[1]]
        text = as_text(alike[pair], phrases(a_title, a_text, b_title, b_text, language))
        before = found[pair]
        finding = weigh(signals(before.low, before.high, known, text), known, floors)
        if finding is not None:
            found[pair] = replace(before, finding=finding)
    return found


@dataclass(frozen=True)
class Touch:
    """What a text that is not released yet would touch: the other entry, as its reader sees it, and what the rule says."""

    other: Entry
    finding: Finding


def would_touch(
    session: Session, content: dict[str, Any], *, unit_id: int, on: date, entry_id: int | None = None, most: int = 50
) -> list[Touch]:
    """Return what an entry of a unit with a version's content would touch on a day, the worst first; keeps nothing.

    What is excluded as a pair with the entry that is being revised is left out, as it is from what is kept.

    The same candidates, signals and rule as for what is kept, for entries that the session's reader may see: whatever else is a
    candidate is let go before it costs anything.
    """
    title, body, language = content.get("title", ""), content.get("text", ""), content.get("language", "en")
    with read_as_system(session, "detector") as connection:
        left_out = phrases_of_units(connection).get(unit_id, ())
    title, body = without(title, left_out), without(body, left_out)
    own_view = view_of(title, body, language)  # before all the rest is read: encoding takes its time
    reader = bound_reader(session)
    if reader is None:
        raise Unscoped
    with read_as_system(session, "detector") as connection:
        known, floors = queries.vocabulary(connection), queries.floors()
        own = queries.facts_of_content(
            connection, content, unit_id=unit_id, text_digest=text_digest(title, body), on=on, entry_id=entry_id
        )
        # of the edges only those of its own topics can join it to anything
        known = replace(known, related=frozenset(edge for edge in known.related if not own.topics.isdisjoint(edge)))
        holders, beside = holders_of(connection, keywords(own_view.words)), queries.beside_content(connection, own, known)
        kept_by = serving(connection)
        seen_as = (own_view.meaning, own_view.language) if own_view.meaning and own_view.meaning.encoder == kept_by else None
        among = Among(sketched_about(connection, kept_by, seen_as, told(holders, beside)), [*holders, beside])
        textual = set(among.compared_with(holders, beside, seen_as).tolist())
        others = queries.candidates_of(connection, own, window_days=floors.window_days) | textual
        others = queries.seen(connection, reader, others)
        facts = {i: f for i, f in queries.facts(connection, others, _digests(connection, others)).items() if f.unit_id != unit_id}
        known = queries.with_questions(connection, known, facts.values())
        kept = views_of(connection, textual & facts.keys())
        at = list(kept)
        alike = {at[n]: like for n, like in Company(list(kept.values())).like(own_view, least=floors.least)}
        said = queries.texts(connection, alike)
        found: dict[int, Finding] = {}
        for i, fact in facts.items():
            text = Text()
            if i in alike:
                text = as_text(alike[i], phrases(title, body, *said[i][:2], language))
            finding = judge(signals(own, fact, known, text), known, floors)
            # who merely is on the same topics is read off these; who answers the same question is told
            if finding is not None and (finding.kind != OverlapKind.CONTACT or finding.inputs["question"] is not None):
                found[i] = finding
    seen = session.scalars(
        select(Entry).where(Entry.id.in_(list(found))).options(joinedload(Entry.unit), joinedload(Entry.event))
    ).all()
    touches = [Touch(entry, found[entry.id]) for entry in seen]
    return sorted(touches, key=lambda t: (RANK[t.finding.severity], -t.finding.score, t.other.id))[:most]


# --- keeping up to date ------------------------------------------------------------------------------------------------


def follow(session: Session, change: Change, *, inline: int) -> None:
    """Bring the overlaps up to date with a change, before its commit; more than `inline` entries are left to the job."""
    if not change.touched or change.at is None:
        return
    session.flush()
    with read_as_system(session, "detector") as connection:
        ids = sorted(queries.entries_touched(connection, change.touched))
    now_, later = (ids, []) if len(ids) <= inline else (sorted(change.touched.get("entry", ())), ids)
    if later:
        known = set(session.scalars(select(Recheck.entry_id)))
        rows = [{"entry_id": i} for i in later if i not in known]
        if rows:
            session.execute(insert(Recheck), rows)
    bring_up_to_date(session, now_, at=change.at, names=bool(change.touched.keys() - {"entry", "compared"}))


UpToDate = Callable[[Connection, Sequence[int]], None]
_up_to_date: list[UpToDate] = []


def when_up_to_date(then: UpToDate) -> None:
    """Say what else is done, in the same transaction, when the pairs of some entries have been brought up to date."""
    _up_to_date.append(then)


def bring_up_to_date(session: Session, ids: Sequence[int], *, at: datetime, names: bool = False) -> int:
    """Find again all overlaps of some entries and keep what differs; return how many rows changed."""
    if not ids:
        return 0
    if names:
        entries.index(session, ids)
    keep_texts(session, ids)
    changed = 0
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        with read_as_system(session, "detector") as connection:
            known, floors = queries.vocabulary(connection), queries.floors()
            standing = standing_where(connection, or_(_overlap.c.low_id.in_(some), _overlap.c.high_id.in_(some)))
            found = find(connection, some, known, floors, also=_acted(standing), higher=False)
            changed += _keep(session, connection, found, standing, at=at)
            changed += keep_hidden(connection, found, or_(_hidden.c.low_id.in_(some), _hidden.c.high_id.in_(some)))
            for then in _up_to_date:
                then(connection, some)
    return changed


def catch_up(session: Session, *, at: datetime, most: int = CHUNK) -> int:
    """Bring up to date some of the entries that a large change left to the job; return how many. Needs a transaction."""
    ids = list(session.scalars(select(Recheck.entry_id).order_by(Recheck.entry_id).limit(most)))
    bring_up_to_date(session, ids, at=at, names=True)
    session.execute(delete(Recheck).where(Recheck.entry_id.in_(ids)))
    return len(ids)


def look_at(
    connection: Connection, *, after: int, size: int, floors: Floors | None = None
) -> tuple[int | None, dict[Pair, Found], dict[Pair, Standing]]:
    """Return what is found and what is kept of the pairs whose lower end is one of the next entries, and the last of these."""
    ids = queries.released_ids(connection, after=after, most=size)
    last = ids[-1] if len(ids) == size else None
    upper = _overlap.c.low_id <= last if last is not None else true()
    known, floors = queries.vocabulary(connection), floors or queries.floors()
    # rows whose lower end is no longer released fall into the range too, and lapse
    standing = standing_where(connection, and_(_overlap.c.low_id > after, upper))
    found = find(connection, ids, known, floors, also=_acted(standing), higher=True) if ids else {}
    return last, found, standing


Flag = tuple[OverlapKind, Severity]
Moves = dict[Pair, tuple[Flag | None, Flag | None]]
"""What other settings would make of some pairs: what each is flagged as now, and what it would be."""


def preview(session: Session, floors: Floors, *, after: int, size: int = CHUNK) -> tuple[Moves, int | None]:
    """Return what other settings would change of the pairs whose lower end is one of the next entries, and the last of these.

    Changes nothing. What stays as it is comes along, so that it can be counted.
    """
    with read_as_system(session, "detector") as connection:
        last, found, standing = look_at(connection, after=after, size=size, floors=floors)
    return _moves(found, standing), last


def preview_among(session: Session, ids: Sequence[int], floors: Floors) -> Moves:
    """Return what other settings would change of the pairs among some released entries; changes nothing."""
    among, moves = set(ids), Moves()
    with read_as_system(session, "detector") as connection:
        known = queries.vocabulary(connection)
        for some in _chunks(sorted(among)):
            standing = standing_where(connection, or_(_overlap.c.low_id.in_(some), _overlap.c.high_id.in_(some)))
            found = find(connection, some, known, floors, also=_acted(standing), higher=False)
            moves |= _moves(found, standing)
    return {pair: move for pair, move in moves.items() if among.issuperset(pair)}


def _moves(found: dict[Pair, Found], standing: dict[Pair, Standing]) -> Moves:
    now = {pair: (s.row.kind, s.row.severity) for pair, s in standing.items() if s.row.current}
    then = {pair: (f.finding.kind, f.finding.severity) for pair, f in _stored(found, standing).items()}
    return {pair: (now.get(pair), then.get(pair)) for pair in sorted(now.keys() | then.keys())}


def _stored(found: dict[Pair, Found], standing: dict[Pair, Standing]) -> dict[Pair, Found]:
    """Return what of all that was found is kept: nothing that is excluded, and contacts that somebody acted on."""
    return {
        pair: f
        for pair, f in found.items()
        if not f.hidden and (f.finding.kind != OverlapKind.CONTACT or (pair in standing and standing[pair].acted))
    }


def standing_where(connection: Connection, where: Any) -> dict[Pair, Standing]:
    """Return the rows that are kept of some pairs, each with whether somebody acted on it."""
    acted = exists().where(_step.c.overlap_id == _overlap.c.id, _step.c.person_id.is_not(None))
    rows = connection.execute(select(_overlap, acted.label("acted")).where(where))
    return {(r.low_id, r.high_id): Standing(r, bool(r.acted)) for r in rows}


def _acted(standing: dict[Pair, Standing]) -> set[Pair]:
    return {pair for pair, s in standing.items() if s.acted}


def _keep(
    session: Session, connection: Connection, found: dict[Pair, Found], standing: dict[Pair, Standing], *, at: datetime
) -> int:
    """Write what differs between what was found and what is kept, and record it as one event."""
    return keep_all(session, connection, [(found, standing)], at=at)


def keep_all(
    session: Session, connection: Connection, parts: Iterable[tuple[dict[Pair, Found], dict[Pair, Standing]]], *, at: datetime
) -> int:
    """Write what differs in several parts, and record all of it as one event."""
    counts: defaultdict[str, int] = defaultdict(int)
    number = next_number(session)
    for found, standing in parts:
        plans = [plan for _, plan in plans_for(session, connection, found, standing)]
        for plan in plans:
            counts[plan.did] += 1
        _write(connection, plans, number=number, at=at)
    if counts:
        record(session, "overlaps.updated", subject=("overlaps", 0), by=None, at=at, said=dict(counts))
        session.flush()
    return sum(counts.values())


HiddenRows = dict[tuple[int, int, int], tuple[OverlapKind, Severity]]


def hidden_rows(connection: Connection, found: dict[Pair, Found], where: Any) -> tuple[HiddenRows, HiddenRows]:
    """Return which pairs are kept as hidden by which exclusion, and which of those found are to be."""
    known: HiddenRows = {
        (row.exclusion_id, row.low_id, row.high_id): (row.kind, row.severity)
        for row in connection.execute(select(_hidden).where(where))
    }
    wanted: HiddenRows = {
        (exclusion_id, *pair): (f.finding.kind, f.finding.severity)
        for pair, f in found.items()
        for exclusion_id in f.hidden
        if f.finding.kind != OverlapKind.CONTACT
    }
    return known, wanted


def keep_hidden(connection: Connection, found: dict[Pair, Found], where: Any, *, among: Collection[Pair] | None = None) -> int:
    """Keep which pairs exclusions hide, among those looked at; return how many rows changed."""
    known, wanted = hidden_rows(connection, found, where)
    if among is not None:
        known = {key: said for key, said in known.items() if key[1:] in among}
    gone = sorted(key for key, said in known.items() if wanted.get(key) != said)
    fresh = sorted(key for key, said in wanted.items() if known.get(key) != said)
    for exclusion_id, low, high in gone:
        same = (_hidden.c.exclusion_id == exclusion_id, _hidden.c.low_id == low, _hidden.c.high_id == high)
        connection.execute(delete(Hidden).where(*same))
    if fresh:
        names = ("exclusion_id", "low_id", "high_id", "kind", "severity")
        connection.execute(insert(Hidden), [dict(zip(names, (*key, *wanted[key]), strict=True)) for key in fresh])
    return len(set(gone) | set(fresh))


def plans_for(
    session: Session, connection: Connection, found: dict[Pair, Found], standing: dict[Pair, Standing]
) -> list[tuple[Pair, Plan]]:
    """Return what has to be written so that what is kept is what was found."""
    stored = _stored(found, standing)
    asked = _asked(session, connection, stored)
    sides = _sides(connection, [s.row.id for s in standing.values()])
    return [
        (pair, plan)
        for pair in sorted(stored.keys() | standing.keys())
        if (plan := _plan(stored.get(pair), standing.get(pair), asked.get(pair, {}), sides)) is not None
    ]


def _plan(new: Found | None, old: Standing | None, asked: dict[int, bool], sides: dict[int, dict[int, SideFacts]]) -> Plan | None:
    if new is None:
        if old is None or not old.row.current:
            return None
        return Plan("lapsed", old.row.id, {"current": False, "state": OverlapState.LAPSED}, {})
    columns = _columns(new)
    if old is None:
        state = state_of(current=True, closed_as=None, sides=[SideFacts(u, a) for u, a in asked.items()])
        ends = {"low_id": new.low.id, "high_id": new.high.id, "settings": new.finding.settings}
        return Plan("raised", None, columns | ends | {"current": True, "state": state}, asked, detail=_by(new))
    row = old.row
    known = sides.get(row.id, {})
    reopened = row.fingerprint != columns["fingerprint"]
    closed_as = None if reopened else row.closed_as
    after = [SideFacts(u, a, known[u].acknowledged_at if u in known and not reopened else None) for u, a in asked.items()]
    state = state_of(current=True, closed_as=closed_as, sides=after)
    columns |= {"current": True, "state": state, "acknowledged_at": first_acknowledged(after)}
    if reopened:
        columns |= {
            "closed_as": None,
            "closed_at": None,
            "dismissed_as": None,
            "outcome": None,
            "statement": "",
            "look_again_on": None,
            "lead_unit_id": None,
        }
    same_sides = {u: s.asked for u, s in known.items()} == asked
    if same_sides and all(_same(getattr(row, k), v) for k, v in columns.items()):
        return None
    columns["settings"] = new.finding.settings  # only with something else: other settings that say the same are no change
    if reopened:
        did = "reopened" if old.acted else "changed"
        detail = {"before": row.inputs, "after": columns["inputs"], "what": what_changed(row.inputs, columns["inputs"]), **_by(new)}
        return Plan(did, row.id, columns, asked, reset=True, again=True, detail=detail)
    again = not row.current and row.closed_as is None
    return Plan("returned" if not row.current else "updated", row.id, columns, asked, again=again, detail=_by(new))


def _by(new: Found) -> dict[str, Any]:
    return {"settings": new.finding.settings}


def _same(kept: Any, new: Any) -> bool:
    return bool(abs(kept - new) < 1e-9) if isinstance(new, float) else bool(kept == new)


def _columns(found: Found) -> dict[str, Any]:
    finding = found.finding
    return {
        "low_unit_id": found.low.unit_id,
        "high_unit_id": found.high.unit_id,
        "kind": finding.kind,
        "severity": finding.severity,
        "rank": RANK[finding.severity],
        "near_on": min((*found.low.dates, *found.high.dates), default=FAR),
        "score": finding.score,
        "reasons": list(finding.reasons),
        "inputs": finding.inputs,
        "fingerprint": finding.fingerprint,
    }


def _asked(session: Session, connection: Connection, found: dict[Pair, Found]) -> dict[Pair, dict[int, bool]]:
    """Return for each pair which of its two units can see both ends: those are asked about it."""
    if not found:
        return {}
    readers = unit_readers(session, {u for f in found.values() for u in (f.low.unit_id, f.high.unit_id)})
    audiences = queries.audiences(connection, {i for pair in found for i in pair})

    def sees_both(unit_id: int, pair: Pair) -> bool:
        return all(may_see(readers[unit_id], level=audiences[i][0], audience=audiences[i][1]) for i in pair)

    return {pair: {u: sees_both(u, pair) for u in sorted({f.low.unit_id, f.high.unit_id})} for pair, f in found.items()}


def _sides(connection: Connection, ids: Sequence[int]) -> dict[int, dict[int, SideFacts]]:
    found: defaultdict[int, dict[int, SideFacts]] = defaultdict(dict)
    for start in range(0, len(ids), 5000):
        for row in connection.execute(select(_side).where(_side.c.overlap_id.in_(ids[start : start + 5000]))):
            found[row.overlap_id][row.unit_id] = SideFacts(row.unit_id, row.asked, row.acknowledged_at, row.closing)
    return found


def _write(connection: Connection, plans: Sequence[Plan], *, number: int, at: datetime) -> None:
    """Write plans, all that is alike at once: a change of the settings moves every pair that there is."""
    fresh, steps = [p for p in plans if p.id is None], []
    alike: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for plan in plans:
        if plan.id is None:
            continue
        columns = plan.columns | {"changed_at": at, "changed_number": number} | ({"reopened_at": at} if plan.again else {})
        alike[frozenset(columns)].append(columns | {"of_id": plan.id})
        if plan.did != "updated":
            steps.append(_step_row(plan.id, plan.did, number, at, plan.detail))
    for rows in alike.values():
        connection.execute(update(Overlap).where(_overlap.c.id == bindparam("of_id")), rows)
    for some in _chunks([p.id for p in plans if p.id is not None and p.reset]):
        connection.execute(
            update(Side)
            .where(_side.c.overlap_id.in_(some))
            .values(
                acknowledged_at=None,
                acknowledged_by_id=None,
                closing=None,
                closing_at=None,
                closing_by_id=None,
                closing_why="",
                dismissal=None,
            )
        )
    _write_sides(connection, {p.id: p.asked for p in plans if p.id is not None and p.asked})
    if fresh:
        _write_fresh(connection, fresh, steps, number=number, at=at)
    if steps:
        connection.execute(insert(Step), steps)


def _write_fresh(connection: Connection, fresh: list[Plan], steps: list[dict[str, Any]], *, number: int, at: datetime) -> None:
    sights = queries.sights(connection, {p.columns[end] for p in fresh for end in ("low_id", "high_id")})
    written = {"found_at": at, "changed_at": at, "changed_number": number, "statement": ""}
    rows = [p.columns | _seen_by(p.columns, sights) | {"ref": new_ref()} | written for p in fresh]
    connection.execute(insert(Overlap), rows)
    refs = [r["ref"] for r in rows]
    ids: dict[str, int] = {}
    for start in range(0, len(refs), 5000):
        found = connection.execute(select(_overlap.c.ref, _overlap.c.id).where(_overlap.c.ref.in_(refs[start : start + 5000])))
        ids |= {ref: i for ref, i in found}
    sides = [
        {"overlap_id": ids[r["ref"]], "unit_id": u, "asked": a, "closing_why": ""}
        for r, p in zip(rows, fresh, strict=True)
        for u, a in p.asked.items()
    ]
    connection.execute(insert(Side), sides)
    steps += [_step_row(ids[r["ref"]], "raised", number, at, p.detail) for r, p in zip(rows, fresh, strict=True)]


def _seen_by(columns: Mapping[str, Any], sights: Mapping[int, tuple[int, int]]) -> dict[str, int]:
    """Return what a pair keeps of its ends to tell who may see it; the database keeps it equal to theirs from here on."""
    (low_level, low_audience), (high_level, high_audience) = (sights[columns[end]] for end in ("low_id", "high_id"))
    return {
        "low_level": low_level,
        "low_audience_id": low_audience,
        "high_level": high_level,
        "high_audience_id": high_audience,
    }


def _write_sides(connection: Connection, asked: Mapping[int, Mapping[int, bool]]) -> None:
    """Keep who is asked about some overlaps, and what the units that stay have done about them."""
    known = {(i, u): side.asked for i, sides in _sides(connection, sorted(asked)).items() for u, side in sides.items()}
    wanted = {(i, u): is_asked for i, units in asked.items() for u, is_asked in units.items()}
    for i, u in sorted(known.keys() - wanted.keys()):
        connection.execute(delete(Side).where(_side.c.overlap_id == i, _side.c.unit_id == u))
    other = [{"of_id": i, "of_unit": u, "asked": a} for (i, u), a in wanted.items() if known.get((i, u), a) != a]
    if other:
        of_unit = and_(_side.c.overlap_id == bindparam("of_id"), _side.c.unit_id == bindparam("of_unit"))
        connection.execute(update(Side).where(of_unit), other)
    fresh = [{"overlap_id": i, "unit_id": u, "asked": a, "closing_why": ""} for (i, u), a in wanted.items() if (i, u) not in known]
    if fresh:
        connection.execute(insert(Side), fresh)


def _step_row(overlap_id: int, did: str, number: int, at: datetime, detail: dict[str, Any] | None) -> dict[str, Any]:
    return {"overlap_id": overlap_id, "did": did, "number": number, "at": at, "said": "", "detail": detail or {}}


# --- units that are merged or split ------------------------------------------------------------------------------------


def move_sides(
    session: Session, connection: Connection, moved: Mapping[int, int], *, names: Mapping[int, str], at: datetime
) -> None:
    """Let what units did about overlaps stand for the units that their entries move to: entry → unit; needs a transaction.

    Acknowledgements, proposals and settlements go along. A pair that comes to lie within one unit is left as it is: it lapses.
    """
    ids, rows = sorted(moved), list[Any]()
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        rows += connection.execute(
            select(
                _overlap.c.id,
                _overlap.c.low_id,
                _overlap.c.high_id,
                _overlap.c.low_unit_id,
                _overlap.c.high_unit_id,
                _overlap.c.lead_unit_id,
            ).where(or_(_overlap.c.low_id.in_(some), _overlap.c.high_id.in_(some)))
        ).all()
    after = {
        row.id: (row, now)
        for row in rows
        if (now := sides_after((row.low_unit_id, row.high_unit_id), (row.low_id, row.high_id), moved)) is not None
    }
    if not after:
        return
    number = record(session, "overlaps.moved", subject=("overlaps", 0), by=None, at=at, said={"moved": len(after)})
    session.flush()
    steps: list[dict[str, Any]] = []
    for overlap_id, (row, now) in sorted(after.items()):
        to = dict(zip((row.low_unit_id, row.high_unit_id), now, strict=True))
        kept = [dict(side._mapping) for side in connection.execute(select(_side).where(_side.c.overlap_id == overlap_id))]
        connection.execute(delete(Side).where(_side.c.overlap_id == overlap_id))
        connection.execute(insert(Side), [side | {"unit_id": to[side["unit_id"]]} for side in kept])
        columns = {"low_unit_id": now[0], "high_unit_id": now[1], "changed_at": at, "changed_number": number}
        lead = to.get(row.lead_unit_id, row.lead_unit_id)
        connection.execute(update(Overlap).where(_overlap.c.id == overlap_id), columns | {"lead_unit_id": lead})
        for old, new in to.items():
            if old != new:
                steps.append(_step_row(overlap_id, "moved", number, at, {"from": names[old], "to": names[new]}))
    connection.execute(insert(Step), steps)


# --- what people do ----------------------------------------------------------------------------------------------------


def acknowledge(session: Session, overlap: Overlap, *, by: Person, at: datetime) -> None:
    """Say for one's own unit that the overlap is known; when every unit that is asked has, it is acknowledged."""
    side = _own_side(session, overlap, by)
    if side is None:
        raise NotYourOverlap
    _still_open(overlap)
    if side.acknowledged_at is not None:
        return
    side.acknowledged_at, side.acknowledged_by_id = at, by.id
    _settle_state(session, overlap)
    _act(session, overlap, "acknowledged", by=by, at=at)


def dismiss(session: Session, overlap: Overlap, *, why: str, reason: Dismissal = Dismissal.OTHER, by: Person, at: datetime) -> None:
    """Say that it is nothing, and why, in a word and in a sentence.

    High and critical ones close when both units say so, or a coordinator does.
    """
    if not why.strip():
        raise WhyDismiss
    alone = Role.COORDINATOR in by.roles or not dismissal_needs_both(overlap.severity)
    _close(session, overlap, Closing.DISMISS, alone=alone, why=why.strip(), reason=reason, by=by, at=at)


def settle(
    session: Session,
    overlap: Overlap,
    *,
    statement: str,
    outcome: Outcome,
    lead: Unit | None = None,
    look_again_on: date | None = None,
    by: Person,
    at: datetime,
) -> None:
    """Write down what was agreed. It closes when the other unit agrees to the same words, or when a coordinator says so."""
    if not statement.strip():
        raise StatementMissing
    overlap_sides = _sides_of(session, overlap)
    _still_open(overlap)
    if overlap.statement != statement.strip() or overlap.outcome != outcome:
        for side in overlap_sides:  # other words: whoever agreed to the old ones has not agreed to these
            if side.closing is Closing.SETTLE:
                side.closing = None
        overlap.statement, overlap.outcome = statement.strip(), outcome
    overlap.lead_unit_id, overlap.look_again_on = lead.id if lead else None, look_again_on
    session.flush()  # the row is read again before it is closed
    _close(session, overlap, Closing.SETTLE, alone=Role.COORDINATOR in by.roles, why=statement.strip(), by=by, at=at)


def agree(session: Session, overlap: Overlap, *, by: Person, at: datetime) -> None:
    """Agree for one's own unit to what the other one would close the overlap with."""
    own = _own_side(session, overlap, by)
    if own is None:
        raise NotYourOverlap
    offered = next((s for s in _sides_of(session, overlap) if s.unit_id != own.unit_id and s.closing), None)
    if offered is None or offered.closing is None:
        raise NotYourOverlap("There is nothing on the table to agree to.")
    _close(session, overlap, offered.closing, alone=False, why=offered.closing_why, reason=offered.dismissal, by=by, at=at)


def reopen(session: Session, overlap: Overlap, *, why: str, by: Person, at: datetime) -> None:
    """Take a closed overlap up again, with a reason."""
    if not (is_side(by, overlap) or Role.COORDINATOR in by.roles):
        raise NotYourOverlap
    if not overlap.current:
        raise Lapsed
    if not why.strip():
        raise WhyDismiss("Say why it is taken up again.", field="why")
    overlap.closed_as, overlap.closed_at, overlap.dismissed_as, overlap.reopened_at = None, None, None, at
    for side in _sides_of(session, overlap):
        side.closing, side.closing_at, side.closing_by_id, side.closing_why = None, None, None, ""
        side.dismissal = None
    _settle_state(session, overlap)
    _act(session, overlap, "reopened", by=by, at=at, said=why.strip())


def take_up(session: Session, low: Any, high: Any, *, by: Person, at: datetime) -> Overlap:
    """Make a row of a contact, because somebody acts on it; the two entries are seen by whoever does."""
    pair = (min(low.id, high.id), max(low.id, high.id))
    known = session.scalars(select(Overlap).where(Overlap.low_id == pair[0], Overlap.high_id == pair[1])).one_or_none()
    if known is not None and known.current:
        return known
    with read_as_system(session, "detector") as connection:
        vocabulary, floors = queries.vocabulary(connection), queries.floors()
        facts = queries.facts(connection, pair, _digests(connection, pair))
        vocabulary = queries.with_questions(connection, vocabulary, facts.values())
        finding = (
            judge(signals(facts[pair[0]], facts[pair[1]], vocabulary, Text()), vocabulary, floors) if len(facts) == 2 else None
        )
        if finding is None or finding.kind != OverlapKind.CONTACT:
            raise Lapsed
        found = {pair: Found(facts[pair[0]], facts[pair[1]], finding)}
        standing = standing_where(connection, and_(_overlap.c.low_id == pair[0], _overlap.c.high_id == pair[1]))
        sides = _sides(connection, [s.row.id for s in standing.values()])
        plan = _plan(found[pair], standing.get(pair), _asked(session, connection, found)[pair], sides)
        if plan is not None:
            number = record(session, "overlaps.updated", subject=("overlaps", 0), by=None, at=at, said={"taken_up": 1})
            session.flush()
            _write(connection, [plan], number=number, at=at)
    overlap = session.scalars(
        select(Overlap).where(Overlap.low_id == pair[0], Overlap.high_id == pair[1]).execution_options(populate_existing=True)
    ).one()
    _act(session, overlap, "taken_up", by=by, at=at)
    return overlap


def exclude(session: Session, overlap: Overlap, draft: ExclusionDraft, *, by: Person, at: datetime, on: date) -> Exclusion:
    """Exclude a pair until a day: it is flagged no longer, unless it becomes critical. The overlap comes with both ends.

    Raises NotYourOverlap, Lapsed, CriticalStands, ExcludesBoth and what exclusions refuse.
    """
    session.refresh(overlap, [c.key for c in Overlap.__mapper__.column_attrs])
    if not may_act(by, overlap):
        raise NotYourOverlap
    if not overlap.current:
        raise Lapsed
    check_excludable(by, overlap)
    made = exclude_pair(session, overlap.low, overlap.high, draft, by=by, at=at, on=on)
    _act(session, overlap, "excluded", by=by, at=at, said=made.reason)
    return made


def _close(
    session: Session,
    overlap: Overlap,
    closing: Closing,
    *,
    alone: bool,
    why: str,
    reason: Dismissal | None = None,
    by: Person,
    at: datetime,
) -> None:
    _still_open(overlap)
    own = _own_side(session, overlap, by)
    if own is None and Role.COORDINATOR not in by.roles:
        raise NotYourOverlap
    if own is not None:
        own.closing, own.closing_at, own.closing_by_id, own.closing_why = closing, at, by.id, why
        own.dismissal = reason
        if own.acknowledged_at is None:
            own.acknowledged_at, own.acknowledged_by_id = at, by.id
    asked = [s for s in _sides_of(session, overlap) if s.asked]
    if alone or (asked and all(s.closing is closing for s in asked)):
        overlap.closed_as, overlap.closed_at, overlap.dismissed_as = closing, at, reason
        done = "settled" if closing is Closing.SETTLE else "dismissed"
    else:
        done = "proposed_settling" if closing is Closing.SETTLE else "proposed_dismissing"
    _settle_state(session, overlap)
    _act(session, overlap, done, by=by, at=at, said=why)


def _sides_of(session: Session, overlap: Overlap) -> Sequence[Side]:
    return session.scalars(select(Side).where(Side.overlap_id == overlap.id).order_by(Side.unit_id)).all()


def _own_side(session: Session, overlap: Overlap, by: Person) -> Side | None:
    session.refresh(overlap, [c.key for c in Overlap.__mapper__.column_attrs])
    if not is_side(by, overlap):
        return None
    return next((s for s in _sides_of(session, overlap) if s.unit_id == by.unit_id and s.asked), None)


def _still_open(overlap: Overlap) -> None:
    if not overlap.current:
        raise Lapsed
    if overlap.closed_as is not None:
        raise Closed


def _settle_state(session: Session, overlap: Overlap) -> None:
    sides = [SideFacts(s.unit_id, s.asked, s.acknowledged_at, s.closing) for s in _sides_of(session, overlap)]
    overlap.state = state_of(current=overlap.current, closed_as=overlap.closed_as, sides=sides)
    overlap.acknowledged_at = first_acknowledged(sides)


def _act(session: Session, overlap: Overlap, did: str, *, by: Person, at: datetime, said: str = "") -> None:
    number = record(session, f"overlap.{did}", subject=("overlap", overlap.id), by=by, at=at)
    overlap.changed_at, overlap.changed_number = at, number
    session.add(
        Step(
            overlap_id=overlap.id,
            number=number,
            at=at,
            did=did,
            person_id=by.id,
            unit_id=by.unit_id,
            said=said,
            detail={},
        )
    )


class NoCommonTopic(Refused):
    """Choose one of the topics that one side has and the other has not."""

    field = "topic"


def confirm(session: Session, overlap: Overlap, topic: Topic, *, by: Person, at: datetime) -> None:
    """Say that two texts are about one topic: it is put on one's own entry, or proposed for the other unit's.

    The overlap comes with both ends and their topics. Raises NoCommonTopic if the topic is on neither end, or on both.
    """
    own = _own_side(session, overlap, by)
    if own is None:
        raise NotYourOverlap
    _still_open(overlap)
    mine, theirs = (overlap.low, overlap.high) if by.unit_id == overlap.low_unit_id else (overlap.high, overlap.low)
    on_mine, on_theirs = topic.id in {t.id for t in mine.topics}, topic.id in {t.id for t in theirs.topics}
    if on_mine == on_theirs:
        raise NoCommonTopic
    if own.acknowledged_at is None:
        own.acknowledged_at, own.acknowledged_by_id = at, by.id
        _settle_state(session, overlap)
    _act(session, overlap, "confirmed", by=by, at=at, said=topic.name)
    if on_theirs:
        entries.add_topic(session, mine, topic, by=by, at=at)
    else:
        entries.propose_topic(session, theirs, topic, unit=by.unit, by=by, at=at)


# --- when the shared list changes --------------------------------------------------------------------------------------


def _follow_topic(session: Session, gone: Topic, into: Topic, at: datetime) -> None:
    """Let what was decided about the pairs on a merged topic stand: that two names are one subject is no news to them.

    What a decision rests on is written anew as it reads after the merge, so that the look which follows finds it unchanged.
    Where the merge makes a pair worse than it was when the units decided, it is left to that look to take it up again.
    """
    session.flush()
    with read_as_system(session, "detector") as connection:
        ids = queries.entries_touched(connection, {"topic": {into.id}})
        known, floors = queries.vocabulary(connection), queries.floors()
        for some in _chunks(sorted(ids)):
            kept = connection.execute(select(_overlap).where(or_(_overlap.c.low_id.in_(some), _overlap.c.high_id.in_(some)))).all()
            facts = queries.facts(connection, {i for row in kept for i in (row.low_id, row.high_id)})
            known = queries.with_questions(connection, known, facts.values())
            for row in kept:
                inputs = without_topic(row.inputs, gone.id, into.id)
                if row.low_id in facts and row.high_id in facts:
                    after = signals(facts[row.low_id], facts[row.high_id], known, Text())
                    finding = weigh(after, known, floors)
                    if finding is not None and RANK[finding.severity] >= row.rank:
                        inputs |= {"topics": list(after.topics), "related": [list(edge) for edge in after.related]}
                if inputs != row.inputs:
                    connection.execute(
                        update(Overlap).where(_overlap.c.id == row.id), {"inputs": inputs, "fingerprint": fingerprint(inputs)}
                    )


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


when_merged(_follow_topic)
