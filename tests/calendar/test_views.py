import re
from contextlib import contextmanager

import pytest
from sqlalchemy import event as sqlalchemy_event

from coordinator.calendar import queries
from coordinator.db import db


@contextmanager
def counted_statements():
    said = []

    def note(connection, cursor, statement, *rest):
        said.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    yield said
    sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def keeper(make, sign_in):
    return sign_in(make.person(roles=("coordinator",)))


def test_the_calendar_shows_what_is_to_come_before_what_is_over(make, sign_in):
    make.event("Last year's session", in_days=-300)
    make.event("Next session", in_days=9)
    page = sign_in(make.person()).get("/calendar/").text
    assert page.index("Next session") < page.index("Last year")
    assert "in 9 days" in page


def test_the_list_shows_how_far_the_units_are_with_what_is_to_come(session_of_forum, sign_in):
    page = read(sign_in(session_of_forum["reader"]), "/calendar/")
    assert f'href="/calendar/events/{session_of_forum["event"].ref}"' in page
    assert "Conflicting" in page
    assert "2 positions" in page


def test_a_month_shows_its_events_by_day_with_today_and_the_state(session_of_forum, make, sign_in):
    forum = session_of_forum["forum"]
    make.event("Winter session", forum=forum, in_days=-20)
    reader = sign_in(session_of_forum["reader"])
    page = read(reader, "/calendar/month")
    assert page.count('aria-current="date"') == 1
    assert page.count("Spring session") == 4  # on each of three days, and in the list for a phone
    assert page.count("(continues)") == 2
    assert page.count("Conflicting") == 2
    assert "Winter session" not in page
    assert 'href="/calendar/month?month=2026-02"' in page
    before = read(reader, "/calendar/month?month=2026-02")
    assert "Winter session" in before
    assert "Conflicting" not in before  # what is over is not to be got in order any more
    assert "This month" in before
    assert reader.get("/calendar/month?month=2026-13").status_code == 404


def test_a_month_costs_the_same_however_much_there_is(session_of_forum, make, sign_in):
    reader = sign_in(session_of_forum["reader"])
    reader.get("/calendar/month")
    with counted_statements() as before:
        reader.get("/calendar/month")
    for number in range(4):
        make.event(in_days=number)
        make.position(stance="support", question=session_of_forum["question"])
    with counted_statements() as after:
        reader.get("/calendar/month")
    assert len(after) == len(before)


def test_a_coordinator_adds_and_changes_each_kind(make, keeper, session):
    topic = make.topic()
    assert keeper.post("/calendar/forums/add", data={"name": "Group of Experts", "short_name": "GoE"}).status_code == 303
    (forum,) = queries.forums(session)
    added = {
        "events": {"forum": forum.ref, "name": "First session", "starts_on": "2026-05-04"},
        "questions": {"text": "Should there be a treaty?", "topic": topic.ref, "forum": forum.ref},
        "counterparts": {"name": "Ruritania", "kind": "country", "code": "ch"},
    }
    party = make.counterpart("Freedonia")
    added["instruments"] = {
        "name": "Treaty of Ruritania",
        "short_name": "ToR",
        "kind": "treaty",
        "forum": forum.ref,
        "party_list": [party.ref],
        "parties": "and twelve others",
        "adopted_on": "2001-11-23",
        "in_force_on": "2004-07-01",
        "link": "https://treaties.example/185",
    }
    for kind, typed in added.items():
        assert keeper.post(f"/calendar/{kind}/add", data=typed).status_code == 303
    (event,), (question,), (instrument,) = queries.events(session), queries.questions(session), queries.instruments(session)
    counterpart = next(c for c in queries.counterparts(session) if c.name == "Ruritania")
    shown = keeper.get(f"/calendar/instruments/{instrument.ref}").text
    for words in ("Treaty of Ruritania", "ToR", "Freedonia", "and twelve others", "23 Nov 2001", "https://treaties.example/185"):
        assert words in shown
    assert "Treaty of Ruritania" in keeper.get(f"/calendar/counterparts/{party.ref}").text
    assert event.ends_on == event.starts_on
    assert counterpart.code == "CH"
    changed = {
        f"/calendar/forums/{forum.ref}/edit": {"name": "Group of Friends", "short_name": "GoF"},
        f"/calendar/events/{event.ref}/edit": {**added["events"], "name": "Opening session", "ends_on": "2026-05-08"},
        f"/calendar/questions/{question.ref}/edit": {"text": "Should there be a pact?", "topic": topic.ref},
        f"/calendar/counterparts/{counterpart.ref}/edit": {"name": "Orrery", "kind": "firm", "code": ""},
        f"/calendar/instruments/{instrument.ref}/edit": {"name": "Pact", "short_name": "PAC", "kind": "norms"},
    }
    for path, typed in changed.items():
        assert keeper.post(path, data=typed).status_code == 303
    shown = "".join(keeper.get(f"/calendar/{page}").text for page in ("", "forums", "questions", "instruments", "counterparts"))
    for words in ("Group of Friends", "Opening session", "Should there be a pact?", "Pact", "Norms document", "Orrery"):
        assert words in shown


