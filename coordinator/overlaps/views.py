"""Pages of overlaps: the list, the two texts side by side, and what each side does about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.detector.rules import may_ask_why, may_see_health
from coordinator.entries import actions as entry_actions
from coordinator.entries.forms import chips, inside_ministry
from coordinator.entries.models import Entry, TopicProposal
from coordinator.entries.queries import one as one_entry
from coordinator.entries.queries import unseen_since
from coordinator.entries.rules import may_edit, may_log
from coordinator.errors import N_, NotFound, Refused
from coordinator.extensions import settings, time_zone
from coordinator.fields import Form
from coordinator.likeness.actions import carrying
from coordinator.openings.gate import handed_out
from coordinator.overlaps import actions, queries, rules
from coordinator.overlaps.forms import ConfirmForm, DismissForm, ReopenForm, SettleForm
from coordinator.overlaps.models import Closing, Dismissal, Outcome, Overlap, OverlapKind, OverlapState, Severity, Side, Step
from coordinator.overlaps.rules import Vocabulary
from coordinator.pages import page_number, page_of, refusal_status, same_site, translated
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Person, Role, Unit
from coordinator.topics.models import Topic

blueprint = Blueprint("overlaps", __name__, url_prefix="/overlaps")

# --- the list ----------------------------------------------------------------------------------------------------------

KEPT = ("tab", "state", "kind", "severity", "unit", "topic", "mine", *queries.NARROWING)


def link(**changes: str | None) -> str:
    """Return the address of the list with some of its filters changed; the first page of it."""
    kept: dict[str, Any] = {name: request.args[name] for name in KEPT if request.args.get(name)}
    kept |= changes
    return url_for("overlaps.index", **{k: v for k, v in kept.items() if v})


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List the overlaps that the reader sees, the worst first, then the nearest event."""
    person = signed_in()
    asked = queries.asked(db.session(), request.args, person=person, zone=settings().time_zone)
    filters, chosen, possible = asked.filters, asked.chosen, bool(asked.filters.apart)
    plain = "topic" not in chosen and not any(name in chosen for name in queries.NARROWING)
    crowds = queries.crowds(db.session(), unit_id=person.unit_id) if plain else []
    if filters.kind is None:
        filters = replace(filters, collapsed=tuple(c.topic.id for c in crowds))
    found, total = queries.listed(db.session(), filters, number=page_number())
    return render_template(
        "overlaps/index.html",
        page_level=max((entry.level for o in found for entry in (o.low, o.high)), default=None),
        page=page_of(total),
        looks=[rules.look(o, person, on=today(time_zone()), t=translated) for o in found],
        many=total >= queries.MOST_COUNTED,
        possible=possible,
        crowds=crowds if filters.kind is None else [],
        tabs=_tabs(possible=possible),
        facets_of=_facets(filters, unit=chosen.get("unit"), topic=chosen.get("topic")),
        default=filters.state is None and filters.still_open,
        narrowed=any(name != "tab" for name in chosen),
        chips=chips(chosen, link),
        topic=chosen.get("topic"),
        may_ask_why=may_ask_why(person),
    )


def _tabs(*, possible: bool) -> list[dict[str, Any]]:
    return [
        {"label": _("Overlaps"), "url": link(tab=None, kind=None), "active": not possible},
        {"label": _("Possible, by their texts alone"), "url": link(tab="possible", kind=None), "active": possible},
        *([{"label": _("Gaps"), "url": url_for("gaps.index")}] if inside_ministry(signed_in().unit) else []),
        {"label": _("Exclusions"), "url": url_for("exclusions.index")},
        *([{"label": _("How often it is right"), "url": url_for("detector.index")}] if may_see_health(signed_in()) else []),
    ]


