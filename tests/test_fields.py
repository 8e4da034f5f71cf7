import pytest

from coordinator.fields import address_like, fault, tidy, without_fault


def test_a_text_is_composed_and_trimmed_and_has_one_kind_of_line_end():
    assert tidy("  e\u0301te\u0301\r\nligne\r ") == "été\nligne"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "tab\tand\nnewline",
        "حوكمة البيانات",
        "a \u2067صحيح\u2069 b",
        "\u2068one\u2069 \u2068two\u2069",
        "\u202bملف\u202c x",
        "👩‍💻 e\u0301",
    ],
    ids=["plain", "tab and newline", "Arabic", "isolate", "two isolates", "embedding", "joiner and combining"],
)
def test_a_readable_text_passes(app, text):
    with app.test_request_context(base_url="http://coordinator.test"):
        assert fault(text, lines=True) is None
    assert without_fault(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "ab"),
        ("a\x1b[31mb", "a[31mb"),
        ("a\x85b", "ab"),
        ("a\u202eb", "ab"),
        ("a\u202db\u202c", "ab"),
        ("a\u2067b", "ab"),
        ("a\u2069b", "ab"),
        ("one \u2067 line\nother \u2069 line", "one  line\nother  line"),
        ("a\u2067\u202bb\u2069\u202c", "ab"),
        ("a\ud800b", "ab"),
    ],
    ids=[
        "NUL",
        "escape",
        "next line",
        "override",
        "override closed",
        "left open",
        "only closed",
        "across lines",
        "crossed",
        "half a character",
    ],
)
def test_an_unreadable_text_is_refused_and_shown_without_it(app, text, shown):
    with app.test_request_context(base_url="http://coordinator.test"):
        assert fault(text, lines=True)
        assert fault(shown, lines=True) is None
    assert without_fault(text) == shown


def test_one_line_is_one_line(app):
    with app.test_request_context(base_url="http://coordinator.test"):
        assert fault("a\nb", lines=False)
        assert fault("a\tb", lines=False)


@pytest.mark.parametrize("text", ["a@b.example", "anna.müller@ministry.example", "o'neil+x@post.ministry.example"])
def test_an_address_looks_like_one(text):
    assert address_like(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@b", "@b.example", "a@", "a@b@c.example", "a b@c.example", "a@b.example\nBcc: x@y.example", "A <a@b.example>"],
)
def test_anything_else_does_not(text):
    assert not address_like(text)
