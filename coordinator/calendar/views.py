"""Pages of forums, events, questions and counterparts, for everybody to read and for coordinators to keep."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from coordinator.calendar import actions, queries
from coordinator.calendar.forms import CounterpartForm, EventForm, ForumForm, QuestionForm
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.errors import Refused
from coordinator.extensions import settings
from coordinator.fields import Form
from coordinator.pages import refusal_status
from coordinator.people.gate import require, signed_in
from coordinator.people.rules import may_keep_lists
from coordinator.topics.queries import offered

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the events that are not over, by day, and those that are."""
    day = today(settings().time_zone)
    return render_template(
        "calendar/index.html",
        coming=queries.events(db.session(), ending_from=day),
        over=queries.events(db.session(), before=day)[::-1],
        day=day,
        may_keep=may_keep_lists(signed_in()),
    )


@blueprint.get("/forums")
def forums() -> ResponseReturnValue:
    """List the forums."""
    return render_template("calendar/forums.html", listed=queries.forums(db.session()), may_keep=may_keep_lists(signed_in()))


@blueprint.get("/questions")
def questions() -> ResponseReturnValue:
    """List the questions."""
    return render_template("calendar/questions.html", listed=queries.questions(db.session()), may_keep=may_keep_lists(signed_in()))


@blueprint.get("/counterparts")
def counterparts() -> ResponseReturnValue:
    """List the counterparts."""
    listed = queries.counterparts(db.session())
    return render_template("calendar/counterparts.html", listed=listed, may_keep=may_keep_lists(signed_in()))


# --- kept by coordinators ------------------------------------------------------------------------------------------------


@blueprint.route("/forums/add", methods=["GET", "POST"])
def add_forum() -> ResponseReturnValue:
    """Add a forum."""
    require(may_keep_lists(signed_in()))
    form = ForumForm()
    return _kept(
        form, "calendar/edit_forum.html", ".forums", lambda s: actions.add_forum(s, form.draft(), by=signed_in(), at=now())
    )


@blueprint.route("/forums/<ref:ref>/edit", methods=["GET", "POST"])
def edit_forum(ref: str) -> ResponseReturnValue:
    """Rename a forum."""
    require(may_keep_lists(signed_in()))
    forum = queries.forum(db.session(), ref)
    form = ForumForm(name=forum.name, short_name=forum.short_name)
    return _kept(
        form,
        "calendar/edit_forum.html",
        ".forums",
        lambda s: actions.revise_forum(s, forum, form.draft(), by=signed_in(), at=now()),
        known=forum.name,
    )


@blueprint.route("/events/add", methods=["GET", "POST"])
def add_event() -> ResponseReturnValue:
    """Add an event."""
    require(may_keep_lists(signed_in()))
    form = _offer_forums(EventForm())
    return _kept(form, "calendar/edit_event.html", ".index", lambda s: actions.add_event(s, form.draft(), by=signed_in(), at=now()))


@blueprint.route("/events/<ref:ref>/edit", methods=["GET", "POST"])
def edit_event(ref: str) -> ResponseReturnValue:
    """Change an event's name, place or days."""
    require(may_keep_lists(signed_in()))
    event = queries.event(db.session(), ref)
    given = {"name": event.name, "place": event.place, "starts_on": event.starts_on, "ends_on": event.ends_on}
    form = _offer_forums(EventForm(forum=event.forum.ref, **given))
    return _kept(
        form,
        "calendar/edit_event.html",
        ".index",
        lambda s: actions.revise_event(s, event, form.draft(), by=signed_in(), at=now()),
        known=event.name,
    )


@blueprint.route("/questions/add", methods=["GET", "POST"])
def add_question() -> ResponseReturnValue:
    """Add a question."""
    require(may_keep_lists(signed_in()))
    form = _offer_topics(_offer_forums(QuestionForm()))
    return _kept(
        form, "calendar/edit_question.html", ".questions", lambda s: actions.add_question(s, form.draft(), by=signed_in(), at=now())
    )


@blueprint.route("/questions/<ref:ref>/edit", methods=["GET", "POST"])
def edit_question(ref: str) -> ResponseReturnValue:
    """Change a question."""
    require(may_keep_lists(signed_in()))
    question = queries.question(db.session(), ref)
    forum = question.forum.ref if question.forum else None
    form = _offer_topics(_offer_forums(QuestionForm(text=question.text, topic=question.topic.ref, forum=forum)))
    return _kept(
        form,
        "calendar/edit_question.html",
        ".questions",
        lambda s: actions.revise_question(s, question, form.draft(), by=signed_in(), at=now()),
        known=question.text,
    )


@blueprint.route("/counterparts/add", methods=["GET", "POST"])
def add_counterpart() -> ResponseReturnValue:
    """Add a counterpart."""
    require(may_keep_lists(signed_in()))
    form = CounterpartForm()
    return _kept(
        form,
        "calendar/edit_counterpart.html",
        ".counterparts",
        lambda s: actions.add_counterpart(s, form.draft(), by=signed_in(), at=now()),
    )


@blueprint.route("/counterparts/<ref:ref>/edit", methods=["GET", "POST"])
def edit_counterpart(ref: str) -> ResponseReturnValue:
    """Change a counterpart."""
    require(may_keep_lists(signed_in()))
    found = queries.counterpart(db.session(), ref)
    form = CounterpartForm(name=found.name, kind=found.kind.value, code=found.code)
    return _kept(
        form,
        "calendar/edit_counterpart.html",
        ".counterparts",
        lambda s: actions.revise_counterpart(s, found, form.draft(), by=signed_in(), at=now()),
        known=found.name,
    )


def _kept(form: Form, template: str, onward: str, act: Callable[[Session], Any], *, known: str = "") -> ResponseReturnValue:
    """Show a form, or do what it says and go on; a refusal stands beside what was typed."""
    if not form.validate_on_submit():
        return render_template(template, form=form, known=known), 422 if form.is_submitted() else 200
    try:
        with transaction(db.session) as written:
            act(written)
    except Refused as error:
        form.refuse(error)
        return render_template(template, form=form, known=known), refusal_status(error)
    flash(_("Saved."), "success")
    return redirect(url_for(onward), 303)


def _offer_forums(form: Any) -> Any:
    form.forum.offer(
        (f.ref, f"{f.short_name} – {f.name}" if f.name != f.short_name else f.name, f.id) for f in queries.forums(db.session())
    )
    return form


def _offer_topics(form: Any) -> Any:
    form.topic.offer(offered(db.session()))
    return form
