"""Pages of dossiers: the list, logging one, the page of one, revising it."""

from functools import partial
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from coordinator.calendar import queries as calendar
from coordinator.clock import today
from coordinator.db import db
from coordinator.dossiers import actions, queries
from coordinator.dossiers.forms import DossierForm
from coordinator.dossiers.models import DossierType
from coordinator.drafting import forms as drafting
from coordinator.entries import queries as entries
from coordinator.entries.forms import (
    audience_in_words,
    inside_ministry,
    narrowing,
)
from coordinator.entries.models import EntryVersion, Kind
from coordinator.entries.rules import (
    may_edit,
    may_log,
    may_recall,
    may_release,
    may_withdraw,
)
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
from coordinator.positions.queries import linkable
from coordinator.topics import queries as topics

blueprint = Blueprint("dossiers", __name__, url_prefix="/dossiers")


# --- the list ----------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List the dossiers that the reader sees, the newest first."""
    me = signed_in()
    by = narrowing(db.session(), person=me, kind=Kind.DOSSIER)
    found, total = entries.listed(db.session(), by.filters, number=page_number())
    return render_template(
        "dossiers/index.html",
        page_level=max((e.level for e in found), default=None),
        by=by,
        page=page_of(total),
        found=found,
        may_log=may_log(me),
    ), 200 if by.valid else 422


# --- logging -------------------------------------------------------------------------------------------------------------


@blueprint.route("/log", methods=["GET", "POST"])
def log() -> ResponseReturnValue:
    """Log a dossier: keep it as a draft, ask for its release, or release it at once."""
    require(may_log(signed_in()))
    form = _form(None)
    return drafting.log(WRITING, form, start=partial(_start, form))


def _start(form: DossierForm) -> None:
    """Begin with what the address names: topics, an event, counterparts, instruments; whoever logs it leads."""
    event = request.args.get("event")
    form.start(
        topics=sorted({topics.topic(db.session(), ref).ref for ref in request.args.getlist("topic")}),
        counterparts=[calendar.counterpart(db.session(), ref).ref for ref in request.args.getlist("counterpart")],
        instruments=[calendar.instrument(db.session(), ref).ref for ref in request.args.getlist("instrument")],
        event=calendar.event(db.session(), event).ref if event else None,
    )
    form.lead.data = signed_in().ref


def _form(version: EntryVersion | None) -> DossierForm:
    """Return the form with all that may be chosen; what a version holds stays on offer, seen or not."""
    me, form = signed_in(), DossierForm()
    held: dict[str, Any] = version.content if version else {}
    tokens = entries.tokens_of(db.session(), version.audience_id) if version else frozenset()
    offered = entries.choices(db.session(), me, content=held, audience=tokens, on=today(time_zone()))
    form.offer(offered, highest=reader().level, level=version.level if version else None)
    positions = linkable(db.session(), also=held.get("positions", ()))
    form.offer_more(offered, leads=queries.leads(db.session(), me.unit_id, also=held.get("lead_id")), positions=positions)
    form.keep(set(held.get("positions", ())) - {p.id for p in positions})
    return form


WRITING = drafting.Writing(
    "dossiers/log.html",
    "dossiers/revise.html",
    form=_form,
    one=queries.one,
    log=actions.log_dossier,
    revise=actions.revise,
    words=lambda: {"dossier_type": {t.value: translated(t.label) for t in DossierType}},
)


# --- one dossier ---------------------------------------------------------------------------------------------------------


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show a dossier: the work, who does it, until when, whose work it touches."""
    me, on = signed_in(), today(time_zone())
    dossier = queries.one(db.session(), ref)
    handed_out(dossier)
    about = entries.about(db.session(), dossier, own=me.unit_id == dossier.unit_id)
    contacts, crowds = overlaps.contacts(db.session(), dossier)
    return render_template(
        "dossiers/show.html",
        entry=dossier,
        page_level=dossier.level,
        about=about,
        standing=next((v for v in about.versions if v.number == dossier.standing_version), None),
        audience=audience_in_words(about.wanted, about.named, owner_id=dossier.unit_id),
        own=me.unit_id == dossier.unit_id,
        colleague=me.unit.organisation_id == dossier.unit.organisation_id,
        inside=inside_ministry(me.unit),
        on=on,
        link=dossier.registry_link if is_link(dossier.registry_link) else None,
        papers=[(p.label, p.url if is_link(p.url) else None) for p in dossier.papers],
        positions=queries.positions_of(db.session(), dossier),
        openings=openings.known(db.session(), dossier, about.versions, person=me),
        looks=[look(o, me, on=on, t=translated) for o in overlaps.of_entry(db.session(), dossier.id)],
        touches=would_touch(db.session(), about.under_way.content, unit_id=dossier.unit_id, on=on) if about.under_way else [],
        contacts=contacts,
        crowds=crowds,
        say=partial(sentence, t=translated),
        hearing=hearing(db.session(), reader(), me, dossier, on=on),
        may={
            "edit": may_edit(me, dossier),
            "release": about.under_way is not None and may_release(me, dossier),
            "offer": about.under_way is not None and about.under_way.offered_at is None and may_edit(me, dossier),
            "withdraw": may_withdraw(me, dossier),
            "recall": may_recall(me, dossier),
        },
    )


@blueprint.route("/<ref:ref>/revise", methods=["GET", "POST"])
def revise(ref: str) -> ResponseReturnValue:
    """Make a new version of a dossier of one's own unit; what was saved meanwhile is shown and merged, never overwritten."""
    return drafting.revise(WRITING, ref)
