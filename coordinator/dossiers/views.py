"""Pages of dossiers: the list, logging one, the page of one, revising it."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.calendar import queries as calendar
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.dossiers import actions, queries
from coordinator.dossiers.forms import DossierForm
from coordinator.dossiers.models import Dossier, DossierType
from coordinator.drafting import queries as drafting
from coordinator.entries import actions as entry_actions
from coordinator.entries import queries as entries
from coordinator.entries.forms import (
    Wish,
    audience_in_words,
    checking,
    inside_ministry,
    merge_of,
    narrowing,
    saved_words,
    wish,
)
from coordinator.entries.models import EntryVersion, Kind
from coordinator.entries.rules import (
    EditedMeanwhile,
    NotCurrent,
    SecondPerson,
    may_edit,
    may_log,
    may_recall,
    may_release,
    may_withdraw,
    says_the_same,
)
from coordinator.errors import Refused
from coordinator.extensions import time_zone
from coordinator.fields import is_link
from coordinator.gaps.forms import hearing
from coordinator.openings import queries as openings
from coordinator.openings.gate import handed_out
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import would_touch
from coordinator.overlaps.rules import look, sentence
from coordinator.pages import page_number, page_of, refusal_status, translated
from coordinator.passages.actions import prepare
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Role
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
    me = signed_in()
    require(may_log(me))
    form = _form(None)
    if not form.is_submitted():
        event = request.args.get("event")
        form.start(
            topics=sorted({topics.topic(db.session(), ref).ref for ref in request.args.getlist("topic")}),
            counterparts=[calendar.counterpart(db.session(), ref).ref for ref in request.args.getlist("counterpart")],
            instruments=[calendar.instrument(db.session(), ref).ref for ref in request.args.getlist("instrument")],
            event=calendar.event(db.session(), event).ref if event else None,
        )
        form.lead.data = me.ref
        return _log_page(form)
    if checking():
        return _log_page(form, check=_check(form))
    if not form.validate():
        return _log_page(form), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)  # takes its time, and so before the turn is ours
    try:
        with transaction(db.session) as written:
            entry = entries.by_form(written, me.id, form.form_key.data)
            if entry is None:
                entry = actions.log_dossier(
                    written,
                    draft,
                    unit=me.unit,
                    by=me,
                    at=now(),
                    on=today(time_zone()),
                    form_key=form.form_key.data,
                    offer=pressed is Wish.OFFER,
                )
                if pressed is Wish.RELEASE:
                    require(may_release(me, entry))
                    entry_actions.release(written, entry, by=me, at=now())
    except Refused as error:
        _explain(form, error)
        return _log_page(form), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for("entries.show", ref=entry.ref), 303)


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


def _explain(form: DossierForm, error: Refused) -> None:
    form.refuse(error)
    if isinstance(error, SecondPerson):
        form.form_errors.append(_("Ask for its release instead: any other releasing officer of your unit can then release it."))


def _check(form: DossierForm) -> drafting.Check:
    """Look at what a form touches as it stands, with what was suggested and is taken; nothing is kept."""
    form.take_suggested()
    return drafting.check(db.session(), form.so_far(), unit_id=signed_in().unit_id, on=today(time_zone()))


def _log_page(form: DossierForm, *, check: drafting.Check | None = None) -> str:
    return render_template(
        "dossiers/log.html",
        form=form,
        check=check,
        say=partial(sentence, t=translated),
        page_level=max(int(form.level.level), check.level or 0 if check else 0),
        may_release=Role.RELEASING_OFFICER in signed_in().roles,
        unit=signed_in().unit,
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
    me = signed_in()
    dossier, newest, tokens = _to_revise(ref)
    form = _form(newest)
    if not form.is_submitted():
        form.fill(newest, tokens)
        return _revise_page(form, dossier, newest)
    if checking():
        return _revise_page(form, dossier, newest, check=_check(form))
    if not form.validate():
        return _revise_page(form, dossier, newest), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)
    try:
        with transaction(db.session) as written:
            if entries.by_form(written, me.id, form.form_key.data) is None:
                if not says_the_same(draft, newest, audience=tokens, owner_id=dossier.unit_id):
                    actions.revise(
                        written,
                        dossier,
                        draft,
                        base=form.base.number or 0,
                        by=me,
                        at=now(),
                        form_key=form.form_key.data,
                        offer=pressed is Wish.OFFER,
                    )
                elif pressed is Wish.OFFER:
                    entry_actions.offer(written, dossier, by=me, at=now())
                if pressed is Wish.RELEASE:
                    require(may_release(me, dossier))
                    entry_actions.release(written, dossier, by=me, at=now())
    except EditedMeanwhile as error:
        return _merge_page(form, ref, error), 409
    except Refused as error:
        _explain(form, error)
        dossier, newest, _tokens = _to_revise(ref)
        return _revise_page(form, dossier, newest), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for(".show", ref=ref), 303)


def _to_revise(ref: str) -> tuple[Dossier, EntryVersion, frozenset[str]]:
    """Return a dossier of one's own unit with its newest version and that one's readers; raises NotCurrent if it has ended."""
    me = signed_in()
    dossier = queries.one(db.session(), ref)
    require(may_log(me) and me.unit_id == dossier.unit_id)
    if not may_edit(me, dossier):
        raise NotCurrent
    newest = entries.version(db.session(), dossier, dossier.newest_version)
    return dossier, newest, entries.tokens_of(db.session(), newest.audience_id)


def _revise_page(
    form: DossierForm, dossier: Dossier, newest: EntryVersion, *, check: drafting.Check | None = None, **more: Any
) -> str:
    return render_template(
        "dossiers/revise.html",
        form=form,
        entry=dossier,
        check=check,
        say=partial(sentence, t=translated),
        page_level=max(newest.level, check.level or 0 if check else 0),
        may_release=Role.RELEASING_OFFICER in signed_in().roles,
        unit=dossier.unit,
        **more,
    )


def _merge_page(form: DossierForm, ref: str, error: EditedMeanwhile) -> str:
    dossier, newest, _tokens = _to_revise(ref)
    names = {"dossier_type": {t.value: translated(t.label) for t in DossierType}}
    merge = merge_of(db.session(), form, dossier, newest, draft=form.draft(), names=names)
    form.refuse(error)
    return _revise_page(form, dossier, newest, merge=merge)
