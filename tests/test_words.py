"""The sentences of the interface can be taken out for translation, all of them."""

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

from coordinator.settings import HOUSE

KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None}


def test_sentences_of_pages_views_rules_and_mails_are_found():
    with (HOUSE / "config" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(HOUSE, methods, options, keywords=KEYWORDS)
    sentences = {m[0] if isinstance(m, tuple) else m for _, _, m, _, _ in found}
    assert len(sentences) > 400
    assert {
        "Worklist",  # a page of the navigation
        "Red line",  # a word that is stored as another
        "Both go to %(event)s.",  # a reason
        "What is our line on this?",  # a template
    } <= sentences
