"""The one box: entries, and the topics and units whose names were typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.db import db
from coordinator.entries import queries as entries
from coordinator.entries.forms import LINKED, chips
from coordinator.entries.models import Entry
from coordinator.pages import page_number, page_of, translated
from coordinator.people.gate import signed_in
from coordinator.search import queries
from coordinator.search.forms import SearchForm
from coordinator.search.rules import Finder
from coordinator.stems import query_stems

blueprint = Blueprint("search", __name__)

KEPT = ("q", "unit", "topic", "state", "kind", *LINKED)
LABELS: dict[str, Callable[[Any], str]] = {
    "unit": lambda u: u.short_name,
    "topic": lambda t: t.name,
    "forum": lambda f: f.short_name,
}


def link(**changes: str | None) -> str:
    """Return the address of the results with some of the filters changed; the first page of them."""
    kept: dict[str, Any] = {name: request.args[name] for name in KEPT if request.args.get(name)}
    kept |= changes
    return url_for("search.index", **{k: v for k, v in kept.items() if v})


@blueprint.get("/search")
def index() -> ResponseReturnValue:
    """Find what the reader may see by its words, newest first; facets narrow it."""
    form = SearchForm(formdata=request.args)
    if not form.validate():
        return render_template("search/index.html", form=form, search_text=form.q.data, helping=False), 422
    words = form.q.data or ""
    asked = entries.asked(db.session(), request.args, person=signed_in())
    chosen = asked.chosen
    if not words and not chosen:
        return render_template("search/index.html", form=form, search_text="", helping=True)
    if words and not query_stems(words):  # signs only: nothing to look for, which is not the same as everything
        return render_template("search/index.html", form=form, search_text=words, helping=False, page=page_of(0), found=[])
    filters = replace(asked.filters, words=words)
    rows, total = entries.listed(db.session(), filters, number=page_number())
    finder = Finder(words)
    return render_template(
        "search/index.html",
        page_level=max((entry.level for entry in rows), default=None),
        form=form,
        search_text=words,
        helping=False,
        page=page_of(total),
        found=[_found(entry, finder) for entry in rows],
        topics=queries.topics_named(db.session(), words),
        places=queries.calendar_named(db.session(), words),
        units=queries.units_named(db.session(), words, signed_in()),
        facets_of=_facets(filters, chosen),
        chips=chips(chosen, link),
        narrowed=bool(chosen),
    )


def _found(entry: Entry, finder: Finder) -> dict[str, Any]:
    more = (getattr(entry, name, None) for name in ("reason", "red_lines", "fallback", "talking_points"))
    return {
        "ref": getattr(entry, "code", None) or "",
        "url": url_for(f"{entry.kind.value}s.show", ref=entry.ref),
        "kind": translated(entry.kind.label),
        "title_parts": finder.marked(entry.title, entry.language),
        "unit": entry.unit,
        "state": entry.state,
        "level": entry.level,
        "topics": [t.name for t in entry.topics],
        "date": entry.logged_on,
        "parts": finder.passage((entry.text, *more), entry.language),
    }


def _facets(filters: entries.Filters, chosen: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    counted = entries.facets(db.session(), filters)
    groups = [
        (_("Kind"), _items("kind", filters.kind, counted["kind"], lambda k: translated(k.label), lambda k: str(k.value))),
        (_("State"), _items("state", filters.state, counted["state"], lambda s: translated(s.label), lambda s: str(s.value))),
        *(
            (heading, _items(name, chosen.get(name), counted[name], LABELS[name], lambda thing: str(thing.ref)))
            for name, heading in (("unit", _("Unit")), ("topic", _("Topic")), ("forum", _("Forum")))
        ),
    ]
    return [(heading, items) for heading, items in groups if items]


def _items(
    name: str, chosen: Any, counted: Sequence[tuple[Any, int]], label: Callable[[Any], str], value: Callable[[Any], str]
) -> list[dict[str, Any]]:
    listed = list(counted)
    if chosen is not None and all(value(thing) != value(chosen) for thing, _n in listed):
        listed.append((chosen, 0))
    return [
        {
            "label": label(thing),
            "url": link(**{name: None if chosen is not None and value(thing) == value(chosen) else value(thing)}),
            "count": number,
            "active": chosen is not None and value(thing) == value(chosen),
        }
        for thing, number in listed
    ]
