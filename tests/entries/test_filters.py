"""Each filter of the lists of positions and dossiers, held against the same said in Python over every entry."""

from collections.abc import Callable
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from coordinator.db import read_as_system, transaction
from coordinator.entries import actions, queries
from coordinator.entries.models import Entry, EntryTopic, Kind, State
from coordinator.people.models import Person
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


@pytest.fixture
def world(make: Make) -> SimpleNamespace:
    """Entries of a bureau's desks, a post and an agency: every topic, forum, event and stance, drafts and withdrawn ones."""
    w = SimpleNamespace()
    w.bureau = make.unit("Bureau")
    w.desk, w.post = make.unit("Desk", under=w.bureau), make.unit("Post")
    w.section = make.unit("Section", under=w.desk)
    w.agency = make.unit("Agency", of=make.organisation("Trade", circle="government"))
    w.wide = make.topic("Cyber")
    w.topic = make.topic("Norms", broader=(w.wide,))
    w.narrow = make.topic("Attribution", broader=(w.topic,))
    w.group, w.council = make.forum("Group"), make.forum("Council")
    w.near, w.far = make.event(forum=w.group, in_days=5), make.event(forum=w.council, in_days=40)
    w.question = make.question(topic=w.topic)
    w.people = [make.officer(unit=u) for u in (w.desk, w.section, w.post, w.agency)]
    w.reader = w.people[0]
    open_to = {"audience": frozenset({"circle:ministry", "circle:government"}), "restriction_reason": "shared"}
    for person, stance in zip(w.people, ("support", "red_line", "oppose", "support"), strict=True):
        make.position(by=person, question=w.question, topic=w.topic, stance=stance, event=w.near, **open_to)
        make.position(by=person, topic=w.narrow, forum=w.council, event=w.near, **open_to)
        make.dossier(by=person, topic=w.wide, event=w.far, **open_to)
        gone = make.dossier(by=person, topic=w.topic, forum=w.group, **open_to)
        by = make.act_as(person)
        with transaction(make.session):
            actions.withdraw(make.session, make.session.get_one(Entry, gone.id), why="over", by=by, at=make.at)
    make.position(by=w.reader, topic=w.wide, released=False)
    return w


def rows(make: Make, table: Any) -> list[Any]:
    with read_as_system(make.session, "check") as connection:
        return list(connection.execute(select(table.__table__).order_by(*table.__table__.primary_key)).all())


def twin(make: Make, w: Any) -> dict[str, Callable[[Any, str], bool]]:
    """Each filter said in Python: of a row and of what the address holds."""
    topics = {e.id: {t.topic_id for t in rows(make, EntryTopic) if t.entry_id == e.id} for e in rows(make, Entry)}
    forum_of = {w.near.id: w.group.id, w.far.id: w.council.id}
    number = {thing.ref: thing.id for thing in vars(w).values() if hasattr(thing, "ref")}
    below = {w.bureau.ref: {w.bureau.id, w.desk.id, w.section.id}, w.desk.ref: {w.desk.id, w.section.id}}
    within = {w.wide.ref: {w.wide.id, w.topic.id, w.narrow.id}, w.topic.ref: {w.topic.id, w.narrow.id}}
    return {
        "unit": lambda e, ref: e.unit_id == number[ref],
        "bureau": lambda e, ref: e.unit_id in below[ref],
        "circle": lambda e, said: (e.unit_id == w.agency.id) == (said == "government"),
        "topic": lambda e, ref: number[ref] in topics[e.id],
        "basket": lambda e, ref: bool(topics[e.id] & within[ref]),
        "forum": lambda e, ref: (e.forum_id if e.forum_id is not None else forum_of.get(e.event_id)) == number[ref],
        "event": lambda e, ref: e.event_id == number[ref],
        "question": lambda e, ref: e.question_id == number[ref],
        "stance": lambda e, said: e.stance == said,
        "current": lambda e, _: e.state == State.RELEASED,
        "state": lambda e, said: e.state == said,
        "kind": lambda e, said: e.kind == said,
    }


