"""Pages of positions: the list, logging one, the page of one, revising it, adhering to it."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.calendar import queries as calendar
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.dossiers.queries import drawing_on
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
from coordinator.entries.models import EntryVersion, Kind, Level, State
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
    me = signed_in()
    require(may_log(me))
    older = _to_supersede(request.args.get("supersedes"))
    version = entries.version(db.session(), older, older.standing_version) if older else None
    form = _form(version)
    if not form.is_submitted():
        _start(form, version)
        return _log_page(form, older)
    if checking():
        return _log_page(form, older, check=_check(form))
    if not form.validate():
        return _log_page(form, older), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)  # takes its time, and so before the turn is ours
    try:
        with transaction(db.session) as written:
            entry = entries.by_form(written, me.id, form.form_key.data)
            if entry is None:
                entry = actions.log_position(
                    written,
                    draft,
                    unit=me.unit,
                    by=me,
                    at=now(),
                    on=today(time_zone()),
                    form_key=form.form_key.data,
                    offer=pressed is Wish.OFFER,
                    supersedes=older,
                )
                if pressed is Wish.RELEASE:
                    require(may_release(me, entry))
                    entry_actions.release(written, entry, by=me, at=now())
    except Refused as error:
        _explain(form, error)
        return _log_page(form, _to_supersede(request.args.get("supersedes"))), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for("entries.show", ref=entry.ref), 303)


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


def _to_supersede(ref: str | None) -> Position | None:
    """Return the released position of one's own unit that a new one is to supersede."""
    if not ref:
        return None
    older = queries.one(db.session(), ref)
    require(older.unit_id == signed_in().unit_id)
    if older.state != State.RELEASED:
        raise NotCurrent
    return older


def _explain(form: PositionForm, error: Refused) -> None:
    form.refuse(error)
    if isinstance(error, SecondPerson):
        form.form_errors.append(_("Ask for its release instead: any other releasing officer of your unit can then release it."))


def _check(form: PositionForm) -> drafting.Check:
    """Look at what a form touches as it stands, with what was suggested and is taken; nothing is kept."""
    form.take_suggested()
    return drafting.check(db.session(), form.so_far(), unit_id=signed_in().unit_id, on=today(time_zone()))


def _log_page(form: PositionForm, older: Position | None, *, check: drafting.Check | None = None) -> str:
    return render_template(
        "positions/log.html",
        form=form,
        older=older,
        check=check,
        say=partial(sentence, t=translated),
        page_level=max(int(form.level.level), check.level or 0 if check else 0),
        may_release=Role.RELEASING_OFFICER in signed_in().roles,
        unit=signed_in().unit,
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
    me = signed_in()
    position, newest, tokens = _to_revise(ref)
    form = _form(newest)
    if not form.is_submitted():
        form.fill(newest, tokens)
        return _revise_page(form, position, newest)
    if checking():
        return _revise_page(form, position, newest, check=_check(form))
    if not form.validate():
        return _revise_page(form, position, newest), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)
    try:
        with transaction(db.session) as written:
            if entries.by_form(written, me.id, form.form_key.data) is None:
                if not says_the_same(draft, newest, audience=tokens, owner_id=position.unit_id):
                    actions.revise(
                        written,
                        position,
                        draft,
                        base=form.base.number or 0,
                        by=me,
                        at=now(),
                        form_key=form.form_key.data,
                        offer=pressed is Wish.OFFER,
                    )
                elif pressed is Wish.OFFER:
                    entry_actions.offer(written, position, by=me, at=now())
                if pressed is Wish.RELEASE:
                    require(may_release(me, position))
                    entry_actions.release(written, position, by=me, at=now())
    except EditedMeanwhile as error:
        return _merge_page(form, ref, error), 409
    except Refused as error:
        _explain(form, error)
        position, newest, _tokens = _to_revise(ref)
        return _revise_page(form, position, newest), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for(".show", ref=ref), 303)


def _to_revise(ref: str) -> tuple[Position, EntryVersion, frozenset[str]]:
    """Return a position of one's own unit with its newest version and that one's readers; raises NotCurrent if it has ended."""
    me = signed_in()
    position = queries.one(db.session(), ref)
    require(may_log(me) and me.unit_id == position.unit_id)
    if not may_edit(me, position):
        raise NotCurrent
    newest = entries.version(db.session(), position, position.newest_version)
    return position, newest, entries.tokens_of(db.session(), newest.audience_id)


def _revise_page(
    form: PositionForm, position: Position, newest: EntryVersion, *, check: drafting.Check | None = None, **more: Any
) -> str:
    return render_template(
        "positions/revise.html",
        form=form,
        entry=position,
        check=check,
        say=partial(sentence, t=translated),
        page_level=max(newest.level, check.level or 0 if check else 0),
        may_release=Role.RELEASING_OFFICER in signed_in().roles,
        unit=position.unit,
        **more,
    )


def _merge_page(form: PositionForm, ref: str, error: EditedMeanwhile) -> str:
    position, newest, _tokens = _to_revise(ref)
    names = {"stance": {s.value: translated(s.label) for s in Stance}}
    merge = merge_of(db.session(), form, position, newest, draft=form.draft(), names=names)
    form.refuse(error)
    return _revise_page(form, position, newest, merge=merge)


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
