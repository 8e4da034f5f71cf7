"""Pages about the detector: why it is silent about a pair."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.db import db
from coordinator.detector import queries, rules
from coordinator.detector.forms import WhyNotForm
from coordinator.entries.models import Entry
from coordinator.overlaps.rules import sentence
from coordinator.pages import translated
from coordinator.people.gate import require, signed_in

blueprint = Blueprint("detector", __name__, url_prefix="/detector")

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
    if pair is None:
        return said
    asked = (pair.one, pair.other, pair.signals, pair.known, pair.floors)
    return said | {
        "lines": rules.lines(*asked, compared=pair.compared, t=translated),
        "answers": rules.missing(*asked, compared=pair.compared, t=translated),
        "finding": pair.finding,
        "reasons": [sentence(r, translated) for r in pair.finding.reasons] if pair.finding else [],
    }
