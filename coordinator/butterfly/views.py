"""Pages of the butterfly: one topic with its wings, and all cross-cutting topics with the wings that nobody covers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from coordinator.butterfly import queries, rules
from coordinator.butterfly.rules import Butterfly, Ends
from coordinator.clock import today
from coordinator.db import db
from coordinator.extensions import settings
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Circle
from coordinator.topics import queries as topics

blueprint = Blueprint("butterfly", __name__, url_prefix="/butterfly")


def _inside() -> None:
    """Let nobody in from outside the ministry: who has a stake in what is told inside it."""
    require(signed_in().unit.organisation.circle is Circle.MINISTRY)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """List the cross-cutting topics, and the wings that no unit covers."""
    _inside()
    listed = queries.every(db.session(), on=today(settings().time_zone))
    return render_template("butterfly/index.html", listed=listed, uncovered=_by_wing(listed))


def _by_wing(listed: tuple[rules.Outline, ...]) -> list[tuple[rules.Subject, list[rules.Subject]]]:
    """Return the wings that no unit covers, each with the topics that it is a wing of."""
    found: dict[rules.Subject, list[rules.Subject]] = {}
    for outline in listed:
        for wing in outline.uncovered:
            found.setdefault(wing, []).append(outline.topic)
    return sorted(found.items(), key=lambda f: f[0].name)


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Show a topic with its wings: who is on each, what clashes along and between them, which ones nobody covers."""
    _inside()
    topic = topics.topic(db.session(), ref)
    if topic.ref != ref:
        return redirect(url_for(".show", ref=topic.ref))
    found = queries.butterfly(db.session(), topic.id, on=today(settings().time_zone))
    return render_template(
        "butterfly/show.html",
        page_level=found.level,
        found=found,
        rows=[found.middle, *found.wings],
        picture=rules.picture(found) if found.wings else None,
        size={"width": rules.WIDTH, "mark": rules.MARK, "mark_wide": rules.MARK_WIDE},
        clashes=_addresses(found),
        entries={w.topic.id: _entries(topic=w.topic.ref, circle=Circle.MINISTRY.value) for w in (found.middle, *found.wings)},
        of_unit=lambda wing, holder: _entries(topic=wing.topic.ref, unit=holder.ref),
        names={w.topic.id: w.topic.name for w in (found.middle, *found.wings)},
        keys={w.topic.id: rules.ends(found.middle.topic.id, w.topic.id) for w in found.wings},
        between=[(a, b, cell, rules.ends(a.topic.id, b.topic.id)) for a, b, cell in found.between],
    )


def _entries(**narrowed: str) -> str:
    """Return the address of the list of exactly those current entries that a butterfly counts."""
    return f"{url_for('search.index')}?{urlencode(narrowed | {'state': 'released'})}"


def _addresses(found: Butterfly) -> Mapping[Ends, str]:
    """Return the address of the list of exactly those clashes that stand on one topic, or between two."""
    refs = {w.topic.id: w.topic.ref for w in (found.middle, *found.wings)}

    def address(one: int, other: int) -> str:
        narrowed: dict[str, Any] = {"topic": refs[one]} if one == other else {"wing": refs[one], "other_wing": refs[other]}
        return f"{url_for('overlaps.index')}?{urlencode({'clashes': '1'} | narrowed)}"

    return {key: address(*key) for key in found.clashes}
