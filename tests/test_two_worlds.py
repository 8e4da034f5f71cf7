"""The same register with and without a hidden entry: to a reader who may not see it, nothing at all differs.

A reader looks at everything: every page that the application has, with every thing of the world and with the hidden entry's own
ref, words and titles as probes; the list at several pages, the search, the digest as it would be mailed. Then the hidden entry
comes in, and is worked on, and the reader looks again. Body, status, headers and the number of statements must be the same.
Ten leaks are sown to show that the harness sees them.

A look is some five hundred requests. By day each way to hide an entry is looked at on one of the two databases, by night on both.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, or_, select, update

from coordinator.clock import now
from coordinator.db import bind_reader, bookkeeping, db, read_as_system, transaction
from coordinator.digests import actions as digest_actions
from coordinator.digests import commands as digest_commands
from coordinator.digests import queries as digest_queries
from coordinator.digests.models import Cadence, Digest, DigestState, Edition, Schedule
from coordinator.digests.rules import Window
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.entries.models import AudienceToken, Entry, EntryVersion
from coordinator.entries.rules import Recall
from coordinator.exclusions.actions import exclude_phrase
from coordinator.exclusions.rules import ExclusionDraft
from coordinator.exports import queries as export_queries
from coordinator.history.models import Event, Head, Payload
from coordinator.openings.models import Opening
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Overlap
from coordinator.passages.queries import forget as let_go_of_sketches
from coordinator.people import queries as people_queries
from coordinator.positions import actions as position_actions
from coordinator.positions import queries as position_queries
from coordinator.positions.rules import PositionDraft
from coordinator.search import queries as search_queries
from coordinator.worklist import queries as worklist_queries

HIDDEN_REF = "HiddenHiddenHiddenHidd"
SECRET_WORDS = "Obsidian ledger of the northern harbour"
PROBES = ["obsidian", "Obsi", "ledger harbour", SECRET_WORDS, HIDDEN_REF, "instrument", "encryption"]
NOISE = [
    (re.compile(r'name="[\w-]*csrf_token"[^>]*value="[^"]*"'), "csrf"),
    (re.compile(r'value="[^"]*"[^>]*name="[\w-]*csrf_token"'), "csrf"),
    (re.compile(r'name="form_key"[^>]*value="[^"]*"'), "form key"),
    (re.compile(r'value="[^"]*"[^>]*name="form_key"'), "form key"),
    (re.compile(r'nonce="[^"]*"'), "nonce"),
    (re.compile(r"/digests/stop/[\w-]{22}/[\w-]{22}"), "the link that stops it"),
]
QUIET_HEADERS = {"Date", "Set-Cookie", "X-Request-Id", "Content-Length", "ETag"}


@dataclass
class Seen:
    """What one look at one address gave."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    statements: int


