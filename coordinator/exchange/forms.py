"""What may be uploaded, and how what would become of it is shown."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField

from coordinator.exchange.rules import Did, Outcome, Shown
from coordinator.fields import Form, Required
from coordinator.pages import translated
from coordinator.sheets import Table, Unreadable, file_name, read

OWN = ("line", "why")  # what we write before a row that was refused; sent again, it says nothing


class UploadForm(Form):
    """A file with rows."""

    file = FileField(_l("File"), [Required(_l("Choose a file."))], render_kw={"accept": ".csv,.xlsx,text/csv"})

    def table(self, *, known: Sequence[str], needed: Iterable[str]) -> tuple[Table, str, str] | None:
        """Return the table in the file with its digest and its name, or None with the sentence beside the field."""
        data = self.file.data.read()
        try:
            found = read(data, known=(*known, *OWN), needed=needed)
        except Unreadable as error:
            self.file.errors = [*self.file.errors, translated(error.said)]
            return None
        return found, hashlib.sha256(data).hexdigest(), file_name(self.file.data.filename or "")


LABELS = {Did.NEW: _l("Added"), Did.CHANGED: _l("Changed"), Did.UNCHANGED: _l("Left alone"), Did.BAD: _l("With errors")}


def reason(outcome: Outcome) -> str:
    """Return why a row is not taken, as a sentence."""
    said = translated(outcome.why)
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '…')) else '.'}" if said else ""


def tabs(shown: Shown, url: Any) -> list[dict[str, Any]]:
    """Return the sorts of rows as links; `url` makes the address of one."""
    order = (Did.NEW, Did.CHANGED, Did.BAD, Did.UNCHANGED)
    return [
        {"label": f"{LABELS[did]} ({shown.counts[did]:,})", "url": url(did.value), "active": did is shown.did}
        for did in order
        if shown.counts[did] or did is shown.did
    ]


def refused_rows(table: Table, outcomes: Iterable[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Return the rows that were refused as a table, each with its line and why: to mend and send again."""
    why = {o.line: reason(o) for o in outcomes if o.did is Did.BAD}
    columns = [c for c in table.columns if c not in OWN]
    rows = [
        [str(line.number), why[line.number], *(line.cells.get(c, "") for c in columns)]
        for line in table.lines
        if line.number in why
    ]
    return [*OWN, *columns], rows
