"""Pages of signing in, of one's own account, of units and organisations, and of accounts."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from argon2 import PasswordHasher
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select

from coordinator.clock import now, today
from coordinator.db import bookkeeping, db, transaction
from coordinator.deputies import queries as deputies
from coordinator.deputies.rules import holds_on, may_name
from coordinator.entries.models import Entry
from coordinator.errors import NotFound, Refused
from coordinator.extensions import settings, time_zone
from coordinator.handover.rules import may_hand_over
from coordinator.history import queries as history
from coordinator.history.actions import note
from coordinator.history.models import Event, Noted
from coordinator.pages import page_of, refusal_status, same_site, translated
from coordinator.people import actions, queries, rules
from coordinator.people.forms import (
    AccountForm,
    ChangePasswordForm,
    Direction,
    LinkForm,
    NewPasswordForm,
    OrganisationForm,
    PersonForm,
    SignInForm,
    SuccessionForm,
    UnitForm,
)
from coordinator.people.gate import public, require, signed_in, somebody
from coordinator.people.models import Circle, Organisation, Person, Role, Unit
from coordinator.topics import queries as topics

blueprint = Blueprint("people", __name__)


# --- signing in --------------------------------------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with address and password."""
    onward = same_site(request.args.get("next"))
    if somebody() is not None:
        return redirect(onward or "/")
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("people/sign_in.html", form=form), 422 if form.is_submitted() else 200
    limits = _throttle().limits(form.email.data, request.remote_addr or "")
    with bookkeeping(db.session) as written:
        allowed = actions.begin_try(written, limits, window=_throttle().window, at=now())
    person = queries.person_by_email(db.session(), form.email.data)
    first = _first_page(person) if person is not None else "/"
    db.session.rollback()  # no lock is held while the password is worked on
    if not allowed:
        _note(Noted.SIGN_IN_THROTTLED, person)
        form.form_errors.append(_("Too many tries. Wait a quarter of an hour, or ask for a link that sets a new password."))
        return render_template("people/sign_in.html", form=form), 429
    if not actions.fits(person, form.password.data, _hasher()) or person is None:
        _note(Noted.SIGN_IN_FAILED, person)
        form.form_errors.append(_("Address and password do not belong together."))
        return render_template("people/sign_in.html", form=form), 422
    with bookkeeping(db.session) as written:
        actions.forget_tries(written, limits)
        secret = actions.start_sign_in(written, person.id, at=now())
        note(written, Noted.SIGNED_IN, person=person, at=now())
    _carry(secret)
    return redirect(onward or first, 303)


def _first_page(person: Person) -> str:
    """Return where a person begins: the leadership of the ministry with the whole picture, everybody else with what waits."""
    leads = Role.LEADERSHIP in person.roles and person.unit.organisation.circle is Circle.MINISTRY
    return url_for("dashboard.index") if leads else "/"