class Onlooker:
    """A reader who looks at everything there is to look at, and remembers it word for word."""

    def __init__(self, app: Any, browser: Any, person: Any, known: dict[str, list[str]]) -> None:
        self.app, self.browser, self.person, self.known = app, browser, person, known

    def addresses(self) -> list[str]:
        found: list[str] = []
        for rule in self.app.url_map.iter_rules():
            if "GET" not in rule.methods or rule.endpoint in {"static", "bootstrap.static", "people.sign_out"}:
                continue
            names = sorted(rule.arguments)
            refs = [*self.known.get(kind_of(rule.endpoint), ()), HIDDEN_REF]
            with self.app.test_request_context(base_url="http://coordinator.test"):
                if not names:
                    found.append(self.app.url_for(rule.endpoint, _external=False))
                elif len(names) == 1:
                    found += [self.app.url_for(rule.endpoint, _external=False, **{names[0]: r}) for r in refs]
                elif all(name == "ref" or name in self.known for name in names):
                    also = {name: self.known[name][0] for name in names if name != "ref"}
                    found += [self.app.url_for(rule.endpoint, _external=False, ref=r, **also) for r in refs]
        more = [f"{path}?page=2" for path in ("/positions", "/dossiers", "/overlaps", "/search", "/")]
        more += [f"/search?q={p.replace(' ', '+')}" for p in PROBES] + [f"/positions?q={p.split()[0]}" for p in PROBES]
        more += [f"/overlaps?topic={r}" for r in self.known["topic"]] + [f"/search?topic={r}" for r in self.known["topic"]]
        more += ["/digests/settings?all=1", "/digests/mailbox?all=1"]
        more += [f"/overlaps?state={s}" for s in ("all", "open", "settled", "lapsed")]
        more += [f"{path}?{narrowed}" for path in ("/positions", "/overlaps") for narrowed in self.narrowings()]
        more += [f"/dashboard?{narrowed}" for narrowed in self.scopes()]
        more += [f"/export/search?q={p.split()[0]}" for p in PROBES]
        more += [f"/export/{what}?{narrowed}" for what in ("positions", "overlaps") for narrowed in ("current=1", "state=all")]
        topic, other = self.known["topic"][:2]
        reader, owner = self.known["unit"][0], self.known["unit"][2]
        more += [f"/topics/{topic}/merge?into={other}", f"/topics/matrix?unit={owner}"]
        more += [f"/reorganisation?unit={owner}", f"/reorganisation?unit={reader}"]
        more += [f"/positions/log?supersedes={HIDDEN_REF}", f"/positions/log?topic={self.known['topic'][0]}"]
        more += [f"/entries/{r}/compare?from=1&to=2" for r in (*self.known["entry"], HIDDEN_REF)]
        more += [f"/history?{query}" for query in ("page=2", "sort=position", "sort=overlap", "since=2026-03-02", "who=e")]
        for name in ("topic", "unit", "forum", "event", "question", "counterpart", "instrument", "overlap"):
            more += [f"/history?{name}={r}" for r in (*self.known[name], HIDDEN_REF)]
        more += [f"/history?entry={r}" for r in (*self.known["entry"], HIDDEN_REF)] + [f"/history?by={self.person.ref}"]
        more += [f"/calendar/month?month={m}" for m in ("2026-03", "2026-04", "2026-13")]
        more += [f"/topics/matrix?basket={r}" for r in self.known["topic"]]
        more += [f"/gaps?{query}" for query in ("known=1", "mine=1", "page=2", "kind=consultation", "kind=lead", "kind=event")]
        more += [f"/gaps?{name}={self.known[name][0]}" for name in ("topic", "unit", "forum", "event")]
        more += [f"/gaps/lead/{r}/known" for r in self.known["topic"]]
        more += [f"/gaps/consultation/{r}/known?unit={u}" for r in (*self.known["entry"], HIDDEN_REF) for u in self.known["unit"]]
        more += [f"/gaps/{kind}/{HIDDEN_REF}/known" for kind in ("review", "consultation", "event", "wing")]
        return sorted({*found, *more})

    def narrowings(self) -> list[str]:
        """Every filter that the lists know, with what tells most; some of them together."""
        reader, _other, owner = self.known["unit"]
        topic, event, day = self.known["topic"][0], self.known["event"][0], now().date().isoformat()
        found = [f"{name}={owner}" for name in ("unit", "bureau", "other", "other_bureau", "silent", "owing")]
        found += [f"{name}={self.known[name][0]}" for name in ("forum", "event", "question", "counterpart", "instrument")]
        found += [f"basket={topic}", "circle=ministry", "unacknowledged=1", "current=1", "stance=red_line"]
        found += [f"opened={day}", f"closed={day}", f"until={day}", f"event={HIDDEN_REF}"]
        found += [f"{name}={day}" for name in ("opened_since", "acknowledged_since", "after", "released_since", "ended_since")]
        found += ["clashes=1", "undated=1", f"wing={topic}&other_wing={topic}"]
        return [*found, f"unit={reader}&other={owner}", f"bureau={owner}&basket={topic}&state=all", f"event={event}&state=all"]

    def scopes(self) -> list[str]:
        """Every way to narrow the picture."""
        owner, topic, forum = self.known["unit"][2], self.known["topic"][0], self.known["forum"][0]
        return ["circle=ministry", "period=30", f"bureau={owner}", f"basket={topic}", f"forum={forum}", f"open={owner}"]

    def look(self, *only: str) -> dict[str, Seen]:
        """Look at everything, or only at the addresses that start so (the letter is always read)."""
        let_go_of_sketches()  # whether this process has saved anything is the same in both worlds
        seen = {address: self.open(address) for address in self.addresses() if not only or address.startswith(only)}
        before = self.height()
        for address, data in self.attempts():
            if not only or address.startswith(only):
                seen[f"POST {address} {data}"] = self.open(address, method="POST", data=data)
        self.forget(*before)
        seen["the letter"], seen["the letter to the unit"] = self.letter(), self.letter(to_unit=True)
        seen["the brief"] = self.letter(edition=Edition.BRIEF)
        return seen

    def height(self) -> tuple[int, str]:
        """Return where the history ends."""
        with db.engine.connect() as connection:
            return tuple(connection.execute(select(Head.__table__.c.number, Head.__table__.c.digest)).one())

    def forget(self, number: int, digest: str) -> None:
        """Take away what a look itself has left: files taken out, which the reader would see in the history the next time, and
        that pages were opened, which is written the first time only."""
        with db.engine.begin() as connection:
            connection.execute(Opening.__table__.delete())
            for table in (Payload.__table__, Event.__table__):
                connection.execute(table.delete().where(table.c.number > number))
            connection.execute(update(Head.__table__).values(number=number, digest=digest))

    def attempts(self) -> list[tuple[str, dict[str, Any]]]:
        own, topic = self.known["entry"][0], self.known["topic"][0]
        return [
            *((f"/check/{kind}", data) for kind in ("position", "dossier") for data in self.half_written()),
            *((address, {"do": "check", **self.half_written()[-1]}) for address in ("/positions/log", f"/positions/{own}/revise")),
            *((f"/entries/{HIDDEN_REF}/{do}", {}) for do in ("release", "offer")),
            (f"/entries/{HIDDEN_REF}/withdraw", {"why": "x"}),
            *((f"/positions/{HIDDEN_REF}/{do}", {}) for do in ("adhere", "leave")),
            *((f"/overlaps/{HIDDEN_REF}/{do}", {"why": "x"}) for do in ("acknowledge", "dismiss", "agree", "reopen")),
            *(
                (f"/export/{what}", {"format": form})
                for what in ("positions", "dossiers", "overlaps", "search?q=instrument", f"topic/{topic}", f"entry/{own}")
                for form in ("csv", "json", "xlsx")
            ),
            (f"/export/entry/{HIDDEN_REF}", {"format": "csv"}),
            ("/overlaps/take-up", {"mine": own, "theirs": HIDDEN_REF, "low": own, "high": HIDDEN_REF}),
        ]

    def half_written(self) -> list[dict[str, Any]]:
        """Texts with the hidden words, with those that touch what is seen, with none; on each thing that something is hidden on."""
        topics, counterparts = self.known["topic"], self.known["counterpart"]
        event, question, forum = (self.known[name][0] for name in ("event", "question", "forum"))
        said: list[dict[str, Any]] = [{"title": words, "text": words} for words in PROBES]
        said += [{"topics": [topic]} for topic in topics]
        said += [{"question": question, "stance": stance} for stance in ("support", "red_line")]
        said += [{"event": event}, {"forum": forum, "text": SECRET_WORDS}]
        said += [{"topics": topics, "counterparts": counterparts, "event": event, "question": question, "text": SECRET_WORDS}]
        return said

    def open(self, address: str, **how: Any) -> Seen:
        with counted() as statements:
            answer = self.browser.open(address, lint=False, **{"method": "GET", **how})
        body = answer.get_data().decode(errors="replace")
        for noise, name in NOISE:
            body = noise.sub(name, body)
        headers = tuple(sorted((k, v) for k, v in answer.headers if k not in QUIET_HEADERS))
        return Seen(answer.status_code, headers, body, len(statements))

    def letter(self, *, to_unit: bool = False, edition: Edition = Edition.PERSON) -> Seen:
        with self.app.test_request_context(base_url="http://coordinator.test"):
            session = db.session()
            person = people_queries.person(session, self.person.ref)
            kept = (
                digest_queries.mailbox(session, person.unit_id) if to_unit else digest_queries.chosen(session, person.id, edition)
            )
            with counted() as statements:
                whom = digest_queries.addressee(session, kept, at=now())
                found = digest_commands.compute(whom, Window(0, 10**9), at=now())
                message = digest_commands.letter(
                    whom, found, period_on=now().date(), ref="x" * 22, message_id="<x@coordinator.test>", at=now()
                )
            parts = [p.get_content() for p in message.walk() if p.get_content_maintype() == "text"]
            db.session.remove()
        for noise, name in NOISE:
            parts = [noise.sub(name, part) for part in parts]
        headers = (("Subject", str(message["Subject"])), ("X-Marking", str(message["X-Marking"])))
        return Seen(int(found.worth_sending), headers, "\n".join(parts), len(statements))


