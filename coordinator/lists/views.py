"""Pages of the lists as tables: take one out, bring one in, look at what would become of it, confirm."""

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import wraps

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator import sheets
from coordinator.clock import now, today
from coordinator.db import bookkeeping, db, transaction
from coordinator.errors import NotFound
from coordinator.exchange import actions as uploads
from coordinator.exchange import queries as uploaded
from coordinator.exchange.actions import ChangedMeanwhile, UsedAlready
from coordinator.exchange.forms import UploadForm, reason, refused_rows, tabs
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import Did, Outcome, Upload, outcome_of, shown
from coordinator.extensions import settings, time_zone
from coordinator.lists import actions, queries, rules
from coordinator.lists.rules import ListKind
from coordinator.pages import page_number, page_of, translated
from coordinator.people import actions as people
from coordinator.people.gate import require, signed_in
from coordinator.sheets import Line

blueprint = Blueprint("lists", __name__, url_prefix="/lists")

ROWS = 50  # of a preview on one page


# --- a list --------------------------------------------------------------------------------------------------------------


def page(kind: ListKind) -> ResponseReturnValue:
    """Show how a list is taken out and brought in; take a file and lead to what would become of it."""
    require(rules.may_bring_in(signed_in(), kind))
    form = UploadForm()
    if not form.validate_on_submit():
        return _page(form, kind), 422 if form.is_submitted() else 200
    read = form.table(known=rules.column_names(kind), needed=rules.KEYS[kind])
    if read is None:
        return _page(form, kind), 422
    table, digest, name = read
    outcomes = _try_out(kind, table.lines)
    upload = Upload(kind.value, name, digest, table)
    with bookkeeping(db.session) as written:
        staged = uploads.stage(written, upload, outcomes, by=signed_in(), at=now())
    return redirect(url_for(".staged", ref=staged.ref), 303)


def _page(form: UploadForm, kind: ListKind) -> str:
    return render_template("lists/list.html", form=form, kind=kind, columns=rules.explained(kind), pages=_pages(kind))


def _pages(here: ListKind) -> list[dict[str, object]]:
    """Return the lists that the reader may keep, as links."""
    return [
        {"label": translated(kind.label), "url": url_for(f".{kind.value}"), "active": kind is here}
        for kind in ListKind
        if rules.may_bring_in(signed_in(), kind)
    ]


class _TriedOut(Exception):
    """Ends a trial before anything is kept."""


def _try_out(kind: ListKind, lines: Sequence[Line]) -> list[Outcome]:
    """Return what would become of some rows: all is done as it would be, and taken back."""
    outcomes: list[Outcome] = []
    with suppress(_TriedOut), transaction(db.session) as written:
        outcomes = actions.bring_in(written, kind, lines, by=signed_in(), at=now(), time_zone=settings().time_zone).outcomes
        raise _TriedOut
    return outcomes


def example(kind: ListKind) -> ResponseReturnValue:
    """Give a small file that shows how the columns are filled in."""
    require(rules.may_bring_in(signed_in(), kind))
    return _csv(f"example-{kind.value}.csv", rules.column_names(kind), [("", *row) for row in rules.EXAMPLES[kind]])


def take_out(kind: ListKind) -> ResponseReturnValue:
    """Give a list as it stands: brought in again, it changes nothing."""
    require(rules.may_bring_in(signed_in(), kind))
    names, columns = queries.names(db.session()), rules.column_names(kind)
    cells = [{"ref": held.ref} | rules.written(kind, held.values, names) for held in queries.held(db.session(), kind)]
    answer = _csv(f"{kind.value}-{today(time_zone())}.csv", columns, [[row[c] for c in columns] for row in cells])
    with transaction(db.session) as written:
        digest = hashlib.sha256(answer.get_data()).hexdigest()
        actions.note_taken_out(written, kind, rows=len(cells), digest=digest, by=signed_in(), at=now())
    return answer


