"""Opens every number of a page and compares it with the list that it opens."""

import re
from typing import Any

import html5lib

PAGE = "{http://www.w3.org/1999/xhtml}"


def read(browser: Any, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return str(answer.get_data(as_text=True))


def figures(html: str) -> list[tuple[int, str]]:
    """Return every number of a page that is a link, with its address."""
    document: Any = html5lib.parse(html)
    found = []
    for link in document.iter(f"{PAGE}a"):
        if "figure" in (link.get("class") or "").split():
            number = re.match(r"\s*(\d+)", link.text or "")
            assert number, link.text
            found.append((int(number[1]), str(link.get("href"))))
    return found


def listed(html: str) -> int:
    """Return how many rows a list says that it has: its own sentence, or that of its pages."""
    document: Any = html5lib.parse(html)
    said = " ".join("".join(p.itertext()) for p in document.iter(f"{PAGE}p"))
    number = re.search(r"(\d+) (?:overlaps?|positions?|dossiers?|gaps?|entr(?:y|ies)|found)\b", said)
    assert number, said
    return int(number[1])


def rows(html: str) -> int:
    document: Any = html5lib.parse(html)
    return sum("item" in (li.get("class") or "").split() for li in document.iter(f"{PAGE}li"))


class Walker:
    """Opens every number of a page and compares it with the list that it opens; no list is opened twice."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.lists = browser, dict[str, tuple[int, int]]()

    def walk(self, address: str) -> int:
        opened = figures(read(self.browser, address))
        for number, url in opened:
            if url not in self.lists:
                page = read(self.browser, url)
                self.lists[url] = listed(page), rows(page)
            assert self.lists[url] == (number, min(number, 25)), (address, url)
        return len(opened)
