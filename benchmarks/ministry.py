"""A large ministry made of nothing: the same every time, built by plain inserts because nobody wants to wait for its history."""

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, insert, select, text, update

from coordinator.calendar.models import Counterpart, CounterpartKind, Event, Forum, Question
from coordinator.db import Base, db, new_ref
from coordinator.demo.rules import read
from coordinator.dossiers.models import DossierType, Milestone
from coordinator.entries.actions import index
from coordinator.entries.models import Audience, AudienceToken, Entry, EntryCounterpart, EntryTopic, EntryVersion, Kind, State
from coordinator.gaps.models import Asked, GapKind, Known
from coordinator.gaps.rules import SAY, key_of, rests_on
from coordinator.overlaps.models import Closing, Overlap, OverlapState, Side, Step
from coordinator.people.models import Circle, Duty, Organisation, Person, Role, Unit
from coordinator.positions.models import Stance
from coordinator.topics.models import Broader, Equity, Related, Stake, Topic, TopicName
from coordinator.topics.rules import WEIGHT
from coordinator.words.actions import keep_words
from coordinator.words.rules import _word_list

UNITS, TOPICS, FORUMS, EVENTS, COUNTERPARTS = 500, 300, 60, 150, 120
BUREAUS = 40
AGENCIES, FIRMS = range(BUREAUS + 1, BUREAUS + 16), range(BUREAUS + 16, BUREAUS + 21)  # units outside the ministry
SEED = 11
CHUNK = 1000
STANCES = [Stance.SUPPORT] * 5 + [Stance.CONDITIONS] * 3 + [Stance.NO_POSITION] * 2 + [Stance.OPPOSE] * 2 + [Stance.RED_LINE]


class Words:
    """Draws texts of 60 to 200 words: three words in five common ones, the others telling, some of them a topic's own.

    The telling words are those of the product's own word list, so that they are as rare as words are. Every fourth text takes
    over half of the last one on its topic: work that is done twice.
    """

    def __init__(self, chance: random.Random) -> None:
        said = read()[0]["entry"]
        counted = Counter(w for e in said if e["language"] == "en" for w in re.findall(r"[a-z]{2,}", e["text"].lower()))
        self.common = [w for w, _ in counted.most_common(250)]
        self.weights = [n for _, n in counted.most_common(250)]
        known = _word_list()
        listed = sorted((w for w in known if w.isascii() and w.isalpha() and len(w) > 3), key=lambda w: (-known[w], w))
        self.telling = listed[1_500:16_500]
        self.chance = chance
        self.last: dict[int, list[str]] = {}
        self.of_topic = [chance.sample(self.telling, 250) for _ in range(TOPICS)]

    def draw(self, topics: Sequence[int]) -> str:
        """Return a text on some topics."""
        own = [w for t in topics for w in self.of_topic[t]]
        words = self.chance.choices(self.common, self.weights, k=self.chance.randint(60, 200))
        for n in range(len(words)):
            if self.chance.random() < 0.4:
                words[n] = self.chance.choice(own if self.chance.random() < 0.4 else self.telling)
        if (before := self.last.get(topics[0])) and self.chance.random() < 0.25:
            words[: len(before) // 2] = before[: len(before) // 2]
        self.last[topics[0]] = words
        return " ".join(words)


class Drawn(Protocol):
    """What gives each entry its text."""

    of_topic: list[list[str]]

    def draw(self, topics: Sequence[int]) -> str:
        """Return a text on some topics."""


def build(entries: int, *, today: date, texts: Drawn | None = None) -> None:
    """Fill an empty, migrated register: 500 units, 300 topics, 60 forums, and so many released entries with texts and words.

    Whoever brings the texts keeps what they are compared by, and does without full-text search.
    """
    chance = random.Random(SEED)
    at = datetime.combine(today, datetime.min.time(), UTC)
    with db.engine.connect() as connection:
        connection = connection.execution_options(begin="IMMEDIATE", migration=True)
        with connection.begin():
            _lists(connection, chance, today=today, at=at, entries=entries)
            _entries(connection, chance, texts or Words(chance), today=today, at=at, entries=entries)
            _asked(connection, at=at)
            if connection.dialect.name == "postgresql":
                _count_on(connection)
    session = db.session()
    for start in range(1, entries + 1 if texts is None else 0, CHUNK):
        ids = range(start, min(start + CHUNK, entries + 1))
        keep_words(session, ids)
        index(session, ids)
        session.commit()
    analyse()


def _put(connection: Connection, model: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), CHUNK):
        connection.execute(insert(model.__table__), rows[start : start + CHUNK])


