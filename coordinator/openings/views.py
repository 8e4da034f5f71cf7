"""Pages for the unit that released something: who opened it, and taking it back."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.entries import actions as entry_actions
from coordinator.entries import queries as entries
from coordinator.entries.forms import audience_in_words, inside_ministry
from coordinator.entries.models import Entry, State
from coordinator.entries.rules import NotCurrent, may_recall
from coordinator.errors import Refused
from coordinator.openings import queries, rules
from coordinator.openings.forms import RecallForm
from coordinator.pages import refusal_status
from coordinator.people.gate import reader, require, signed_in

blueprint = Blueprint("openings", __name__, url_prefix="/entries")


@blueprint.get("/<ref:ref>/openings")
def of(ref: str) -> ResponseReturnValue:
    """Show who opened an entry, who got it in a file or by mail, and who of them can no longer read it. Made to be printed."""
    me, entry = signed_in(), entries.one(db.session(), ref)
    versions = entries.versions(db.session(), entry)
    require(rules.may_know(me, entry, versions))
    opened = queries.of_entry(db.session(), entry, versions)
    return render_template(
        "openings/of.html",
        entry=entry,
        page_level=entry.level,
        opened=opened,
        names=_names(opened),
        may_recall=may_recall(me, entry),
        back=_page_of(entry),
    )


def _names(opened: rules.Opened) -> dict[int, str]:
    """Return the names of those who opened it and are of the own organisation: outside of it a unit has read."""
    me = signed_in()
    return {
        o.person.id: o.person.name
        for o in (*opened.lost, *opened.still)
        if o.person is not None and o.unit.organisation_id == me.unit.organisation_id
    }


@blueprint.route("/<ref:ref>/recall", methods=["GET", "POST"])
def recall(ref: str) -> ResponseReturnValue:
    """Take back a release that was too wide, at once, with a reason."""
    me, entry = signed_in(), entries.one(db.session(), ref)
    if me.unit_id == entry.unit_id and entry.state != State.RELEASED and rules.may_know(me, entry, ()):
        raise NotCurrent
    require(may_recall(me, entry))
    tokens = entries.tokens_of(db.session(), entry.audience_id)
    form = RecallForm()
    offered = entries.choices(db.session(), me, audience=tokens - {f"unit:{entry.unit_id}"})
    form.offer(offered, tokens=tokens, level=entry.level, highest=reader().level)
    if not form.is_submitted():
        form.start(tokens)
        return _recall_page(form, entry)
    if not form.validate():
        return _recall_page(form, entry), 422
    try:
        with transaction(db.session) as written:
            entry_actions.recall(written, entries.one(written, ref), form.recall(), by=me, at=now())
    except Refused as error:
        form.refuse(error)
        return _recall_page(form, entries.one(db.session(), ref)), refusal_status(error)
    flash(_("Recalled. Whoever may no longer read it finds nothing there from now on."), "success")
    return redirect(url_for(".of", ref=ref), 303)


def _recall_page(form: RecallForm, entry: Entry) -> str:
    me = signed_in()
    tokens = entries.tokens_of(db.session(), entry.audience_id)
    named = entries.named_readers(db.session(), tokens | {f"unit:{entry.unit_id}"})
    return render_template(
        "openings/recall.html",
        form=form,
        entry=entry,
        page_level=entry.level,
        audience=audience_in_words(tokens, named, owner_id=entry.unit_id),
        people=entries.count_readers(db.session(), level=entry.level, audience=tokens),
        inside=inside_ministry(me.unit),
        number=queries.number_of(db.session(), entry),
        back=_page_of(entry),
    )


def _page_of(entry: Entry) -> str:
    return url_for(f"{entry.kind.value}s.show", ref=entry.ref)
