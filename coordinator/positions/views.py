"""Pages of positions: the list, logging one, the page of one, revising it, adhering to it."""

from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.calendar import queries as calendar
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.dossiers.queries import drawing_on
from coordinator.drafting import forms as drafting
from coordinator.entries import queries as entries
from coordinator.entries.forms import (
    audience_in_words,
    inside_ministry,
    narrowing,
)
from coordinator.entries.models import EntryVersion, Kind, Level, State
from coordinator.entries.rules import (
    NotCurrent,
    may_edit,
    may_log,
    may_recall,
    may_release,
    may_withdraw,
)
from coordinator.errors import Refused
from coordinator.extensions import time_zone
from coordinator.gaps.forms import hearing
from coordinator.links import is_link
from coordinator.openings import queries as openings
from coordinator.openings.gate import handed_out
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import would_touch
from coordinator.overlaps.rules import look, sentence
from coordinator.pages import page_number, page_of, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.positions import actions, queries, rules
from coordinator.positions.forms import PositionForm
from coordinator.positions.models import Position, Stance
from coordinator.topics import queries as topics

blueprint = Blueprint("positions", __name__, url_prefix="/positions")


# --- the list ----------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List the positions that the reader sees, the newest first."""
    me = signed_in()
    by = narrowing(db.session(), person=me, kind=Kind.POSITION)
    found, total = entries.listed(db.session(), by.filters, number=page_number())
    questions = entries.names_in(db.session(), [{"question_id": getattr(p, "question_id", None)} for p in found])["question_id"]
    return render_template(
        "positions/index.html",
        page_level=max((e.level for e in found), default=None),
        by=by,
        page=page_of(total),
        found=found,
        questions=questions,
        may_log=may_log(me),
    ), 200 if by.valid else 422


# --- logging -------------------------------------------------------------------------------------------------------------


@blueprint.route("/log", methods=["GET", "POST"])
def log() -> ResponseReturnValue:
    """Log a position: keep it as a draft, ask for its release, or release it at once."""
    require(may_log(signed_in()))
    older = _to_supersede()
    version = entries.version(db.session(), older, older.standing_version) if older else None
    form = _form(version)
    return drafting.log(WRITING, form, start=partial(_start, form, version), beside=lambda: {"supersedes": _to_supersede()})


def _form(version: EntryVersion | None) -> PositionForm:
    """Return the form with all that may be chosen; what a version holds stays on offer."""
    form = PositionForm()
    tokens = entries.tokens_of(db.session(), version.audience_id) if version else frozenset()
    offered = entries.choices(
        db.session(), signed_in(), content=version.content if version else None, audience=tokens, on=today(time_zone())
    )
    form.offer(offered, highest=reader().level, level=version.level if version else None)
    return form


def _start(form: PositionForm, version: EntryVersion | None) -> None:
    """Begin with what is superseded, or with what the address names: topics, a question, an event, counterparts, instruments."""
    if version is not None:
        form.fill(version, entries.tokens_of(db.session(), version.audience_id))
        form.base.data = ""
        return
    chosen = {topics.topic(db.session(), ref).ref for ref in request.args.getlist("topic")}
    asked = request.args.get("question")
    if asked:
        question = calendar.question(db.session(), asked)
        form.question.data = question.ref
        form.forum.data = question.forum.ref if question.forum else ""
        chosen.add(question.topic.ref)
    voice = request.args.get("voice")
    if voice and form.records_voices:
        form.on_behalf_of.data = calendar.counterpart(db.session(), voice).ref
    event = request.args.get("event")
    form.start(
        topics=sorted(chosen),
        event=calendar.event(db.session(), event).ref if event else None,
        counterparts=[calendar.counterpart(db.session(), ref).ref for ref in request.args.getlist("counterpart")],
        instruments=[calendar.instrument(db.session(), ref).ref for ref in request.args.getlist("instrument")],
    )


def _to_supersede() -> Position | None:
    """Return the released position of one's own unit that a new one is to supersede."""
    ref = request.args.get("supersedes")
    if not ref:
        return None
    older = queries.one(db.session(), ref)
    require(older.unit_id == signed_in().unit_id)
    if older.state != State.RELEASED:
        raise NotCurrent
    return older


