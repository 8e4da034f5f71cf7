"""Pages about the detector: how often it is right, and why it is silent about a pair."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.detector import queries, rules
from coordinator.detector.forms import HEADINGS, WhyNotForm, settings_form
from coordinator.entries.models import Entry
from coordinator.exclusions import queries as exclusions
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import Dismissal, OverlapKind, Severity
from coordinator.overlaps.rules import BOUNDS, Tally, numbers
from coordinator.pages import translated
from coordinator.people.gate import require, signed_in
from coordinator.people.rules import may_keep_lists
from coordinator.settings import detection
from coordinator.topics import queries as topics
from coordinator.topics.actions import mark_umbrella

blueprint = Blueprint("detector", __name__, url_prefix="/detector")

# --- how it does -------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> ResponseReturnValue:
    """Show what became of the flags, how often they were right, what is excluded and which topics drown others."""
    person, session = signed_in(), db.session()
    require(rules.may_see_health(person))
    kinds, hidden = queries.health(session), queries.hidden_now(session)
    return render_template(
        "detector/index.html",
        kinds=[(k, {name: _rows(k.kind, **narrowed) for name, narrowed in COLUMNS.items()}) for k in kinds],
        reasons=[(d, _rows(None, dismissed_as=d.value), sum(k.dismissed.get(d, 0) for k in kinds)) for d in Dismissal],
        excluded=[(kind, exclusions.counts(session).get(kind, 0)) for kind in ExclusionKind],
        hidden=[(severity, hidden[severity]) for severity in Severity if severity in hidden],
        proposed=queries.umbrellas_proposed(session),
        may_mark=may_keep_lists(person),
        may_ask_why=rules.may_ask_why(person),
        version=overlaps.floors().version,
    )


COLUMNS = {
    "raised": {"state": "all"},
    "open": {"state": "open"},
    "acknowledged": {"state": "acknowledged"},
    "settled": {"closed_as": "settle"},
    "dismissed": {"closed_as": "dismiss"},
    "lapsed": {"state": "lapsed"},
}
"""What each column of the table counts, as the list of overlaps is narrowed to it."""


def _rows(kind: OverlapKind | None, **narrowed: Any) -> str:
    asked: dict[str, Any] = narrowed | ({"kind": kind.value} if kind else {})
    return url_for("overlaps.index", **asked)


@blueprint.post("/umbrella/<ref:ref>")
def umbrella(ref: str) -> ResponseReturnValue:
    """Mark a topic as an umbrella: sharing it says nothing from now on."""
    require(may_keep_lists(signed_in()))
    topics.topic(db.session(), ref)
    with transaction(db.session) as written:
        topic = topics.topic(written, ref)
        mark_umbrella(written, topic, True, by=signed_in(), at=now())
    flash(_("“%(name)s” is an umbrella now: sharing it says nothing.", name=topic.name), "success")
    return redirect(url_for(".index"), 303)


# --- other settings ----------------------------------------------------------------------------------------------------

MOST_SHOWN = 25


@blueprint.get("/preview")
def preview() -> ResponseReturnValue:
    """Show what other floors, windows and weights would add and remove among what the reader sees; changes nothing."""
    require(may_keep_lists(signed_in()))
    said, session = detection(), db.session()
    form = settings_form(said, request.args)
    shown: dict[str, Any] = {
        "form": form,
        "version": overlaps.floors().version,
        "names": [(s, n) for s, n in numbers(said) if f"{s}_{n}" in form],
        "headings": HEADINGS,
    }
    if not request.args:
        return render_template("detector/preview.html", **shown)
    if not form.validate():
        return render_template("detector/preview.html", **shown), 422
    wanted = _typed(form, said)
    ids, total = queries.newest_released(session)
    moves = overlap_actions.preview_among(session, ids, overlaps.floors_of(wanted))
    seen = queries.entries_of(session, {i for pair, (now_, then) in moves.items() if now_ != then for i in pair})
    lists: dict[str, list[Any]] = {
        what: [(flag, *(seen[i] for i in pair)) for pair, flag in some if seen.keys() >= set(pair)]
        for what, some in _sorted_out(moves).items()
    }
    entries = [e for some in lists.values() for _flag, *two in some[:MOST_SHOWN] for e in two]
    return render_template(
        "detector/preview.html",
        **shown,
        page_level=max((e.level for e in entries), default=None),
        new_version=overlaps.floors_of(wanted).version,
        looked_at=len(ids),
        total=total,
        tally=Tally().and_those(moves.values()).rows(),
        lists={what: (len(some), some[:MOST_SHOWN]) for what, some in lists.items()},
        lines=_as_file(wanted),
    )


def _typed(form: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as they were typed; the form has to be valid."""
    wanted: dict[str, Any] = {section: dict(said[section]) for section in BOUNDS}
    for section, name in numbers(said):
        if f"{section}_{name}" in form:
            wanted[section][name] = form[f"{section}_{name}"].number
    return wanted