@pytest.mark.parametrize(
    ("path", "typed", "sentence"),
    [
        ("events", {"name": "S", "starts_on": "4 May"}, "This is not a day: year-month-day is expected, as in 2026-03-02."),
        ("events", {"name": "S", "starts_on": "99999-01-01"}, "This is not a day"),
        ("events", {"name": "S", "starts_on": "0001-01-01"}, "This day is too far away"),
        ("events", {"name": "S", "starts_on": "2026-05-04", "forum": "x"}, "Choose one from the list."),
        ("counterparts", {"name": "R", "kind": "planet"}, "Choose one from the list."),
        ("counterparts", {"name": "R", "kind": "country", "code": "QQ"}, "This is no country code"),
        ("counterparts", {"name": "R", "kind": "firm", "code": "CH"}, "Only a country has a code."),
        ("instruments", {"name": "R", "kind": "law"}, "Choose one from the list."),
        ("instruments", {"name": "R", "link": "javascript:alert(1)"}, "A link starts with https://."),
        ("instruments", {"name": "R", "adopted_on": "yesterday"}, "This is not a day"),
    ],
)
def test_odd_typing_gets_a_plain_sentence(keeper, path, typed, sentence):
    answer = keeper.post(f"/calendar/{path}/add", data=typed)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_an_event_that_ends_before_it_starts_is_refused_beside_its_field(make, keeper):
    typed = {"forum": make.forum().ref, "name": "Session", "starts_on": "2026-05-04", "ends_on": "2026-05-03"}
    answer = keeper.post("/calendar/events/add", data=typed)
    assert answer.status_code == 409
    assert 'id="ends_on-error"' in answer.text


# --- an event, a question, a forum -----------------------------------------------------------------------------------------


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.text[answer.text.index("<main") : answer.text.index("</main>")]


@pytest.fixture
def session_of_forum(make):
    """A session of a forum with a question on which two units clash, one is missing and a firm has its say."""
    topic, forum = make.topic("Norms"), make.forum("Assembly")
    event = make.event("Spring session", forum=forum, days=3, place="Vienna")
    question = make.question("Shall it bind?", topic=topic, forum=forum)
    one, other = make.officer(unit=make.unit("Treaty Office", short_name="TRO")), make.officer(unit=make.unit(short_name="OTH"))
    make.equity(make.unit("Silent ones", short_name="SIL"), topic, "must_consult")
    firm = make.officer(unit=make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0)), clearance=0)
    shared = {"question": question, "topic": topic, "level": 0, "audience": frozenset({"circle:country"})}
    make.position(by=one, stance="support", title="It shall", text="We want it to bind.", red_lines="No veto.", **shared)
    make.position(by=other, stance="red_line", title="It shall not", text="We cannot be bound.", **shared)
    make.position(by=firm, stance="oppose", title="Better not", text="Business would suffer.", **shared)
    make.dossier(by=other, event=event, topic=topic, title="Work on the draft")
    return {"event": event, "question": question, "forum": forum, "reader": one, "firm": firm}


