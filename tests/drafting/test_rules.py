"""What a text suggests, as a table: names by their stems, the longest first, then the telling words of a name."""

import pytest

from coordinator.drafting.rules import MOST, Listed, suggest

NOTHING = {field: frozenset[int]() for field in MOST}


def listed(field: str, number: int, *names: str, language: str = "en", **said: bool) -> Listed:
    return Listed(field, number, f"{field}{number}", names[0], tuple((language, name) for name in names), **said)


ENCRYPTION = Listed(
    "topics",
    1,
    "topics1",
    "Encryption",
    (("en", "Encryption"), ("en", "end-to-end encryption"), ("fr", "chiffrement"), ("ru", "шифрование"), ("zh", "数据加密")),
)
SHARED = (
    ENCRYPTION,
    listed("topics", 2, "Critical infrastructure", "critical infrastructure protection"),
    listed("topics", 3, "Infrastructure and standardisation", "infrastructure", umbrella=True),
    listed("topics", 4, "Submarine cables", "undersea cables"),
    listed("topics", 6, "Electoral integrity", "elections integrity"),
    listed("topics", 5, "Cyber sanctions", "designation", "listing"),
    listed("question", 1, "Oblige providers to give lawful access to encrypted messages under the order of a judge"),
    listed("question", 2, "Name the states that cut off networks during elections in the resolution"),
    listed("forum", 1, "Freedom Online Coalition", "FOC", proper=True),
    listed(
        "forum",
        3,
        "Working Group on security",
        "OEWG",
        "Open-Ended Working Group",
        "groupe de travail à composition non limitée",
        proper=True,
    ),
    listed("forum", 2, "World Health Organization", "WHO", proper=True),
    listed("event", 1, "Freedom Online ministerial conference", proper=True),
    listed("event", 2, "Plenipotentiary Conference", "PP-26", "ITU plenipot", proper=True),
    listed("counterparts", 1, "Turkey", proper=True),
    listed("counterparts", 2, "Orrery Cloud", proper=True),
    listed("instruments", 1, "Convention on Cybercrime", "Budapest Convention", proper=True),
)


def told(text: str, *, title: str = "", language: str = "en", chosen: object = NOTHING) -> list[tuple[str, str]]:
    return [(s.phrase, s.label) for s in suggest(title, text, language, SHARED, chosen=chosen)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("We defend end-to-end encryption.", "en", [("end-to-end encryption", "Encryption")]),
        ("Encrypted messages are private.", "en", [("Encrypted", "Encryption")]),
        ("Le chiffrement protège chacun.", "fr", [("chiffrement", "Encryption")]),
        ("The text says chiffrement, untranslated.", "en", [("chiffrement", "Encryption")]),
        ("О шифровании сообщений", "ru", [("шифровании", "Encryption")]),
        ("我们支持数据加密和隐私。", "zh", [("数据加密", "Encryption")]),
        ("Critical infrastructure comes first.", "en", [("Critical infrastructure", "Critical infrastructure")]),
        ("Protection of infrastructure", "en", [("infrastructure", "Infrastructure and standardisation")]),
        ("A list was made by design.", "en", []),
        ("Elections with all the integrity they deserve", "en", [("Elections … integrity", "Electoral integrity")]),
        ("Cables alone say little.", "en", []),
        ("As we said at the Freedom Online Coalition", "en", [("Freedom Online Coalition", "Freedom Online Coalition")]),
        ("Those who spoke; the WHO did not", "en", [("WHO", "World Health Organization")]),
        ("Roast turkey. Talks with Turkey go on.", "en", [("Turkey", "Turkey")]),
        ("The Budapest Convention stands", "en", [("Budapest Convention", "Convention on Cybercrime")]),
        ("The OEWG ended. On pp 26 it says why.", "en", [("OEWG", "Working Group on security")]),
        ("as the open-ended working group found", "en", [("open-ended working group", "Working Group on security")]),
        (
            "Le groupe de travail à composition non limitée l’a dit",
            "fr",
            [("groupe de travail à composition non limitée", "Working Group on security")],
        ),
        ("Candidates for PP-26", "en", [("PP-26", "Plenipotentiary Conference")]),
        ("before the ITU plenipot", "en", [("ITU plenipot", "Plenipotentiary Conference")]),
        ("", "en", []),
        ("!!! … 2026", "en", []),
        ("nothing that anybody says", "tlh", []),
    ],
)
def test_a_text_suggests(text: str, language: str, expected: list[tuple[str, str]]) -> None:
    assert told(text, language=language) == expected


def test_a_question_is_suggested_by_its_telling_words_wherever_they_stand() -> None:
    text = "Providers may have to open encrypted messages. We accept lawful access once a judge says so."
    suggested = suggest("", text, "en", SHARED, chosen=NOTHING)
    assert [(s.field, s.ref) for s in suggested] == [("topics", "topics1"), ("question", "question1")]
    assert suggested[1].phrase == "Providers … encrypted … messages … lawful"


def test_no_stance_is_ever_suggested() -> None:
    assert "stance" not in MOST


def test_what_is_chosen_is_not_suggested_again_and_a_list_of_one_that_is_taken_takes_no_more() -> None:
    text = "End-to-end encryption, at the Freedom Online Coalition"
    assert told(text, chosen=NOTHING | {"topics": frozenset({1})}) == [("Freedom Online Coalition", "Freedom Online Coalition")]
    assert told(text, chosen=NOTHING | {"forum": None}) == [("End-to-end encryption", "Encryption")]
    assert told(text, chosen={}) == []


def test_umbrella_topics_come_last_and_each_list_says_only_so_much() -> None:
    many = [listed("topics", n, f"Subject{n:02} matters") for n in range(10)]
    wide = listed("topics", 99, "infrastructure", umbrella=True)
    text = "infrastructure; " + "; ".join(thing.label for thing in many)
    suggested = suggest("", text, "en", [wide, *many[:2]], chosen=NOTHING)
    assert [s.label for s in suggested] == ["Subject00 matters", "Subject01 matters", "infrastructure"]
    assert len(suggest("", text, "en", [wide, *many], chosen=NOTHING)) == MOST["topics"]


def test_the_title_counts_as_the_text_does_and_comes_first() -> None:
    assert told("On undersea cables.", title="Encryption") == [
        ("Encryption", "Encryption"),
        ("undersea cables", "Submarine cables"),
    ]
