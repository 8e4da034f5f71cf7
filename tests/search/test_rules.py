"""The passage that is shown of what was found, and the words in it."""

import pytest

from coordinator.search.rules import WINDOW, Finder, beginning


def found(query: str, text: str, language: str = "en") -> list[str]:
    return [p.text for p in Finder(query).passage([text], language) if p.found]


@pytest.mark.parametrize(
    ("query", "text", "language", "words"),
    [
        ("encryption", "On Encryption, and on encrypting.", "en", ["Encryption", "encrypting"]),
        ("negotia", "They negotiate.", "en", ["negotiate"]),
        ("négociations", "Des négociations, puis la négociation.", "fr", ["négociations", "négociation"]),
        ("الإنترنت", "حوكمة الإنترنت", "ar", ["الإنترنت"]),
        ("数据", "关于数据治理的立场", "zh", ["数据"]),
        ("数据治", "关于数据治理", "zh", ["数据治"]),
        ("data", "The data of that date.", "en", ["data"]),
        ("absent", "Nothing of the sort.", "en", []),
        ("", "Nothing was asked.", "en", []),
        ("<b>", "a < b, and <b>bold</b>", "en", ["b", "b", "bold", "b"]),
    ],
    ids=[
        "forms of a word",
        "a beginning",
        "French",
        "Arabic",
        "Chinese",
        "Chinese, longer",
        "short",
        "absent",
        "no words",
        "signs",
    ],
)
def test_words_are_found_again_as_the_index_found_them(query: str, text: str, language: str, words: list[str]) -> None:
    assert found(query, text, language) == words


def test_a_passage_is_a_piece_of_the_text_whatever_is_marked() -> None:
    text = "lorem ipsum " * 80 + "the encryption of keys " + "dolor sit " * 80
    parts = Finder("keys encryption").passage([text], "en")
    shown = "".join(p.text for p in parts)
    assert [p.text for p in parts if p.found] == ["encryption", "keys"]
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert shown[2:-2] in text
    assert len(shown) <= WINDOW + 4


def test_the_passage_is_where_most_of_the_words_stand() -> None:
    text = "One key. " + "lorem ipsum " * 60 + "Here key, lawful access and encryption meet. " + "dolor sit " * 60
    shown = "".join(p.text for p in Finder("key lawful access encryption").passage([text], "en"))
    assert "lawful access and encryption" in shown


def test_the_passage_comes_from_the_first_text_that_holds_a_word() -> None:
    parts = Finder("escrow").passage(["The line says nothing.", None, "Never escrow."], "en")
    assert "".join(p.text for p in parts) == "Never escrow."


def test_where_no_text_holds_a_word_the_beginning_is_shown() -> None:
    assert "".join(p.text for p in Finder("cables").passage(["The line.", "The reason."], "en")) == "The line."


def test_no_texts_make_no_passage() -> None:
    assert Finder("word").passage([None, ""], "en") == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Short line.", "Short line."),
        ("One sentence here. " + "word " * 40, "One sentence here."),
        ("word " * 40, "word word word word …"),
        ("x" * 100, "x" * 24 + " …"),
        ("Two\n\nparagraphs.", "Two paragraphs."),
    ],
    ids=["short", "at a sentence", "between words", "no spaces", "lines"],
)
def test_a_line_is_shown_by_its_first_sentences(text: str, shown: str) -> None:
    assert beginning(text, 24) == shown