def _csv(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Response:
    file = io.BytesIO()
    sheets.write_csv(file, columns, rows)
    file.seek(0)
    answer = send_file(file, sheets.CSV_TYPE, as_attachment=True, download_name=name)
    answer.direct_passthrough = False
    return answer


def _of(kind: ListKind, view: Callable[[ListKind], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    return wraps(view)(lambda: view(kind))


for _kind in ListKind:  # one endpoint each, so that the table of who may open what has a line for each
    _name = _kind.value
    blueprint.add_url_rule(f"/{_name}", _name, _of(_kind, page), methods=["GET", "POST"])
    blueprint.add_url_rule(f"/{_name}/example.csv", f"{_name}_example", _of(_kind, example))
    blueprint.add_url_rule(f"/{_name}/take-out", f"{_name}_take_out", _of(_kind, take_out), methods=["POST"])


# --- what would become of a file -----------------------------------------------------------------------------------------


@blueprint.get("/files/<ref:ref>")
def staged(ref: str) -> ResponseReturnValue:
    """Show what would become of the rows of a file, or what became of them."""
    upload, kind = _mine(ref)
    asked = request.args.get("show", "")
    did = Did(asked) if asked in set(Did) else None
    seen = shown(upload.outcomes, did, number=page_number(), size=ROWS)
    return render_template(
        "lists/staged.html",
        upload=upload,
        kind=kind,
        pages=_pages(kind),
        seen=seen,
        rows=[(o, reason(o)) for o in seen.some],
        page=page_of(seen.counts[seen.did], ROWS),
        tabs=tabs(seen, lambda value: url_for(".staged", ref=ref, show=value)),
        unused=uploaded.staged_rows(db.session(), upload.id).unused,
        Did=Did,
    )


def _mine(ref: str) -> tuple[Staged, ListKind]:
    """Return a list that the reader uploaded and may still keep."""
    upload = uploaded.staged(db.session(), ref, person_id=signed_in().id)
    if upload.kind not in set(ListKind):
        raise NotFound
    kind = ListKind(upload.kind)
    require(rules.may_bring_in(signed_in(), kind))
    return upload, kind


@blueprint.post("/files/<ref:ref>/bring-in")
def bring_in(ref: str) -> ResponseReturnValue:
    """Bring in what was shown, all of it or nothing; if something moved meanwhile, show it anew."""
    me = signed_in()
    _upload, kind = _mine(ref)
    link = kind is ListKind.PEOPLE and "links" in request.form
    try:
        with transaction(db.session) as written:
            upload = uploaded.staged(written, ref, person_id=me.id)
            if upload.used_at is not None:
                raise UsedAlready
            lines = uploaded.staged_rows(written, upload.id).lines
            result = actions.bring_in(written, kind, lines, by=me, at=now(), time_zone=settings().time_zone)
            uploads.use(written, upload, result.outcomes, by=me, at=now())
            for person_id in result.added if link else ():
                people.order_link(written, person_id, at=now(), lasts=timedelta(hours=settings().link_hours))
    except UsedAlready as error:
        flash(translated(error.sentence), "info")
    except ChangedMeanwhile as moved:
        _show_anew(ref, moved)
    else:
        flash(_("Brought in, as it was shown."), "success")
    return redirect(url_for(".staged", ref=ref), 303)


def _show_anew(ref: str, moved: ChangedMeanwhile) -> None:
    with bookkeeping(db.session) as written:
        uploads.show(uploaded.staged(written, ref, person_id=signed_in().id), moved.outcomes)
    flash(
        _("The lists changed after this was shown, so nothing was brought in. Look at what would happen now, and confirm again."),
        "warning",
    )


@blueprint.post("/files/<ref:ref>/drop")
def drop(ref: str) -> ResponseReturnValue:
    """Forget a file that was uploaded."""
    _upload, kind = _mine(ref)
    with bookkeeping(db.session) as written:
        uploads.drop(written, uploaded.staged(written, ref, person_id=signed_in().id))
    flash(_("Forgotten. Nothing was changed."), "success")
    return redirect(url_for(f".{kind.value}"), 303)


@blueprint.get("/files/<ref:ref>/errors.csv")
def errors(ref: str) -> ResponseReturnValue:
    """Give the rows that are refused, each with the reason, to mend and send again."""
    upload, kind = _mine(ref)
    columns, rows = refused_rows(uploaded.staged_rows(db.session(), upload.id), map(outcome_of, upload.outcomes))
    return _csv(f"{kind.value}-errors.csv", columns, rows)
