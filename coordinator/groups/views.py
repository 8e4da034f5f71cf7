"""Pages of reading groups; who is in them is shown inside the ministry only."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.errors import NotFound, Refused
from coordinator.groups.forms import GroupForm
from coordinator.pages import refusal_status
from coordinator.people import actions, queries
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Circle, Group, Person
from coordinator.people.rules import may_keep_people

blueprint = Blueprint("groups", __name__, url_prefix="/groups")


def _inside() -> bool:
    return signed_in().unit.organisation.circle is Circle.MINISTRY


def _mine() -> set[int]:
    return {m.group_id for m in signed_in().memberships}


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List the reading groups; outside the ministry one sees those that one is in, and not how many others are."""
    listed: Sequence[Group] = [g for g in queries.groups(db.session()) if _inside() or g.id in _mine()]
    return render_template(
        "groups/index.html",
        listed=listed,
        sizes=queries.group_sizes(db.session()) if _inside() else {},
        mine=_mine(),
        inside=_inside(),
        may_keep=may_keep_people(signed_in()),
    )


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show a reading group and who is in it."""
    shown = queries.group(db.session(), ref)
    if not _inside() and shown.id not in _mine():
        raise NotFound
    return render_template(
        "groups/show.html",
        group=shown,
        members=queries.members(db.session(), shown.id) if _inside() else (),
        inside=_inside(),
        mine=shown.id in _mine(),
        may_keep=may_keep_people(signed_in()),
    )


@blueprint.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    """Add a reading group."""
    require(may_keep_people(signed_in()))
    return _edit(_offer(GroupForm()), None)


@blueprint.route("/<ref:ref>/edit", methods=["GET", "POST"])
def edit(ref: str) -> ResponseReturnValue:
    """Rename a reading group, and say who is in it."""
    require(may_keep_people(signed_in()))
    found = queries.group(db.session(), ref)
    held = queries.members(db.session(), found.id)
    form = GroupForm(name=found.name, members=[p.ref for p in held])
    return _edit(_offer(form, held=[p for p in held if not p.is_active]), found)


def _offer(form: GroupForm, *, held: Sequence[Person] = ()) -> GroupForm:
    everybody = [*queries.everybody(db.session()), *held]
    form.members.offer((p.ref, f"{p.name}, {p.unit.short_name}", p.id) for p in everybody)
    return form


def _edit(form: GroupForm, found: Group | None) -> ResponseReturnValue:
    ref = found.ref if found else None
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                group = found or actions.add_group(written, form.name.data, by=signed_in(), at=now())
                actions.revise_group(
                    written,
                    queries.group(written, group.ref),
                    form.name.data,
                    members=form.members.chosen_ids,
                    by=signed_in(),
                    at=now(),
                )
            flash(_("Saved. It holds from their next click."), "success")
            return redirect(url_for(".show", ref=group.ref), 303)
        except Refused as error:
            form.refuse(error)
            status = refusal_status(error)
    return render_template("groups/edit.html", form=form, group=queries.group(db.session(), ref) if ref else None), status
