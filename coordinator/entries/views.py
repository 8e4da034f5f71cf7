"""Pages that positions and dossiers share: their history, what differs between two versions, release and withdrawal."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.chronicle import queries as chronicle
from coordinator.chronicle.rules import Words, name_of, tell
from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.dossiers.models import DossierType
from coordinator.entries import actions, queries, rules
from coordinator.entries.forms import WithdrawForm, audience_in_words, day, labelled, shown
from coordinator.entries.models import Entry, EntryVersion
from coordinator.errors import NotFound, Refused
from coordinator.openings.gate import handed_out
from coordinator.pages import refusal_status, translated
from coordinator.passages.actions import prepare
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Person
from coordinator.positions.models import Stance

blueprint = Blueprint("entries", __name__, url_prefix="/entries")


def page_of_entry(entry: Entry) -> str:
    """Return the address of an entry's own page."""
    return url_for(f"{entry.kind.value}s.show", ref=entry.ref)


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Lead to the page of an entry, whichever kind it is."""
    return redirect(page_of_entry(queries.one(db.session(), ref)))


MOST_EVENTS = 200


# --- what happened -------------------------------------------------------------------------------------------------------


@blueprint.get("/<ref:ref>/history")
def history(ref: str) -> ResponseReturnValue:
    """Show the versions of an entry and what happened to it, as far as the reader may know."""
    me = signed_in()
    entry = queries.one(db.session(), ref)
    versions = queries.versions(db.session(), entry)
    about = chronicle.Filters(thing=("entry", entry.id))
    events, more = chronicle.listed(db.session(), reader(), about, number=1, size=MOST_EVENTS)
    found = chronicle.company(db.session(), events)
    words = Words(named=found.names, day=day, t=translated)
    return render_template(
        "entries/history.html",
        entry=entry,
        page_level=entry.level,
        versions=versions,
        events=[(e, tell(e, found, me, words), name_of(e.actor, me)) for e in events],
        more=more,
        colleague=_colleague(me, entry),
        back=page_of_entry(entry),
    )


def _colleague(me: Person, entry: Entry) -> bool:
    """Names of persons are for their own organisation: outside of it a unit has spoken."""
    return me.unit.organisation_id == entry.unit.organisation_id


# --- what differs ----------------------------------------------------------------------------------------------------------


@blueprint.get("/<ref:ref>/compare")
def compare(ref: str) -> ResponseReturnValue:
    """Show what differs between two versions of an entry; without numbers, between the last two."""
    me = signed_in()
    entry = queries.one(db.session(), ref)
    handed_out(entry)
    versions = {v.number: v for v in queries.versions(db.session(), entry)}
    numbers = sorted(versions)
    before = versions[_number("from", numbers[-2:][0] if numbers else 0, versions)]
    after = versions[_number("to", numbers[-1] if numbers else 0, versions)]
    names = queries.names_in(db.session(), [before.content, after.content])
    names["stance"] = {s.value: translated(s.label) for s in Stance}
    names["dossier_type"] = {t.value: translated(t.label) for t in DossierType}
    tokens = {v.number: queries.tokens_of(db.session(), v.audience_id) for v in (before, after)}
    named = queries.named_readers(db.session(), frozenset().union(*tokens.values()))
    own = me.unit_id == entry.unit_id

    def of_version(version: EntryVersion) -> rules.Shown:
        return shown(
            version.content,
            level=version.level,
            audience=audience_in_words(tokens[version.number], named, owner_id=entry.unit_id) if _colleague(me, entry) else (),
            restriction_reason=version.restriction_reason if own else "",
            names=names,
        )

    return render_template(
        "entries/compare.html",
        entry=entry,
        page_level=max(before.level, after.level),
        versions=[versions[n] for n in numbers],
        before=before,
        after=after,
        rows=labelled(rules.difference(of_version(before), of_version(after)), entry.kind),
        colleague=_colleague(me, entry),
        back=page_of_entry(entry),
    )


def _number(name: str, default: int, versions: dict[int, EntryVersion]) -> int:
    """Return the number of a version that the address names; raises NotFound for one that is hidden or never was."""
    asked = request.args.get(name, str(default))
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 6 and int(asked) in versions):
        raise NotFound
    return int(asked)


# --- release and withdrawal --------------------------------------------------------------------------------------------------


class NewerVersion(Refused):
    """A newer version was saved while you were reading. Look at it before you release it."""


@blueprint.post("/<ref:ref>/release")
def release(ref: str) -> ResponseReturnValue:
    """Release the version that was on the page."""
    me = signed_in()
    entry = queries.one(db.session(), ref)
    require(rules.may_release(me, entry))
    newest = queries.version(db.session(), entry, entry.newest_version).content
    prepare(newest.get("title", ""), newest.get("text", ""))  # takes its time, and so before the turn is ours
    try:
        with transaction(db.session) as written:
            entry = queries.one(written, ref)
            if request.form.get("version") != str(entry.newest_version):
                raise NewerVersion
            actions.release(written, entry, by=me, at=now())
    except Refused as error:
        return _refused(ref, error)
    flash(_("Released."), "success")
    return redirect(page_of_entry(entry), 303)


@blueprint.post("/<ref:ref>/offer")
def offer(ref: str) -> ResponseReturnValue:
    """Ask the unit's releasing officers to release the newest version."""
    require(rules.may_edit(signed_in(), queries.one(db.session(), ref)))
    try:
        with transaction(db.session) as written:
            entry = queries.one(written, ref)
            actions.offer(written, entry, by=signed_in(), at=now())
    except Refused as error:
        return _refused(ref, error)
    flash(_("Your unit's releasing officers are asked to release it."), "success")
    return redirect(page_of_entry(entry), 303)


def _refused(ref: str, error: Refused) -> ResponseReturnValue:
    flash(translated(error.sentence), "error")
    if isinstance(error, rules.SecondPerson):
        flash(_("Ask for its release instead: any other releasing officer of your unit can then release it."), "info")
    return redirect(page_of_entry(queries.one(db.session(), ref)), 303)


@blueprint.route("/<ref:ref>/withdraw", methods=["GET", "POST"])
def withdraw(ref: str) -> ResponseReturnValue:
    """Take an entry back, with a reason."""
    me = signed_in()
    entry = queries.one(db.session(), ref)
    if not rules.may_withdraw(me, entry) and me.unit_id == entry.unit_id and entry.ended_at is not None:
        raise rules.NotCurrent
    require(rules.may_withdraw(me, entry))
    form = WithdrawForm()
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.withdraw(written, queries.one(written, ref), why=form.why.data, by=me, at=now())
        except Refused as error:
            form.refuse(error)
            entry = queries.one(db.session(), ref)
            return _withdraw_page(form, entry), refusal_status(error)
        flash(_("Withdrawn. It stays in the record."), "success")
        return redirect(page_of_entry(entry), 303)
    return _withdraw_page(form, entry), 422 if form.is_submitted() else 200


def _withdraw_page(form: WithdrawForm, entry: Entry) -> str:
    return render_template("entries/withdraw.html", form=form, entry=entry, page_level=entry.level, back=page_of_entry(entry))