def test_the_further_lines_of_an_event_are_links_by_stance_and_count_for_the_level_of_the_page(make, sign_in, monkeypatch):
    monkeypatch.setattr("coordinator.agenda.queries.FOREMOST", 1)
    forum, topic = make.forum(), make.topic()
    event, question = make.event(forum=forum), make.question(topic=topic, forum=forum)
    one, other = (make.officer(unit=make.unit(short_name=n)) for n in ("AAA", "ZZZ"))
    shared = {"topic": topic, "question": question}
    make.position(by=one, title="Told whole", level=0, audience=frozenset({"circle:country"}), **shared)
    line = make.position(by=other, title="Only named", stance="oppose", **shared)
    whole = sign_in(one).get(f"/calendar/events/{event.ref}").text
    page = whole[whole.index("<main") : whole.index('id="overlaps"')]
    assert "Told whole" in page
    assert "Only named" not in page
    assert re.search(rf'sign-stance-oppose.*?href="/positions/{line.ref}"><abbr [^>]*><bdi>ZZZ', page, re.DOTALL)
    assert page.index("sign-stance-support") < page.index("sign-stance-oppose")
    assert "OFFICIAL" in whole[: whole.index("<main")]
    assert "There is more than fits" not in page
    assert "Only named" in sign_in(one).get(f"/calendar/events/{event.ref}/brief").text


def test_an_event_tells_who_says_what_who_is_missing_and_where_lines_clash(make, sign_in, session_of_forum):
    page = read(sign_in(session_of_forum["reader"]), f"/calendar/events/{session_of_forum['event'].ref}")
    for said in (
        "Spring session",
        "Vienna",
        "Assembly",
        "in 9 days",
        "sign-coordination-conflicting",
        "Shall it bind?",
        "TRO",
        "OTH",
    ):
        assert said in page, said
    assert page.count("sign-stance-red_line") == 1
    assert "SIL" in page[page.index("No line yet:") :]
    assert "Differs from" in page[page.index("Orrery Cloud") :]
    assert "sign-severity-critical" in page
    assert "Work on the draft" in page
    assert f"/positions/log?event={session_of_forum['event'].ref}" in page


def test_what_nobody_said_anything_on_says_so(make, sign_in):
    event = make.event("Quiet session")
    page = read(sign_in(make.officer()), f"/calendar/events/{event.ref}")
    assert "No question is before this forum" in page
    assert "sign-coordination-nothing_yet" in page


def test_an_event_that_is_over_offers_no_new_position(make, sign_in):
    event = make.event(in_days=-9)
    page = read(sign_in(make.officer()), f"/calendar/events/{event.ref}")
    assert "9 days ago" in page
    assert "Log a position for it" not in page


def test_a_brief_holds_lines_red_lines_and_who_holds_what_under_the_level(make, sign_in, session_of_forum):
    browser = sign_in(session_of_forum["reader"])
    path = f"/calendar/events/{session_of_forum['event'].ref}/brief"
    page = read(browser, path)
    for said in (
        "We want it to bind.",
        "No veto.",
        "We cannot be bound.",
        "Who holds what",
        "Orrery Cloud",
        "Business would suffer.",
    ):
        assert said in page, said
    assert browser.get(path).text.count("marking-") == 2
    assert "PUBLIC" in browser.get(path).text
    make.question("And what of space?", topic=make.topic(), forum=session_of_forum["forum"])
    assert "And what of space?" in read(browser, path).partition("Questions without a line")[2]


def test_a_question_sets_the_stances_side_by_side_and_outside_voices_apart(make, sign_in, session_of_forum):
    page = read(sign_in(session_of_forum["reader"]), f"/calendar/questions/{session_of_forum['question'].ref}")
    lines, voices = page.split('class="outside"')
    for said in ("TRO", "OTH", "We want it to bind.", "No veto."):
        assert said in lines, said
    assert "Orrery Cloud" not in lines
    assert "Business would suffer." in voices
    assert "SIL" in page
    assert "Spring session" in page
    assert "sign-severity-critical" in page


def test_a_forum_shows_its_events_with_their_state_and_its_questions(make, sign_in, session_of_forum):
    make.event("Last year", forum=session_of_forum["forum"], in_days=-300)
    page = read(sign_in(session_of_forum["reader"]), f"/calendar/forums/{session_of_forum['forum'].ref}")
    assert page.index("Spring session") < page.index("Shall it bind?") < page.index("Last year")
    assert page.count("sign-coordination-conflicting") == 2
    assert "2 positions · 1 unit missing · 2 conflicts · 1 outside voice" in page


