"""The pages on which units are merged or split: choose, look at what would move, carry it out."""

import hashlib
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from coordinator.calendar.models import Question
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries.models import Entry
from coordinator.errors import Refused
from coordinator.extensions import time_zone
from coordinator.history.rules import canonical
from coordinator.pages import refusal_status
from coordinator.people import queries as people
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Unit
from coordinator.people.rules import has_ended
from coordinator.reorganisation import actions, queries, rules
from coordinator.reorganisation.forms import ReorganisationForm
from coordinator.reorganisation.rules import CURRENT, Plan

blueprint = Blueprint("reorganisation", __name__, url_prefix="/reorganisation")

MOST = 300
"""Entries that are given a choice each; more follow their topics."""


@blueprint.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Choose units to merge or split, look at what would move, and carry it out."""
    require(rules.may_reorganise(signed_in()))
    form = _form()
    if not form.is_submitted():
        asked = request.args.get("unit")
        begun = people.unit(db.session(), asked) if asked else None
        form.predecessors.data = [begun.ref] if begun else []
        form.parent.data = begun.parent.ref if begun and begun.parent else ""
        return render_template("reorganisation/index.html", form=form)
    if not form.validate() or request.form.get("do") == "back":
        return render_template("reorganisation/index.html", form=form), 200 if not form.errors else 422
    plan = _plan(form)
    try:
        actions.check(db.session(), plan, by=signed_in(), today=today(time_zone()))
    except Refused as error:
        form.refuse(error)
        return render_template("reorganisation/index.html", form=form), refusal_status(error)
    preview = queries.preview(db.session(), plan)
    if request.form.get("do") != "carry_out":
        return _look(form, plan, preview)
    try:
        if not preview.settled:
            raise rules.Unsettled
        if form.seen.data != _digest(plan, preview):
            raise rules.ChangedMeanwhile
        with transaction(db.session) as written:
            followers = actions.carry_out(written, plan, by=signed_in(), at=now(), today=today(time_zone()))
            refs = [unit.ref for unit in followers]
    except Refused as error:
        form.refuse(error)
        return _look(form, plan, queries.preview(db.session(), plan), refusal_status(error))
    flash(_("Done. People see it from their next click; overlaps follow by themselves."), "success")
    return redirect(url_for("people.unit", ref=refs[0]) if len(refs) == 1 else url_for("people.index"), 303)


def _form() -> ReorganisationForm:
    on = today(time_zone())
    form = ReorganisationForm(on=on)
    living = [u for u in people.units(db.session()) if not has_ended(u.ends_on, on=on)]
    offered = [(u.ref, f"{u.short_name} – {u.name}", u.id) for u in living]
    for field in (form.predecessors, form.existing, form.parent):
        field.offer(offered)
    return form


def _plan(form: ReorganisationForm) -> Plan:
    """Return the plan that the form and the choices below it make."""
    session, chosen = db.session(), form.predecessors.chosen_ids
    home = session.scalars(select(Unit).where(Unit.id == chosen[0])).one()
    drafts = form.drafts(home.organisation_id)
    heirs = (*form.existing.chosen_ids, *drafts)
    plan = Plan(predecessors=chosen, heirs=heirs, drafts=drafts, on=form.on.data or now().date(), rest=heirs[0] if heirs else 0)
    named = {str(place): heir for place, heir in enumerate(heirs)}
    found = queries.inside(session, plan)
    # drafts are not seen by everybody who plans: what is offered here is what the session's reader sees
    entries = session.execute(select(Entry.id, Entry.ref).where(Entry.unit_id.in_(chosen), Entry.state.in_(sorted(CURRENT)))).all()

    def said(kind: str, things: Any) -> dict[int, int]:
        picked = ((thing.id, request.form.get(f"{kind}-{thing.ref}", "")) for thing in things)
        return {thing: named[place] for thing, place in picked if place in named}

    return Plan(
        predecessors=plan.predecessors,
        heirs=heirs,
        drafts=drafts,
        on=plan.on,
        rest=named.get(request.form.get("rest", ""), plan.rest),
        persons=said("person", found.persons),
        stakes=said("stake", found.stakes),
        below=said("unit", found.below),
        entries=said("entry", entries),
        kept=_kept(heirs),
    )


def _kept(heirs: tuple[int, ...]) -> dict[rules.Key, int]:
    """Return which line is to stay of each clash: keep.<unit's place>.<level>.<question> names an entry."""
    wanted: dict[tuple[int, str, int], str] = {}
    for name, value in request.form.items():
        kind, *parts = name.split(".", 3)
        if kind == "keep" and len(parts) == 3 and all(p.isascii() and p.isdigit() and len(p) < 6 for p in parts[:2]):
            place, level = int(parts[0]), int(parts[1])
            if place < len(heirs):
                wanted[heirs[place], parts[2], level] = value

    def ids(model: Any, refs: set[str]) -> dict[str, int]:
        return dict(db.session.execute(select(model.ref, model.id).where(model.ref.in_(sorted(refs)))).all())

    lines, questions = ids(Entry, set(wanted.values())), ids(Question, {ref for _h, ref, _l in wanted})
    return {(h, questions[q], level): lines[e] for (h, q, level), e in wanted.items() if q in questions and e in lines}


def _digest(plan: Plan, preview: queries.Preview) -> str:
    said = [plan.on.isoformat(), list(plan.heirs), [vars(d) for d in plan.drafts.values()], preview.told()]
    return hashlib.sha256(canonical(said)).hexdigest()


def _look(form: ReorganisationForm, plan: Plan, preview: queries.Preview, status: int = 200) -> ResponseReturnValue:
    units = {u.id: u for u in people.units(db.session())}
    names = {h: plan.drafts[h].name if h in plan.drafts else units[h].name for h in plan.heirs}
    names |= {u: units[u].name for u in plan.predecessors}
    form.seen.data = _digest(plan, preview)
    listed = [e for e, _to in preview.entries]
    return render_template(
        "reorganisation/preview.html",
        form=form,
        plan=plan,
        preview=preview,
        names=names,
        old_names=", ".join(names[u] for u in plan.ending or plan.predecessors),
        new_names=", ".join(names[h] for h in plan.heirs if plan.ending or h not in plan.predecessors),
        units=units,
        places={heir: str(place) for place, heir in enumerate(plan.heirs)},
        several=len(plan.heirs) > 1,
        explicit=plan.entries,
        most=MOST,
        page_level=max((e.level for e in listed), default=None),
    ), status