def _note(did: Noted, person: Person | None) -> None:
    with bookkeeping(db.session) as written:
        note(written, did, person=person, at=now())


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out: the row ends, the cookie is emptied."""
    secret = session.get("sign_in", "")
    with bookkeeping(db.session) as written:
        actions.end_sign_in(written, secret, at=now())
        if somebody() is not None:
            note(written, Noted.SIGNED_OUT, person=somebody(), at=now())
    session.clear()
    flash(_("You are signed out."), "success")
    return redirect(url_for(".sign_in"), 303)


@blueprint.route("/sign-in/link", methods=["GET", "POST"])
@public
def ask_for_link() -> ResponseReturnValue:
    """Ask for a one-time link; the answer is the same whether or not the address is known."""
    form = LinkForm()
    if not form.validate_on_submit():
        return render_template("people/ask_for_link.html", form=form), 422 if form.is_submitted() else 200
    limits = rules.Throttle(tries=3, window=timedelta(hours=1)).limits(f"link for {form.email.data}", request.remote_addr or "")
    with bookkeeping(db.session) as written:
        allowed = actions.begin_try(written, limits, window=timedelta(hours=1), at=now())
    person = queries.person_by_email(db.session(), form.email.data) if allowed else None
    _note(Noted.LINK_ASKED_FOR, person)
    if person is not None and person.is_active:
        _order_link(person)
    flash(_("If this address belongs to an account, a link is on its way. It works once, for a limited time."), "success")
    return redirect(url_for(".sign_in"), 303)


@blueprint.route("/sign-in/link/<string(maxlength=200):secret>", methods=["GET", "POST"])
@public
def set_password(secret: str) -> ResponseReturnValue:
    """Set a password by a one-time link; of one that was broken on its way the page says that it no longer works."""
    person = queries.link_owner(db.session(), secret, at=now())
    if person is None:
        return render_template("people/link_spent.html"), 404
    db.session.expunge_all()  # shown again after a refusal, whatever the database did
    form = NewPasswordForm()
    if not form.validate_on_submit() or form.fault(name=person.name, email=person.email):
        return render_template("people/set_password.html", form=form, owner=person), 422 if form.is_submitted() else 200
    hashed = _hasher().hash(form.password.data)
    with transaction(db.session) as written:
        actions.use_link(written, secret, hashed, at=now())
    with bookkeeping(db.session) as written:
        started = actions.start_sign_in(written, person.id, at=now())
        note(written, Noted.SIGNED_IN, person=person, at=now())
    _carry(started)
    flash(_("Your password is set, and you are signed in."), "success")
    return redirect("/", 303)


def _order_link(person: Person) -> None:
    with bookkeeping(db.session) as written:
        actions.order_link(written, person.id, at=now(), lasts=timedelta(hours=settings().link_hours))


def _carry(secret: str) -> None:
    session.clear()  # nothing of before: neither a sign-in nor a token that somebody may have planted
    session["sign_in"] = secret


def _throttle() -> rules.Throttle:
    return rules.Throttle(tries=settings().sign_in_tries, window=timedelta(minutes=settings().sign_in_window_minutes))


def _hasher() -> PasswordHasher:
    return actions.hasher(settings().argon2_time_cost, settings().argon2_memory_kib)


# --- one's own account ----------------------------------------------------------------------------------------------------


@blueprint.route("/account", methods=["GET", "POST"])
def account() -> ResponseReturnValue:
    """Show what the register knows of me; choose a time zone."""
    form = AccountForm(time_zone=signed_in().time_zone)
    if form.validate_on_submit():
        with transaction(db.session) as written:
            actions.choose_time_zone(written, queries.person(written, signed_in().ref), form.time_zone.data, at=now())
        flash(_("Saved."), "success")
        return redirect(url_for(".account"), 303)
    return render_template("people/account.html", form=form, owner=signed_in()), 422 if form.is_submitted() else 200


@blueprint.route("/account/password", methods=["GET", "POST"])
def change_password() -> ResponseReturnValue:
    """Change my password; every other sign-in of mine ends."""
    person, form = signed_in(), ChangePasswordForm()
    valid = form.validate_on_submit() and not form.fault(name=person.name, email=person.email)
    if valid:
        limits = _throttle().limits(person.email, request.remote_addr or "")
        with bookkeeping(db.session) as written:
            allowed = actions.begin_try(written, limits, window=_throttle().window, at=now())
        if not allowed:
            form.current.errors = [_("Too many tries. Wait a quarter of an hour.")]
        elif not actions.fits(person, form.current.data, _hasher()):
            form.current.errors = [_("This is not your password.")]
        else:
            hashed = _hasher().hash(form.password.data)
            with bookkeeping(db.session) as written:
                actions.forget_tries(written, limits)
                started = actions.start_sign_in(written, person.id, at=now())
            with transaction(db.session) as written:
                actions.set_password(written, queries.person(written, person.ref), hashed, by=person, at=now(), keep=started)
            _carry(started)
            flash(_("Your password is changed. Every other browser is signed out."), "success")
            return redirect(url_for(".account"), 303)
    return render_template("people/change_password.html", form=form), 422 if form.is_submitted() else 200


# --- units and organisations ----------------------------------------------------------------------------------------------


@blueprint.get("/units")
def index() -> ResponseReturnValue:
    """Show the units that I may know of as trees, by organisation, ended ones apart."""
    on, listed = today(time_zone()), _units_for_me()
    held: dict[Organisation, list[Unit]] = {}
    for unit in listed:
        if not rules.has_ended(unit.ends_on, on=on):
            held.setdefault(unit.organisation, []).append(unit)
    order = list(Circle)  # the ministry first
    return render_template(
        "people/index.html",
        held=[(o, rules.forest(held[o])) for o in sorted(held, key=lambda o: (order.index(o.circle), o.name))],
        ended=[u for u in listed if rules.has_ended(u.ends_on, on=on)],
        counts=queries.head_counts(db.session(), [u.id for u in listed]) if _inside() else {},
        may_keep=rules.may_keep_lists(signed_in()),
        inside=_inside(),
    )


@blueprint.get("/units/<ref:ref>")
def unit(ref: str) -> ResponseReturnValue:
    """Show a unit: where it stands, who is in it, what it has a stake in, what became of it."""
    me, on, shown = signed_in(), today(time_zone()), queries.unit(db.session(), ref)
    if shown.id not in {u.id for u in _units_for_me()}:
        raise NotFound
    # names of persons are shown inside the ministry and inside their own organisation
    told = shown.organisation_id == me.unit.organisation_id or _inside()
    people = queries.people_of(db.session(), shown.id) if told else ()
    stakes = topics.stakes_of(db.session(), [shown.id]) if told else ()
    deputised = deputies.of_persons(db.session(), [p.id for p in people])
    was_here = rules.postings(shown.id, history.of_units_people(db.session(), shown.id)) if told else []
    return render_template(
        "people/unit.html",
        unit=shown,
        told=told,
        ended=rules.has_ended(shown.ends_on, on=on),
        successions=queries.successions(db.session(), shown.id) if told else (),
        below=rules.standing_first(queries.children_of(db.session(), shown.id), on=on) if told else (),
        people=people,
        since={p.person_id: p.since for p in was_here if p.until is None},
        stands_in={d.person_id: d for d in reversed(deputised) if holds_on(on, from_on=d.from_on, until_on=d.until_on)},
        past_deputies=[d for d in deputised if d.until_on is not None and d.until_on < on],
        before=[p for p in was_here if p.until is not None],
        names=queries.names_of(db.session(), {p.person_id for p in was_here}),
        stakes=[e for e in stakes if e.until_on is None or e.until_on >= on],
        past_stakes=[e for e in stakes if e.until_on is not None and e.until_on < on],
        events=_events(shown) if told else [],
        on=on,
        may_keep=rules.may_keep_lists(me),
        may_name={p.id for p in people if may_name(me, p)},
        may_hand_over={p.id for p in people if may_hand_over(me, p)},
    )


def _events(unit: Unit) -> list[tuple[Event, list[str]]]:
    """Return what happened to a unit, the newest first, each in sentences."""
    names = {u.id: u.short_name for u in queries.units(db.session())}
    organisations = {o.id: o.short_name for o in queries.organisations(db.session())}
    told: list[tuple[Event, list[str]]] = []
    before: dict[str, Any] = {}
    for event in history.of(db.session(), "unit", unit.id):
        said = event.payload.said if event.payload else {}
        sentences = rules.told(event.action, said, before, units=names, organisations=organisations, day=_day)
        if event.action in rules.STANDING:
            told.append((event, [translated(s) for s in sentences]))
        if event.action in {"unit.added", "unit.revised"}:
            before = said
    return told[::-1]


def _day(on: date) -> str:
    return str(format_date(on, "d MMM y"))


@blueprint.route("/units/add", methods=["GET", "POST"])
def add_unit() -> ResponseReturnValue:
    """Add a unit."""
    require(rules.may_keep_lists(signed_in()))
    form = _offer_units(UnitForm())
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                added = actions.add_unit(written, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("people/edit_unit.html", form=form, unit=None), refusal_status(error)
        return redirect(url_for(".unit", ref=added.ref), 303)
    return render_template("people/edit_unit.html", form=form, unit=None), 422 if form.is_submitted() else 200


@blueprint.route("/units/<ref:ref>/edit", methods=["GET", "POST"])
def edit_unit(ref: str) -> ResponseReturnValue:
    """Rename, move, date or end a unit."""
    require(rules.may_keep_lists(signed_in()))
    unit = queries.unit(db.session(), ref)
    form = _offer_units(
        UnitForm(
            organisation=unit.organisation.ref,
            name=unit.name,
            short_name=unit.short_name,
            parent=unit.parent.ref if unit.parent else None,
            mailbox=unit.mailbox,
            starts_on=unit.starts_on,
            ends_on=unit.ends_on,
        ),
        but=unit,
    )
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.revise_unit(written, unit, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("people/edit_unit.html", form=form, unit=queries.unit(db.session(), ref)), refusal_status(error)
        return redirect(url_for(".unit", ref=ref), 303)
    return render_template("people/edit_unit.html", form=form, unit=unit), 422 if form.is_submitted() else 200


@blueprint.route("/units/<ref:ref>/succession", methods=["GET", "POST"])
def succession(ref: str) -> ResponseReturnValue:
    """Say which unit another came from, or went on as; nothing is moved by it."""
    require(rules.may_keep_lists(signed_in()))
    shown = queries.unit(db.session(), ref)
    form = SuccessionForm(on=today(time_zone()))
    others = [u for u in queries.units(db.session()) if u.id != shown.id]
    form.other.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in others)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit() and form.on.data is not None:
        came = form.direction.data == Direction.CAME_FROM
        try:
            with transaction(db.session) as written:
                pair = queries.unit(written, form.other.data), queries.unit(written, ref)
                older, newer = pair if came else pair[::-1]
                actions.succeed(written, older, newer, on=form.on.data, by=signed_in(), at=now(), ends=form.ends.data)
            return redirect(url_for(".succession", ref=ref), 303)
        except Refused as error:
            form.refuse(error)
            status = refusal_status(error)
    return render_template(
        "people/succession.html",
        form=form,
        unit=queries.unit(db.session(), ref),
        successions=queries.successions(db.session(), shown.id),
    ), status


@blueprint.post("/units/<ref:ref>/succession/<ref:other>/take-back")
def unlink(ref: str, other: str) -> ResponseReturnValue:
    """Take back that the other unit came from one, or went on as it."""
    require(rules.may_keep_lists(signed_in()))
    with transaction(db.session) as written:
        one, two = queries.unit(written, ref), queries.unit(written, other)
        actions.unlink(written, one, two, by=signed_in(), at=now())
        actions.unlink(written, two, one, by=signed_in(), at=now())
    return redirect(url_for(".succession", ref=ref), 303)


@blueprint.get("/organisations")
def organisations() -> ResponseReturnValue:
    """List the organisations by circle; outside the ministry one sees one's own."""
    listed = [o for o in queries.organisations(db.session()) if _inside() or o.id == signed_in().unit.organisation_id]
    on = today(time_zone())
    return render_template(
        "people/organisations.html",
        listed=[o for o in listed if not rules.has_ended(o.ends_on, on=on)],
        ended=[o for o in listed if rules.has_ended(o.ends_on, on=on)],
        may_keep=rules.may_keep_lists(signed_in()),
    )


