"""What can be done with deputies."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.deputies.models import Deputy
from coordinator.deputies.rules import DeputyDraft, EndsBeforeItStarts, ForOneself, StandsInAlready, meets
from coordinator.history.actions import record
from coordinator.people.models import Person


def name(session: Session, person: Person, draft: DeputyDraft, *, by: Person | None, at: datetime) -> Deputy:
    """Name who stands in for a person; raises ForOneself, EndsBeforeItStarts, StandsInAlready."""
    if draft.deputy_id == person.id:
        raise ForOneself
    if draft.until_on is not None and draft.until_on < draft.from_on:
        raise EndsBeforeItStarts
    others = session.execute(select(Deputy.from_on, Deputy.until_on).where(Deputy.person_id == person.id))
    if meets(draft, [(start, until) for start, until in others]):
        raise StandsInAlready
    deputy = Deputy(person_id=person.id, deputy_id=draft.deputy_id, from_on=draft.from_on, until_on=draft.until_on)
    session.add(deputy)
    session.flush()  # gives the row its id
    _tell(session, "deputy.named", deputy, by=by, at=at)
    return deputy


def end(session: Session, deputy: Deputy, *, on: date, by: Person | None, at: datetime) -> None:
    """Let a deputyship end on a day, the last on which it holds; one that has not begun by then is taken back."""
    if deputy.until_on is not None and deputy.until_on <= on:
        return
    if deputy.from_on > on:
        _tell(session, "deputy.taken_back", deputy, by=by, at=at)
        session.delete(deputy)
        return
    deputy.until_on = on
    session.flush()
    _tell(session, "deputy.ended", deputy, by=by, at=at)


def _tell(session: Session, action: str, deputy: Deputy, *, by: Person | None, at: datetime) -> None:
    said = {"deputy": deputy.deputy_id, "from": deputy.from_on.isoformat()}
    if deputy.until_on is not None:
        said["until"] = deputy.until_on.isoformat()
    record(session, action, subject=("person", deputy.person_id), by=by, at=at, said=said)
