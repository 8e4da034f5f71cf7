from datetime import date

import pytest

from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind, Level, State
from coordinator.exchange.rules import (
    MAKEABLE,
    BadRow,
    Known,
    Unknown,
    cut,
    keeping,
    named,
    not_known,
    of_forum,
    plain_text,
    refuse_unmakeable,
    row_digest,
    short_name,
    sound,
    taken,
    tokens,
)
from coordinator.people.rules import comparable
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft

ROW = {"id": "a-1", "unit": "Legal", "title": "On keys", "text": "We hold this.", "date": "2026-03-01"}
KNOWN = Known(
    unit=named([("Legal", 1), ("Twin", 2), ("Twin", 3)]),
    topic=named([("encryption", 7), ("Chiffrement", 7), ("data flows", 8)]),
    forum=named([("Coalition", 4), ("Council", 5)]),
    event=named([("Session", 10), (of_forum(4, "Session"), 10), ("Session", 11), (of_forum(5, "Session"), 11)]),
    question=named([("A pledge?", 9)]),
    counterpart=named([("Japan", 6)]),
    instrument=named([("Cybercrime Convention", 14), ("CETS 185", 14)]),
    group=named([("Leadership", 12)]),
    person=named([("a@ministry.example", 13)]),
)


def test_a_row_with_the_least_is_a_released_dossier_at_official() -> None:
    row = sound(ROW, line=2)

    assert (row.kind, row.state, row.level, row.language) == (Kind.DOSSIER, State.RELEASED, Level.OFFICIAL, "en")
    assert (row.line, row.id, row.day) == (2, "a-1", date(2026, 3, 1))