def _facets(filters: queries.Filters, *, unit: Unit | None, topic: Topic | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the groups of links that narrow the list, each with its counts."""
    counted = queries.facets(db.session(), filters)
    states = dict(counted["state"])
    still = sum(states.get(s, 0) for s in queries.OPEN)
    weeks = bool(
        filters.found or filters.closed or filters.closed_as or filters.dismissed_as
    )  # of whatever state, unless one is asked for
    default = filters.state is None and filters.still_open
    everything = filters.state is None and not filters.still_open
    state_items: list[dict[str, Any]] = [
        *([] if default else [{"label": _("Not closed yet"), "url": link(state="current" if weeks else None), "count": still}]),
        *_words("state", filters.state, counted["state"], OverlapState),
        {
            "label": _("All"),
            "url": link(state=None if everything or weeks else "all"),
            "count": sum(states.values()),
            "active": everything,
        },
    ]
    own = filters.own_unit_id is not None
    groups = [
        (_("Whose"), [{"label": _("My unit's only"), "url": link(mine=None if own else "1"), "active": own}]),
        (_("State"), state_items),
        (_("Severity"), _words("severity", filters.severity, counted["severity"], Severity)),
        (_("Kind"), [] if filters.apart else _words("kind", filters.kind, counted["kind"], OverlapKind)),
        (_("Unit"), _things("unit", unit, counted["unit"], lambda u: u.short_name)),
        (_("Topic"), _things("topic", topic, counted["topic"], lambda t: t.name)),
    ]
    return [(heading, items) for heading, items in groups if items]


def _words(name: str, chosen: Any, counted: Sequence[tuple[Any, int]], words: type[StrEnum]) -> list[dict[str, Any]]:
    counts = dict(counted)
    return [
        {
            "label": translated(w.label),  # type: ignore[attr-defined]
            "url": link(**{name: None if w is chosen else w.value}),
            "count": counts.get(w, 0),
            "active": w is chosen,
        }
        for w in words
        if w in counts or w is chosen
    ]


def _things(name: str, chosen: Any, counted: Sequence[tuple[Any, int]], label: Callable[[Any], str]) -> list[dict[str, Any]]:
    listed = list(counted)
    if chosen is not None and all(thing.id != chosen.id for thing, _n in listed):
        listed.append((chosen, 0))
    return [
        {
            "label": label(thing),
            "url": link(**{name: None if chosen is not None and thing.id == chosen.id else thing.ref}),
            "count": n,
            "active": chosen is not None and thing.id == chosen.id,
        }
        for thing, n in listed
    ]


def entry_url(entry: Entry) -> str:
    """Return the address of a position or a dossier."""
    return url_for(f"{entry.kind.value}s.show", ref=entry.ref)


# --- the two texts -----------------------------------------------------------------------------------------------------

DONE = {
    "raised": N_("Found."),
    "changed": N_("Changed: %(what)s."),
    "reopened": N_("Taken up again."),
    "returned": N_("Current again."),
    "lapsed": N_("Lapsed: one of the two is no longer current, they no longer touch, or an exclusion hides it."),
    "excluded": N_("%(unit)s excluded the pair."),
    "acknowledged": N_("%(unit)s acknowledged it."),
    "dismissed": N_("%(unit)s dismissed it."),
    "settled": N_("%(unit)s settled it."),
    "proposed_settling": N_("%(unit)s proposed to settle it."),
    "proposed_dismissing": N_("%(unit)s proposed to dismiss it."),
    "taken_up": N_("%(unit)s took up the contact."),
    "handed_over": N_("%(unit)s handed it over to a colleague."),
    "moved": N_("%(from)s went on as %(to)s, whose side this is now."),
    "confirmed": N_("%(unit)s said that both are about this topic."),
}
AFTER_CHANGE = N_("Taken up again, because this changed: %(what)s.")


def done(step: Step, known: Vocabulary | None = None) -> str:
    """Return one step in words; with the names of the shared lists, also from what to what something changed."""
    what = ", ".join(translated(w) for w in step.detail.get("what", ()))
    if known is not None and "before" in step.detail:
        what = "; ".join(rules.changes(step.detail["before"], step.detail["after"], known, translated))
    said = AFTER_CHANGE if step.did == "reopened" and what else DONE[step.did]
    if step.did == "reopened" and step.unit is not None:
        said = N_("%(unit)s took it up again.")
    moved = {end: step.detail.get(end, "") for end in ("from", "to")}
    return translated((said, {"unit": step.unit.short_name if step.unit else "", "what": what, **moved}))


@dataclass(frozen=True)
class Forms:
    """The forms of the page; the one that was sent holds what was typed."""

    dismiss: DismissForm
    settle: SettleForm
    reopen: ReopenForm
    confirm: ConfirmForm


@dataclass(frozen=True)
class May:
    """What the reader may do now; the page shows these actions and no others."""

    acknowledge: bool
    agree: bool
    close: bool
    reopen: bool
    confirm: bool
    exclude: bool


def _may(overlap: Overlap, person: Person, own: Side | None) -> May:
    still = overlap.current and overlap.closed_as is None
    other = next((s for s in overlap.sides if own is not None and s.unit_id != own.unit_id), None)
    offered = other.closing if other is not None else None
    return May(
        acknowledge=still and own is not None and own.acknowledged_at is None,
        agree=still and own is not None and offered is not None and own.closing is not offered,
        close=still and (own is not None or Role.COORDINATOR in person.roles),
        reopen=overlap.current and overlap.closed_as is not None and rules.may_act(person, overlap),
        confirm=still and own is not None and overlap.kind is OverlapKind.POSSIBLE,
        exclude=still and rules.may_exclude(person, overlap),
    )


def _forms(overlap: Overlap, person: Person) -> Forms:
    """Return the forms of an overlap, each with what may be chosen in it."""
    forms = Forms(
        dismiss=DismissForm(prefix="dismiss-"),
        settle=SettleForm(prefix="settle-"),
        reopen=ReopenForm(prefix="reopen-"),
        confirm=ConfirmForm(prefix="confirm-"),
    )
    forms.settle.lead.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in (overlap.low.unit, overlap.high.unit))
    seen = rules.look(overlap, person, on=today(time_zone()))
    mine, theirs = seen.mine, seen.theirs
    on_mine, on_theirs = {t.id for t in mine.topics}, {t.id for t in theirs.topics}
    forms.confirm.topic.offer(
        [
            *(
                (t.ref, str(_("%(topic)s – put it on your own entry", topic=t.name)), t.id)
                for t in theirs.topics
                if t.id not in on_mine and not t.umbrella
            ),
            *(
                (t.ref, str(_("%(topic)s – propose it to %(unit)s", topic=t.name, unit=theirs.unit.short_name)), t.id)
                for t in mine.topics
                if t.id not in on_theirs and not t.umbrella
            ),
        ]
    )
    return forms


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show both texts side by side, why they touch, and what each side did about it."""
    return _page(ref)


def _page(ref: str, *, sent: Form | None = None, status: int = 200) -> ResponseReturnValue:
    person = signed_in()
    overlap = queries.one(db.session(), ref)
    handed_out(overlap.low, overlap.high)
    steps = queries.steps(db.session(), overlap)
    look = rules.look(overlap, person, on=today(time_zone()), t=translated)
    own, mine, theirs = look.own, look.mine, look.theirs
    forms = _forms(overlap, person)
    if sent is not None:
        forms = replace(forms, **{_name_of(sent): sent})
    asked = [s for s in overlap.sides if s.asked]
    blind = [s for s in overlap.sides if not s.asked]
    closing_words = next((s.said for s in reversed(steps) if s.did in {"dismissed", "settled"}), "")
    changed = next((s for s in reversed(steps) if s.did in {"reopened", "changed"}), None)
    alike = any(reason["signal"] == "text" for reason in overlap.reasons)
    mine_said, theirs_said = carrying(mine.text, theirs.text, mine.language) if alike else ((), ())
    told = _told(overlap, steps)
    page = render_template(
        "overlaps/show.html",
        overlap=overlap,
        mine=mine,
        theirs=theirs,
        mine_said=mine_said,
        theirs_said=theirs_said,
        mine_url=entry_url(mine),
        theirs_url=entry_url(theirs),
        page_level=max(mine.level, theirs.level),
        reasons=[(rules.sentence(r, translated), round(r["share"] * 100)) for r in overlap.reasons],
        nearest=look.event,
        on=today(time_zone()),
        own=own,
        acknowledged=[s for s in asked if s.acknowledged_at is not None],
        waiting=[s for s in asked if s.acknowledged_at is None],
        asked=asked,
        blind=blind,
        proposals=[s for s in overlap.sides if s.closing is not None and overlap.closed_as is None and overlap.current],
        closing_words=closing_words,
        changed=told[-1][1] if changed is not None and changed is steps[-1] else None,
        steps=told,
        hiding=queries.hiding(db.session(), overlap.low_id, overlap.high_id),
        forms=forms,
        sent=_name_of(sent) if sent is not None else None,  # shown whatever happened meanwhile: nobody's words are thrown away
        may=_may(overlap, person, own),
        both=rules.dismissal_needs_both(overlap.severity) and len(asked) > 1 and Role.COORDINATOR not in person.roles,
        settles_alone=Role.COORDINATOR in person.roles or len(asked) == 1,
        SETTLE=Closing.SETTLE,
    )
    return page, status


def _told(overlap: Overlap, steps: Sequence[Step]) -> list[tuple[Step, str]]:
    """Return each step in words; what changed with its names, where it came from versions that the reader may read."""
    known = queries.names(db.session()) if any(s.detail.get("before") for s in steps) else None
    unseen = unseen_since(db.session(), (overlap.low_id, overlap.high_id)) if known is not None else None
    return [(s, done(s, known if unseen is None or s.at < unseen else None)) for s in steps]


def _name_of(form: Form) -> str:
    return {DismissForm: "dismiss", SettleForm: "settle", ReopenForm: "reopen", ConfirmForm: "confirm"}[type(form)]


# --- what is done about it ---------------------------------------------------------------------------------------------


def _mine_to_act_on(ref: str) -> Overlap:
    """Return an overlap that the reader may act on; raises NotFound if it is hidden, 403 if it is somebody else's."""
    overlap = queries.one(db.session(), ref)
    require(rules.may_act(signed_in(), overlap))
    return overlap


def _send(ref: str, form: Form, act: Callable[[Session, Overlap], None], said: str) -> ResponseReturnValue:
    """Do what a form asks, or show the page again with the sentence beside its field and what was typed."""
    if request.method != "POST":
        return redirect(url_for(".show", ref=ref))
    if not form.validate_on_submit():
        return _page(ref, sent=form, status=422)
    try:
        with transaction(db.session) as written:
            act(written, queries.one(written, ref))  # read again: what was on the page may be old by now
    except Refused as error:
        form.refuse(error)
        return _page(ref, sent=form, status=refusal_status(error))
    flash(said, "success")
    return redirect(url_for(".show", ref=ref), 303)


@blueprint.post("/<ref:ref>/acknowledge")
def acknowledge(ref: str) -> ResponseReturnValue:
    """Say for one's own unit that it is known."""
    _mine_to_act_on(ref)
    with transaction(db.session) as written:
        actions.acknowledge(written, queries.one(written, ref), by=signed_in(), at=now())
    flash(_("Acknowledged for your unit."), "success")
    return redirect(url_for(".show", ref=ref), 303)


@blueprint.post("/<ref:ref>/agree")
def agree(ref: str) -> ResponseReturnValue:
    """Agree to what the other unit proposes."""
    _mine_to_act_on(ref)
    with transaction(db.session) as written:
        actions.agree(written, queries.one(written, ref), by=signed_in(), at=now())
    flash(_("Agreed for your unit."), "success")
    return redirect(url_for(".show", ref=ref), 303)


@blueprint.route("/<ref:ref>/dismiss", methods=["GET", "POST"])
def dismiss(ref: str) -> ResponseReturnValue:
    """Say that it is nothing, and why."""
    form = _forms(_mine_to_act_on(ref), signed_in()).dismiss

    def act(written: Session, overlap: Overlap) -> None:
        actions.dismiss(written, overlap, why=form.why.data, reason=Dismissal(form.reason.data), by=signed_in(), at=now())

    return _send(ref, form, act, _("Kept: your unit says that this is nothing."))


@blueprint.route("/<ref:ref>/settle", methods=["GET", "POST"])
def settle(ref: str) -> ResponseReturnValue:
    """Write down what was agreed."""
    form = _forms(_mine_to_act_on(ref), signed_in()).settle

    def act(written: Session, overlap: Overlap) -> None:
        leads = {u.id: u for u in (overlap.low.unit, overlap.high.unit)}
        actions.settle(
            written,
            overlap,
            statement=form.statement.data,
            outcome=Outcome(form.outcome.data),
            lead=leads.get(form.lead.chosen_id or 0),
            look_again_on=form.look_again_on.data,
            by=signed_in(),
            at=now(),
        )

    return _send(ref, form, act, _("Written down."))


@blueprint.route("/<ref:ref>/reopen", methods=["GET", "POST"])
def reopen(ref: str) -> ResponseReturnValue:
    """Take a closed overlap up again."""
    form = _forms(_mine_to_act_on(ref), signed_in()).reopen

    def act(written: Session, overlap: Overlap) -> None:
        actions.reopen(written, overlap, why=form.why.data, by=signed_in(), at=now())

    return _send(ref, form, act, _("Taken up again."))


@blueprint.route("/<ref:ref>/confirm", methods=["GET", "POST"])
def confirm(ref: str) -> ResponseReturnValue:
    """Say which topic two alike texts are about."""
    overlap = _mine_to_act_on(ref)
    form = _forms(overlap, signed_in()).confirm
    topics = {t.id: t for e in (overlap.low, overlap.high) for t in e.topics}

    def act(written: Session, overlap: Overlap) -> None:
        actions.confirm(written, overlap, topics[form.topic.chosen_id or 0], by=signed_in(), at=now())

    return _send(ref, form, act, _("Confirmed. The topic is on your entry, or on its way to the other unit."))


class SameUnit(Refused):
    """Both are of one unit: that is no overlap."""


@blueprint.post("/take-up")
def take_up() -> ResponseReturnValue:
    """Act on a contact: from here on it is kept as a row of its own."""
    low, high = (one_entry(db.session(), request.form.get(end, "")) for end in ("a", "b"))
    person = signed_in()
    own = person.unit_id in {low.unit_id, high.unit_id} and may_log(person)
    require(own or Role.COORDINATOR in person.roles)
    if low.unit_id == high.unit_id:
        raise SameUnit
    with transaction(db.session) as written:
        overlap = actions.take_up(written, low, high, by=person, at=now())
    return redirect(url_for(".show", ref=overlap.ref), 303)


@blueprint.post("/proposals/<ref:ref>")
def answer_proposal(ref: str) -> ResponseReturnValue:
    """Take or leave a topic that another unit proposes for one's own entry."""
    proposal = _proposal(db.session(), ref)
    require(may_edit(signed_in(), proposal.entry))
    taken = request.form.get("answer") == "take"
    with transaction(db.session) as written:
        proposal = _proposal(written, ref)
        entry_actions.answer_proposal(written, proposal, taken=taken, by=signed_in(), at=now())
    said = _("Your entry is now on “%(topic)s”.") if taken else _("Left: your entry is not on “%(topic)s”.")
    flash(said % {"topic": proposal.topic.name}, "success")
    return redirect(same_site(request.form.get("next")) or entry_url(proposal.entry), 303)


def _proposal(session: Session, ref: str) -> TopicProposal:
    found = session.scalars(
        select(TopicProposal)
        .where(TopicProposal.ref == ref)
        .options(joinedload(TopicProposal.entry), joinedload(TopicProposal.topic))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found
