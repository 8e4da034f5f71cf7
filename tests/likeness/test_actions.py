from coordinator.likeness.actions import carrying

CABLES = "No state may cut the cables under the sea."
HERRING = "The quota of herring stays as it is until the stock has been counted by both sides again."
OURS = f"{HERRING} The fleet may land it in any port of the union it likes to, and sell it there.\n\n{CABLES} It never could."
THEIRS = "Cables under the sea must not be cut by any state.\n\nNurses get a visa within four weeks, if a hospital asks for them."


def test_the_passages_that_say_the_same_have_one_number_in_both_texts():
    ours, theirs = carrying(OURS, THEIRS, "en")
    assert "".join(piece.text for piece in ours) == OURS
    assert "".join(piece.text for piece in theirs) == THEIRS
    assert [piece.number for piece in ours if "cables" in piece.text] == [1]
    assert [piece.number for piece in theirs if "Cables" in piece.text] == [1]
    assert all(piece.number is None for piece in theirs if "Nurses" in piece.text)


def test_texts_with_nothing_in_common_are_left_unmarked():
    for text, said in zip((HERRING, CABLES), carrying(HERRING, CABLES, "en"), strict=True):
        assert [(piece.text, piece.number) for piece in said] == [(text, None)]


def test_an_empty_text_stays_empty():
    ours, theirs = carrying("", CABLES, "en")
    assert [piece.text for piece in ours] == [""]
    assert [piece.text for piece in theirs] == [CABLES]


def test_a_french_passage_is_marked_beside_its_english_twin():
    ours, theirs = carrying("Nul État ne doit couper les câbles sous-marins de la mer.", CABLES, "fr")
    assert [piece.number for piece in ours] == [1]
    assert [piece.number for piece in theirs] == [1]
