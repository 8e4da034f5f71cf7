"""What others hold, written down by a unit: beside the units' lines, and never one of them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from coordinator.db import transaction
from coordinator.entries.models import State
from coordinator.errors import Refused
from coordinator.people.models import Circle, Duty, Organisation, Person, Role, Unit
from coordinator.positions import actions, queries
from coordinator.positions.models import Position
from coordinator.positions.rules import (
    AlreadyHeld,
    NothingToAdhereTo,
    PositionDraft,
    SourceWithoutVoice,
    VoiceWithoutDay,
    VoiceWithoutSource,
    check,
    is_voice,
    may_adhere,
    may_copy,
)
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
DAY = date(2026, 2, 27)


def heard(counterpart: Any, **more: Any) -> dict[str, Any]:
    return {"on_behalf_of_id": counterpart.id, "source": "Statement in plenary", "said_on": DAY, **more}


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        pytest.param({"on_behalf_of_id": 1, "said_on": DAY}, VoiceWithoutSource, id="no source"),
        pytest.param({"on_behalf_of_id": 1, "source": "  ", "said_on": DAY}, VoiceWithoutSource, id="a blank source"),
        pytest.param({"on_behalf_of_id": 1, "source": "A speech"}, VoiceWithoutDay, id="no day"),
        pytest.param({"source": "A speech"}, SourceWithoutVoice, id="a source of nobody's voice"),
        pytest.param({"said_on": DAY}, SourceWithoutVoice, id="a day of nobody's voice"),
    ],
)
def test_a_voice_comes_with_its_source_and_its_day(said: dict[str, Any], refusal: type[Refused]) -> None:
    with pytest.raises(refusal):
        check(PositionDraft(title="T", text="t", **said))


def test_an_outside_voice_can_neither_be_adhered_to_nor_be_copied_as_a_line() -> None:
    def of(circle: Circle, *, on_behalf_of_id: int | None = None) -> Position:
        unit = Unit(id=1, name="U", organisation_id=1, organisation=Organisation(id=1, circle=circle))
        return Position(unit_id=1, unit=unit, state=State.RELEASED, question_id=1, on_behalf_of_id=on_behalf_of_id)

    home = Unit(id=2, organisation_id=2)
    me = Person(unit_id=2, unit=home, duties=[Duty(role=Role.RELEASING_OFFICER)])
    line, firm, recorded = of(Circle.MINISTRY), of(Circle.COUNTRY), of(Circle.MINISTRY, on_behalf_of_id=7)
    assert [is_voice(p) for p in (line, firm, recorded)] == [False, True, True]
    assert [may_adhere(me, p) for p in (line, firm, recorded)] == [True, False, False]
    assert [may_copy(p) for p in (line, firm, recorded)] == [True, True, False]
    home.organisation_id = 1
    assert may_adhere(me, firm)  # within one organisation


def test_a_unit_may_write_down_several_voices_beside_its_own_line(make: Make, session: Any) -> None:
    me, question, topic = make.officer(), make.question(), make.topic()
    one, other = make.counterpart(), make.counterpart()
    line = make.position(by=me, question=question, topic=topic, stance="support")
    for counterpart in (one, other, one):
        make.position(by=me, question=question, topic=topic, stance="oppose", **heard(counterpart))
    make.act_as(me)
    held = queries.held_by(session, me.unit_id, question.id, 1)
    assert held is not None
    assert held.id == line.id
    with pytest.raises(AlreadyHeld):
        make.position(by=me, question=question, topic=topic, stance="support")


def test_writing_down_a_voice_leaves_the_line_that_a_unit_made_its_own(make: Make, session: Any, at: Any) -> None:
    me, question, topic = make.officer(), make.question(), make.topic()
    line = make.position(question=question, topic=topic, stance="support")
    by = make.act_as(me)
    with transaction(session):
        actions.adhere(session, queries.one(session, line.ref), unit=by.unit, by=by, at=at)
    voice = make.position(by=me, question=question, topic=topic, stance="oppose", **heard(make.counterpart()))
    unit = make.unit()
    make.act_as(me)
    assert len(queries.adherences(session, [line.id])) == 1
    with pytest.raises(NothingToAdhereTo), transaction(session):
        actions.adhere(session, queries.one(session, voice.ref), unit=unit, by=by, at=at)


def test_a_ministry_unit_writes_down_a_voice_and_everybody_reads_whose_it_is(make: Make, sign_in: SignIn) -> None:
    topic, forum, country = make.topic("Norms"), make.forum("Assembly"), make.counterpart("Freedonia")
    question, event = make.question("Shall it bind?", topic=topic, forum=forum), make.event("Spring session", forum=forum)
    other = make.officer(unit=make.unit(short_name="OTH"))
    make.position(by=other, question=question, topic=topic, stance="support", title="It shall")
    me = make.officer(unit=make.unit(short_name="ICS"))
    desk = sign_in(me)
    form = desk.get(f"/positions/log?voice={country.ref}").text
    assert f'<option selected value="{country.ref}">' in form
    typed = {
        "title": "Freedonia will not be bound",
        "text": "It cannot accept a text that binds.",
        "topics": [topic.ref],
        "question": question.ref,
        "stance": "red_line",
        "reason": "Sovereignty.",
        "on_behalf_of": country.ref,
        "level": "1",
        "audience": "ministry",
        "do": "release",
        "form_key": "k" * 22,
    }
    answer = desk.post("/positions/log", data=typed)
    assert answer.status_code in {409, 422}
    assert 'id="source-error"' in answer.text
    assert "Freedonia will not be bound" in answer.text
    answer = desk.post("/positions/log", data=typed | {"source": "Statement in plenary", "said_on": "2026-02-27"})
    assert answer.status_code == 303, answer.text
    voice = desk.get(answer.location, follow_redirects=True).text
    assert "An outside voice:" in voice
    assert "Statement in plenary" in voice
    reader = sign_in(other)
    paths = (
        f"/calendar/questions/{question.ref}",
        f"/calendar/events/{event.ref}",
        f"/calendar/events/{event.ref}/brief",
        f"/calendar/counterparts/{country.ref}",
        f"/topics/{topic.ref}",
    )
    for path in paths:
        page = reader.get(path).text
        assert "Outside voices" in page, path
        assert "Freedonia will not be bound" in page, path
        assert "Statement in plenary" in page, path
    page = reader.get("/overlaps").text
    assert "Freedonia, an outside voice, says “red line”, and a unit says “support”." in page
    assert "outside voice of" in page
    assert "Freedonia will not be bound" in reader.get("/positions").text
    assert "Freedonia will not be bound" not in reader.get("/positions?circle=ministry").text  # what the picture counts as lines
    assert "It shall" in reader.get("/positions?circle=ministry").text


def test_outside_the_ministry_nobody_writes_down_what_others_hold(make: Make, sign_in: SignIn) -> None:
    country = make.counterpart("Freedonia")
    firm = make.officer(unit=make.unit(of=make.organisation("Orrery", circle="country", ceiling=0)), clearance=0)
    desk = sign_in(firm)
    form = desk.get(f"/positions/log?voice={country.ref}").text
    assert "An outside voice" not in form
    typed = {"on_behalf_of": country.ref, "source": "s", "said_on": "2026-02-27", "title": "T", "text": "t", "level": "0"}
    answer = desk.post("/positions/log", data=typed)
    assert answer.status_code == 422
    assert "Write down what it holds" not in desk.get(f"/calendar/counterparts/{country.ref}").text
