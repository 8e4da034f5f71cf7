"""Pages of one's own digests, and the one page that a mail leads to without signing in: the one that stops it."""

from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.clock import now
from coordinator.db import bookkeeping, db
from coordinator.digests import actions, queries, rules
from coordinator.digests.forms import DigestForm
from coordinator.digests.models import Cadence
from coordinator.digests.queries import Contents
from coordinator.digests.rules import Window
from coordinator.errors import NotFound
from coordinator.extensions import csrf
from coordinator.extensions import settings as house
from coordinator.pages import page_of, translated
from coordinator.people.gate import public, reader, signed_in
from coordinator.people.queries import person as person_of
from coordinator.worklist.rules import shown

blueprint = Blueprint("digests", __name__, url_prefix="/digests")

MOST_READ = 200


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List my digests and what became of each."""
    person = signed_in()
    page = page_of(queries.count_of(db.session(), person.id))
    return render_template(
        "digests/index.html",
        page=page,
        listed=queries.of_person(db.session(), person.id, offset=page.offset, limit=page.size),
        chosen=queries.subscription(db.session(), person.id),
    )


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show one of my digests: the same window, with the rights that I have now."""
    person, at = signed_in(), now()
    digest = queries.one(db.session(), ref, person_id=person.id)
    found: Contents | None = None
    if digest.after_number is not None and digest.up_to_number is not None:
        window = Window(digest.after_number, digest.up_to_number)
        on = at.astimezone(ZoneInfo(person.time_zone)).date()
        found = queries.contents(db.session(), reader(), window, at=at, on=on, most=MOST_READ)
    return render_template(
        "digests/show.html",
        digest=digest,
        found=found,
        pairs=[shown(p, url=url_for, t=translated) for p in found.pairs] if found else [],
        notes=[(p.entry, url_for(p.link[0], ref=p.link[1]), translated(p.why), translated(p.task.label)) for p in found.papers]
        if found
        else [],
        closed={state.value: number for state, number in found.closed.items()} if found else {},
    )


@blueprint.route("/settings", methods=["GET", "POST"])
def settings() -> ResponseReturnValue:
    """Choose how often I want the digest, and when."""
    person = signed_in()
    kept = queries.subscription(db.session(), person.id)
    cadence, hour = (kept.cadence, kept.hour) if kept else rules.DEFAULT
    form = DigestForm(cadence=cadence.value, hour=hour)
    if form.validate_on_submit():
        with bookkeeping(db.session) as written:
            actions.choose(written, person.id, Cadence(form.cadence.data), form.hour.data)
        flash(_("Saved."), "success")
        return redirect(url_for(".settings"), 303)
    return render_template("digests/settings.html", form=form, owner=person), 422 if form.is_submitted() else 200


@blueprint.route("/stop/<ref:person>/<ref:token>", methods=["GET", "POST"])
@public
def stop(person: str, token: str) -> ResponseReturnValue:
    """Stop somebody's digest by the link in it; asks first, because mail scanners follow links."""
    if not rules.stops(house().secret_key.get_secret_value(), person, token):
        raise NotFound
    owner = person_of(db.session(), person)
    if request.method == "POST":
        with bookkeeping(db.session) as written:
            actions.stop(written, owner.id)
    return render_template("digests/stop.html", stopped=request.method == "POST")


csrf.exempt(stop)  # a mail program posts here with nothing but the address; all that it can do is to stop the mail
