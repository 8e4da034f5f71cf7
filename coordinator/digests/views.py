"""Pages of one's own digests, and the one page that a mail leads to without signing in: the one that stops it."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from coordinator.clock import now
from coordinator.dashboard.rules import told as week_told
from coordinator.db import bind_reader, bookkeeping, db, transaction
from coordinator.digests import actions, queries, rules
from coordinator.digests.forms import BriefForm, DigestForm, MailboxForm
from coordinator.digests.models import Cadence, Digest, Edition, Schedule, Subscription, Weekday
from coordinator.digests.queries import ANSWERS_FOR_UNIT, Brief, Contents
from coordinator.digests.rules import Window
from coordinator.entries.forms import day
from coordinator.errors import NotFound
from coordinator.extensions import csrf
from coordinator.extensions import settings as house
from coordinator.history.queries import last_number
from coordinator.pages import page_of, translated
from coordinator.people.gate import public, reader, require, signed_in, somebody
from coordinator.people.models import Person
from coordinator.people.rules import Reader, may_keep_people
from coordinator.worklist.rules import shown

blueprint = Blueprint("digests", __name__, url_prefix="/digests")

MOST_READ = 200


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List my digests and those of my unit's mailbox, and what became of each."""
    person = signed_in()
    page = page_of(queries.count_of(db.session(), person))
    return render_template(
        "digests/index.html",
        page=page,
        listed=queries.of_person(db.session(), person, offset=page.offset, limit=page.size),
        when=_when(queries.chosen(db.session(), person.id).schedule),
        mail_trouble=_trouble(person),
    )


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show one of my digests: the same window, with the rights that I have now."""
    person, at = signed_in(), now()
    digest = queries.one(db.session(), ref, person)
    if digest.subscription.edition is Edition.BRIEF:
        return _old_brief(digest)
    found: Contents | None = None
    if digest.after_number is not None and digest.up_to_number is not None:
        window = Window(digest.after_number, digest.up_to_number)
        whom, before = _as(digest.subscription.edition), digest.period_on
        most = MOST_READ if request.args.get("all") == "1" else rules.MOST_ITEMS
        told_on = queries.told_on(db.session(), digest.subscription_id, before=before)
        found = _contents(whom, window, at=at, zone=person.time_zone, told_on=told_on, most=most)
    return render_template(
        "digests/show.html",
        digest=digest,
        found=found,
        most_read=MOST_READ,
        pairs=[shown(p, url=url_for, t=translated) for p in found.pairs] if found else [],
        notes=[(p.entry, url_for(p.link[0], ref=p.link[1]), translated(p.why), translated(p.task.label)) for p in found.papers]
        if found
        else [],
        gaps=_missing(found, person.unit_id) if found else [],
        closed={state.value: number for state, number in found.closed.items()} if found else {},
        others=rules.told((), (), found.others, url=url_for, t=translated)["others"] if found else [],
    )


def _missing(found: Contents, unit_id: int | None) -> list[dict[str, Any]]:
    """Return what a letter says of what is missing."""
    return [rules.absence(g, unit_id=unit_id, url=url_for, t=translated, day=day) for g in found.gaps]


def _old_brief(digest: Digest) -> str:
    """Show one of my weekly briefs: the same days, with the rights that I have now."""
    zone, found = signed_in().time_zone, None
    if digest.up_to_number is not None and rules.may_have_brief(signed_in()):
        sent_at = digest.sent_at or digest.due_at
        last = queries.told_before(db.session(), digest.subscription_id, zone=zone, before=sent_at)
        found = _week(rules.local_day(sent_at, zone), last_on=last, most=MOST_READ)
    return render_template("digests/week.html", digest=digest, found=found, week=_said_of(found) if found else None)


def _week(on: date, *, last_on: date | None, most: int) -> Brief:
    """Return what a weekly brief tells me that goes out on a day, after one that went out on another."""
    zone, window = signed_in().time_zone, Window(0, last_number(db.session()))
    since = rules.brief_since(last_on, on=on)
    return queries.brief(db.session(), reader(), window, since=since, on=on, zone=zone, most=most)


def _said_of(found: Brief) -> dict[str, Any]:
    """Return what a brief says on a page, where nothing needs to be kept from being described."""
    return {
        "sentence": week_told(found.change, day=lambda d: format_date(d, "d MMMM"), t=translated),
        "clashes": [shown(p, url=url_for, t=translated) for p in found.change.clashes],
        "closed": [shown(p, url=url_for, t=translated) for p in found.change.closed],
        "lines": [
            (line, url_for("positions.show", ref=line.entry.ref), line.said(translated) or translated(line.turn.label))
            for line in found.change.lines
        ],
    }


def _as(edition: Edition) -> Reader:
    """Return as whom I look at a letter: as myself, or for my unit if it went to its mailbox; never with more than my rights."""
    return replace(reader(), person_id=None, roles=ANSWERS_FOR_UNIT) if edition is Edition.MAILBOX else reader()


def _contents(whom: Reader, window: Window, *, at: datetime, zone: str, told_on: date | None, most: int | None) -> Contents:
    on = rules.local_day(at, zone)
    return queries.contents(db.session(), whom, window, at=at, on=on, told_on=told_on, most=most)


@blueprint.route("/settings", methods=["GET", "POST"])
def settings() -> ResponseReturnValue:
    """Choose how often I want the digest, and when; below it the next one as it would be sent now."""
    person, at = signed_in(), now()
    kept = queries.chosen(db.session(), person.id)
    form = DigestForm.of(kept.schedule)
    if form.validate_on_submit():
        with bookkeeping(db.session) as written:
            actions.choose(written, person.id, form.schedule())
        flash(_("Saved."), "success")
        return redirect(url_for(".settings"), 303)
    return render_template(
        "digests/settings.html",
        form=form,
        owner=person,
        may_have_brief=rules.may_have_brief(person),
        coming=queries.coming(db.session(), kept, unit_id=person.unit_id, zone=person.time_zone, at=at),
        next=_next(reader(), kept, at=at, zone=person.time_zone),
        mail_trouble=_trouble(person),
    ), 422 if form.is_submitted() else 200


def _next(whom: Reader, kept: Subscription, *, at: datetime, zone: str) -> dict[str, Any]:
    """Return what the next letter would say if it were sent now, in the words of the letter; with ?all=1 all that changed."""
    window = Window(kept.told_number, last_number(db.session()))
    most = MOST_READ if request.args.get("all") == "1" else None
    told_on = queries.told_on(db.session(), kept.id) if kept.id else None
    found = _contents(whom, window, at=at, zone=zone, told_on=told_on, most=most)
    return rules.told(found.pairs, found.papers, found.others, _missing(found, whom.unit_id), url=url_for, t=translated) | {
        "worklist_url": url_for("worklist.index"),
        "worth_sending": found.worth_sending,
        "level": found.told_level,
        "gaps_url": url_for("gaps.index", mine="1"),
        **queries.numbers(found),
        "closed": {state.value: number for state, number in found.closed.items()},
    }


@blueprint.route("/brief", methods=["GET", "POST"])
def brief() -> ResponseReturnValue:
    """Choose whether I want the weekly brief, and when; below it what it would say now."""
    person, at = signed_in(), now()
    require(rules.may_have_brief(person))
    kept = queries.wanted_brief(db.session(), person)
    form = BriefForm.of(kept.schedule)
    if form.validate_on_submit():
        with bookkeeping(db.session) as written:
            actions.choose(written, person.id, form.schedule(), edition=Edition.BRIEF)
        flash(_("Saved."), "success")
        return redirect(url_for(".brief"), 303)
    last_on = queries.told_before(db.session(), kept.id, zone=person.time_zone) if kept.id else None
    found = _week(rules.local_day(at, person.time_zone), last_on=last_on, most=rules.MOST_ITEMS)
    return render_template(
        "digests/brief.html",
        form=form,
        owner=person,
        coming=queries.coming(db.session(), kept, unit_id=person.unit_id, zone=person.time_zone, at=at),
        found=found,
        week=_said_of(found),
    ), 422 if form.is_submitted() else 200


@blueprint.route("/mailbox", methods=["GET", "POST"])
def mailbox() -> ResponseReturnValue:
    """Show whether the mailbox of my unit gets a digest; its releasing officers choose."""
    person, at = signed_in(), now()
    kept, may_choose = queries.mailbox(db.session(), person.unit_id), rules.may_choose_mailbox(person)
    form = MailboxForm.of(
        kept.schedule if kept else rules.DEFAULTS[Edition.MAILBOX], time_zone=(kept and kept.time_zone) or house().time_zone
    )
    if form.is_submitted():
        require(may_choose)
    if form.validate_on_submit() and person.unit.mailbox:
        with transaction(db.session) as written:
            actions.choose_mailbox(
                written, person.unit, form.schedule(), address=person.unit.mailbox, zone=form.time_zone.data, by=person, at=at
            )
        flash(_("Saved."), "success")
        return redirect(url_for(".mailbox"), 303)
    whom = queries.mailbox_reader(db.session(), person.unit_id)
    agreed = kept is not None and queries.same_mailbox(kept, person.unit)
    coming = next = None
    if whom is not None and kept is not None and agreed and kept.cadence is not Cadence.OFF:
        zone = kept.time_zone or house().time_zone
        coming = queries.coming(db.session(), kept, unit_id=person.unit_id, zone=zone, at=at)
        bind_reader(db.session, whom)  # what it reads is part of what each member reads
        next = _next(whom, kept, at=at, zone=zone)
        bind_reader(db.session, reader())
    shown = render_template(
        "digests/mailbox.html",
        form=form,
        unit=person.unit,
        kept=kept,
        may_choose=may_choose,
        agreed=agreed,
        when=_when(kept.schedule) if kept else None,
        level=whom.level if whom else 0,
        coming=coming,
        next=next,
        changes=[(c, _said(c.payload.said if c.payload else {})) for c in queries.mailbox_changes(db.session(), person.unit_id)],
    )
    return shown, 422 if form.is_submitted() else 200


def _said(said: dict[str, Any]) -> str:
    """Return in words what was chosen for a mailbox, as its event keeps it."""
    days = frozenset(Weekday(word) for word in said.get("weekdays", ()))
    words = _when(Schedule(Cadence(said.get("cadence", Cadence.OFF)), said.get("hour", 0), days))
    return f"{said['address']}: {words}" if said.get("address") else words


# --- what became of them -------------------------------------------------------------------------------------------------


@blueprint.before_app_request
def _sound_alarm() -> None:
    """Tell administrators on every page when mail does not go out: nobody else would hear of it."""
    g.notices, person = [], somebody()
    if person is not None and request.method == "GET" and may_keep_people(person):
        at = now()
        found = rules.alarm(queries.delivery(db.session(), at=at), at=at, zone=person.time_zone)
        if found is not None:
            tone, said = found
            here = request.endpoint == "digests.deliveries"  # that page lists what did not arrive, and leads nowhere else
            more = {} if here else {"url": url_for("digests.deliveries"), "label": _("See the deliveries")}
            g.notices = [] if here and tone == "warning" else [{"tone": tone, "text": translated(said)} | more]


@blueprint.get("/deliveries")
def deliveries() -> ResponseReturnValue:
    """Show how many letters went out, and of those that did not why; never what is in anybody's."""
    require(may_keep_people(signed_in()))
    since = (now() - rules.DAYS_SHOWN).date()
    page = page_of(queries.count_in_trouble(db.session(), since=since))
    return render_template(
        "digests/deliveries.html",
        days=queries.by_day(db.session(), since=since),
        troubled=queries.in_trouble(db.session(), since=since, offset=page.offset, limit=page.size),
        page=page,
        probes=queries.probes_of(db.session(), signed_in().id),
        relay=f"{house().smtp_host}:{house().smtp_port}",
        own_address=signed_in().email,
    )