def kind_of(endpoint: str) -> str:
    """Say what sort of thing the ref in an endpoint's address is of."""
    feature, _, view = endpoint.partition(".")
    kinds = {"positions": "entry", "dossiers": "entry", "entries": "entry", "topics": "topic", "overlaps": "overlap"}
    kinds |= {
        "butterfly": "topic",
        "exclusions": "overlap" if view == "pair" else "exclusion",
        "gaps": "entry",
        "waits": "unit",
        "digests": "digest",
        "people": "unit",
        "groups": "group",
        "deputies": "person",
        "handover": "person",
        "holidays": "unit",
        "intake": "file",
        "lists": "file",
        "openings": "entry",
    }
    if view in {"organisation", "edit_organisation", "edit_person"}:
        return view.rpartition("_")[2]
    views = {"brief": "event"}
    return views.get(view, view.rpartition("_")[2]) if feature in {"calendar", "exports"} else kinds.get(feature, "")


UNSEEN = {
    "digests.stop": "a link of a letter, signed for its reader; it shows when a letter comes and nothing of what is in it",
    "people.set_password": "a link that is good once",
}
"""Addresses that nobody looks at here, and why."""


@contextmanager
def counted() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def differences(before: dict[str, Seen], after: dict[str, Seen]) -> list[str]:
    """Where two looks differ, with what differs."""
    found = [f"{address}: only in one world" for address in before.keys() ^ after.keys()]
    for address in before.keys() & after.keys():
        one, other = before[address], after[address]
        parts = [part for part in ("status", "headers", "statements") if getattr(one, part) != getattr(other, part)]
        if one.body != other.body:
            lines = set(other.body.splitlines()) ^ set(one.body.splitlines())
            parts.append(f"body {sorted(line.strip() for line in lines)[:4]}")
        if parts:
            counts = f" ({one.statements} and {other.statements} statements)" if "statements" in parts else ""
            found.append(f"{address}: {', '.join(parts)}{counts}")
    return sorted(found)