@blueprint.get("/organisations/<ref:ref>")
def organisation(ref: str) -> ResponseReturnValue:
    """Show an organisation and its units; outside the ministry one sees one's own."""
    on, shown = today(time_zone()), queries.organisation(db.session(), ref)
    if not _inside() and shown.id != signed_in().unit.organisation_id:
        raise NotFound
    units = [u for u in queries.units(db.session()) if u.organisation_id == shown.id]
    return render_template(
        "people/organisation.html",
        organisation=shown,
        tree=rules.forest([u for u in units if not rules.has_ended(u.ends_on, on=on)]),
        ended=[u for u in units if rules.has_ended(u.ends_on, on=on)],
        counts=queries.head_counts(db.session(), [u.id for u in units]),
        is_over=rules.has_ended(shown.ends_on, on=on),
        may_keep=rules.may_keep_lists(signed_in()),
    )


@blueprint.route("/organisations/add", methods=["GET", "POST"])
def add_organisation() -> ResponseReturnValue:
    """Add an organisation."""
    require(rules.may_keep_lists(signed_in()))
    return _organisation(OrganisationForm(), None)


@blueprint.route("/organisations/<ref:ref>/edit", methods=["GET", "POST"])
def edit_organisation(ref: str) -> ResponseReturnValue:
    """Change an organisation."""
    require(rules.may_keep_lists(signed_in()))
    found = queries.organisation(db.session(), ref)
    form = OrganisationForm(
        name=found.name,
        short_name=found.short_name,
        circle=found.circle.value,
        ceiling=found.ceiling,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
    )
    return _organisation(form, found)


