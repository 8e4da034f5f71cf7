"""What may be typed about a dossier."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from coordinator.dossiers.models import DossierType
from coordinator.dossiers.rules import MOST, DossierDraft
from coordinator.entries.forms import EntryForm, choose, choose_many
from coordinator.entries.models import EntryVersion
from coordinator.entries.queries import Choices
from coordinator.fields import RefField, RefMultipleField, Text, WordField
from coordinator.links import is_link
from coordinator.people.models import Person


class LinesField(Text):
    """Several things, one on each line; `items` are those that could be read, an error names the line of one that could not."""

    most_lines = MOST

    def rows(self) -> list[tuple[int, str]]:
        """Return the lines that say something, each with its number on the page."""
        return [(n, line.strip()) for n, line in enumerate((self.data or "").split("\n"), 1) if line.strip()]

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Read each line; raises ValidationError with the number of the first that cannot be read."""
        if self.errors:
            return
        if len(self.rows()) > self.most_lines:
            raise ValidationError(
                _("There are %(count)s lines; at most %(most)s fit.", count=len(self.rows()), most=self.most_lines)
            )
        for number, line in self.rows():
            fault = self.fault(line)
            if fault is not None:
                raise ValidationError(_("Line %(number)s: %(fault)s", number=number, fault=fault))

    def fault(self, line: str) -> str | None:
        """Return what is wrong with a line, or None."""
        raise NotImplementedError


class MilestonesField(LinesField):
    """Milestones: a day, then what is due."""

    def fault(self, line: str) -> str | None:
        """A line begins with a day and goes on with a few words."""
        due, _space, what = line.partition(" ")
        try:
            year = date.fromisoformat(due).year
        except ValueError:
            return str(_("begin with a day, year-month-day, as in 2026-03-02."))
        if not 1900 <= year <= 2199:
            return str(_("this day is too far away."))
        if not what.strip():
            return str(_("say after the day what is due."))
        return str(_("at most 300 characters fit in a line.")) if len(what.strip()) > 300 else None

    @property
    def items(self) -> tuple[tuple[date, str], ...]:
        """The milestones, as far as they can be read."""
        split = (line.partition(" ") for _number, line in self.rows()[: self.most_lines] if self.fault(line) is None)
        return tuple((date.fromisoformat(due), what.strip()) for due, _space, what in split)


class PapersField(LinesField):
    """Papers: a label, then the link to the registry."""

    def fault(self, line: str) -> str | None:
        """A line ends with a whole https address."""
        label, link = self._split(line)
        if not is_link(link):
            return str(_("end with the link to the registry, which starts with https://."))
        return str(_("at most 200 characters of label and 500 of link fit.")) if len(label) > 200 or len(link) > 500 else None

    @staticmethod
    def _split(line: str) -> tuple[str, str]:
        label, _space, link = line.rpartition(" ")
        return label.strip() or urlsplit(link).netloc, link

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        """The papers; the form has to be valid."""
        return tuple(self._split(line) for _number, line in self.rows())


class DossierForm(EntryForm):
    """A dossier: what is being worked on, by whom, until when."""

    dossier_type = WordField(_l("Type of work"), words=DossierType, empty=_l("Not stated"))
    lead = RefField(_l("Lead officer"), empty=_l("Nobody yet"))
    contributing = RefMultipleField(_l("Contributing units"))
    milestones = MilestonesField(_l("Milestones"), most=12_000)
    positions = RefMultipleField(_l("Positions it draws on"))
    papers = PapersField(_l("Papers"), most=25_000)

    LOOKED_AT = (*EntryForm.LOOKED_AT, "milestones")

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.text.label.text = _l("What it is about")
        self._beyond: tuple[int, ...] = ()

    def offer_more(self, choices: Choices, *, leads: Iterable[Person], positions: Iterable[Any]) -> None:
        """Say who may lead, who may contribute, and which positions may be drawn on."""
        self.lead.offer((p.ref, p.name, p.id) for p in leads)
        self.contributing.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in choices.units)
        self.positions.offer((p.ref, f"{p.unit}: {p.title}", p.id) for p in positions)

    def keep(self, beyond: Iterable[int]) -> None:
        """Keep positions that the dossier draws on and that whoever edits it may not see: they are no less its own."""
        self._beyond = tuple(beyond)

    def fill(self, version: EntryVersion, tokens: frozenset[str]) -> None:
        """Take over what a version holds."""
        super().fill(version, tokens)
        held = version.content
        self.dossier_type.data = held.get("dossier_type") or ""
        choose(self.lead, held.get("lead_id"))
        choose_many(self.contributing, held.get("contributing", ()))
        choose_many(self.positions, held.get("positions", ()))
        self.milestones.data = "\n".join(f"{due} {what}" for due, what in held.get("milestones", ()))
        self.papers.data = "\n".join(f"{label} {url}" for label, url in held.get("papers", ()))

    def so_far(self) -> dict[str, Any]:
        """Return what counts for overlaps of a form that may be half filled in."""
        return {**super().so_far(), "milestones": [[due.isoformat(), what] for due, what in self.milestones.items]}

    def draft(self) -> DossierDraft:
        """Return what was typed; the form has to be valid."""
        return DossierDraft(
            **self.common(),
            dossier_type=DossierType(self.dossier_type.data) if self.dossier_type.data else None,
            lead_id=self.lead.chosen_id,
            contributing=self.contributing.chosen_ids,
            milestones=self.milestones.items,
            positions=tuple(sorted({*self.positions.chosen_ids, *self._beyond})),
            papers=self.papers.items,
        )
