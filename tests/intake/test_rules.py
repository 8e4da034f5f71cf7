from datetime import date

import pytest

from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import DossierDraft
from coordinator.entries.models import Kind
from coordinator.exchange.rules import BadRow
from coordinator.intake.rules import (
    COLUMNS,
    EXAMPLES,
    changes,
    column_names,
    draft_of,
    external_id,
    fits,
    new_draft,
    revised_draft,
    understood,
)
from coordinator.lists.rules import Names
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft

ROW = {"kind": "position", "title": "On keys", "text": "We hold this.", "topics": "encryption"}


@pytest.fixture
def names() -> Names:
    found = Names()
    found.learn("topic", 1, ("Encryption", "chiffrement"))
    found.learn("topic", 2, ("Data; flows",))
    found.learn("forum", 3, ("ITU", "International Telecommunication Union"))
    found.learn("forum", 4, ("IGF",))
    found.learn("event", 5, ("First session", "ITU / First session"))
    found.learn("event", 6, ("First session", "IGF / First session"))
    found.learn("question", 7, ("A treaty?",))
    found.learn("counterpart", 8, ("Japan",))
    found.learn("instrument", 9, ("Cybercrime Convention", "CETS 185"))
    found.learn("unit", 9, ("LEG", "Legal"))
    found.learn("bureau", 9, ("LEG", "Legal"))
    found.learn("group", 10, ("Leadership",))
    found.learn("lead", 11, ("Ana Ferrer", "ana@ministry.example"))
    found.learn("position", 12, ("r" * 22,))
    return found


def test_a_row_becomes_a_position(names):
    said = understood(
        ROW
        | {
            "topics": "Chiffrement; Data\\; flows",
            "forum": "itu",
            "event": "first session",
            "question": "A treaty?",
            "stance": "Red line",
            "reason": "It binds.",
            "counterparts": "japan",
            "instruments": "cets 185",
            "level": "official-sensitive",
            "audience": "LEG; bureau:Legal; group: leadership",
            "restriction_reason": "sources",
            "valid_until": "2026-12-31",
        },
        names,
    )
    draft = new_draft(Kind.POSITION, said, highest=2)
    assert isinstance(draft, PositionDraft)
    assert (draft.topics, draft.forum_id, draft.event_id, draft.question_id, draft.counterparts) == ((1, 2), 3, 5, 7, (8,))
    assert draft.instruments == (9,)
    assert (draft.stance, draft.level, draft.valid_until) == (Stance.RED_LINE, 2, date(2026, 12, 31))
    assert draft.audience == {"unit:9", "bureau:9", "group:10"}


def test_a_row_becomes_a_dossier(names):
    said = understood(
        ROW
        | {
            "kind": "Dossier",
            "type": "norms",
            "lead": "ANA@ministry.example",
            "contributing": "Legal",
            "milestones": "2026-10-01 Tokyo; 2026-09-15 Agenda\\; agreed",
            "papers": "The draft https://registry.example/1; https://registry.example/2",
            "positions": "r" * 22,
        },
        names,
    )
    draft = new_draft(Kind.DOSSIER, said, highest=2)
    assert isinstance(draft, DossierDraft)
    assert (draft.dossier_type, draft.lead_id, draft.contributing, draft.positions) == (DossierType.NORMS, 11, (9,), (12,))
    assert draft.milestones == ((date(2026, 9, 15), "Agenda; agreed"), (date(2026, 10, 1), "Tokyo"))
    assert draft.papers == (("The draft", "https://registry.example/1"), ("registry.example", "https://registry.example/2"))


