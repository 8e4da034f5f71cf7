"""What makes a dossier sound."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from coordinator.dossiers.models import DossierType
from coordinator.entries.rules import Draft
from coordinator.errors import Refused

MOST = 30  # milestones or papers of one dossier


class NotALink(Refused):
    """A paper is a link to the registry: it starts with https://."""

    field = "papers"


class TooMany(Refused):
    """Thirty milestones and thirty papers fit in one dossier."""


@dataclass(frozen=True, kw_only=True)
class DossierDraft(Draft):
    """What a form or an import says of a dossier."""

    dossier_type: DossierType | None = None
    lead_id: int | None = None
    contributing: tuple[int, ...] = ()
    milestones: tuple[tuple[date, str], ...] = ()
    positions: tuple[int, ...] = ()
    papers: tuple[tuple[str, str], ...] = ()

    def content(self) -> dict[str, Any]:
        """Return what a version keeps, as JSON; milestones in the order of their days."""
        return {
            **super().content(),
            "milestones": [[d.isoformat(), t] for d, t in sorted(self.milestones)],
            "papers": [[label, url] for label, url in self.papers],
        }


def check(draft: DossierDraft) -> None:
    """Refuse a paper that is no https link, and more milestones or papers than fit."""
    if any(urlsplit(url).scheme != "https" or not urlsplit(url).netloc for _, url in draft.papers):
        raise NotALink
    if len(draft.milestones) > MOST or len(draft.papers) > MOST:
        raise TooMany