def _organisation(form: OrganisationForm, found: Organisation | None) -> ResponseReturnValue:
    known = found is not None
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                if found is None:
                    actions.add_organisation(written, form.draft(), by=signed_in(), at=now())
                else:
                    actions.revise_organisation(written, found, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("people/edit_organisation.html", form=form, known=known), refusal_status(error)
        return redirect(url_for(".organisations"), 303)
    return render_template("people/edit_organisation.html", form=form, known=known), 422 if form.is_submitted() else 200


def _inside() -> bool:
    return signed_in().unit.organisation.circle is Circle.MINISTRY


def _units_for_me() -> Sequence[Unit]:
    owners = () if _inside() else db.session.scalars(select(Entry.unit_id).distinct()).all()
    return queries.units_for(db.session(), signed_in(), also=owners)


def _living(kept: Unit | None) -> list[Unit]:
    """Return the units that have not ended, and one that is chosen already."""
    on = today(time_zone())
    return [u for u in queries.units(db.session()) if not rules.has_ended(u.ends_on, on=on) or (kept and u.id == kept.id)]


def _offer_units(form: UnitForm, *, but: Unit | None = None) -> UnitForm:
    form.organisation.offer((o.ref, o.name, o.id) for o in queries.organisations(db.session()))
    units = _living(but.parent if but else None)
    form.parent.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in units if but is None or u.id != but.id)
    return form


