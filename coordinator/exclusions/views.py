"""Pages of exclusions: what the detector was told not to say, what that hides, and an end to it."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries.queries import chosen_word
from coordinator.errors import Refused
from coordinator.exclusions import actions, queries, rules
from coordinator.exclusions.forms import ExclusionForm, PhraseForm, UnitsForm
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.extensions import time_zone
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps import rules as overlap_rules
from coordinator.pages import page_number, page_of, refusal_status
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Unit
from coordinator.people.rules import has_ended
from coordinator.topics import queries as topics

blueprint = Blueprint("exclusions", __name__, url_prefix="/exclusions")

# --- the list, and one of them -----------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List what is excluded, the first to end first; or what was."""
    person, ended = signed_in(), bool(request.args.get("ended"))
    kind = chosen_word(ExclusionKind, request.args, "kind")
    found, total = queries.listed(db.session(), holding=not ended, kind=kind, number=page_number())
    return render_template(
        "exclusions/index.html",
        page_level=max((level for e in found if (level := _level(e)) is not None), default=None),
        page=page_of(total),
        found=found,
        hides=overlaps.hidden_count(db.session(), [e.id for e in found]),
        ended=ended,
        may_exclude_units=rules.may_exclude_units(person),
        may_exclude_phrases=rules.may_exclude_phrases(person),
    )


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show one exclusion: whose it is, why, until when, and what it hides."""
    exclusion = queries.one(db.session(), ref)
    hidden = overlaps.hidden(db.session(), exclusion.id)
    levels = [e.level for h in hidden for e in (h.low, h.high)]
    own = _level(exclusion)
    return render_template(
        "exclusions/show.html",
        page_level=max([*levels, *([own] if own is not None else [])], default=None),
        exclusion=exclusion,
        hidden=hidden,
        many=overlaps.hidden_count(db.session(), [exclusion.id]).get(exclusion.id, 0),
        may_end=exclusion.ended_at is None and rules.may_end(signed_in(), exclusion),
    )


def _level(exclusion: Exclusion) -> int | None:
    return max((e.level for e in (exclusion.low, exclusion.high) if e is not None), default=None)


@blueprint.post("/<ref:ref>/end")
def end(ref: str) -> ResponseReturnValue:
    """End an exclusion before its day."""
    require(rules.may_end(signed_in(), queries.one(db.session(), ref)))
    with transaction(db.session) as written:
        actions.end(written, queries.one(written, ref), by=signed_in(), at=now())
    flash(_("Ended. What it hid is flagged again."), "success")
    return redirect(url_for(".show", ref=ref), 303)


# --- making one --------------------------------------------------------------------------------------------------------


@blueprint.route("/pair/<ref:ref>", methods=["GET", "POST"])
def pair(ref: str) -> ResponseReturnValue:
    """Exclude the two entries of an overlap."""
    overlap, form = overlaps.one(db.session(), ref), ExclusionForm()
    require(overlap_rules.may_act(signed_in(), overlap))

    def act(written: Session) -> Exclusion:
        kept = overlaps.one(written, ref)
        return overlap_actions.exclude(written, kept, form.draft(), by=signed_in(), at=now(), on=today(time_zone()))

    level = max(overlap.low.level, overlap.high.level)
    return _page("exclusions/pair.html", form, act, overlap=overlap, page_level=level)


@blueprint.route("/units", methods=["GET", "POST"])
def units() -> ResponseReturnValue:
    """Exclude two units on a topic."""
    person = signed_in()
    require(rules.may_exclude_units(person))
    form, day = UnitsForm(), today(time_zone())
    living = [u for u in people.units_for(db.session(), person) if not has_ended(u.ends_on, on=day)]
    for field in (form.one, form.other):
        field.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in living)
    form.topic.offer(topics.offered(db.session()))

    def act(written: Session) -> Exclusion:
        two = [people.unit(written, str(field.data)) for field in (form.one, form.other)]
        topic = topics.topic(written, str(form.topic.data))
        return actions.exclude_units(written, two[0], two[1], topic, form.draft(), by=signed_in(), at=now(), on=day)

    return _page("exclusions/units.html", form, act)


@blueprint.route("/phrase", methods=["GET", "POST"])
def phrase() -> ResponseReturnValue:
    """Leave a phrase out of the texts of one's own unit when they are compared."""
    person = signed_in()
    require(rules.may_exclude_phrases(person))
    form, unit = PhraseForm(), person.unit

    def act(written: Session) -> Exclusion:
        own: Unit = people.unit(written, unit.ref)
        said = form.phrase.data or ""
        return actions.exclude_phrase(written, said, form.draft(), unit=own, by=signed_in(), at=now(), on=today(time_zone()))

    return _page("exclusions/phrase.html", form, act, unit=unit, known=queries.phrases_of_unit(db.session(), unit.id))


def _page(template: str, form: ExclusionForm, act: Callable[[Session], Exclusion], **shown: Any) -> ResponseReturnValue:
    """Show a form, or do what it asks and go to what was made; a refusal stands beside its field, with what was typed."""
    if not form.validate_on_submit():
        return render_template(template, form=form, **shown), 422 if form.is_submitted() else 200
    try:
        with transaction(db.session) as written:
            made = act(written)
    except Refused as error:
        form.refuse(error)
        return render_template(template, form=form, **shown), refusal_status(error)
    flash(_("Excluded. It holds at once, and for what was found before."), "success")
    return redirect(url_for(".show", ref=made.ref), 303)