def test_a_row_without_a_day_is_sound() -> None:
    assert sound(ROW | {"date": ""}, line=1).day is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"title": ""}, "title is missing"),
        ({"text": "  \n "}, "text is missing"),
        ({"id": None}, "id is missing"),
        ({"date": "1861-06"}, "date “1861-06” is no day of the form 2026-03-31"),
        ({"date": "2026-02-30"}, "date “2026-02-30” is no day of the form 2026-03-31"),
        ({"text": "x" * 20_001}, "text is 20,001 characters long; at most 20,000 fit"),
        ({"id": "x" * 201}, "id is 201 characters long; at most 200 fit"),
        ({"kind": "memo"}, "kind “memo” is none of position, dossier"),
        ({"state": "expired"}, "its state is draft, released or withdrawn"),
        ({"level": "3"}, "level “3” is none of PUBLIC, OFFICIAL, OFFICIAL-SENSITIVE"),
        ({"stance": "support", "question": "A pledge?"}, "a dossier has no question, stance"),
        ({"kind": "position", "type": "norms"}, "a position has no type"),
        ({"kind": "position", "stance": "support"}, "a stance is on a question: name it, or leave the stance out"),
        ({"kind": "position", "question": "A pledge?", "stance": "perhaps"}, "is none of support, conditions"),
        ({"language": "English!"}, "“english!” is no code of a language"),
        ({"topics": {"a": 1}}, "topics is a list of names"),
        ({"topics": [f"t{n}" for n in range(51)]}, "topics lists 51 names; at most 50 fit"),
        ({"title": "up\u202eside"}, "turns the reading direction"),
        ({"text": "an embedding \u202b that stays open"}, "turns the reading direction"),
        ({"text": "half \ud800"}, "no UTF-8"),
        ({"text": True}, "text is a text"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_bad_row_says_what_is_wrong(said: dict[str, object], reason: str) -> None:
    with pytest.raises(BadRow, match=r".") as refused:
        sound(ROW | said, line=1)

    assert reason in str(refused.value)


def test_control_characters_are_taken_out_and_page_breaks_become_lines() -> None:
    row = sound(ROW | {"text": "one\x00 two\x0cthree\x07\r\nfour\tfive"}, line=1)

    assert row.text == "one two\nthree\nfour\tfive"
    assert row.cleaned
    assert not sound(ROW, line=1).cleaned


def test_marks_that_turn_the_direction_back_are_kept() -> None:
    assert plain_text("\u2067نص\u2069 and more") == "\u2067نص\u2069 and more"


def test_a_long_title_is_cut_at_a_word_and_opens_the_text_whole() -> None:
    title = "word " * 50
    row = sound(ROW | {"title": title}, line=1)

    assert len(row.title) <= 200
    assert row.title.endswith("word…")
    assert row.text == f"{title.strip()}\n\nWe hold this."
    assert row.title_cut


def test_a_word_without_gaps_is_cut_where_it_must_be() -> None:
    assert cut("x" * 300, 200) == "x" * 199 + "…"


@pytest.mark.parametrize(
    "other",
    [
        ROW | {"topics": ["Encryption", "Data flows"]},
        ROW | {"topics": "Encryption; Data flows", "forum": ""},
        ROW | {"topics": "Encryption;Data flows", "source": "a field that is not ours"},
    ],
    ids=["json", "csv", "more fields"],
)
def test_a_row_has_one_digest_in_json_and_in_csv(other: dict[str, object]) -> None:
    assert row_digest(other) == row_digest(ROW | {"topics": ["Encryption", "Data flows"]})


def test_names_are_found_as_names_are_compared() -> None:
    row = sound(
        ROW
        | {
            "unit": " LEGAL",
            "topics": "ＥＮＣＲＹＰＴＩＯＮ;chiffrement",
            "forum": "coalition",
            "counterparts": ["JAPAN"],
            "instruments": "cets 185",
        },
        line=1,
    )

    found = taken(row, KNOWN)

    assert found.unit_id == 1
    assert (found.draft.topics, found.draft.forum_id, found.draft.counterparts) == ((7,), 4, (6,))
    assert found.draft.instruments == (14,)


def test_a_position_takes_question_stance_and_reason() -> None:
    said = {
        "kind": "position",
        "question": "a pledge?",
        "stance": "Red line",
        "reason": "It binds courts.",
        "valid_until": "2027-01-01",
    }

    draft = taken(sound(ROW | said, line=1), KNOWN).draft

    assert isinstance(draft, PositionDraft)
    assert (draft.question_id, draft.stance, draft.reason, draft.valid_until) == (
        9,
        Stance.RED_LINE,
        "It binds courts.",
        date(2027, 1, 1),
    )


def test_an_event_of_a_name_that_two_forums_have_needs_its_forum() -> None:
    with pytest.raises(BadRow, match="more than one event is called “Session”"):
        taken(sound(ROW | {"event": "Session"}, line=1), KNOWN)

    assert taken(sound(ROW | {"event": "Session", "forum": "Council"}, line=1), KNOWN).draft.event_id == 11


def test_a_unit_whose_name_two_have_is_not_guessed() -> None:
    with pytest.raises(BadRow, match="more than one unit is called “Twin”"):
        not_known(sound(ROW | {"unit": "Twin"}, line=1), KNOWN)


def test_what_is_not_known_may_be_made_only_if_that_was_said() -> None:
    row = sound(ROW | {"topics": ["Encryption", "Quantum"], "forum": "Nowhere"}, line=1)
    unknown = not_known(row, KNOWN)

    assert unknown == [Unknown("topic", "Quantum"), Unknown("forum", "Nowhere")]
    refuse_unmakeable(row, unknown, MAKEABLE)
    with pytest.raises(BadRow, match="there is no topic “Quantum”; --create makes it"):
        refuse_unmakeable(row, unknown, frozenset({"unit"}))


def test_an_event_is_never_made_because_a_row_does_not_say_its_days() -> None:
    row = sound(ROW | {"event": "Autumn session"}, line=1)

    with pytest.raises(BadRow, match="there is no event “Autumn session”; an event has days"):
        refuse_unmakeable(row, not_known(row, KNOWN), MAKEABLE | {"unit"})


def test_a_question_is_made_only_on_a_topic() -> None:
    row = sound(ROW | {"kind": "position", "question": "Another?", "stance": "support"}, line=1)

    with pytest.raises(BadRow, match="a question is on a topic, and the row names none"):
        refuse_unmakeable(row, not_known(row, KNOWN), MAKEABLE)


@pytest.mark.parametrize(
    ("audience", "meant"),
    [
        (["ministry"], {"circle:ministry"}),
        (["government", "Legal"], {"circle:government", "unit:1"}),
        (["bureau:Legal", "coord:Legal"], {"bureau:1", "coord:1"}),
        (["group:leadership", "user:A@ministry.example"], {"group:12", "user:13"}),
    ],
    ids=["circle", "circle and unit", "bureau", "group and person"],
)
def test_an_audience_in_words_means_tokens(audience: list[str], meant: set[str]) -> None:
    assert tokens(audience, KNOWN) == meant


def test_an_audience_that_means_nothing_is_refused() -> None:
    with pytest.raises(BadRow, match="audience “planet:Earth” is neither"):
        tokens(["planet:Earth"], KNOWN)


def test_what_people_added_to_an_imported_entry_stays_when_the_file_changes() -> None:
    held = DossierDraft(
        title="Old",
        text="Old",
        lead_id=3,
        milestones=((date(2026, 5, 1), "Signing"),),
        papers=(("Draft", "https://registry.example/1"),),
        contributing=(2, 4),
        review_by=date(2026, 6, 1),
    ).content()

    kept = keeping(DossierDraft(title="New", text="New"), held)

    assert kept.content() == held | {"title": "New", "text": "New"}


def test_short_names_of_units_never_meet() -> None:
    used: set[str] = set()
    for name in ("Bureau of Cyberspace and Digital Policy, North", "Bureau of Cyberspace and Digital Policy, South", "BUREAU"):
        short = short_name(name, used)
        assert len(short) <= 40
        assert comparable(short) not in used
        used.add(comparable(short))