def _lists(connection: Connection, chance: random.Random, *, today: date, at: datetime, entries: int) -> None:
    circles = ((1, "Ministry", Circle.MINISTRY), (2, "Agency", Circle.GOVERNMENT), (3, "Firm", Circle.COUNTRY))
    _put(
        connection,
        Organisation,
        [{"id": i, "ref": new_ref(), "name": name, "short_name": name, "circle": c, "ceiling": 2} for i, name, c in circles],
    )
    units = [
        {
            "id": n,
            "ref": new_ref(),
            "organisation_id": 2 if n in AGENCIES else 3 if n in FIRMS else 1,
            "parent_id": None if n <= FIRMS[-1] else n % BUREAUS + 1,
            "name": f"Unit number {n}",
            "short_name": f"U{n}",
        }
        for n in range(1, UNITS + 1)
    ]
    _put(connection, Unit, units)
    people = [(n, n, Role.OFFICER) for n in range(1, UNITS + 1)] + [
        (UNITS + 1, 1, Role.COORDINATOR),
        (UNITS + 2, 1, Role.LEADERSHIP),
    ]
    _put(
        connection,
        Person,
        [
            {
                "id": i,
                "ref": new_ref(),
                "unit_id": unit,
                "name": f"Person {i}",
                "email": f"p{i}@ministry.example",
                "email_key": f"p{i}@ministry.example",
                "clearance": 2,
                "time_zone": "UTC",
            }
            for i, unit, _ in people
        ],
    )
    duties = [{"person_id": i, "role": role} for i, _, role in people]
    duties += [{"person_id": i, "role": Role.RELEASING_OFFICER} for i, _, role in people if role is Role.OFFICER]
    _put(connection, Duty, duties)
    topics = range(1, TOPICS + 1)
    _put(
        connection,
        Topic,
        [{"id": t, "ref": new_ref(), "key": f"topic-{t}", "name": f"Topic number {t}", "umbrella": t <= 12} for t in topics],
    )
    _put(
        connection,
        TopicName,
        [
            {"topic_id": t, "text": f"Topic number {t}", "text_key": f"topic number {t}", "language": "en", "alias": False}
            for t in topics
        ],
    )
    _put(connection, Broader, [{"topic_id": t, "broader_id": (t - 13) % 36 + 13} for t in topics if t > 48])
    edges = {tuple(sorted(chance.sample(topics, 2))) for _ in range(TOPICS)}
    _put(connection, Related, [{"low_id": a, "high_id": b} for a, b in sorted(edges)])
    _put(connection, Equity, _equities([(t, chance.randint(1, UNITS)) for t in topics]))
    _put(
        connection,
        Forum,
        [{"id": f, "ref": new_ref(), "name": f"Forum number {f}", "short_name": f"F{f}"} for f in range(1, FORUMS + 1)],
    )
    _put(connection, Event, [_event(n, today) for n in range(1, EVENTS + 1)])
    questions = entries // 20
    _put(
        connection,
        Question,
        [
            {
                "id": q,
                "ref": new_ref(),
                "text": f"Proposition number {q}",
                "topic_id": q % TOPICS + 1,
                "forum_id": q % FORUMS + 1,
            }
            for q in range(1, questions + 1)
        ],
    )
    _put(
        connection,
        Counterpart,
        [
            {"id": c, "ref": new_ref(), "name": f"Country number {c}", "kind": CounterpartKind.COUNTRY}
            for c in range(1, COUNTERPARTS + 1)
        ],
    )
    tokens = [["circle:ministry", f"unit:{u}"] for u in range(1, UNITS + 1)] + [[f"unit:{u}"] for u in range(1, UNITS + 1)]
    _put(
        connection,
        Audience,
        [
            {"id": i, "digest": hashlib.sha256("\n".join(sorted(named)).encode()).hexdigest()}
            for i, named in enumerate(tokens, start=1)
        ],
    )
    _put(
        connection,
        AudienceToken,
        [{"audience_id": i, "token": t} for i, named in enumerate(tokens, start=1) for t in named],
    )