def test_what_is_near_comes_first_in_the_lists(make, sign_in):
    topic = make.topic()
    for name, days in (("Far", 90), ("Near", 2), ("None", None)):
        forum = make.forum(f"{name} forum")
        make.question(f"A {name} question", topic=topic, forum=forum)
        if days:
            make.event(forum=forum, in_days=days)
    make.question("Z of no forum", topic=topic)
    browser = sign_in(make.person())
    forums, questions = read(browser, "/calendar/forums"), read(browser, "/calendar/questions")
    assert forums.index("Near forum") < forums.index("Far forum") < forums.index("None forum")
    assert questions.index("A Near") < questions.index("A Far") < questions.index("A None") < questions.index("Z of no forum")


def test_outside_the_ministry_the_pages_tell_nobody_who_is_missing(make, sign_in, session_of_forum):
    browser = sign_in(session_of_forum["firm"])
    for kind in ("event", "question", "forum"):
        page = read(browser, f"/calendar/{kind}s/{session_of_forum[kind].ref}")
        assert "SIL" not in page
        assert "unit missing" not in page
    assert "SIL" not in read(browser, f"/calendar/events/{session_of_forum['event'].ref}/brief")


def test_what_never_was_is_not_found(make, sign_in):
    browser = sign_in(make.person())
    for kind in ("events", "questions", "forums"):
        assert browser.get(f"/calendar/{kind}/{'x' * 22}").status_code == 404


def test_the_number_of_statements_of_each_page_does_not_grow(make, sign_in, session_of_forum):
    browser, forum = sign_in(session_of_forum["reader"]), session_of_forum["forum"]
    paths = [f"/calendar/{kind}s/{session_of_forum[kind].ref}" for kind in ("event", "question", "forum")]
    paths += [f"{paths[0]}/brief", "/calendar/questions", "/calendar/forums", "/calendar/"]

    def count():
        numbers = []
        for path in paths:
            browser.get(path)
            with counted_statements() as said:
                browser.get(path)
            numbers.append(len(said))
        return numbers

    before = count()
    for _ in range(2):
        topic = make.topic()
        asked = make.question(topic=topic, forum=forum)
        make.event(forum=forum)
        make.equity(make.unit(), topic)
        for stance in ("support", "oppose"):
            make.position(question=asked, topic=topic, stance=stance, event=session_of_forum["event"])
            make.position(question=session_of_forum["question"], topic=topic, stance=stance)
        make.dossier(event=session_of_forum["event"], topic=topic)
    assert count() == before


# --- who works on a counterpart or an instrument -----------------------------------------------------------------------------


@pytest.fixture
def treaty(make):
    """A treaty and a country on which three units work, one of them out of sight, two of them towards the same session."""
    topic, forum = make.topic("Cybercrime"), make.forum("Committee")
    instrument, country = make.instrument("Cybercrime Convention", forum_id=forum.id), make.counterpart("Freedonia")
    event = make.event("Plenary", forum=forum, in_days=5)
    on_it = {"instruments": (instrument.id,), "counterparts": (country.id,)}
    one, other = make.officer(unit=make.unit("Treaty Office", short_name="AAA")), make.officer(unit=make.unit(short_name="ZZZ"))
    make.dossier(by=one, topic=topic, title="Work without a day", **on_it)
    make.dossier(by=other, topic=topic, title="Ratification", event=event, **on_it)
    make.dossier(by=one, title="Second protocol", event=event, topic=make.topic(), milestones=((make.today, "Draft"),), **on_it)
    make.dossier(title="Behind closed doors", event=event, topic=topic, sealed=True, **on_it)
    make.dossier(by=other, topic=topic, title="Something else")
    return {"instruments": instrument, "counterparts": country, "reader": one}


@pytest.mark.parametrize("kind", ["instruments", "counterparts"])
def test_a_page_says_who_works_on_a_thing_the_nearest_first(treaty, sign_in, kind):
    page = read(sign_in(treaty["reader"]), f"/calendar/{kind}/{treaty[kind].ref}")
    places = [page.index(words) for words in ("Second protocol", "Work without a day", "Ratification", "Open overlaps")]
    assert places == sorted(places)  # a milestone today comes before a session in five days
    assert "Behind closed doors" not in page
    assert "Something else" not in page
    assert "Plenary" in page
    assert "Collision" in page


@pytest.mark.parametrize("kind", ["instruments", "counterparts"])
def test_the_list_counts_what_the_reader_sees_and_puts_what_is_near_first(treaty, make, sign_in, kind):
    (make.instrument if kind == "instruments" else make.counterpart)("A name that comes first")
    page = read(sign_in(treaty["reader"]), f"/calendar/{kind}")
    name = treaty[kind].name
    assert page.index(name) < page.index("A name that comes first")
    row = page[page.index(f">{name}<") :].split("</tr>")[0]
    assert '<td class="number" data-label="Units">2</td>' in row
    assert f"{kind[:-1]}={treaty[kind].ref}&amp;state=released" in row
    assert ">3</a>" in row
    assert "Plenary" in row