class World:
    """A small ministry: a reader's unit, others, open entries that touch, and one entry that the reader may not see."""

    def __init__(self, session: Any, make: Any, at: Any) -> None:
        self.session, self.make, self.at = session, make, at
        self.topic = make.topic("Encryption")
        self.side_topic = make.topic("Submarine cables", related=(self.topic,))
        self.empty_topic = make.topic("Quantum")
        self.forum = make.forum("Global Mechanism")
        self.event = make.event(forum=self.forum)
        self.question = make.question("A binding instrument on encryption", topic=self.topic, forum=self.forum)
        self.counterpart = make.counterpart("Freedonia")
        self.instrument = make.instrument("Treaty of Freedonia", forum_id=self.forum.id, party_ids=(self.counterpart.id,))
        unit = make.unit("Readers")
        self.reader = make.person(unit=unit, roles=("officer", "releasing_officer"), clearance=1)
        self.other, self.owner = make.officer(unit=make.unit("Others")), make.officer(unit=make.unit("Owners"))
        self.colleague = make.officer(unit=unit)
        # whoever keeps the lists and the accounts, and leads: every role that opens more pages, and none that opens more entries
        every = ("officer", "coordinator", "leadership", "administrator")
        self.keeper = make.person(unit=make.unit("Keepers"), roles=every, clearance=1)
        self.auditor = make.person(unit=self.keeper.unit, roles=("auditor",), clearance=1)
        self.group = make.group()
        shared = {"topic": self.topic, "question": self.question, "event": self.event}
        self.visible = [
            make.position(by=self.reader, stance="support", title="We support the instrument", **shared),
            make.position(by=self.other, stance="oppose", title="We oppose the instrument", **shared),
            make.dossier(
                by=self.other,
                topic=self.side_topic,
                title="Cables",
                counterparts=(self.counterpart.id,),
                instruments=(self.instrument.id,),
            ),
            make.position(by=self.reader, released=False, title="A draft of ours", topic=self.topic),
            make.dossier(by=self.reader, title="Work of ours", topic=make.topic("Budgets")),
        ]
        for by in (self.reader, self.owner, self.keeper):
            self._mailbox(by.unit, by)
        with bookkeeping(session):
            digest_actions.choose(session, self.reader.id, Schedule(Cadence.DAILY, 7))
            session.add(
                Digest(
                    subscription_id=digest_queries.chosen(session, self.reader.id).id,
                    period_on=at.date(),
                    state=DigestState.SENT,
                    message_id="<x@coordinator.test>",
                    due_at=at,
                    sent_at=at,
                    after_number=0,
                    up_to_number=10**9,
                )
            )
        rows = "kind,title,text,topics\ndossier,T,t,Encryption\ndossier,U,u,No such topic\n"
        self.files = [
            make.upload(self.reader, "entries", rows).ref,
            make.upload(self.keeper, "forums", "name,short_name\nNew forum,NF\nGlobal Mechanism,\n").ref,
        ]
        self.exclusion_ref = self._excluded("Kind regards from the readers' unit")
        self.equity_ref = make.equity(self.reader.unit, self.topic).ref
        self.overlap_ref = self._refs(Overlap)[0]
        self.digest_ref = session.scalars(select(Digest.ref)).one()

    def _excluded(self, phrase: str) -> str:
        """Leave a phrase out of what the reader's unit writes."""
        by = self.make.act_as(self.reader)
        draft = ExclusionDraft(reason="a letterhead", until_on=self.at.date() + timedelta(days=30))
        with transaction(self.session):
            ref = exclude_phrase(self.session, phrase, draft, unit=by.unit, by=by, at=self.at, on=self.at.date()).ref
        bind_reader(self.session, None)
        return ref

    def _mailbox(self, unit: Any, by: Any) -> None:
        """Let a unit's mailbox get a digest."""
        self.session.info["reader"] = None
        with transaction(self.session):
            kept = people_queries.unit(self.session, unit.ref)
            kept.mailbox = f"{unit.short_name}@ministry.example".lower()
            digest_actions.choose_mailbox(
                self.session,
                kept,
                Schedule(Cadence.DAILY, 7),
                address=kept.mailbox,
                zone="Europe/Vienna",
                by=people_queries.person(self.session, by.ref),
                at=self.at,
            )

    def _refs(self, table: Any) -> list[str]:
        with read_as_system(self.session, "check") as connection:
            return list(connection.scalars(select(table.__table__.c.ref).order_by(table.__table__.c.id)))

    def known(self) -> dict[str, list[str]]:
        return {
            "file": self.files,
            "equity": [self.equity_ref],
            "exclusion": [self.exclusion_ref],
            "entry": [e.ref for e in self.visible],
            "topic": [self.topic.ref, self.side_topic.ref, self.empty_topic.ref],
            "event": [self.event.ref],
            "forum": [self.forum.ref],
            "question": [self.question.ref],
            "counterpart": [self.counterpart.ref],
            "instrument": [self.instrument.ref],
            "unit": [self.reader.unit.ref, self.other.unit.ref, self.owner.unit.ref],
            "overlap": [self.overlap_ref],
            "digest": [self.digest_ref],
            "group": [self.group.ref],
            "person": [self.reader.ref, self.other.ref],
            "organisation": [self.make.ministry().ref],
        }

    # what may be hidden, in several ways; each copies words of what is visible, because that is where leaks are

    def sealed_position(self) -> Entry:
        return self._hide(
            self.make.position(
                by=self.owner,
                sealed=True,
                stance="red_line",
                question=self.question,
                event=self.event,
                topics=(self.topic.id, self.empty_topic.id),
                title=SECRET_WORDS,
                text="We support the instrument, and the obsidian ledger of the northern harbour.",
            )
        )

    def sealed_voice(self) -> Entry:
        return self._hide(
            self.make.position(
                by=self.owner,
                sealed=True,
                stance="red_line",
                question=self.question,
                event=self.event,
                topics=(self.topic.id, self.empty_topic.id),
                instruments=(self.instrument.id,),
                title=SECRET_WORDS,
                on_behalf_of_id=self.counterpart.id,
                source=SECRET_WORDS,
                said_on=self.at.date(),
            )
        )

    def sealed_dossier(self) -> Entry:
        return self._hide(
            self.make.dossier(
                by=self.owner,
                sealed=True,
                topic=self.side_topic,
                event=self.event,
                title="Cables",
                counterparts=(self.counterpart.id,),
                instruments=(self.instrument.id,),
                text=SECRET_WORDS,
            )
        )

    def open_position(self) -> Entry:
        shared = {"question": self.question, "event": self.event, "topics": (self.topic.id, self.empty_topic.id)}
        return self._hide(self.make.position(by=self.owner, stance="red_line", title=SECRET_WORDS, **shared))

    def open_dossier(self) -> Entry:
        shared = {"topic": self.side_topic, "event": self.event, "counterparts": (self.counterpart.id,)}
        return self._hide(self.make.dossier(by=self.owner, title=SECRET_WORDS, **shared))

    def above_my_clearance(self) -> Entry:
        return self._hide(
            self.make.position(
                by=self.colleague,
                sealed=True,
                stance="red_line",
                question=self.question,
                topic=self.empty_topic,
                title=SECRET_WORDS,
            )
        )

    def somebody_elses_draft(self) -> Entry:
        return self._hide(
            self.make.position(by=self.owner, released=False, question=self.question, topic=self.empty_topic, title=SECRET_WORDS)
        )

    def _hide(self, entry: Entry) -> Entry:
        with transaction(self.session):
            self.session.connection().execute(update(Entry.__table__).where(Entry.__table__.c.id == entry.id), {"ref": HIDDEN_REF})
        return entry

    def work_on(self, entry: Entry, owner: Any) -> None:
        """Let its owners revise it, release that, acknowledge what it touches, and log something more that is hidden."""
        by = self.make.act_as(owner)
        hidden = entry_queries.one(self.session, HIDDEN_REF)
        with transaction(self.session):
            if hidden.kind == "position":
                content = self.session.scalars(select(EntryVersion).where(EntryVersion.entry_id == hidden.id)).first().content
                draft = PositionDraft(
                    title=hidden.title,
                    text=f"{hidden.text} And more.",
                    topics=tuple(content["topics"]),
                    question_id=content["question_id"],
                    stance=hidden.stance,
                    reason="because",
                    level=2,
                    audience=frozenset(),
                    restriction_reason="a source at risk",
                )
                position_actions.revise(self.session, hidden, draft, base=hidden.newest_version, by=by, at=self.at)
        by = self.make.act_as(owner)
        for overlap in self.session.scalars(select(Overlap)).all():
            if hidden.id in {overlap.low_id, overlap.high_id} and by.unit_id in {overlap.low_unit_id, overlap.high_unit_id}:
                with transaction(self.session):
                    overlap_actions.acknowledge(self.session, overlap, by=by, at=self.at)
        bind_reader(self.session, None)
        self.make.dossier(by=owner, sealed=True, topic=self.topic, event=self.event, title="Another hidden one")


