"""The list of overlaps, the two texts side by side, and what each side does about them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, db, transaction
from coordinator.dossiers.models import Dossier
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry, EntryTopic, TopicProposal
from coordinator.overlaps.models import Overlap, OverlapKind, OverlapState
from coordinator.people.models import Person
from coordinator.topics.models import Topic
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
ALIKE = (
    "Critical submarine cables carry most transatlantic traffic; landing stations need redundant power, trusted repair "
    "vessels, shared outage reporting and protected seabed corridors."
)
UNLIKE = (  # nothing in common but a topic
    "Harbour pilots want longer hours.",
    "Textbooks arrive by October.",
    "Glaciers retreat above the valley.",
    "Orchestras rehearse behind curtains.",
    "Bakers demand cheaper flour.",
    "Lighthouses blink every minute.",
    "Penguins crossed our runway.",
)


def contacts(make: Make, topic: Topic, number: int) -> list[tuple[Person, Dossier]]:
    """Make entries of so many units that have one topic in common and nothing else."""
    officers = [make.officer() for _ in range(number)]
    return [
        (o, make.dossier(by=o, topic=topic, title=text.split()[0], text=text)) for o, text in zip(officers, UNLIKE, strict=False)
    ]


def read(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.get_data(as_text=True)


def option(page: str, label: str) -> str:
    """Return the value of the choice whose label begins so."""
    found = re.search(rf'<option value="([^"]+)">{label}', page)
    assert found, page
    return found[1]


def state_of(make: Make, ref: str, *, seen_by: Person) -> OverlapState:
    make.act_as(seen_by)
    found = make.session.scalars(select(Overlap).where(Overlap.ref == ref).execution_options(populate_existing=True)).one()
    bind_reader(make.session, None)
    return found.state


def the_one(make: Make, *, seen_by: Person) -> Overlap:
    make.act_as(seen_by)
    found = make.session.scalars(select(Overlap).execution_options(populate_existing=True)).one()
    bind_reader(make.session, None)
    return found


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield said
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def sealed(make: Make) -> tuple[str, Person, Person]:
    """A red line that only its own unit sees, against an open line: its ref, who sees both, who sees one."""
    topic = make.topic("Encryption")
    question = make.question("Shall keys be escrowed?", topic=topic)
    open_unit = make.unit("Legal Affairs", short_name="LA", mailbox="la@ministry.example")
    sealed_unit = make.unit("Cyber Security", short_name="ICS", mailbox="ics@ministry.example")
    blind, seer = make.officer(unit=open_unit), make.officer(unit=sealed_unit)
    make.position(by=blind, topic=topic, question=question, stance="support", title="Escrow with safeguards")
    make.position(by=seer, topic=topic, question=question, stance="red_line", title="Zanzibar papers", sealed=True)
    return the_one(make, seen_by=seer).ref, seer, blind


@pytest.fixture
def alike(make: Make) -> tuple[str, Person, Person]:
    """Two texts that are alike and share nothing else; the second is on the topic Cables, the first on none."""
    cables = make.topic("Cables")
    one, other = make.officer(), make.officer()
    make.dossier(by=one, title="Cables and landing stations", text=ALIKE)
    make.dossier(by=other, title="Cables and landing stations", text=ALIKE, topic=cables)
    overlap = the_one(make, seen_by=one)
    assert overlap.kind is OverlapKind.POSSIBLE
    return overlap.ref, one, other


# --- the list ----------------------------------------------------------------------------------------------------------


def test_the_worst_stands_first_and_then_what_comes_up_soonest(make: Make, sign_in: SignIn) -> None:
    topic, far, near = make.topic(), make.event("Far session", in_days=40), make.event("Near session", in_days=3)
    one, other = make.officer(), make.officer()
    for meeting in (far, near):
        for person in (one, other):
            make.dossier(by=person, topic=topic, event=meeting)
    make.overlap("critical")
    page = read(sign_in(one), "/overlaps")
    places = [page.index(mark) for mark in ("sign-severity-critical", "Near session", "Far session")]
    assert places == sorted(places)


def test_a_list_without_overlaps_says_so(make: Make, sign_in: SignIn) -> None:
    assert "No overlap is open" in read(sign_in(make.officer()), "/overlaps")


def test_filters_stand_in_the_address_and_narrow_the_list(make: Make, sign_in: SignIn) -> None:
    critical, one, _ = make.overlap("critical")
    medium, other, _ = make.overlap("medium")
    client = sign_in(one)
    everything = read(client, "/overlaps")
    assert critical in everything
    assert medium in everything
    for narrowed in ("severity=critical", "mine=1", f"unit={one.unit.ref}"):
        page = read(client, f"/overlaps?{narrowed}")
        assert critical in page, narrowed
        assert medium not in page, narrowed
    assert critical not in read(client, "/overlaps?kind=collision")
    assert critical not in read(client, f"/overlaps?unit={other.unit.ref}")
    assert client.get("/overlaps?kind=nonsense").status_code == 404
    assert client.get("/overlaps?unit=nobody").status_code == 404


def test_facets_count_what_each_choice_would_leave(make: Make, sign_in: SignIn) -> None:
    _, one, _ = make.overlap("critical")
    make.overlap("medium")
    make.overlap("medium")
    page = read(sign_in(one), "/overlaps?severity=critical")
    facet = page[page.index("<h3>Severity</h3>") :]
    counts = [part.split("</span>")[0] for part in facet.split('facet-count">')[1:3]]
    assert counts == ["1", "2"]
    assert "(chosen: follow to remove)" in facet[: facet.index("</section>")]


def test_closed_ones_leave_the_list_until_all_are_asked_for(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap("medium")
    client = sign_in(one)
    client.post(f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Different treaties."})
    assert ref not in read(client, "/overlaps")
    assert ref in read(client, "/overlaps?state=all")
    assert ref in read(client, "/overlaps?state=dismissed")
    assert ref not in read(client, "/overlaps?state=settled")


def test_what_only_the_text_says_stands_apart(alike: tuple[str, Person, Person], sign_in: SignIn) -> None:
    ref, one, _ = alike
    client = sign_in(one)
    assert ref not in read(client, "/overlaps")
    assert ref in read(client, "/overlaps?tab=possible")


def test_a_crowded_topic_reads_as_one_item_and_a_conflict_on_it_still_as_a_pair(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Artificial intelligence")
    question = make.question(topic=topic)
    people = [person for person, _ in contacts(make, topic, 5)]
    for text, stance in zip(UNLIKE[5:], ("support", "oppose"), strict=True):
        people.append(make.officer())
        make.position(by=people[-1], topic=topic, question=question, stance=stance, title=text.split()[0], text=text)
    conflict = the_one(make, seen_by=people[0])
    page = read(sign_in(people[0]), "/overlaps")
    crowd = page[page.index("Crowded topics") :]
    assert all(f"<bdi>{person.unit.short_name}</bdi>" in crowd for person in people)
    assert "7 units" in crowd
    assert conflict.ref in page[: page.index("Crowded topics")]


def test_of_a_crowd_the_first_units_are_named(make: Make, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.overlaps.queries.NAMED", 3)
    topic = make.topic("Artificial intelligence")
    people = [person for person, _ in contacts(make, topic, 7)]
    page = read(sign_in(people[0]), "/overlaps")
    crowd = page[page.index("Crowded topics") :]
    named = [person.unit.short_name for person in people if f"<bdi>{person.unit.short_name}</bdi>" in crowd]
    assert len(named) == 3
    assert "and 4 others" in crowd


def test_a_contact_on_a_crowded_topic_is_one_click_away(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Artificial intelligence")
    (person, first), (_, second), *_ = contacts(make, topic, 7)
    client = sign_in(person)
    client.post("/overlaps/take-up", data={"a": first.ref, "b": second.ref})
    ref = the_one(make, seen_by=person).ref
    assert f"/overlaps/{ref}" not in read(client, "/overlaps")
    assert f"/overlaps/{ref}" in read(client, f"/overlaps?topic={topic.ref}")


def test_six_units_are_no_crowd(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    officers = [make.officer() for _ in range(6)]
    for officer in officers:
        make.dossier(by=officer, topic=topic)
    assert "Crowded topics" not in read(sign_in(officers[0]), "/overlaps")


def test_a_crowd_is_counted_over_what_the_reader_sees(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    officers = [make.officer() for _ in range(7)]
    for officer in officers[:6]:
        make.dossier(by=officer, topic=topic)
    make.dossier(by=officers[6], topic=topic, sealed=True)
    assert "Crowded topics" not in read(sign_in(officers[0]), "/overlaps")
    assert "Crowded topics" in read(sign_in(officers[6]), "/overlaps")


def test_the_number_of_statements_does_not_grow_with_the_rows(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    question = make.question(topic=topic)
    first = make.officer()
    make.position(by=first, topic=topic, question=question, stance="red_line")

    def rival() -> None:
        make.position(topic=topic, question=question, stance="support")

    rival()
    client = sign_in(first)
    ref = the_one(make, seen_by=first).ref
    seen = []
    for _ in range(2):
        for path in ("/overlaps", f"/overlaps/{ref}", "/overlaps?mine=1&state=all"):
            client.get(path)
            with counted_statements() as said:
                client.get(path)
            seen.append(len(said))
        for _more in range(4):
            rival()
    assert seen[:3] == seen[3:]


# --- the two texts -----------------------------------------------------------------------------------------------------


def test_both_texts_stand_side_by_side_with_the_reasons_in_words(make: Make, sign_in: SignIn) -> None:
    topic, meeting = make.topic("Encryption"), make.event("Spring session", in_days=9)
    question = make.question("Shall keys be escrowed?", topic=topic)
    one, other = make.officer(), make.officer()
    common = {"topic": topic, "question": question, "event": meeting}
    make.position(by=one, stance="support", text="We welcome escrow.", **common)
    make.position(
        by=other, stance="red_line", text="Escrow never.", red_lines="No copy of a key.", reason="It weakens all.", **common
    )
    page = read(sign_in(one), f"/overlaps/{the_one(make, seen_by=one).ref}")
    for said in (
        "We welcome escrow.",
        "Escrow never.",
        "No copy of a key.",
        "It weakens all.",
        "in 9 days",
        "both cannot be said in one room",
    ):
        assert said in page
    assert page.index("We welcome escrow.") < page.index("Escrow never."), "the own text stands first"
    assert "<meter" in page
    assert "Nobody has acknowledged it yet." in page


def test_the_other_reader_finds_the_own_text_first_too(make: Make, sign_in: SignIn) -> None:
    ref, one, other = make.overlap()
    for person, rival in ((one, other), (other, one)):
        page = read(sign_in(person), f"/overlaps/{ref}")
        assert f"{person.unit.short_name} and {rival.unit.short_name}" in page


def test_both_units_acknowledge_each_for_itself(make: Make, sign_in: SignIn) -> None:
    ref, one, other = make.overlap()
    sign_in(one).post(f"/overlaps/{ref}/acknowledge")
    assert state_of(make, ref, seen_by=one) is OverlapState.OPEN
    page = read(sign_in(other), f"/overlaps/{ref}")
    assert "Seen by one hand only:" in page
    assert one.unit.short_name in page[page.index("Seen by one hand only:") :][:200]
    sign_in(other).post(f"/overlaps/{ref}/acknowledge")
    assert state_of(make, ref, seen_by=one) is OverlapState.ACKNOWLEDGED


def test_a_medium_one_is_dismissed_by_either_unit(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap("medium")
    answer = sign_in(one).post(
        f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Different treaties."}, follow_redirects=True
    )
    assert "Different treaties." in answer.get_data(as_text=True)
    assert state_of(make, ref, seen_by=one) is OverlapState.DISMISSED


def test_a_critical_one_is_dismissed_only_by_both(make: Make, sign_in: SignIn) -> None:
    ref, one, other = make.overlap("critical")
    client = sign_in(one)
    assert "close when both units say so" in read(client, f"/overlaps/{ref}")
    client.post(f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Said in different rooms."})
    assert state_of(make, ref, seen_by=one) is OverlapState.OPEN
    theirs = sign_in(other)
    assert "Said in different rooms." in read(theirs, f"/overlaps/{ref}")
    theirs.post(f"/overlaps/{ref}/agree")
    assert state_of(make, ref, seen_by=one) is OverlapState.DISMISSED


def test_two_units_settle_by_agreeing_to_the_same_words(make: Make, sign_in: SignIn) -> None:
    ref, one, other = make.overlap()
    typed = {
        "settle-statement": "Legal speaks, Cyber advises.",
        "settle-outcome": "one_leads",
        "settle-lead": other.unit.ref,
        "settle-look_again_on": "2026-09-01",
    }
    sign_in(one).post(f"/overlaps/{ref}/settle", data=typed)
    theirs = sign_in(other)
    page = read(theirs, f"/overlaps/{ref}")
    for said in ("Legal speaks, Cyber advises.", "One unit leads", other.unit.name, "2026-09-01", "Agree for your unit"):
        assert said in page
    assert "made a proposal" in read(theirs, "/overlaps")
    theirs.post(f"/overlaps/{ref}/agree")
    assert state_of(make, ref, seen_by=one) is OverlapState.SETTLED


def test_a_coordinator_who_sees_both_settles_alone(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap()
    coordinator = make.person(roles=("coordinator",))
    typed = {"settle-statement": "One line from now on.", "settle-outcome": "joint_line"}
    sign_in(coordinator).post(f"/overlaps/{ref}/settle", data=typed)
    assert state_of(make, ref, seen_by=one) is OverlapState.SETTLED


@pytest.mark.parametrize(
    ("page", "typed", "sentence", "kept"),
    [
        ("dismiss", {"dismiss-reason": "not_same", "dismiss-why": "   "}, "Say why this is nothing", None),
        (
            "dismiss",
            {"dismiss-reason": "not_same", "dismiss-why": "kept words" + "x" * 2_000},
            "2010 characters long; at most 2000 fit",
            "kept words",
        ),
        ("settle", {"settle-statement": "kept words"}, "Choose what it comes to.", "kept words"),
        ("settle", {"settle-statement": "kept words", "settle-outcome": "one_leads"}, "Say which of the two leads.", "kept words"),
        ("settle", {"settle-statement": "kept words", "settle-outcome": "war"}, "Choose one from the list.", "kept words"),
        (
            "settle",
            {"settle-statement": "kept words", "settle-outcome": "joint_line", "settle-look_again_on": "soon"},
            "This is not a day",
            "soon",
        ),
        ("settle", {"settle-statement": "", "settle-outcome": "joint_line"}, "Say in a sentence or two what was agreed.", None),
    ],
    ids=["no reason", "too long", "no outcome", "no lead", "odd outcome", "odd day", "no words"],
)
def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(
    make: Make, sign_in: SignIn, page: str, typed: dict[str, str], sentence: str, kept: str | None
) -> None:
    ref, one, _ = make.overlap()
    answer = sign_in(one).post(f"/overlaps/{ref}/{page}", data=typed)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in text
    assert "field-error" in text
    assert kept is None or kept in text
    assert state_of(make, ref, seen_by=one) is OverlapState.OPEN


def test_what_was_typed_is_kept_when_the_other_side_closed_it_meanwhile(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap()
    coordinator = make.person(roles=("coordinator",))
    sign_in(coordinator).post(f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Nothing."})
    answer = sign_in(one).post(f"/overlaps/{ref}/settle", data={"settle-statement": "Our words", "settle-outcome": "joint_line"})
    assert answer.status_code == 409
    assert "This overlap is closed already." in answer.get_data(as_text=True)
    assert "Our words" in answer.get_data(as_text=True)


def test_a_closed_one_is_taken_up_again_with_a_reason(make: Make, sign_in: SignIn) -> None:
    ref, one, other = make.overlap("medium")
    client = sign_in(one)
    client.post(f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Nothing."})
    theirs = sign_in(other)
    assert theirs.post(f"/overlaps/{ref}/reopen", data={"reopen-why": ""}).status_code == 422
    page = theirs.post(f"/overlaps/{ref}/reopen", data={"reopen-why": "The drafts met."}, follow_redirects=True).get_data(
        as_text=True
    )
    assert "The drafts met." in page
    assert state_of(make, ref, seen_by=one) is OverlapState.OPEN


def test_the_forms_also_lead_back_when_they_are_only_looked_at(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap()
    client = sign_in(one)
    for page in ("dismiss", "settle", "reopen", "confirm"):
        answer = client.get(f"/overlaps/{ref}/{page}")
        assert answer.status_code == 302
        assert answer.location.endswith(f"/overlaps/{ref}")


# --- text alone --------------------------------------------------------------------------------------------------------


def test_confirming_puts_their_topic_on_my_entry(make: Make, alike: tuple[str, Person, Person], sign_in: SignIn) -> None:
    ref, one, _ = alike
    client = sign_in(one)
    page = read(client, f"/overlaps/{ref}")
    assert "Cables – put it on your own entry" in page
    topic = option(page, "Cables")
    client.post(f"/overlaps/{ref}/confirm", data={"confirm-topic": topic})
    make.act_as(one)
    assert len(make.session.scalars(select(EntryTopic.entry_id)).all()) == 2
    assert ref not in read(client, "/overlaps?tab=possible")
    assert the_one(make, seen_by=one).kind is OverlapKind.DUPLICATION


def test_confirming_proposes_my_topic_to_them_and_they_answer(
    make: Make, alike: tuple[str, Person, Person], sign_in: SignIn
) -> None:
    ref, one, other = alike
    client = sign_in(other)
    page = read(client, f"/overlaps/{ref}")
    assert f"Cables – propose it to {one.unit.short_name}" in page
    topic = option(page, "Cables")
    client.post(f"/overlaps/{ref}/confirm", data={"confirm-topic": topic})
    make.act_as(one)
    proposal = make.session.scalars(select(TopicProposal)).one()
    assert sign_in(make.officer()).post(f"/overlaps/proposals/{proposal.ref}", data={"answer": "take"}).status_code == 403
    sign_in(one).post(f"/overlaps/proposals/{proposal.ref}", data={"answer": "take"})
    assert the_one(make, seen_by=one).kind is OverlapKind.DUPLICATION


def test_a_proposal_is_declined_and_counts_for_nothing(make: Make, alike: tuple[str, Person, Person], sign_in: SignIn) -> None:
    ref, one, other = alike
    client = sign_in(other)
    topic = option(read(client, f"/overlaps/{ref}"), "Cables")
    client.post(f"/overlaps/{ref}/confirm", data={"confirm-topic": topic})
    make.act_as(one)
    proposal = make.session.scalars(select(TopicProposal)).one()
    sign_in(one).post(f"/overlaps/proposals/{proposal.ref}", data={"answer": "decline"})
    make.act_as(one)
    assert make.session.scalars(select(TopicProposal.taken).execution_options(populate_existing=True)).one() is False
    assert the_one(make, seen_by=one).kind is OverlapKind.POSSIBLE


def test_a_topic_that_is_on_neither_side_is_not_confirmed(make: Make, alike: tuple[str, Person, Person], sign_in: SignIn) -> None:
    ref, one, _ = alike
    answer = sign_in(one).post(f"/overlaps/{ref}/confirm", data={"confirm-topic": make.topic().ref})
    assert answer.status_code == 422
    assert "Choose one from the list." in answer.get_data(as_text=True)


# --- contacts ----------------------------------------------------------------------------------------------------------


def test_a_contact_is_taken_up_and_becomes_a_row(make: Make, sign_in: SignIn) -> None:
    (one, mine), (_, theirs) = contacts(make, make.topic(), 2)
    answer = sign_in(one).post("/overlaps/take-up", data={"a": mine.ref, "b": theirs.ref})
    overlap = the_one(make, seen_by=one)
    assert answer.location.endswith(f"/overlaps/{overlap.ref}")
    assert overlap.kind is OverlapKind.CONTACT


def test_a_contact_of_others_is_not_mine_to_take_up(make: Make, sign_in: SignIn) -> None:
    topic, one, other = make.topic(), make.officer(), make.officer()
    refs = {"a": make.dossier(by=one, topic=topic).ref, "b": make.dossier(by=other, topic=topic).ref}
    assert sign_in(make.officer()).post("/overlaps/take-up", data=refs).status_code == 403


def test_two_entries_of_one_unit_are_no_contact(make: Make, sign_in: SignIn) -> None:
    topic, one = make.topic(), make.officer()
    refs = {"a": make.dossier(by=one, topic=topic).ref, "b": make.dossier(by=one, topic=topic).ref}
    assert sign_in(one).post("/overlaps/take-up", data=refs).status_code == 409


def test_a_hidden_entry_cannot_be_taken_up(make: Make, sign_in: SignIn) -> None:
    topic, one = make.topic(), make.officer()
    mine, hidden = make.dossier(by=one, topic=topic), make.dossier(topic=topic, sealed=True)
    client = sign_in(one)
    assert client.post("/overlaps/take-up", data={"a": mine.ref, "b": hidden.ref}).status_code == 404
    assert client.post("/overlaps/take-up", data={"a": mine.ref, "b": "x" * 22}).status_code == 404


# --- who sees and who acts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["officer", "releasing_officer", "coordinator", "leadership", "administrator", "auditor"])
def test_whoever_sees_both_ends_sees_it_and_only_sides_and_coordinators_act(make: Make, sign_in: SignIn, role: str) -> None:
    ref, one, _ = make.overlap()
    client = sign_in(make.person(roles=(role,)))
    page = read(client, f"/overlaps/{ref}")
    acts = role == "coordinator"
    assert ('id="act"' in page) is acts
    assert "Acknowledge for your unit" not in page
    answer = client.post(f"/overlaps/{ref}/dismiss", data={"dismiss-reason": "not_same", "dismiss-why": "Nothing."})
    assert answer.status_code == (303 if acts else 403)
    assert (state_of(make, ref, seen_by=one) is OverlapState.DISMISSED) is acts


def test_leadership_of_the_unit_reads_and_does_not_acknowledge(make: Make, sign_in: SignIn) -> None:
    ref, one, _ = make.overlap()
    head = make.person(unit=one.unit, roles=("leadership",))
    assert sign_in(head).post(f"/overlaps/{ref}/acknowledge").status_code == 403


def test_a_sealed_overlap_is_seen_by_one_side_only_who_is_told_whom_to_reach(
    sealed: tuple[str, Person, Person], sign_in: SignIn
) -> None:
    ref, seer, _ = sealed
    page = read(sign_in(seer), f"/overlaps/{ref}")
    assert "The other unit cannot see your text; only you know of this overlap." in page
    assert "Legal Affairs" in page
    assert "mailto:la@ministry.example" in page
    assert "not asked, because it cannot see both texts" in page


def test_a_hidden_end_makes_the_overlap_nowhere_to_be_found(
    sealed: tuple[str, Person, Person], make: Make, sign_in: SignIn
) -> None:
    ref, seer, blind = sealed
    for person in (
        blind,
        make.person(roles=("coordinator",)),
        make.person(roles=("leadership",)),
        make.person(roles=("administrator",)),
    ):
        client = sign_in(person)
        assert client.get(f"/overlaps/{ref}").status_code == 404
        for what in ("acknowledge", "agree", "dismiss", "settle", "reopen", "confirm"):
            assert client.post(f"/overlaps/{ref}/{what}").status_code == 404, what
        for path in ("/overlaps", "/overlaps?state=all", "/overlaps?tab=possible", f"/overlaps?unit={blind.unit.ref}"):
            page = read(client, path)
            assert ref not in page
            assert "Zanzibar" not in page
            assert "sign-severity" not in page
            assert ">ICS<" not in page[page.index("<main") :], "no facet names the other unit"


def test_the_sealed_side_settles_alone(sealed: tuple[str, Person, Person], make: Make, sign_in: SignIn) -> None:
    ref, seer, _ = sealed
    sign_in(seer).post(
        f"/overlaps/{ref}/settle", data={"settle-statement": "Spoke by telephone.", "settle-outcome": "agree_to_differ"}
    )
    assert state_of(make, ref, seen_by=seer) is OverlapState.SETTLED


def test_a_stranger_is_sent_to_sign_in(client: FlaskClient, make: Make) -> None:
    ref, _, _ = make.overlap()
    for path in ("/overlaps", f"/overlaps/{ref}"):
        assert "/sign-in" in client.get(path).location


def test_what_changed_is_said_when_a_decision_falls(make: Make, sign_in: SignIn, session: Session) -> None:
    ref, one, _ = make.overlap("medium")
    client = sign_in(one)
    client.post(f"/overlaps/{ref}/acknowledge")
    overlap = the_one(make, seen_by=one)
    other_topic = make.topic("Outer space")
    for entry_id in (overlap.low_id, overlap.high_id):
        person = make.act_as(one)
        with transaction(session):
            entries.add_topic(session, session.get_one(Entry, entry_id), other_topic, by=person, at=make.at)
    bind_reader(session, None)
    page = read(client, f"/overlaps/{ref}")
    assert re.search(r"because this changed: the shared topics: “Topic \d+”, now “Topic \d+”, “Outer space”\.", page)
