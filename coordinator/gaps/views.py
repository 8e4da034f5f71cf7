"""Pages of gaps: the list, saying whom one asked about an entry, saying that one knows of a gap."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from coordinator.calendar import queries as calendar
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries import queries as entries
from coordinator.entries.forms import chips, day, inside_ministry
from coordinator.entries.models import Entry
from coordinator.entries.queries import chosen, chosen_word
from coordinator.errors import NotFound, Refused
from coordinator.extensions import time_zone
from coordinator.gaps import actions, queries, rules
from coordinator.gaps.forms import AskedForm, KnownForm, item
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import Filters, Listed
from coordinator.gaps.rules import Gap
from coordinator.pages import page_number, page_of, refusal_status, same_site, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.queries import below
from coordinator.people.queries import unit as one_unit
from coordinator.topics import queries as topics

blueprint = Blueprint("gaps", __name__, url_prefix="/gaps")

THINGS = ("unit", "bureau", "topic", "basket", "forum", "event")
KEPT = ("kind", "mine", "known", *THINGS)


def _inside() -> None:
    """Let nobody in from outside the ministry: a gap says which unit has a stake in what."""
    require(inside_ministry(signed_in().unit))


# --- the list ----------------------------------------------------------------------------------------------------------


def link(**changes: str | None) -> str:
    """Return the address of the list with some of its filters changed; the first page of it."""
    kept: dict[str, Any] = {name: request.args[name] for name in KEPT if request.args.get(name)}
    kept |= changes
    return url_for("gaps.index", **{k: v for k, v in kept.items() if v})


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List what is missing, the nearest event first."""
    _inside()
    session, me, on = db.session(), signed_in(), today(time_zone())
    things = chosen(session, request.args, THINGS, person=me)
    kind = chosen_word(GapKind, request.args, "kind")
    filters = Filters(
        kind=kind,
        unit_ids=_units(session, things),
        topic_ids=_topics(session, things),
        forum_id=things["forum"].id if "forum" in things else None,
        event_id=things["event"].id if "event" in things else None,
        shown_to=reader() if request.args.get("mine") else None,
        known=bool(request.args.get("known")),
    )
    found = queries.listed(session, reader(), filters, on=on, number=page_number())
    return render_template(
        "gaps/index.html",
        page_level=found.level,
        page=page_of(found.total, queries.PAGE),
        items=[item(gap, me, on=on) for gap in found.gaps],
        chips=chips(things, link),
        facets_of=_facets(found, filters),
        known=bool(filters.known),
        narrowed=bool(things) or kind is not None or filters.shown_to is not None,
        windows=queries.windows(),
        cut=found.cut,
        newest=format_decimal(queries.NEWEST),
    )


def _units(session: Session, things: dict[str, Any]) -> frozenset[int] | None:
    one = frozenset({things["unit"].id}) if "unit" in things else None
    whole = below(session, [things["bureau"].id]) if "bureau" in things else None
    return one if whole is None else whole if one is None else one & whole


def _topics(session: Session, things: dict[str, Any]) -> frozenset[int] | None:
    one = frozenset({things["topic"].id}) if "topic" in things else None
    whole = topics.basket(session, things["basket"].id) if "basket" in things else None
    return one if whole is None else whole if one is None else one & whole


def _facets(found: Listed, filters: Filters) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the groups of links that narrow the list."""
    kinds = [
        {
            "label": translated(kind.label),
            "url": link(kind=None if kind is filters.kind else kind.value),
            "count": found.counts.get(kind, 0),
            "active": kind is filters.kind,
        }
        for kind in GapKind
        if found.counts.get(kind) or kind is filters.kind
    ]
    mine = filters.shown_to is not None
    groups: list[tuple[str, list[dict[str, Any]]]] = [
        (_("Kind"), kinds),
        (
            _("State"),
            [
                {
                    "label": _("Nobody has said that they know"),
                    "url": link(known=None),
                    "count": found.unknown,
                    "active": not filters.known,
                },
                {"label": _("We know, because …"), "url": link(known="1"), "count": found.known, "active": bool(filters.known)},
            ],
        ),
    ]
    if rules.reads(signed_in()):
        groups.insert(
            0, (_("Whose"), [{"label": _("For me to deal with"), "url": link(mine=None if mine else "1"), "active": mine}])
        )
    return [(heading, items) for heading, items in groups if items]


# --- who was asked -----------------------------------------------------------------------------------------------------


def _own(ref: str) -> Entry:
    """Return an entry of which one says whom one asked; raises NotFound if it is hidden, 403 if it is another unit's."""
    entry = entries.one(db.session(), ref)
    require(rules.may_ask(signed_in(), entry))
    return entry


