"""Pages on which a unit brings its positions and dossiers in from a spreadsheet."""

import io
from collections.abc import Sequence
from contextlib import suppress

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator import sheets
from coordinator.clock import now, today
from coordinator.db import bookkeeping, db, transaction
from coordinator.entries.rules import may_log
from coordinator.errors import NotFound
from coordinator.exchange import actions as uploads
from coordinator.exchange import queries as uploaded
from coordinator.exchange.actions import ChangedMeanwhile, UsedAlready
from coordinator.exchange.forms import reason, refused_rows, tabs
from coordinator.exchange.models import Staged
from coordinator.exchange.rules import Did, Upload, outcome_of, shown
from coordinator.extensions import time_zone
from coordinator.intake import actions, rules
from coordinator.intake.actions import Result
from coordinator.intake.forms import IntakeForm
from coordinator.intake.rules import Then
from coordinator.pages import page_number, page_of, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.sheets import Line

blueprint = Blueprint("intake", __name__, url_prefix="/bring-in")

KIND = "entries"
ROWS = 50  # of a preview on one page


@blueprint.route("", methods=["GET", "POST"])
def page() -> ResponseReturnValue:
    """Say what a file has to look like; take one and lead to what would become of it."""
    me = signed_in()
    require(may_log(me))
    form = IntakeForm()
    read = form.rows() if form.validate_on_submit() else None
    if read is None:
        page = render_template("intake/page.html", form=form, columns=rules.explained(), unit=me.unit)
        return page, 422 if form.is_submitted() else 200
    table, digest, name = read
    then = Then(form.then.data or Then.DRAFT)
    result = _try_out(table.lines, then, name)
    upload = Upload(KIND, name, digest, table, {"then": then.value, "level": str(result.level)})
    with bookkeeping(db.session) as written:
        staged = uploads.stage(written, upload, result.outcomes, by=me, at=now())
    return redirect(url_for(".staged", ref=staged.ref), 303)


class _TriedOut(Exception):
    """Ends a trial before anything is kept."""


def _try_out(lines: Sequence[Line], then: Then, file: str) -> Result:
    """Return what would become of some rows: all is done as it would be, and taken back."""
    result = Result([], 0)
    with suppress(_TriedOut), transaction(db.session) as written:
        result = actions.bring_in(written, lines, **_how(then, file))
        raise _TriedOut
    return result


def _how(then: Then, file: str) -> actions.How:
    return {
        "by": signed_in(),
        "at": now(),
        "on": today(time_zone()),
        "highest": reader().level,
        "offer": then is Then.OFFER,
        "file": file,
    }


@blueprint.get("/example.csv")
def example() -> ResponseReturnValue:
    """Give a small file that shows how the columns are filled in."""
    require(may_log(signed_in()))
    file = io.BytesIO()
    sheets.write_csv(file, rules.column_names(), _example_rows())
    return _sent(file, "example.csv", sheets.CSV_TYPE)


@blueprint.get("/example.xlsx")
def example_workbook() -> ResponseReturnValue:
    """Give the same as a workbook."""
    require(may_log(signed_in()))
    file = io.BytesIO()
    about = [(name, translated(says)) for name, says, _needed in rules.explained()]
    sheets.write_workbook(file, rules.column_names(), _example_rows(), told=lambda: ("", about))
    return _sent(file, "example.xlsx", sheets.XLSX_TYPE)


def _example_rows() -> list[list[str]]:
    return [[row.get(name, "") for name in rules.column_names()] for row in rules.EXAMPLES]


def _sent(file: io.BytesIO, name: str, kind: str) -> ResponseReturnValue:
    file.seek(0)
    return send_file(file, kind, as_attachment=True, download_name=name)


# --- what would become of a file -----------------------------------------------------------------------------------------


@blueprint.get("/files/<ref:ref>")
def staged(ref: str) -> ResponseReturnValue:
    """Show what would become of the rows of a file, or what became of them."""
    upload = _mine(ref)
    asked = request.args.get("show", "")
    seen = shown(upload.outcomes, Did(asked) if asked in set(Did) else None, number=page_number(), size=ROWS)
    return render_template(
        "intake/staged.html",
        page_level=int(upload.options["level"]),
        upload=upload,
        unit=signed_in().unit,
        then=Then(upload.options["then"]),
        seen=seen,
        rows=[(o, reason(o)) for o in seen.some],
        page=page_of(seen.counts[seen.did], ROWS),
        tabs=tabs(seen, lambda value: url_for(".staged", ref=ref, show=value)),
        unused=uploaded.staged_rows(db.session(), upload.id).unused,
        Did=Did,
    )


def _mine(ref: str) -> Staged:
    """Return a file that the reader uploaded for the unit that is still theirs."""
    me = signed_in()
    upload = uploaded.staged(db.session(), ref, person_id=me.id)
    if upload.kind != KIND:
        raise NotFound
    require(may_log(me))
    return upload


@blueprint.post("/files/<ref:ref>/bring-in")
def bring_in(ref: str) -> ResponseReturnValue:
    """Bring in what was shown, all of it or nothing; if something moved meanwhile, show it anew."""
    me = signed_in()
    then = Then(_mine(ref).options["then"])
    try:
        with transaction(db.session) as written:
            upload = uploaded.staged(written, ref, person_id=me.id)
            if upload.used_at is not None:
                raise UsedAlready
            result = actions.bring_in(written, uploaded.staged_rows(written, upload.id).lines, **_how(then, upload.file_name))
            uploads.use(written, upload, result.outcomes, by=me, at=now())
    except UsedAlready as error:
        flash(translated(error.sentence), "info")
    except ChangedMeanwhile as moved:
        with bookkeeping(db.session) as written:
            uploads.show(uploaded.staged(written, ref, person_id=me.id), moved.outcomes)
        flash(_("Something changed after this was shown, so nothing was brought in. Look at what would happen now."), "warning")
    else:
        flash(_("Brought in, as it was shown."), "success")
    return redirect(url_for(".staged", ref=ref), 303)


@blueprint.post("/files/<ref:ref>/drop")
def drop(ref: str) -> ResponseReturnValue:
    """Forget a file that was uploaded."""
    _mine(ref)
    with bookkeeping(db.session) as written:
        uploads.drop(written, uploaded.staged(written, ref, person_id=signed_in().id))
    flash(_("Forgotten. Nothing was changed."), "success")
    return redirect(url_for(".page"), 303)


@blueprint.get("/files/<ref:ref>/errors.csv")
def errors(ref: str) -> ResponseReturnValue:
    """Give the rows that are refused, each with the reason, to mend and send again."""
    upload = _mine(ref)
    columns, rows = refused_rows(uploaded.staged_rows(db.session(), upload.id), map(outcome_of, upload.outcomes))
    file = io.BytesIO()
    sheets.write_csv(file, columns, rows)
    return _sent(file, "errors.csv", sheets.CSV_TYPE)