def test_a_row_with_the_least_is_open_to_the_ministry_at_official_or_as_high_as_its_author_reads(names):
    draft = new_draft(Kind.POSITION, understood(ROW, names), highest=2)
    assert (draft.level, draft.audience, draft.language) == (1, {"circle:ministry"}, "en")
    assert new_draft(Kind.POSITION, understood(ROW, names), highest=0).level == 0


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"kind": "memo"}, "kind “memo” is none of position, dossier"),
        ({"title": "  "}, "title is missing"),
        ({"title": "x" * 201}, "title is 201 characters long; at most 200 fit"),
        ({"text": "x" * 20_001}, "text is 20,001 characters long"),
        ({"text": "up\u202eside"}, "turns the reading direction"),
        ({"topics": ""}, "topics is missing"),
        ({"topics": "Quantum"}, "there is no topic “Quantum”"),
        ({"language": "Klingon"}, "language “Klingon” is none of en"),
        ({"event": "First session"}, "more than one event is called “First session”"),
        ({"event": "Last session", "forum": "ITU"}, "there is no event “Last session” ahead"),
        ({"question": "Why?"}, "there is no question “Why?”"),
        ({"stance": "maybe"}, "stance “maybe” is none of support"),
        ({"lead": "Nobody"}, "there is nobody called “Nobody” in your unit"),
        ({"contributing": "Spies"}, "there is no unit “Spies”"),
        ({"milestones": "soon: Tokyo"}, "milestones “soon:” is no day"),
        ({"milestones": "2026-10-01"}, "say after the day what is due"),
        ({"papers": "The draft http://registry.example/1"}, "papers: each ends with its link"),
        ({"registry_link": "javascript:alert(1)"}, "registry_link: a link to the registry starts with https://"),
        ({"positions": "q" * 22}, "there is no released position with the ref"),
        ({"level": "secret"}, "level “secret” is none of PUBLIC"),
        ({"audience": "everybody"}, "there is no unit “everybody”"),
        ({"audience": "user:ana@ministry.example"}, "is nobody who reads this entry by name"),
        ({"audience": "coord:Legal"}, "no bureau above your unit is called “Legal”"),
        ({"review_by": "31/12/2026"}, "review_by “31/12/2026” is no day"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_what_is_wrong_with_a_row_is_said_in_plain_words(names, cells, why):
    with pytest.raises(BadRow, match=r".") as bad:
        understood(ROW | cells, names)
    assert why in str(bad.value)


def test_one_kind_has_nothing_of_the_other(names):
    with pytest.raises(BadRow, match="a dossier has no stance, reason"):
        fits(Kind.DOSSIER, understood(ROW | {"stance": "oppose", "reason": "so"}, names))
    with pytest.raises(BadRow, match="a position has no type"):
        fits(Kind.POSITION, understood(ROW | {"type": "norms"}, names))
    fits(Kind.POSITION, understood(ROW | {"type": "", "lead": ""}, names))


def held() -> DossierDraft:
    return DossierDraft(
        title="T",
        text="t",
        topics=(1,),
        level=2,
        audience=frozenset({"unit:9"}),
        restriction_reason="sources",
        milestones=((date(2026, 5, 1), "Signing"),),
        papers=(("Draft", "https://registry.example/1"),),
        contributing=(2, 4),
        review_by=date(2026, 6, 1),
    )


def test_a_version_is_a_draft_again():
    draft = held()
    assert draft_of(Kind.DOSSIER, draft.content(), level=2, audience=draft.audience, restriction_reason="sources") == draft
    position = PositionDraft(title="T", text="t", question_id=7, stance=Stance.OPPOSE, reason="so", valid_from=date(2026, 1, 1))
    kept = {"level": position.level, "audience": position.audience, "restriction_reason": ""}
    assert draft_of(Kind.POSITION, position.content(), **kept) == position


def test_a_row_changes_what_it_says_and_no_more(names):
    said = understood({"title": "New", "level": "", "audience": " ", "contributing": ""}, names)
    draft = revised_draft(Kind.DOSSIER, said, held())
    assert (draft.title, draft.level, draft.audience, draft.contributing) == ("New", 2, {"unit:9"}, ())
    assert draft.milestones == held().milestones
    moved = changes(held(), draft, names, owner_id=9)
    assert [column for column, _before, _after in moved] == ["title", "contributing"]


def test_a_long_text_is_cut_where_it_is_shown(names):
    draft = PositionDraft(title="T", text="x" * 5_000)
    assert dict((c, a) for c, _b, a in changes(None, draft, names, owner_id=9))["text"] == "x" * 300 + "…"


def test_a_row_is_known_by_its_id_or_by_kind_and_title():
    assert external_id({"id": "  A 1 "}) == "A 1"
    assert external_id({"kind": "position", "title": "On  KEYS"}) == external_id({"kind": "Position", "title": "on keys"})
    assert external_id({"kind": "dossier", "title": "on keys"}) != external_id({"kind": "position", "title": "on keys"})


def test_every_example_names_columns_that_there_are():
    assert all(set(row) <= set(column_names()) for row in EXAMPLES)
    assert len({c.name for c in COLUMNS}) == len(COLUMNS)
