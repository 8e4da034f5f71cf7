import pytest

from coordinator.calendar import queries


@pytest.fixture
def keeper(make, sign_in):
    return sign_in(make.person(roles=("coordinator",)))


def test_the_calendar_shows_what_is_to_come_before_what_is_over(make, sign_in):
    make.event("Last year's session", in_days=-300)
    make.event("Next session", in_days=9)
    page = sign_in(make.person()).get("/calendar/").text
    assert page.index("Next session") < page.index("Last year")
    assert "in 9 days" in page


def test_a_coordinator_adds_and_changes_each_kind(make, keeper, session):
    topic = make.topic()
    assert keeper.post("/calendar/forums/add", data={"name": "Group of Experts", "short_name": "GoE"}).status_code == 303
    (forum,) = queries.forums(session)
    added = {
        "events": {"forum": forum.ref, "name": "First session", "starts_on": "2026-05-04"},
        "questions": {"text": "Should there be a treaty?", "topic": topic.ref, "forum": forum.ref},
        "counterparts": {"name": "Ruritania", "kind": "country", "code": "ch"},
    }
    for kind, typed in added.items():
        assert keeper.post(f"/calendar/{kind}/add", data=typed).status_code == 303
    (event,), (question,), (counterpart,) = queries.events(session), queries.questions(session), queries.counterparts(session)
    assert event.ends_on == event.starts_on
    assert counterpart.code == "CH"
    changed = {
        f"/calendar/forums/{forum.ref}/edit": {"name": "Group of Friends", "short_name": "GoF"},
        f"/calendar/events/{event.ref}/edit": {**added["events"], "name": "Opening session", "ends_on": "2026-05-08"},
        f"/calendar/questions/{question.ref}/edit": {"text": "Should there be a pact?", "topic": topic.ref},
        f"/calendar/counterparts/{counterpart.ref}/edit": {"name": "Orrery", "kind": "firm", "code": ""},
    }
    for path, typed in changed.items():
        assert keeper.post(path, data=typed).status_code == 303
    shown = "".join(keeper.get(f"/calendar/{page}").text for page in ("", "forums", "questions", "counterparts"))
    for words in ("Group of Friends", "Opening session", "Should there be a pact?", "Orrery"):
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
