"""What may be chosen when entries are brought in."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from coordinator.exchange.forms import UploadForm
from coordinator.fields import WordRadioField
from coordinator.intake.rules import MOST_ROWS, TOLD, Then, column_names
from coordinator.sheets import Table


class IntakeForm(UploadForm):
    """A file with positions and dossiers, and what becomes of them."""

    then = WordRadioField(_l("What becomes of the rows"), words=Then, default=Then.DRAFT.value)

    def rows(self) -> tuple[Table, str, str] | None:
        """Return the table in the file with its digest and its name, or None with the sentence beside the field."""
        found = self.table(known=(*column_names(), *TOLD), needed=("title",))
        if found is not None and len(found[0].lines) > MOST_ROWS:
            said = _("%(number)s rows are too many for one file: at most %(most)s fit.", number=len(found[0].lines), most=MOST_ROWS)
            self.file.errors = [*self.file.errors, said]
            return None
        return found