@blueprint.post("/deliveries/test")
def probe() -> ResponseReturnValue:
    """Have a test letter sent to my own address."""
    require(may_keep_people(signed_in()))
    with bookkeeping(db.session) as written:
        actions.ask_for_probe(written, signed_in().id, at=now())
    flash(_("A test letter goes out within a minute. What became of it stands below."), "success")
    return redirect(url_for(".deliveries"), 303)


@blueprint.post("/<ref:ref>/retry")
def retry(ref: str) -> ResponseReturnValue:
    """Let a letter be sent once more."""
    require(may_keep_people(signed_in()))
    with transaction(db.session) as written:
        actions.try_again(written, queries.any_letter(written, ref), by=signed_in(), at=now())
    flash(_("It goes out within a minute, with what there is to tell by then."), "success")
    return redirect(url_for(".deliveries"), 303)


@blueprint.post("/<ref:ref>/arrived")
def arrived(ref: str) -> ResponseReturnValue:
    """Note that a letter arrived of which nobody knew."""
    require(may_keep_people(signed_in()))
    with transaction(db.session) as written:
        actions.mark_arrived(written, queries.any_letter(written, ref), by=signed_in(), at=now())
    flash(_("Noted. The next one tells only of what changes from then on."), "success")
    return redirect(url_for(".deliveries"), 303)


@blueprint.route("/stop/<ref:ref>/<ref:token>", methods=["GET", "POST"])
@public
def stop(ref: str, token: str) -> ResponseReturnValue:
    """Stop a digest by the link in it; asks first, because mail scanners follow links."""
    if not rules.stops(house().secret_key.get_secret_value(), ref, token):
        raise NotFound
    kept = queries.by_ref(db.session(), ref)
    if request.method == "POST":
        if kept.edition is Edition.MAILBOX:
            with transaction(db.session) as written:
                actions.stop_mailbox(written, kept, at=now())
        else:
            with bookkeeping(db.session) as written:
                actions.stop(written, kept)
    return render_template("digests/stop.html", stopped=request.method == "POST", edition=kept.edition)


csrf.exempt(stop)  # a mail program posts here with nothing but the address; all that it can do is to stop the mail


def _trouble(person: Person) -> str:
    """Return in words what is wrong with the last digest of a person, or ""."""
    last = queries.last_of(db.session(), person.id)
    return translated(rules.trouble(last, format_date(last.period_on, "d MMMM y"))) if last else ""


def _when(schedule: Schedule) -> str:
    """Return in words when a letter comes."""
    return translated(rules.when(schedule, translated))
