"""What is noted at the door before a text goes out."""

from coordinator.clock import now
from coordinator.db import bookkeeping, db
from coordinator.entries.models import Entry, Level
from coordinator.errors import Busy
from coordinator.openings import actions, queries
from coordinator.openings.models import Way
from coordinator.openings.rules import is_worth_noting
from coordinator.people.gate import signed_in


def handed_out(*entries: Entry) -> None:
    """Note that whoever is signed in opens some entries, before the page that holds their text goes out.

    Only what says something new is written, so that looking again costs one short question. While somebody else is saving for
    long, reading goes on unnoted, but nothing OFFICIAL-SENSITIVE goes out unnoted: that raises Busy.
    """
    me = signed_in()
    of_others = [e for e in entries if is_worth_noting(e, me.unit_id)]
    fresh = queries.new_to(db.session(), me.id, of_others)
    if not fresh:
        return
    try:
        with db.aside() as beside, bookkeeping(beside) as written:
            actions.note(written, fresh, Way.PAGE, person_id=me.id, unit_id=me.unit_id, at=now())
    except Busy:
        if any(e.level >= Level.OFFICIAL_SENSITIVE for e in fresh):
            raise