def _equities(leads: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Nobody leads on every twelfth topic; two to four other units must be asked about each, and one more is informed."""
    chance = random.Random(SEED)
    held = [(t, unit, Stake.LEAD) for t, unit in leads if t % 12]
    for t, lead in leads:
        *asked, informed = chance.sample([u for u in range(1, UNITS + 1) if u != lead], chance.randint(3, 5))
        held += [(t, unit, Stake.MUST_CONSULT) for unit in asked] + [(t, informed, Stake.INFORM)]
    return [{"ref": new_ref(), "topic_id": t, "unit_id": u, "stake": s, "from_on": date(2020, 1, 1)} for t, u, s in held]


def _asked(connection: Connection, *, at: datetime) -> None:
    """Of those with a say in what was released within half a year, four of five were asked; some of the others are known of."""
    chance, entry, equity, on = random.Random(SEED), Entry.__table__, Equity.__table__, EntryTopic.__table__
    say: defaultdict[int, set[int]] = defaultdict(set)
    for topic_id, unit_id in connection.execute(select(equity.c.topic_id, equity.c.unit_id).where(equity.c.stake.in_(SAY))):
        say[topic_id].add(unit_id)
    recent = select(entry.c.id, entry.c.unit_id, on.c.topic_id).join(on, on.c.entry_id == entry.c.id)
    heard: dict[int, set[int]] = {}
    for i, unit_id, topic_id in connection.execute(recent.where(entry.c.released_at > at - timedelta(days=182))):
        heard.setdefault(i, set()).update(say[topic_id] - {unit_id})
    asked, known = [], []
    for i, unit_id in sorted((entry_id, unit) for entry_id, units in heard.items() for unit in units):
        if chance.random() < 0.8:
            asked.append({"entry_id": i, "unit_id": unit_id, "asked_on": at.date(), "note": "", "by_id": None, "at": at})
        elif chance.random() < 0.02:
            known.append(_known(i, unit_id, on=at.date(), at=at))
    _put(connection, Asked, asked)
    _put(connection, Known, known)


def _known(entry_id: int, unit_id: int, *, on: date, at: datetime) -> dict[str, Any]:
    return {
        "ref": new_ref(),
        "kind": GapKind.CONSULTATION,
        "key": key_of(GapKind.CONSULTATION, entry_id, unit_id),
        "entry_id": entry_id,
        "unit_id": unit_id,
        "why": "for a reason",
        "until_on": on + timedelta(days=60),
        "rests_on": rests_on(version=1, stake=WEIGHT[Stake.MUST_CONSULT]),
        "by_unit_id": unit_id,
        "at": at,
        "number": 0,
    }


def _event(n: int, today: date) -> dict[str, Any]:
    """Two of three events are past, as in any calendar that has been kept for some years."""
    starts = today + timedelta(days=n * 3 if n % 3 == 0 else -n * 5)
    return {
        "id": n,
        "ref": new_ref(),
        "forum_id": n % FORUMS + 1,
        "name": f"Session number {n}",
        "place": "",
        "starts_on": starts,
        "ends_on": starts + timedelta(days=2),
        "past": n % 3 != 0,
    }


def _entries(connection: Connection, chance: random.Random, words: Drawn, *, today: date, at: datetime, entries: int) -> None:
    popular = [1 / (t + 8) for t in range(TOPICS)]
    held: set[tuple[int, int]] = set()
    rows: dict[Any, list[dict[str, Any]]] = {m: [] for m in (Entry, EntryVersion, EntryTopic, EntryCounterpart, Milestone)}
    for i in range(1, entries + 1):
        row, topics, counterparts = _entry(i, chance, words, popular, held, today=today, at=at, questions=entries // 20)
        rows[Entry].append(row)
        content = {n: row.get(n) for n in ("title", "text", "language", "forum_id", "event_id", "question_id")}
        content |= {"topics": topics, "counterparts": counterparts, "stance": row["stance"]}
        rows[EntryVersion].append(
            {
                "entry_id": i,
                "number": 1,
                "content": content,
                "level": 1,
                "audience_id": row["audience_id"],
                "restriction_reason": "",
                "note": "",
                "made_at": row["released_at"],
                "offered_at": row["released_at"],
                "released_at": row["released_at"],
            }
        )
        rows[EntryTopic] += [{"entry_id": i, "topic_id": t} for t in topics]
        rows[EntryCounterpart] += [{"entry_id": i, "counterpart_id": c} for c in counterparts]
        if row["kind"] is Kind.DOSSIER and i % 3 == 0:
            due = today + timedelta(days=chance.randint(1, 400))
            rows[Milestone].append({"entry_id": i, "due_on": due, "text": "Next step", "past": False})
        if i % CHUNK == 0 or i == entries:
            for model, some in rows.items():
                _put(connection, model, some)
                some.clear()


def _entry(
    i: int,
    chance: random.Random,
    words: Drawn,
    popular: list[float],
    held: set[tuple[int, int]],
    *,
    today: date,
    at: datetime,
    questions: int,
) -> tuple[dict[str, Any], list[int], list[int]]:
    unit = chance.randint(1, UNITS)
    ago = timedelta(days=chance.randint(0, 700))
    position = chance.random() < 0.4
    topics = sorted({t + 1 for t in chance.choices(range(TOPICS), popular, k=chance.randint(1, 3))})
    question = chance.randint(1, questions) if position and chance.random() < 0.6 else None
    if question is not None and (unit, question) in held:
        question = None
    if question is not None:
        held.add((unit, question))
    event = chance.randint(1, EVENTS) if chance.random() < 0.2 else None
    counterparts = [chance.randint(1, COUNTERPARTS)] if chance.random() < 0.3 else []
    row = {
        "id": i,
        "ref": new_ref(),
        "kind": Kind.POSITION if position else Kind.DOSSIER,
        "unit_id": unit,
        "author_id": unit,
        "state": State.RELEASED,
        "level": 1,
        "audience_id": unit if chance.random() < 0.95 else UNITS + unit,
        "title": f"Entry number {i}: {' '.join(chance.sample(words.of_topic[topics[0] - 1], 3))}",
        "text": words.draw([t - 1 for t in topics]),
        "language": "en",
        "forum_id": event % FORUMS + 1 if event else (chance.randint(1, FORUMS) if chance.random() < 0.2 else None),
        "event_id": event,
        "registry_link": "",
        "review_by": today + timedelta(days=chance.randint(-20, 300)),
        "logged_on": today - ago,
        "logged_at": at - ago,
        "released_at": at - ago,
        "ended_why": "",
        "standing_version": 1,
        "newest_version": 1,
        "changed_number": 0,
        "question_id": question,
        "stance": chance.choice(STANCES) if question is not None else None,
        "reason": "for a reason" if position else None,
        "dossier_type": None if position else chance.choice(list(DossierType)),
        "code": None if position else f"U{unit}-{i}",
    }
    return row, topics, counterparts


def tell(*, at: datetime) -> None:
    """Let the overlaps have a past of half a year: found in any week of it, some acknowledged, some closed."""
    chance = random.Random(SEED)
    overlap, side = Overlap.__table__, Side.__table__
    with db.engine.connect() as connection:
        connection = connection.execution_options(begin="IMMEDIATE", migration=True)
        with connection.begin():
            asked: dict[int, list[int]] = {}
            for i, unit in connection.execute(select(side.c.overlap_id, side.c.unit_id).where(side.c.asked)):
                asked.setdefault(i, []).append(unit)
            overlaps, sides, steps = [], [], []
            for i in connection.scalars(select(overlap.c.id).order_by(overlap.c.id)):
                found = at - timedelta(hours=chance.randint(1, 26 * 7 * 24))
                known, number = found + (at - found) * chance.random(), chance.choice((0, 0, 0, 0, 1, 2))
                units = asked.get(i, [])[:number]
                closed = found + (at - found) * chance.random() if len(units) == 2 and chance.random() < 0.7 else None
                state = OverlapState.ACKNOWLEDGED if units and len(units) == len(asked[i]) else OverlapState.OPEN
                overlaps.append(
                    {
                        "of": i,
                        "found": found,
                        "known": known if units else None,
                        "closed": closed,
                        "closing": Closing.SETTLE if closed else None,
                        "state": OverlapState.SETTLED if closed else state,
                    }
                )
                sides += [{"of": i, "unit": u, "known": known} for u in units]
                steps += [_step(i, "acknowledged", known, u) for u in units]
                if closed:
                    steps.append(_step(i, "settled", closed, units[0]))
            new = {
                overlap.c.found_at: bindparam("found"),
                overlap.c.acknowledged_at: bindparam("known"),
                overlap.c.closed_at: bindparam("closed"),
                overlap.c.closed_as: bindparam("closing"),
                overlap.c.state: bindparam("state"),
            }
            connection.execute(update(overlap).where(overlap.c.id == bindparam("of")).values(new), overlaps)
            of_unit = (side.c.overlap_id == bindparam("of"), side.c.unit_id == bindparam("unit"))
            connection.execute(update(side).where(*of_unit).values(acknowledged_at=bindparam("known")), sides)
            _put(connection, Step, steps)
    analyse()


def _step(overlap_id: int, did: str, at: datetime, unit_id: int) -> dict[str, Any]:
    return {
        "overlap_id": overlap_id,
        "number": 0,
        "at": at,
        "did": did,
        "person_id": unit_id,
        "unit_id": unit_id,
        "said": "",
        "detail": {},
    }


def analyse() -> None:
    """Let PostgreSQL count its rows as its own autovacuum would; SQLite is left without statistics, as in the product."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _count_on(connection: Connection) -> None:
    """Let PostgreSQL's sequences go on after the ids that were given here."""
    for table in Base.metadata.tables.values():
        key = table.primary_key.columns.values()
        if len(key) == 1 and key[0].name == "id" and key[0].autoincrement is not False and table.name != "history_head":
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608 - names of our own tables
                    f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name}), false)"
                )
            )
