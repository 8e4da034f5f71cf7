"""What style sheets and frame promise: colours that can be read, nothing inline, right-to-left safe, errors that render alone."""

import re
from pathlib import Path

import pytest
from flask import Flask, render_template
from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from jinja2 import StrictUndefined

from coordinator.pages import furnish, name_of_unit, names_of_units
from coordinator.people.models import Unit

ROOT = Path(__file__).resolve().parents[1]
# A letter has no policy and carries its styles inside: body.html is the name of a letter's page.
PAGES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.name != "body.html")
SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))

GROUNDS = ("paper", "sheet")
TEXT = [
    *((ink, ground) for ground in (*GROUNDS, "sunk") for ink in ("ink", "ink-soft")),
    *((ink, ground) for ground in GROUNDS for ink in ("accent", "critical", "high", "medium", "low", "good", "olive")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("accent-strong", "accent-wash"),
    ("critical-ink", "critical-fill"),
    *(("ink", f"{tint}-wash") for tint in ("accent", "critical", "high", "medium", "good")),
    ("critical", "critical-wash"),
    ("added", "added-wash"),
    ("removed", "removed-wash"),
]
EDGES = [*(("control", ground) for ground in GROUNDS), *(("focus", ground) for ground in (*GROUNDS, "sunk"))]


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--co-([\w-]+): (#[0-9a-f]{6});", block))


def themes() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Light, dark by the system's wish, dark by the person's choice."""
    text = (ROOT / "static/css/tokens.css").read_text()
    light, wish, choice = re.findall(r"\{\s*color-scheme: \w+;(.*?)\}", text, re.DOTALL)
    return tokens(light), tokens(wish), tokens(choice)


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_the_standard_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_two_dark_palettes_are_one_and_name_every_light_colour() -> None:
    light, wish, choice = themes()
    assert wish == choice
    assert light.keys() == wish.keys()
    assert len(light) > 20


@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read_in_both_themes(ink: str, ground: str) -> None:
    for theme in themes()[:2]:
        assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground, theme[ink], theme[ground])


@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_controls_and_the_focus_ring_can_be_seen_in_both_themes(edge: str, ground: str) -> None:
    for theme in themes()[:2]:
        assert contrast(theme[edge], theme[ground]) >= 3, (edge, ground)


def test_colours_stand_in_the_token_file_only() -> None:
    for sheet in SHEETS:
        if sheet.name not in {"tokens.css", "print.css"}:
            # %23 is a colour inside a data: picture, which can use no custom property
            assert re.findall(r"(?<![\w&])#[0-9a-fA-F]{3,8}\b", sheet.read_text()) == [], sheet.name


def test_style_sheets_use_only_tokens_that_exist() -> None:
    known = set(re.findall(r"(--co-[\w-]+):", (ROOT / "static/css/tokens.css").read_text()))
    for sheet in SHEETS:
        assert set(re.findall(r"var\((--co-[\w-]+)\)", sheet.read_text())) <= known, sheet.name


def test_style_sheets_are_right_to_left_safe() -> None:
    sides = "(?:left|right)"
    physical = re.compile(rf"^\s*(?:(?:margin|padding|border)-{sides}|{sides}|(?:float|text-align): {sides})\b", re.MULTILINE)
    for sheet in SHEETS:
        assert physical.findall(sheet.read_text()) == [], sheet.name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_carries_inline_style_or_script(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=|<style\b|\son[a-z]+\s*=\s*[\"']|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text))


@pytest.fixture(scope="module")
def bare() -> Flask:
    """An application that knows the templates, their words, and nothing else; a name which is missing is an error."""
    app = Flask("bare", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.jinja_env.undefined = StrictUndefined
    furnish(app)
    app.secret_key = "only for this test"
    Babel(app)
    Bootstrap5(app)
    return app


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 429, 500, 503])
def test_an_error_page_renders_without_anything_from_the_application(bare: Flask, code: int) -> None:
    with bare.test_request_context("/anything"):
        page = render_template(f"errors/{code}.html")
    assert page.count("<h1>") == 1
    heading = re.search(r"<h1><bdi>(.*?)</bdi></h1>", page)
    assert heading
    assert re.search(rf"<title>{re.escape(heading[1])} – ", page)
    assert "/anything" not in page


def test_the_system_decides_unless_a_person_chose(bare: Flask) -> None:
    with bare.test_request_context():
        assert "data-bs-theme" not in render_template("errors/404.html")
        assert "data-bs-theme" not in render_template("errors/404.html", theme="auto")
        assert 'data-bs-theme="dark"' in render_template("errors/404.html", theme="dark")


def test_every_sign_has_a_shape_and_a_word(bare: Flask) -> None:
    words: dict[str, list[str] | list[int]] = {
        "severity": ["critical", "high", "medium", "low"],
        "stance": ["support", "conditions", "no_position", "oppose", "red_line"],
        "kind": ["conflict", "collision", "duplication", "contact", "possible"],
        "state": ["draft", "released", "superseded", "withdrawn", "expired"]
        + ["open", "acknowledged", "settled", "dismissed", "lapsed"],
        "level": [0, 1, 2],
    }
    with bare.test_request_context():
        badges = bare.jinja_env.get_template("components/badges.html").make_module({})
        for family, values in words.items():
            drawn = [str(getattr(badges, family)(value)) for value in values]
            shapes = [re.search(r"<svg.*?</svg>", mark, re.DOTALL) for mark in drawn]
            labels = [re.search(r'class="sign-word">([^<]+)<', mark) for mark in drawn]
            assert all(shapes), family
            assert all(labels), family
            assert len({label[1] for label in labels if label}) == len(values), family
            if family != "state":  # entries and overlaps share shapes, never in one column
                assert len({shape[0] for shape in shapes if shape}) == len(values), family


def test_the_name_of_a_unit_is_written_safely_with_the_long_one_behind_the_short_one() -> None:
    unit = Unit(name="Cyber & <Space>", short_name="C<S")
    assert name_of_unit(unit) == '<abbr class="unit" title="Cyber &amp; &lt;Space&gt;"><bdi>C&lt;S</bdi></abbr>'
    assert name_of_unit(Unit(name="ICT", short_name="ICT")) == '<bdi class="unit">ICT</bdi>'
    assert name_of_unit("A<B") == '<bdi class="unit">A&lt;B</bdi>'
    assert name_of_unit("A", "/units?a=1&b=2") == '<a class="unit" href="/units?a=1&amp;b=2"><bdi class="unit">A</bdi></a>'
    assert names_of_units(["A", "B"]) == '<bdi class="unit">A</bdi>, <bdi class="unit">B</bdi>'
