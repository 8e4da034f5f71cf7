"""How an entry is written, whatever its kind: logged, revised, and merged with what somebody saved meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.drafting import queries
from coordinator.entries import actions
from coordinator.entries import queries as entries
from coordinator.entries.forms import Wish, checking, merge_of, saved_words, wish
from coordinator.entries.models import EntryVersion
from coordinator.entries.rules import EditedMeanwhile, NotCurrent, SecondPerson, may_edit, may_log, may_release, says_the_same
from coordinator.errors import Refused
from coordinator.extensions import time_zone
from coordinator.overlaps.rules import sentence
from coordinator.pages import refusal_status, translated
from coordinator.passages.actions import prepare
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Role


@dataclass(frozen=True)
class Writing:
    """What is of a kind's own when entries of it are written."""

    log_page: str
    revise_page: str
    form: Callable[[EntryVersion | None], Any]
    """Makes the form with all that may be chosen; what a version holds stays on offer."""
    one: Callable[[Session, str], Any]
    log: Callable[..., Any]
    revise: Callable[..., object]
    words: Callable[[], Mapping[str, Mapping[Any, str]]]
    """What the values of its fields are called when two versions are shown side by side."""


# --- logging ---------------------------------------------------------------------------------------------------------------


def log(
    writing: Writing,
    form: Any,
    *,
    start: Callable[[], None],
    beside: Callable[[], dict[str, Any]] = dict,
) -> ResponseReturnValue:
    """Show a form, or keep what it says as a draft, ask for its release, or release it at once.

    `start` fills in what it begins with; `beside` finds what else the action takes and the page shows, anew after a refusal.
    """
    me, also = signed_in(), beside()
    if not form.is_submitted():
        start()
        return _log_page(writing, form, **also)
    if checking():
        return _log_page(writing, form, check=_check(form), **also)
    if not form.validate():
        return _log_page(writing, form, **also), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)  # takes its time, and so before the turn is ours
    how = {"form_key": form.form_key.data, "offer": pressed is Wish.OFFER, **also}
    try:
        with transaction(db.session) as written:
            entry = entries.by_form(written, me.id, form.form_key.data)
            if entry is None:
                entry = writing.log(written, draft, unit=me.unit, by=me, at=now(), on=today(time_zone()), **how)
                if pressed is Wish.RELEASE:
                    require(may_release(me, entry))
                    actions.release(written, entry, by=me, at=now())
    except Refused as error:
        _explain(form, error)
        return _log_page(writing, form, **beside()), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for("entries.show", ref=entry.ref), 303)


def _log_page(writing: Writing, form: Any, *, check: queries.Check | None = None, **also: Any) -> str:
    return _page(writing.log_page, form, check, unit=signed_in().unit, level=int(form.level.level), **also)


# --- revising --------------------------------------------------------------------------------------------------------------


def revise(writing: Writing, ref: str) -> ResponseReturnValue:
    """Make a new version of an entry of one's own unit; what was saved meanwhile is shown and merged, never overwritten."""
    me = signed_in()
    entry, newest, tokens = _to_revise(writing, ref)
    form = writing.form(newest)
    if not form.is_submitted():
        form.fill(newest, tokens)
        return _revise_page(writing, form, entry, newest)
    if checking():
        return _revise_page(writing, form, entry, newest, check=_check(form, entry_id=entry.id))
    if not form.validate():
        return _revise_page(writing, form, entry, newest), 422
    pressed, draft = wish(), form.draft()
    prepare(draft.title, draft.text)
    how = {"base": form.base.number or 0, "form_key": form.form_key.data, "offer": pressed is Wish.OFFER}
    try:
        with transaction(db.session) as written:
            if entries.by_form(written, me.id, form.form_key.data) is None:
                if not says_the_same(draft, newest, audience=tokens, owner_id=entry.unit_id):
                    writing.revise(written, entry, draft, by=me, at=now(), **how)
                elif pressed is Wish.OFFER:
                    actions.offer(written, entry, by=me, at=now())
                if pressed is Wish.RELEASE:
                    require(may_release(me, entry))
                    actions.release(written, entry, by=me, at=now())
    except EditedMeanwhile as error:
        return _merge_page(writing, form, ref, error), 409
    except Refused as error:
        _explain(form, error)
        entry, newest, _tokens = _to_revise(writing, ref)
        return _revise_page(writing, form, entry, newest), refusal_status(error)
    flash(saved_words(pressed), "success")
    return redirect(url_for(".show", ref=ref), 303)


def _to_revise(writing: Writing, ref: str) -> tuple[Any, EntryVersion, frozenset[str]]:
    """Return an entry of one's own unit with its newest version and that one's readers; raises NotCurrent if it has ended."""
    me = signed_in()
    entry = writing.one(db.session(), ref)
    require(may_log(me) and me.unit_id == entry.unit_id)
    if not may_edit(me, entry):
        raise NotCurrent
    newest = entries.version(db.session(), entry, entry.newest_version)
    return entry, newest, entries.tokens_of(db.session(), newest.audience_id)


def _revise_page(
    writing: Writing, form: Any, entry: Any, newest: EntryVersion, *, check: queries.Check | None = None, **also: Any
) -> str:
    return _page(writing.revise_page, form, check, unit=entry.unit, level=newest.level, entry=entry, **also)


def _merge_page(writing: Writing, form: Any, ref: str, error: EditedMeanwhile) -> str:
    entry, newest, _tokens = _to_revise(writing, ref)
    merge = merge_of(db.session(), form, entry, newest, draft=form.draft(), names=writing.words())
    form.refuse(error)
    return _revise_page(writing, form, entry, newest, merge=merge)


# --- both ------------------------------------------------------------------------------------------------------------------


def _page(page: str, form: Any, check: queries.Check | None, *, level: int, **also: Any) -> str:
    return render_template(
        page,
        form=form,
        check=check,
        say=partial(sentence, t=translated),
        page_level=max(level, check.level or 0 if check else 0),
        may_release=Role.RELEASING_OFFICER in signed_in().roles,
        **also,
    )


def _check(form: Any, *, entry_id: int | None = None) -> queries.Check:
    """Look at what a form touches as it stands, with what was suggested and is taken; nothing is kept."""
    form.take_suggested()
    content, on = form.so_far(), today(time_zone())
    return queries.check(db.session(), content, unit_id=signed_in().unit_id, on=on, entry_id=entry_id)


def _explain(form: Any, error: Refused) -> None:
    form.refuse(error)
    if isinstance(error, SecondPerson):
        form.form_errors.append(_("Ask for its release instead: any other releasing officer of your unit can then release it."))