@pytest.fixture
def world(remember: Callable[..., World]) -> World:
    return remember(a_world)


def a_world(make: Any) -> World:
    return World(make.session, make, make.at)


@pytest.fixture
def onlooker(app: Any, sign_in: Callable[..., Any], world: World) -> Onlooker:
    return Onlooker(app, sign_in(world.reader), world.reader, world.known())


@pytest.fixture(scope="session")
def _looks() -> dict[str, dict[str, Seen]]:
    return {}


@pytest.fixture
def before(onlooker: Onlooker, _looks: dict[str, dict[str, Seen]]) -> dict[str, Seen]:
    """What the reader sees of the world without anything hidden; it is the same for every test of a worker, and looked at once."""
    if "reader" not in _looks:
        _looks["reader"] = onlooker.look()
    return _looks["reader"]


def test_every_page_there_is_is_looked_at(world, app, sign_in):
    """A page that is new has to be found by the onlooker, with a real thing behind it, or be left out with a reason."""
    adapter = app.url_map.bind("coordinator.test")
    opened: set[str] = set()
    for person in (world.reader, world.keeper, world.auditor):
        onlooker = Onlooker(app, sign_in(person), person, world.known())
        for address in onlooker.addresses():
            endpoint = adapter.match(address.partition("?")[0])[0]
            if endpoint not in opened and HIDDEN_REF not in address and onlooker.open(address).status in SHOWN:
                opened.add(endpoint)
    there = {r.endpoint for r in app.url_map.iter_rules() if "GET" in r.methods and not r.endpoint.endswith("static")}
    assert there - opened == set(UNSEEN)


