"""Who is at the door: closed by default, open where a page says so."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from flask import Flask, Request, abort, current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from coordinator import extensions, pages
from coordinator.clock import now
from coordinator.db import bind_reader, bookkeeping, db
from coordinator.errors import Busy, NotFound
from coordinator.people import actions, queries
from coordinator.people.models import Person
from coordinator.people.rules import NOBODY, Reader

View = TypeVar("View", bound=Callable[..., Any])


def join(app: Flask) -> None:
    """Close the doors of an application."""
    extensions.login.init_app(app)
    extensions.login.request_loader(_look)
    app.before_request(_ask)


def public(view: View) -> View:
    """Mark a view that needs no sign-in: `@public` goes under the route."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def signed_in() -> Person:
    """Return whoever is signed in, with unit, organisation, roles and groups.

    The object belongs to no session, so a rollback leaves it whole; load the person again in order to change it.
    """
    person: Person = current_user._get_current_object()
    if not person.is_authenticated:
        abort(401)
    return person


def somebody() -> Person | None:
    """Return whoever is signed in, or None; safe on any page, also where the database is away."""
    person: Person | None = g.get("somebody")
    return person


def reader() -> Reader:
    """Return whoever looks as the register sees them."""
    found: Reader = g.get("reader", NOBODY)
    return found


def require(allowed: bool, *, hidden: bool = False) -> None:
    """Answer "not yours to do", or "nothing here" where even the existence is nobody's business."""
    if not allowed:
        if hidden:
            raise NotFound
        abort(403)


def _look(asked: Request) -> Person | None:
    """Return the person whose sign-in the browser carries, if it still stands; binds the session of the database to them."""
    g.somebody = None
    secret = session.get("sign_in")
    if not isinstance(secret, str):
        bind_reader(db.session, NOBODY)
        return None
    settings, at = extensions.settings(), now()
    found = queries.sign_in(
        db.session(),
        secret,
        at=at,
        idle=timedelta(minutes=settings.session_idle_minutes),
        at_most=timedelta(hours=settings.session_hours),
    )
    if found is None:
        session.pop("sign_in")
        bind_reader(db.session, NOBODY)
        return None
    row, person = found
    if at - row.seen_at > timedelta(minutes=1):
        try:
            with bookkeeping(db.session) as written:
                actions.note_seen(written, row.id, at=at)
        except Busy:  # reading goes on while somebody writes
            pass
    seen = queries.reader_of(db.session(), person)
    bind_reader(db.session, seen)  # lets go of what was loaded: from here on the person belongs to no session
    g.somebody, g.reader, g.time_zone = person, seen, person.time_zone
    return person


def _ask() -> ResponseReturnValue | None:
    if request.endpoint in {"static", "bootstrap.static", "pages.healthz", "pages.readyz"}:
        return None
    if current_user.is_authenticated or request.endpoint is None or _is_public():
        return None
    if request.method in {"GET", "HEAD"}:
        return redirect(url_for("people.sign_in", next=request.full_path.rstrip("?")))
    flash(
        _("You are no longer signed in. Nothing was saved: go back after signing in, and what you typed may still be there."),
        "warning",
    )
    return redirect(url_for("people.sign_in"), 303)


def _is_public() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return request.endpoint in pages.PUBLIC or bool(getattr(view, "is_public", False))