@blueprint.route("/asked/<ref:ref>", methods=["GET", "POST"])
def ask(ref: str) -> ResponseReturnValue:
    """Say that a unit was asked about an entry of one's own unit."""
    _inside()
    entry, on = _own(ref), today(time_zone())
    form = AskedForm(unit=request.args.get("unit"), asked_on=on)
    form.unit.offer(queries.offered(db.session(), entry, on=on))
    if not form.validate_on_submit() or form.asked_on.data is None:
        return _ask_page(form, entry), 422 if form.is_submitted() else 200
    try:
        with transaction(db.session) as written:
            actions.ask(
                written,
                entries.one(written, ref),
                unit_id=form.unit.chosen_id or 0,
                asked_on=form.asked_on.data,
                note=form.note.data,
                by=signed_in(),
                at=now(),
                on=on,
            )
    except Refused as error:
        form.refuse(error)
        return _ask_page(form, _own(ref)), refusal_status(error)
    flash(_("Written down."), "success")
    return redirect(url_for("entries.show", ref=ref), 303)


def _ask_page(form: AskedForm, entry: Entry) -> str:
    back = url_for(f"{entry.kind.value}s.show", ref=entry.ref)
    return render_template("gaps/ask.html", form=form, entry=entry, back=back, page_level=entry.level)


@blueprint.post("/asked/<ref:ref>/<ref:unit>/take-back")
def unask(ref: str, unit: str) -> ResponseReturnValue:
    """Take back that a unit was asked."""
    _inside()
    _own(ref)
    with transaction(db.session) as written:
        row = queries.asked_row(written, entries.one(written, ref), one_unit(written, unit).id)
        if row is None:
            raise NotFound
        actions.unask(written, row, by=signed_in(), at=now())
    flash(_("Taken back."), "success")
    return redirect(url_for("entries.show", ref=ref), 303)


# --- we know, because --------------------------------------------------------------------------------------------------


def _gap(session: Session, kind: GapKind, ref: str) -> Gap:
    """Return the gap that an address names; raises NotFound if what it is about is hidden, or if it is not there (any more)."""
    on = today(time_zone())
    if kind in {GapKind.CONSULTATION, GapKind.REVIEW}:
        entry = entries.one(session, ref)
        whose = [one_unit(session, request.args.get("unit", "")).id] if kind is GapKind.CONSULTATION else []
        key, filters = rules.key_of(kind, entry.id, *whose), Filters(entry_id=entry.id)
    elif kind is GapKind.EVENT:
        event = calendar.event(session, ref)
        key, filters = rules.key_of(kind, event.id), Filters(event_id=event.id)
    else:
        topic = topics.topic(session, ref)
        key, filters = rules.key_of(kind, topic.id), Filters(topic_ids=frozenset({topic.id}))
    return queries.one(session, reader(), kind, key, filters, on=on)


@blueprint.route("/<kind>/<ref:ref>/known", methods=["GET", "POST"])
def know(kind: str, ref: str) -> ResponseReturnValue:
    """Say that a gap is known, why, and until when."""
    _inside()
    if kind not in set(GapKind):
        raise NotFound
    gap, on = _gap(db.session(), GapKind(kind), ref), today(time_zone())
    require(rules.may_know(signed_in(), gap))
    form = KnownForm()
    if not form.validate_on_submit() or form.until.data is None:
        return _know_page(form, gap), 422 if form.is_submitted() else 200
    try:
        with transaction(db.session) as written:
            gap = _gap(written, GapKind(kind), ref)  # read again: what was on the page may be old by now
            actions.know(written, gap, why=form.why.data, until_on=form.until.data, by=signed_in(), at=now(), on=on)
    except Refused as error:
        form.refuse(error)
        return _know_page(form, _gap(db.session(), GapKind(kind), ref)), refusal_status(error)
    flash(_("Kept until %(day)s. Then it is shown again.", day=day(form.until.data)), "success")
    return redirect(same_site(request.args.get("next")) or url_for(".index", known="1"), 303)


def _know_page(form: KnownForm, gap: Gap) -> str:
    return render_template(
        "gaps/know.html",
        form=form,
        gap=gap,
        item=item(gap, signed_in(), on=today(time_zone())),
        page_level=gap.level if gap.entry is not None else None,
        latest=today(time_zone()) + queries.windows().known,
    )


@blueprint.post("/known/<ref:ref>/take-back")
def take_back(ref: str) -> ResponseReturnValue:
    """Take back that a gap is known."""
    _inside()
    require(rules.may_take_back(signed_in(), queries.known(db.session(), ref)))
    with transaction(db.session) as written:
        actions.take_back(written, queries.known(written, ref), by=signed_in(), at=now())
    flash(_("Taken back: it is shown again."), "success")
    return redirect(same_site(request.form.get("next")) or url_for(".index"), 303)
