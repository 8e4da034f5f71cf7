"""What is wrong with a page, as a list of sentences."""

import re
from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

_TAG = "{http://www.w3.org/1999/xhtml}"
_SPOKEN = {"input", "select", "textarea"}


def faults(html: str) -> list[str]:
    """Return the faults of a page: not HTML, headings, title, ids, labels, anything that a strict policy would block."""
    parser = html5lib.HTMLParser()
    document: Any = parser.parse(html)
    found = [f"not HTML: {code} at {place}" for place, code, _data in parser.errors]
    elements = list(document.iter())
    return [*found, *_heads(elements), *_ids(elements), *_labels(elements), *_blocked(elements)]


def _name(element: Element) -> str:
    return element.tag.removeprefix(_TAG) if isinstance(element.tag, str) else ""


def _text(element: Element) -> str:
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def _heads(elements: list[Element]) -> list[str]:
    heads = [_text(e) for e in elements if _name(e) == "h1"]
    titles = [_text(e) for e in elements if _name(e) == "title"]
    if len(heads) != 1 or not heads[0]:
        return [f"{len(heads)} h1"]
    return [] if titles and titles[0].startswith(heads[0]) else [f"the title {titles[:1]} does not start with the h1 {heads[0]!r}"]


def _ids(elements: list[Element]) -> list[str]:
    ids = Counter(e.get("id") for e in elements if e.get("id") is not None)
    found = [f"id {name!r} {number} times" for name, number in ids.items() if number > 1]
    for element in elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            found += [f"{attribute} {n!r} leads nowhere" for n in (element.get(attribute) or "").split() if n not in ids]
    return found


def _labels(elements: list[Element]) -> list[str]:
    labelled = {e.get("for") for e in elements if _name(e) == "label"}
    inside = {id(child) for e in elements if _name(e) == "label" for child in e.iter()}
    found = []
    for element in elements:
        silent = _name(element) not in _SPOKEN or element.get("type") in {"hidden", "submit", "button"}
        named = (
            element.get("id") in labelled or element.get("aria-label") or element.get("aria-labelledby") or id(element) in inside
        )
        if not silent and not named:
            found.append(f"<{_name(element)} name={element.get('name')!r}> has no label")
        if _name(element) == "img" and element.get("alt") is None:
            found.append("a picture without alt")
        if _name(element) in {"a", "button"} and not _text(element) and not element.get("aria-label"):
            found.append(f"<{_name(element)}> says nothing")
    return found


def _blocked(elements: list[Element]) -> list[str]:
    found = []
    for element in elements:
        if _name(element) == "style" or (_name(element) == "script" and not element.get("src")):
            found.append(f"an inline <{_name(element)}>")
        found += [f"{name} on <{_name(element)}>" for name in element.attrib if name == "style" or str(name).startswith("on")]
    return found