WRITING = drafting.Writing(
    "positions/log.html",
    "positions/revise.html",
    form=_form,
    one=queries.one,
    log=actions.log_position,
    revise=actions.revise,
    words=lambda: {"stance": {s.value: translated(s.label) for s in Stance}},
)


# --- one position --------------------------------------------------------------------------------------------------------


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show a position: the line, what stands around it, whose work it touches."""
    me, on = signed_in(), today(time_zone())
    position = queries.one(db.session(), ref)
    handed_out(position)
    about = entries.about(db.session(), position, own=me.unit_id == position.unit_id)
    adherences = queries.adherences(db.session(), [position.id])
    standing = next((v for v in about.versions if v.number == position.standing_version), None)
    released_on = standing.released_at.date() if standing is not None and standing.released_at is not None else None
    contacts, crowds = overlaps.contacts(db.session(), position)
    return render_template(
        "positions/show.html",
        entry=position,
        page_level=position.level,
        about=about,
        standing=standing,
        audience=audience_in_words(about.wanted, about.named, owner_id=position.unit_id),
        own=me.unit_id == position.unit_id,
        colleague=me.unit.organisation_id == position.unit.organisation_id,
        inside=inside_ministry(me.unit),
        on=on,
        link=position.registry_link if is_link(position.registry_link) else None,
        adherences=adherences,
        openings=openings.known(db.session(), position, about.versions, person=me),
        dossiers=drawing_on(db.session(), position.id),
        looks=[look(o, me, on=on, t=translated) for o in overlaps.of_entry(db.session(), position.id)],
        touches=would_touch(db.session(), about.under_way.content, unit_id=position.unit_id, on=on) if about.under_way else [],
        contacts=contacts,
        crowds=crowds,
        say=partial(sentence, t=translated),
        hearing=hearing(db.session(), reader(), me, position, on=on),
        to_copy=rules.line_to_copy(position, level=Level(position.level), released_on=released_on)
        if rules.may_copy(position)
        else None,
        may={
            "edit": may_edit(me, position),
            "release": about.under_way is not None and may_release(me, position),
            "offer": about.under_way is not None and about.under_way.offered_at is None and may_edit(me, position),
            "withdraw": may_withdraw(me, position),
            "recall": may_recall(me, position),
            "supersede": may_edit(me, position) and position.state == State.RELEASED,
            "adhere": rules.may_adhere(me, position) and all(a.unit_id != me.unit_id for a in adherences),
            "leave": rules.may_leave(me, [a.unit_id for a in adherences]),
        },
    )


@blueprint.route("/<ref:ref>/revise", methods=["GET", "POST"])
def revise(ref: str) -> ResponseReturnValue:
    """Make a new version of a position of one's own unit; what was saved meanwhile is shown and merged, never overwritten."""
    return drafting.revise(WRITING, ref)


# --- adhering --------------------------------------------------------------------------------------------------------------


@blueprint.post("/<ref:ref>/adhere")
def adhere(ref: str) -> ResponseReturnValue:
    """Make another unit's released line one's own unit's."""
    me = signed_in()
    require(rules.may_adhere(me, queries.one(db.session(), ref)))
    try:
        with transaction(db.session) as written:
            actions.adhere(written, queries.one(written, ref), unit=me.unit, by=me, at=now())
    except Refused as error:
        flash(translated(error.sentence), "error")
        return redirect(url_for(".show", ref=ref), 303)
    flash(_("This is now the line of %(unit)s as well.", unit=me.unit.short_name), "success")
    return redirect(url_for(".show", ref=ref), 303)


@blueprint.post("/<ref:ref>/leave")
def leave(ref: str) -> ResponseReturnValue:
    """End one's own unit's adherence to a line."""
    me = signed_in()
    position = queries.one(db.session(), ref)
    require(rules.may_leave(me, [a.unit_id for a in queries.adherences(db.session(), [position.id])]))
    with transaction(db.session) as written:
        actions.leave(written, queries.one(written, ref), unit=me.unit, by=me, at=now())
    flash(_("%(unit)s no longer adheres to this line.", unit=me.unit.short_name), "success")
    return redirect(url_for(".show", ref=ref), 303)
