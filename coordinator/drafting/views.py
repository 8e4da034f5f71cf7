"""What a script asks for while somebody writes: the same part of a page that the button on the form shows."""

from functools import partial

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from coordinator.clock import today
from coordinator.db import db
from coordinator.dossiers.forms import DossierForm
from coordinator.drafting import queries
from coordinator.entries.queries import choices, one
from coordinator.entries.rules import may_log
from coordinator.errors import NotFound
from coordinator.extensions import time_zone
from coordinator.overlaps.rules import sentence
from coordinator.pages import translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Person
from coordinator.positions.forms import PositionForm

blueprint = Blueprint("drafting", __name__, url_prefix="/check")


@blueprint.post("/position")
def position() -> ResponseReturnValue:
    """Look at a position as it is being written; it comes in the body, so that no address and no log ever holds a word of it."""
    return _found(PositionForm())


@blueprint.post("/dossier")
def dossier() -> ResponseReturnValue:
    """Look at a dossier as it is being written."""
    return _found(DossierForm())


def _of(me: Person) -> int | None:
    """Return the entry of the own unit that is being revised, or None of a new one; raises NotFound for any other."""
    ref = request.args.get("of")
    if not ref:
        return None
    entry = one(db.session(), ref)
    if entry.unit_id != me.unit_id:
        raise NotFound
    return entry.id


def _found(form: PositionForm | DossierForm) -> str:
    me, on = signed_in(), today(time_zone())
    require(may_log(me))
    form.offer(choices(db.session(), me, on=on, readers=False), highest=reader().level)
    check = queries.check(db.session(), form.so_far(), unit_id=me.unit_id, on=on, entry_id=_of(me))
    return render_template("drafting/found.html", check=check, say=partial(sentence, t=translated))