def _sorted_out(moves: overlap_actions.Moves) -> dict[str, list[tuple[tuple[int, int], overlap_actions.Flag]]]:
    return {
        "added": [(pair, then) for pair, (now_, then) in moves.items() if now_ is None and then is not None],
        "removed": [(pair, now_) for pair, (now_, then) in moves.items() if now_ is not None and then is None],
        "changed": [(pair, then) for pair, (now_, then) in moves.items() if now_ and then and now_ != then],
    }


def _as_file(wanted: Mapping[str, Any]) -> str:
    """Return settings as they stand in config/detection.toml."""
    parts = [f"[{section}]\n" + "\n".join(f"{name} = {value:g}" for name, value in wanted[section].items()) for section in BOUNDS]
    return "\n\n".join(parts)


# --- why a pair is not flagged -----------------------------------------------------------------------------------------


@blueprint.get("/why-not")
def why_not() -> ResponseReturnValue:
    """Show of two entries each signal, and what was missing for each kind of overlap."""
    require(rules.may_ask_why(signed_in()))
    form = WhyNotForm(formdata=request.args)
    if not form.validate():
        return render_template("detector/why_not.html", form=form, offered={}), 422
    meant = {name: _meant(form, name) for name in ("one", "other")}
    offered = {name: [_choice(name, e) for e in found] for name, found in meant.items() if len(found) > 1}
    if any(len(found) != 1 for found in meant.values()):
        levels = [e.level for found in meant.values() for e in found]
        page = render_template("detector/why_not.html", form=form, offered=offered, page_level=max(levels, default=None))
        return page, 404 if form.errors else 200
    one, other = meant["one"][0], meant["other"][0]
    return render_template(
        "detector/why_not.html",
        form=form,
        offered={},
        page_level=max(one.level, other.level),
        one=one,
        other=other,
        **_told(one, other),
    )


def _meant(form: WhyNotForm, name: str) -> Sequence[Entry]:
    """Return the entries that a field may mean; what nobody has, or the reader may not see, is said beside the field."""
    field = form[name]
    if not field.data:
        return []
    found = queries.meant(db.session(), field.data)
    if not found:
        field.errors = [*field.errors, _("Nothing that is shared with you has this address, this code or these words.")]
    return found


def _choice(name: str, entry: Entry) -> dict[str, Any]:
    given: dict[str, Any] = {n: request.args.get(n, "") for n in ("one", "other")} | {name: entry.ref}
    return {"entry": entry, "url": url_for(".why_not", **given)}


def _told(one: Entry, other: Entry) -> dict[str, Any]:
    """Return all that the page says of two entries."""
    session = db.session()
    barred = rules.barred(one, other, waiting=queries.is_waiting(session, one, other), t=translated)
    pair = queries.pair(session, one, other) if one.id != other.id else None
    said: dict[str, Any] = {"barred": barred, "kept": queries.kept(session, one, other), "lines": [], "answers": []}
    hiding = exclusions.some(session, pair.hidden_by if pair else ())
    left_out = queries.left_out(session, one.unit_id, other.unit_id)
    said["hiding"], said["left_out"] = ([(e, _hidden(e)) for e in some] for some in (hiding, left_out))
    if pair is None:
        return said
    asked = (pair.one, pair.other, pair.signals, pair.known, pair.floors)
    return said | {
        "lines": rules.lines(*asked, compared=pair.compared, t=translated),
        "answers": rules.missing(*asked, compared=pair.compared, t=translated),
        "finding": pair.finding,
    }


def _hidden(exclusion: Exclusion) -> str:
    return rules.hidden(exclusion, day=format_date(exclusion.until_on, "d MMM y"), t=translated)