@pytest.mark.parametrize("kind", ["instruments", "counterparts"])
def test_the_page_of_a_thing_and_the_list_of_them_cost_the_same_however_much_there_is(treaty, make, sign_in, kind):
    reader, thing = sign_in(treaty["reader"]), treaty[kind]
    paths = (f"/calendar/{kind}/{thing.ref}", f"/calendar/{kind}")
    for path in paths:
        reader.get(path)
    with counted_statements() as before:
        for path in paths:
            reader.get(path)
    for number in range(3):
        event = make.event(in_days=number)
        make.dossier(
            topic=make.topic(), event=event, instruments=(treaty["instruments"].id,), counterparts=(treaty["counterparts"].id,)
        )
        make.instrument(), make.counterpart()
    with counted_statements() as after:
        for path in paths:
            reader.get(path)
    assert len(after) == len(before)


@pytest.mark.parametrize("kind", ["instrument", "counterpart"])
def test_what_is_logged_from_the_page_of_a_thing_begins_with_it(treaty, sign_in, kind):
    thing = treaty[f"{kind}s"]
    for what in ("positions", "dossiers"):
        page = read(sign_in(treaty["reader"]), f"/{what}/log?{kind}={thing.ref}")
        assert f'<option selected value="{thing.ref}">' in page


@pytest.mark.parametrize("kind", ["instrument", "counterpart"])
def test_the_lists_are_narrowed_to_a_thing(treaty, sign_in, kind):
    reader, ref = sign_in(treaty["reader"]), treaty[f"{kind}s"].ref
    for path in ("dossiers?state=released&", "search?", "overlaps?"):
        page = read(reader, f"/{path}{kind}={ref}")
        assert "Ratification" in page
        assert "Something else" not in page
        assert reader.get(f"/{path}{kind}={'A' * 22}").status_code == 404


def test_an_instrument_in_force_before_it_was_adopted_is_refused_beside_its_field(keeper):
    typed = {"name": "T", "short_name": "T", "kind": "treaty", "adopted_on": "2026-05-04", "in_force_on": "2026-05-03"}
    answer = keeper.post("/calendar/instruments/add", data=typed)
    assert answer.status_code == 409
    assert 'id="in_force_on-error"' in answer.text


def test_other_names_are_typed_one_on_a_line_and_shown(make, keeper, session):
    typed = {"name": "Telecommunication Union", "short_name": "ITU", "aliases": "UIT\r\n\r\n Union  internationale \r\nITU\r\n"}
    assert keeper.post("/calendar/forums/add", data=typed).status_code == 303
    (forum,) = queries.forums(session)
    assert forum.aliases == ("UIT", "Union internationale")
    assert "Also called:" in keeper.get(f"/calendar/forums/{forum.ref}").text
    assert "UIT\nUnion internationale</textarea>" in keeper.get(f"/calendar/forums/{forum.ref}/edit").text.replace("\r", "")
    typed = {"forum": forum.ref, "name": "Conference", "starts_on": "2026-05-04", "aliases": "PP-26"}
    assert keeper.post("/calendar/events/add", data=typed).status_code == 303
    (event,) = queries.events(session)
    assert "PP-26" in keeper.get(f"/calendar/events/{event.ref}").text


@pytest.mark.parametrize(
    ("aliases", "sentence"),
    [
        ("\n".join(f"N{n}" for n in range(31)), "There are 31 names; at most 30 fit."),
        ("x" * 121, "is too long: at most 120 characters fit."),
        ("Group of Experts", "One of these other names is the name of another already"),
    ],
)
def test_other_names_that_do_not_fit_are_refused_beside_their_field_and_kept(make, keeper, session, aliases, sentence):
    make.forum("Group of Experts")
    answer = keeper.post("/calendar/forums/add", data={"name": "Another", "short_name": "A", "aliases": aliases})
    assert answer.status_code in {409, 422}
    assert sentence in answer.text
    assert aliases.split("\n")[-1] in answer.text
    assert len(queries.forums(session)) == 1