SHOWN = {200, 302}  # one address of an entry leads to another


def test_every_file_there_is_is_taken_out(world, app, onlooker):
    adapter = app.url_map.bind("coordinator.test")
    taken = {adapter.match(address.partition("?")[0], "POST")[0] for address, _data in onlooker.attempts()}
    there = {r.endpoint for r in app.url_map.iter_rules() if "POST" in r.methods and r.endpoint.startswith("exports.")}
    assert there <= taken


SQLITE, POSTGRESQL = pytest.mark.on("sqlite"), pytest.mark.on("postgresql")
WAYS = [
    pytest.param("sealed_position", marks=SQLITE),
    pytest.param("sealed_voice", marks=POSTGRESQL),
    pytest.param("sealed_dossier", marks=POSTGRESQL),
    pytest.param("above_my_clearance", marks=SQLITE),
    pytest.param("somebody_elses_draft", marks=POSTGRESQL),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_hidden_entry_changes_nothing_for_a_reader(world, onlooker, before, way, nightly):
    assert any(seen.status == 200 for seen in before.values())
    assert "We oppose the instrument" in before["/positions"].body
    assert "We oppose the instrument" in before["the letter"].body
    assert "We oppose the instrument" in before["the letter to the unit"].body
    assert "We oppose the instrument" in before["the brief"].body
    entry = getattr(world, way)()
    if nightly or way in {"sealed_position", "above_my_clearance"}:
        assert differences(before, onlooker.look()) == []
    if way != "above_my_clearance":
        world.work_on(entry, world.owner)
        assert differences(before, onlooker.look()) == []


@pytest.mark.parametrize("way", [pytest.param("sealed_position", marks=POSTGRESQL), pytest.param("sealed_dossier", marks=SQLITE)])
def test_a_hidden_entry_changes_nothing_for_whoever_keeps_the_lists_and_leads(world, app, sign_in, way):
    """No role opens an entry: what a coordinator, the leadership and an administrator see is what is shared with them."""
    keeper = Onlooker(app, sign_in(world.keeper), world.keeper, world.known())
    before = keeper.look()
    assert {before[address].status for address in ("/dashboard", "/people", "/digests/deliveries", "/topics/add")} == {200}
    assert "Weekly brief" in before["the brief"].body
    assert "We oppose the instrument" in before["the brief"].body
    entry = getattr(world, way)()
    world.work_on(entry, world.owner)
    assert differences(before, keeper.look()) == []


AUDITED = ("/history", "/dashboard", "/overlaps", "/positions", "/gaps", "/digests", "/people", "/units", "/search")


@pytest.mark.parametrize("way", [pytest.param("sealed_position", marks=SQLITE), pytest.param("sealed_dossier", marks=POSTGRESQL)])
def test_a_hidden_entry_shows_an_auditor_that_something_happened_and_nothing_else(world, app, sign_in, way):
    """An auditor has the chain, with numbers, moments and who; all other pages are those of one who reads nothing of it."""
    auditor = Onlooker(app, sign_in(world.auditor), world.auditor, world.known())
    before = auditor.look(*AUDITED)
    assert {before[address].status for address in ("/history/audit", "/history/audit/door", "/history")} == {200}
    world.work_on(getattr(world, way)(), world.owner)
    after = auditor.look(*AUDITED)
    moved = {difference.partition(": ")[0] for difference in differences(before, after)}
    assert {address.partition("?")[0] for address in moved} == {"/history/audit"}
    for address in moved:
        assert after[address].status == before[address].status
        assert not [words for words in (*PROBES[:-2], "Cables", "hidden one") if words in after[address].body]


RECALLS = [
    pytest.param("open_position", Recall(to_draft=True, why="too wide"), marks=POSTGRESQL, id="a position, back to a draft"),
    pytest.param("open_dossier", Recall(to_draft=False, level=1, why="too wide"), marks=SQLITE, id="a dossier, to fewer readers"),
    pytest.param(
        "open_position", Recall(to_draft=False, level=2, why="too wide"), marks=SQLITE, id="a position, to a higher level"
    ),
]


@pytest.mark.parametrize(("way", "wanted"), RECALLS)
def test_after_a_recall_the_world_is_one_in_which_the_entry_never_was(world, onlooker, before, way, wanted):
    entry = getattr(world, way)()
    assert "northern harbour" in onlooker.open(f"/{entry.kind.value}s/{HIDDEN_REF}").body
    assert "northern harbour" in onlooker.open("/search?q=obsidian").body
    by = world.make.act_as(world.owner)
    with transaction(world.session):
        entries.recall(world.session, entry_queries.one(world.session, HIDDEN_REF), wanted, by=by, at=world.at)
    bind_reader(world.session, None)
    assert differences(before, onlooker.look()) == []


def test_the_owner_of_the_hidden_entry_sees_all_of_it(world, app, sign_in):
    """The other way round: nothing is kept from leaking by being kept from everybody."""
    world.sealed_position()
    owner = Onlooker(app, sign_in(world.owner), world.owner, world.known())
    for address in (f"/positions/{HIDDEN_REF}", "/positions", "/search?q=obsidian", f"/topics/{world.topic.ref}", "/overlaps", "/"):
        assert address in owner.addresses()
        assert "northern harbour" in owner.open(address).body, address
    assert "OFFICIAL-SENSITIVE" in owner.open(f"/positions/{HIDDEN_REF}").body


@pytest.mark.parametrize("way", WAYS)
def test_every_visible_entry_can_be_reached(world, onlooker, way):
    getattr(world, way)()
    seen = onlooker.look("/search", "/positions", "/dossiers")
    for entry in world.visible:
        assert f"/{entry.kind.value}s/{entry.ref}" in seen["/search"].body + seen["/positions"].body + seen["/dossiers"].body
        assert seen[f"/{entry.kind.value}s/{entry.ref}"].status == 200


# --- ten leaks, sown one at a time -------------------------------------------------------------------------------------------


def seeing_all(function: Callable[..., Any], *, as_unit: int | None = None) -> Callable[..., Any]:
    """Let one function read as if the rule of access were not there, or as another unit does."""

    def leaky(session: Any, *args: Any, **kwargs: Any) -> Any:
        own = session() if callable(getattr(session, "registry", None)) else session
        reader = own.info["reader"]
        with read_as_system(own, "check") as connection:
            tokens = frozenset(connection.scalars(select(AudienceToken.__table__.c.token)))
        own.info["reader"] = replace(reader, level=2, tokens=tokens, unit_id=as_unit or reader.unit_id)
        try:
            return function(session, *args, **kwargs)
        finally:
            own.info["reader"] = reader

    return leaky


SURFACES = {
    "list": ("/positions", "/dossiers"),
    "entry": ("/positions/",),
    "topic": ("/topics/",),
    "search": ("/search",),
    "overlaps": ("/overlaps",),
    "digest": ("/digests",),
    "counts": ("/search", "/topics/"),
    "history": ("/entries/",),
    "worklist": ("/",),
}
LEAKS = {
    "list": [(entry_queries, "listed"), (position_queries, "listed"), (position_queries, "page")],
    "entry": [(position_queries, "one"), (entry_queries, "one")],
    "topic": [(search_queries, "positions_on"), (search_queries, "holdings")],
    "search": [(entry_queries, "matching"), (entry_queries, "listed")],
    "overlaps": [(overlap_queries, "listed"), (overlap_queries, "of_entry")],
    "digest": [(digest_queries, "contents")],
    "counts": [(entry_queries, "facets"), (search_queries, "presence")],
}


def patched(monkeypatch: pytest.MonkeyPatch, places: list[tuple[Any, str]]) -> None:
    sown = 0
    for module, name in places:
        if hasattr(module, name):
            leaky = seeing_all(getattr(module, name))
            for other in (entry_queries, position_queries, search_queries, overlap_queries, worklist_queries, digest_queries):
                if getattr(other, name, None) is getattr(module, name) and other is not module:
                    monkeypatch.setattr(other, name, leaky)
            monkeypatch.setattr(module, name, leaky)
            if module is digest_queries:
                monkeypatch.setattr(digest_commands, name, leaky, raising=False)
            sown += 1
    assert sown, "the leak was sown nowhere"


@SQLITE
@pytest.mark.parametrize("leak", LEAKS)
def test_a_sown_leak_is_caught(world, onlooker, monkeypatch, leak):
    patched(monkeypatch, LEAKS[leak])
    before = onlooker.look(*SURFACES[leak])
    world.sealed_position()
    assert differences(before, onlooker.look(*SURFACES[leak])) != []


@SQLITE
def test_a_leak_of_history_is_caught(world, onlooker, monkeypatch, at):
    """A revision that is not released shows in the history of an open entry."""
    leaky = seeing_all(entry_queries.versions, as_unit=world.other.unit_id)
    monkeypatch.setattr(entry_queries, "versions", leaky)
    before = onlooker.look(*SURFACES["history"])
    revise_unseen(world, at)
    assert differences(before, onlooker.look(*SURFACES["history"])) != []


@SQLITE
def test_a_revision_that_is_not_released_changes_nothing_for_others(world, onlooker, before, at):
    revise_unseen(world, at)
    assert differences(before, onlooker.look()) == []


def revise_unseen(world: World, at: Any) -> None:
    by = world.make.act_as(world.other)
    entry = position_queries.one(world.session, world.visible[1].ref)
    draft = PositionDraft(
        title=SECRET_WORDS,
        text=SECRET_WORDS,
        topics=(world.topic.id,),
        question_id=entry.question_id,
        stance=entry.stance,
        reason=entry.reason or "",
        event_id=entry.event_id,
    )
    with transaction(world.session):
        position_actions.revise(world.session, entry, draft, base=1, by=by, at=at)
        entries.offer(world.session, entry, by=by, at=at)
    bind_reader(world.session, None)


def guessable(refs: list[str]) -> bool:
    """Say whether a ref tells how many came before it: it is a number, or close to the next one."""
    return any(r.strip("0").isdigit() for r in refs) or any(a[:8] == b[:8] for a, b in zip(refs, refs[1:], strict=False))


def test_refs_count_nothing(world):
    refs = [e.ref for e in world.visible]
    assert all(len(r) == 22 for r in refs)
    assert not guessable(refs)
    numbers = iter(range(1, 100))

    def count(mapper: Any, connection: Any, entry: Entry) -> None:
        entry.ref = f"{next(numbers):022d}"

    event.listen(Entry, "before_insert", count, propagate=True)
    try:
        leaky = [world.make.position(by=world.reader).ref for _ in range(2)]
    finally:
        event.remove(Entry, "before_insert", count)
    assert guessable(leaky)


@SQLITE
def test_a_leak_of_an_export_is_caught(world, onlooker, monkeypatch):
    """An export reads its rows past the reader; the list beside it does not."""
    rows = export_queries.entries
    monkeypatch.setattr(export_queries, "entries", seeing_all(lambda *args, **how: list(rows(*args, **how))))
    monkeypatch.setattr(entry_queries, "ids_listed", seeing_all(entry_queries.ids_listed))
    before = onlooker.look("/export/positions")
    world.sealed_position()
    found = [d for d in differences(before, onlooker.look("/export/positions")) if "/export/positions" in d]
    assert found
    assert all(difference.startswith("POST") for difference in found)


@SQLITE
def test_a_leak_of_the_worklist_is_caught(world, onlooker, monkeypatch):
    """The worklist asks for every pair of one's unit, not only for those that the unit can see."""

    def every_pair(session: Any, unit_id: int, **how: Any) -> Any:
        mine = or_(Overlap.low_unit_id == unit_id, Overlap.high_unit_id == unit_id)
        return session.scalars(overlap_queries.with_company().where(mine, Overlap.current).order_by(Overlap.id)).all()

    monkeypatch.setattr(overlap_queries, "waiting_for", seeing_all(every_pair))
    assert "/" in onlooker.addresses()
    before = {"/": onlooker.open("/")}
    world.sealed_position()
    assert differences(before, {"/": onlooker.open("/")}) != []
