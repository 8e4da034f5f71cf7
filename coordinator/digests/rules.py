"""When a digest is due, how long to wait after a refusal, what it is called, and what it may say of a sensitive text."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coordinator.digests.models import Cadence
from coordinator.entries.models import Entry, Kind, Level
from coordinator.errors import N_
from coordinator.overlaps.models import Closing
from coordinator.overlaps.rules import sentence
from coordinator.worklist.rules import PROPOSED, Pair, Paper, Task, proposal

DEFAULT = (Cadence.DAILY, 7)
MOST_ITEMS = 12
LEASE = timedelta(minutes=10)
MOST_TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=3)

# --- when --------------------------------------------------------------------------------------------------------------


def due_at(period_on: date, hour: int, zone: str) -> datetime:
    """Return the moment at which the digest of a local day is due.

    An hour that the spring skips counts as the one after it; of an hour that the autumn has twice, it is the first.
    """
    return datetime.combine(period_on, time(hour), ZoneInfo(zone))


def latest_period(cadence: Cadence, hour: int, zone: str, *, at: datetime) -> date | None:
    """Return the local day of the last digest that is due by a moment; earlier ones that were missed are merged into it."""
    if cadence is Cadence.OFF:
        return None
    day = at.astimezone(ZoneInfo(zone)).date()
    if cadence is Cadence.WEEKLY:
        day -= timedelta(days=day.weekday())
    if due_at(day, hour, zone) > at:
        day -= timedelta(days=7 if cadence is Cadence.WEEKLY else 1)
    return day


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries that were refused: five minutes, doubled each time, three hours at most."""
    return min(FIRST_WAIT * int(2 ** max(0, tries - 1)), LONGEST_WAIT)


# --- names -------------------------------------------------------------------------------------------------------------


def _short(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()[:22]


def message_id(person_ref: str, period_on: date, *, domain: str) -> str:
    """Return the name of the one mail to a person for a period: sent again, it is known to be the same."""
    return f"<digest.{period_on:%Y%m%d}.{_short(hashlib.sha256(f'digest {person_ref} {period_on}'.encode()).digest())}@{domain}>"


def stop_token(secret: str, person_ref: str) -> str:
    """Return what a mail carries to stop itself: good for this person and this purpose only, 131 bits."""
    return _short(hmac.new(secret.encode(), f"stop the digest of {person_ref}".encode(), hashlib.sha256).digest())


def stops(secret: str, person_ref: str, token: str) -> bool:
    """Say whether a token is the one that stops a person's digest."""
    return hmac.compare_digest(stop_token(secret, person_ref), token)


# --- what it says ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """The part of the change sequence that a digest tells of: after one number, up to another."""

    after: int
    up_to: int


def sealed(level: int) -> bool:
    """Of what is OFFICIAL-SENSITIVE a mail says only that it is there."""
    return level >= Level.OFFICIAL_SENSITIVE


def held(entry: Entry, t: Any) -> str:
    """Return in words what a unit holds or works on."""
    stance = getattr(entry, "stance", None)
    if stance is not None:
        return f"{t(stance.label)} – “{entry.title}”"
    return str(t(HOLDS if entry.kind is Kind.POSITION else WORKS_ON)) % {"title": entry.title}


HOLDS = N_("A line: “%(title)s”")
WORKS_ON = N_("At work on “%(title)s”")


def item(pair: Pair, *, url: Callable[..., str], t: Any) -> dict[str, Any]:
    """Return what the mail says of an overlap; of a sealed one nothing but where to read of it."""
    words: dict[str, Any] = {"sealed": sealed(pair.level), "url": url(pair.link[0], ref=pair.link[1])}
    if words["sealed"]:
        return words
    overlap, offered = pair.overlap, None
    if pair.task is Task.ANSWER_CLOSING:
        side = proposal(overlap, pair.mine.unit_id)
        if side is not None:
            values = {"unit": side.unit.short_name, "why": side.closing_why}
            offered = str(t(PROPOSED[side.closing or Closing.SETTLE])) % values
    return words | {
        "severity": overlap.severity,
        "kind": overlap.kind,
        "mine_unit": pair.mine.unit.short_name,
        "theirs_unit": pair.theirs.unit.short_name,
        "own": pair.task is not Task.WATCH,
        "mine": held(pair.mine, t),
        "theirs": held(pair.theirs, t),
        "reasons": [sentence(r, t) for r in pair.reasons[:3]],
        "offered": offered,
        "near": (t(pair.near.name), pair.near.days) if pair.near else None,
        "todo": t(pair.task.label),
    }


def note(paper: Paper, *, url: Callable[..., str], t: Any) -> dict[str, Any]:
    """Return what the mail says of a position or dossier that asks for something."""
    words: dict[str, Any] = {"sealed": sealed(paper.level), "url": url(paper.link[0], ref=paper.link[1])}
    return words if words["sealed"] else words | {"title": paper.entry.title, "why": t(paper.why), "todo": t(paper.task.label)}
