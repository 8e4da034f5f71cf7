"""Taking out what is shared with the reader: the page that says what it would be, and the file."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator import sheets
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries import queries as entries
from coordinator.entries.forms import Chip, chips, narrowing
from coordinator.entries.models import Kind
from coordinator.exports import actions, queries, rules
from coordinator.exports.rules import Counted, Format, Subject, Taken
from coordinator.extensions import settings, time_zone
from coordinator.overlaps import queries as overlaps
from coordinator.pages import translated
from coordinator.people.gate import signed_in
from coordinator.search.forms import SearchForm
from coordinator.stems import query_stems
from coordinator.topics import queries as topics

blueprint = Blueprint("exports", __name__, url_prefix="/export")

IN_MEMORY, AT_ONCE = 4_000_000, 65_536  # bytes of a file before it goes to the disk, and of one read

TYPES = {Format.CSV: sheets.CSV_TYPE, Format.XLSX: sheets.XLSX_TYPE, Format.JSON: "application/json"}


@dataclass(frozen=True)
class Wanted:
    """What would be taken out: how much up to which level, which rows, how the list is narrowed, where it came from."""

    subject: Subject
    extent: tuple[int, int | None]
    rows: Callable[[], Iterator[Mapping[str, Any]]]
    back: str
    chips: Sequence[Chip] = ()
    named: str = ""
    about: Mapping[str, Any] | None = None


# --- what --------------------------------------------------------------------------------------------------------------------


@blueprint.route("/positions", methods=["GET", "POST"])
def positions() -> ResponseReturnValue:
    """Take out the positions that the list shows, filters in force."""
    return _list(Subject.POSITIONS, Kind.POSITION)


@blueprint.route("/dossiers", methods=["GET", "POST"])
def dossiers() -> ResponseReturnValue:
    """Take out the dossiers that the list shows, filters in force."""
    return _list(Subject.DOSSIERS, Kind.DOSSIER)


def _list(subject: Subject, kind: Kind) -> ResponseReturnValue:
    by = narrowing(db.session(), person=signed_in(), kind=kind)
    back = _narrowed(url_for(f"{subject.value}.index"), _asked())
    if not by.valid:
        return redirect(back)  # it says there what is amiss
    chosen = entries.asked(db.session(), request.args, person=signed_in(), kind=kind).chosen
    return _take_out(_entries(subject, by.filters, back=back, chosen=chosen))


@blueprint.route("/search", methods=["GET", "POST"])
def search() -> ResponseReturnValue:
    """Take out what a search found, filters in force."""
    form, back = SearchForm(formdata=request.args), _narrowed(url_for("search.index"), _asked())
    asked = entries.asked(db.session(), request.args, person=signed_in())
    words = form.q.data or ""
    if not form.validate() or (words and not query_stems(words)) or not (words or asked.chosen):
        return redirect(back)
    return _take_out(_entries(Subject.SEARCH, replace(asked.filters, words=words), back=back, chosen=asked.chosen))


@blueprint.route("/topic/<ref:ref>", methods=["GET", "POST"])
def topic(ref: str) -> ResponseReturnValue:
    """Take out the positions and dossiers on a topic."""
    found = topics.topic(db.session(), ref)
    names = [name.text for name in found.names]
    filters = entries.Filters(topic_id=found.id)
    wanted = _entries(Subject.TOPIC, filters, back=url_for("topics.show", ref=found.ref))
    return _take_out(replace(wanted, named=found.name, about={"topic": found.name, "names": sorted(names)}))


@blueprint.route("/entry/<ref:ref>", methods=["GET", "POST"])
def entry(ref: str) -> ResponseReturnValue:
    """Take out one position or dossier."""
    found, me = entries.one(db.session(), ref), signed_in()
    wanted = Wanted(
        Subject.ENTRY,
        (1, found.level),
        lambda: queries.entries(db.session(), [found.id], person=me),
        back=url_for(f"{found.kind.value}s.show", ref=ref),
        named=found.title,
    )
    return _take_out(wanted)


def _entries(subject: Subject, filters: entries.Filters, *, back: str, chosen: Mapping[str, Any] | None = None) -> Wanted:
    me = signed_in()

    def rows() -> Iterator[Mapping[str, Any]]:
        return queries.entries(db.session(), entries.ids_listed(db.session(), filters), person=me)

    return Wanted(subject, entries.extent(db.session(), filters), rows, back, _chips(chosen or {}, filters.words))


def _chips(chosen: Mapping[str, Any], words: str = "") -> list[Chip]:
    """Return the filters in force in words, each with the address of the export without it."""

    def link(**changes: str | None) -> str:
        return _narrowed(request.path, _asked() | changes)

    typed = [Chip(_("Words"), words, link(words=None, q=None))] if words else []
    return [*typed, *chips(chosen, link)]


@blueprint.route("/overlaps", methods=["GET", "POST"], endpoint="overlaps")
def overlapping() -> ResponseReturnValue:
    """Take out the overlaps that the list shows, filters in force; pair by pair also where a topic is crowded."""
    me, back = signed_in(), _narrowed(url_for("overlaps.index"), _asked())
    asked = overlaps.asked(db.session(), request.args, person=me, zone=settings().time_zone)

    def rows() -> Iterator[Mapping[str, Any]]:
        ids = overlaps.ids_listed(db.session(), asked.filters)
        return queries.overlap_rows(db.session(), ids, person=me, on=today(time_zone()), t=translated)

    extent = overlaps.extent(db.session(), asked.filters)
    return _take_out(Wanted(Subject.OVERLAPS, extent, rows, back, _chips(asked.chosen)))


def _asked() -> dict[str, str]:
    """Return the filters in the address, without the page of the list."""
    return {name: value for name, value in request.args.items() if value and name != "page"}


def _narrowed(path: str, filters: Mapping[str, str | None]) -> str:
    """Return the address of a page with some filters; those that are empty are left out."""
    said = urlencode({name: value for name, value in filters.items() if value})
    return f"{path}?{said}" if said else path


# --- the page, and the file ------------------------------------------------------------------------------------------------------


def _take_out(wanted: Wanted) -> ResponseReturnValue:
    number, level = wanted.extent
    form = request.form.get("format")
    if form not in set(Format):
        page = render_template(
            "exports/export.html",
            page_level=level,
            wanted=wanted,
            label=rules.LABELS[wanted.subject],
            number=number,
            too_many=number > rules.MOST,
            address=_narrowed(request.path, _asked()),
        )
        return page, 422 if request.method == "POST" else 200
    rules.check(number)
    return _file(wanted, Format(form))


def _file(wanted: Wanted, form: Format) -> ResponseReturnValue:
    """Write the file row by row, record that it was taken out, and send it."""
    me = signed_in()
    taken, rows = Taken(f"{me.name}, {me.unit.short_name}", now()), Counted(wanted.rows())
    filters = _asked() | dict(request.view_args or {})
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - closed once it has been sent
    try:
        _write(file, form, wanted, rows, taken, filters)
        digest, size = _digest(file)
        with transaction(db.session) as written:
            actions.note(
                written,
                wanted.subject,
                form,
                filters=filters,
                rows=rows.rows,
                level=rows.level,
                digest=digest,
                refs=rows.refs,
                by=me,
                at=taken.at,
            )
    except BaseException:
        file.close()
        raise
    name = rules.file_name(wanted.subject, level=rows.level, on=today(time_zone()), named=wanted.named, form=form)
    answer = Response(_sent(file), content_type=TYPES[form])
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"  # plain letters: nothing to quote
    answer.content_length = size
    return answer


def _sent(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(AT_ONCE), b"")


def _write(file: BinaryIO, form: Format, wanted: Wanted, rows: Counted, taken: Taken, filters: Mapping[str, str]) -> None:
    columns = rules.columns(wanted.subject)
    marked = (rules.marked(row, taken) for row in rows)

    def head() -> dict[str, Any]:  # asked for once the rows are written
        said = rules.head(wanted.subject, level=rows.level, taken=taken, rows=rows.rows, filters=filters)
        return said | dict(wanted.about or {})

    if form is Format.JSON:
        _write_json(file, columns, marked, head)
    elif form is Format.CSV:
        sheets.write_csv(file, columns, (rules.cells(row, columns) for row in marked))
    else:
        sheets.write_workbook(file, columns, (rules.cells(row, columns) for row in marked), told=lambda: _told(head()))


def _told(head: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Return the marking of each page of a workbook, and what its second sheet says."""
    words = {n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in head.items()}
    return words["level"], list(words.items())


def _write_json(
    file: BinaryIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], head: Callable[[], Mapping[str, Any]]
) -> None:
    with tempfile.TemporaryFile() as body:  # what a file says of itself stands first, and is known last
        for number, row in enumerate(rows):
            said = {name: rules.plain(row.get(name)) for name in columns}
            body.write((",\n" if number else "\n").encode() + json.dumps(said, ensure_ascii=False).encode())
        body.seek(0)
        file.write(b'{"head": ' + json.dumps(head(), ensure_ascii=False).encode() + b',\n"rows": [')
        shutil.copyfileobj(body, file)
        file.write(b"\n]}\n")


def _digest(file: BinaryIO) -> tuple[str, int]:
    """Return the SHA-256 of a file and its size, and go back to its beginning."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    for some in iter(lambda: file.read(AT_ONCE), b""):
        digest.update(some)
        size += len(some)
    file.seek(0)
    return digest.hexdigest(), size