# --- accounts ---------------------------------------------------------------------------------------------------------------


@blueprint.get("/people")
def people() -> ResponseReturnValue:
    """List all accounts."""
    require(rules.may_keep_people(signed_in()))
    page = page_of(queries.person_count(db.session()), size=50)
    return render_template(
        "people/people.html", page=page, listed=queries.persons(db.session(), offset=page.offset, limit=page.size)
    )


@blueprint.route("/people/invite", methods=["GET", "POST"])
def invite() -> ResponseReturnValue:
    """Add a person and have the link mailed that sets the first password."""
    require(rules.may_keep_people(signed_in()))
    form = _offer_people(PersonForm(clearance=1))
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                added = actions.add_person(written, form.draft(time_zone=settings().time_zone), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("people/edit_person.html", form=form, owner=None), refusal_status(error)
        _order_link(added)
        flash(_("%(name)s is invited; a link is on its way.", name=added.name), "success")
        return redirect(url_for(".people"), 303)
    return render_template("people/edit_person.html", form=form, owner=None), 422 if form.is_submitted() else 200


@blueprint.route("/people/<ref:ref>/edit", methods=["GET", "POST"])
def edit_person(ref: str) -> ResponseReturnValue:
    """Change where a person belongs and what they may do."""
    require(rules.may_keep_people(signed_in()))
    found = queries.person(db.session(), ref)
    member_of = {m.group_id for m in found.memberships}
    form = _offer_people(
        PersonForm(
            name=found.name,
            email=found.email,
            unit=found.unit.ref,
            roles=[role.value for role in found.roles],
            clearance=found.clearance,
            groups=[g.ref for g in queries.groups(db.session()) if g.id in member_of],
        ),
        found,
    )
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.revise_person(written, found, form.draft(time_zone=found.time_zone), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("people/edit_person.html", form=form, owner=queries.person(db.session(), ref)), refusal_status(
                error
            )
        flash(_("Saved. It holds from their next click."), "success")
        return redirect(url_for(".people"), 303)
    return render_template("people/edit_person.html", form=form, owner=found), 422 if form.is_submitted() else 200


@blueprint.post("/people/<ref:ref>/disable")
def disable(ref: str) -> ResponseReturnValue:
    """Shut a person out at once."""
    require(rules.may_keep_people(signed_in()))
    with transaction(db.session) as written:
        actions.disable(written, queries.person(written, ref), by=signed_in(), at=now())
    return redirect(url_for(".edit_person", ref=ref), 303)


@blueprint.post("/people/<ref:ref>/enable")
def enable(ref: str) -> ResponseReturnValue:
    """Let a person in again."""
    require(rules.may_keep_people(signed_in()))
    with transaction(db.session) as written:
        actions.enable(written, queries.person(written, ref), by=signed_in(), at=now())
    return redirect(url_for(".edit_person", ref=ref), 303)


@blueprint.post("/people/<ref:ref>/link")
def link(ref: str) -> ResponseReturnValue:
    """Have a new link mailed to a person that sets a password."""
    require(rules.may_keep_people(signed_in()))
    found = queries.person(db.session(), ref)
    if found.is_active:
        _order_link(found)
        flash(_("A new link is on its way to %(name)s.", name=found.name), "success")
    return redirect(url_for(".edit_person", ref=ref), 303)


def _offer_people(form: PersonForm, owner: Person | None = None) -> PersonForm:
    form.unit.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in _living(owner.unit if owner else None))
    form.groups.offer((g.ref, g.name, g.id) for g in queries.groups(db.session()))
    return form