def test_each_filter_leaves_what_its_twin_leaves_alone_and_with_any_other(make: Make, world: SimpleNamespace) -> None:
    every, said = rows(make, Entry), twin(make, world)
    values: dict[str, list[str]] = {
        "unit": [world.desk.ref, world.agency.ref],
        "bureau": [world.bureau.ref, world.desk.ref],
        "circle": ["ministry", "government"],
        "topic": [world.topic.ref, world.narrow.ref],
        "basket": [world.topic.ref],
        "forum": [world.group.ref, world.council.ref],
        "event": [world.near.ref, world.far.ref],
        "question": [world.question.ref],
        "stance": ["support", "red_line"],
        "current": ["1"],
        "state": ["released", "withdrawn", "draft"],
        "kind": ["position", "dossier"],
    }
    by = make.act_as(world.reader)
    tried = [{name: value} for name in values for value in values[name]]
    tried += [{a: values[a][0], b: values[b][-1]} for a, b in combinations(values, 2)]
    for args in tried:
        filters = queries.asked(make.session, args, person=by).filters
        found, total = queries.listed(make.session, filters, size=1000)
        wanted = {e.id for e in every if all(said[n](e, v) for n, v in args.items())}
        assert {e.id for e in found} == wanted, args
        assert total == len(wanted)
        if len(args) == 1:
            assert 0 < len(wanted) < len(every), args  # a filter that leaves all or nothing would agree with anything
            counted = queries.facets(make.session, filters)
            forums = {f.ref: n for f, n in counted["forum"]}
            if "forum" not in args:
                assert forums.get(world.group.ref, 0) == sum(said["forum"](e, world.group.ref) for e in every if e.id in wanted)


def test_a_list_keeps_what_a_link_brought_along_and_says_it_in_words(make: Make, world: SimpleNamespace, sign_in: SignIn) -> None:
    browser = sign_in(world.reader)
    wanted = {
        "bureau": world.bureau.ref,
        "basket": world.topic.ref,
        "stance": "support",
        "current": "1",
        "question": world.question.ref,
    }
    page = browser.get("/positions", query_string=wanted).get_data(as_text=True)
    assert ">1 position " in page
    for words in ("and all below it", "Norms and all within it", "Support", "Current"):
        assert words in page, words
    form = page[page.index("form-filter") :]
    form = form[: form.index("</form>")]
    assert all(f'<input type="hidden" name="{name}" value="{value}">' in form for name, value in wanted.items())
    chips = page[page.index('class="chips"') :]
    assert chips[: chips.index("</ul>")].count(f"bureau={world.bureau.ref}") == 4  # each link drops its own filter only
    assert ">1 dossier " in browser.get(f"/dossiers?bureau={world.section.ref}&current=1").get_data(as_text=True)


def test_pages_of_a_narrowed_list_stay_narrowed(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    for _ in range(26):
        make.dossier(by=officer)
    page = sign_in(officer).get(f"/dossiers?bureau={officer.unit.ref}&circle=ministry").get_data(as_text=True)
    assert f"bureau={officer.unit.ref}&amp;circle=ministry&amp;page=2" in page


@pytest.mark.parametrize("path", ["/positions", "/dossiers", "/search"])
@pytest.mark.parametrize(
    "asked", [*(f"{n}={'A' * 22}" for n in ("bureau", "basket", "forum", "event", "question")), "stance=x", "circle=x"]
)
def test_what_is_not_there_is_not_found(make: Make, sign_in: SignIn, path: str, asked: str) -> None:
    assert sign_in(make.officer()).get(f"{path}?{asked}").status_code == 404


def test_an_exported_list_asks_as_the_page_does(make: Make, world: SimpleNamespace) -> None:
    by = make.act_as(world.reader)
    args = {"unit": world.desk.ref, "words": "Entry", "page": "3", "odd": "x"}
    asked = queries.asked(make.session, args, person=by, kind=Kind.POSITION)
    assert asked.filters == queries.Filters(words="Entry", kind=Kind.POSITION, unit_id=world.desk.id)
    assert set(asked.chosen) == {"unit"}
