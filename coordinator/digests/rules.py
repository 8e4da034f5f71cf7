"""When a digest is due, how long to wait after a refusal, what it is called, and what it may say of a sensitive text."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coordinator.dashboard.rules import Change
from coordinator.dashboard.rules import told as week_told
from coordinator.digests.models import WORKING_DAYS, Cadence, Digest, DigestState, Edition, Schedule, Weekday
from coordinator.entries.models import Entry, Kind, Level
from coordinator.errors import N_
from coordinator.gaps import rules as gaps
from coordinator.gaps.rules import Gap
from coordinator.overlaps.models import Closing
from coordinator.overlaps.rules import sentence
from coordinator.people.models import Circle, Person, Role
from coordinator.worklist.rules import PROPOSED, Pair, Paper, Said, StandIn, Task, proposal, sees_all, voice_of

DEFAULTS = {
    Edition.PERSON: Schedule(Cadence.DAILY, 7),
    Edition.MAILBOX: Schedule(Cadence.OFF, 7, WORKING_DAYS),  # a unit's mailbox gets nothing until the unit wants it
    Edition.BRIEF: Schedule(Cadence.WEEKLY, 7, frozenset({Weekday.MONDAY})),
}
FAR_DAYS = 60
"""How far to look for a day on which a letter comes: longer than any row of holidays."""
WEEK = tuple(Weekday)
UNDER_WAY = frozenset({DigestState.QUEUED, DigestState.CLAIMED, DigestState.DATA})
MOST_ITEMS, MOST_WATCHED = 12, 6
"""How many overlaps, and how many papers, a letter describes: fewer to whom all units send theirs."""
LEASE = timedelta(minutes=10)
MOST_TRIES = 10
LONGEST_BRIEF = timedelta(days=35)
"""How far back a weekly brief looks at most, if none was sent for long."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=3)

# --- when --------------------------------------------------------------------------------------------------------------


def due_at(period_on: date, hour: int, zone: str) -> datetime:
    """Return the moment at which the letter of a local day is due.

    An hour that the spring skips counts as the one after it; of an hour that the autumn has twice, it is the first.
    """
    return datetime.combine(period_on, time(hour), ZoneInfo(zone))


def latest_period(schedule: Schedule, zone: str, *, at: datetime, holidays: Container[date] = ()) -> date | None:
    """Return the local day of the last letter that is due by a moment, or None; earlier ones that were missed are merged into it.

    On a holiday nothing is due, nor does a day become due that was one: what it would have told comes with the next.
    """
    today = local_day(at, zone)
    if schedule.cadence is Cadence.OFF or today in holidays:
        return None
    past = (today - timedelta(days=back) for back in range(FAR_DAYS))
    return next((d for d in past if _comes_on(d, schedule, holidays) and due_at(d, schedule.hour, zone) <= at), None)


def next_period(schedule: Schedule, zone: str, *, at: datetime, holidays: Container[date] = ()) -> date | None:
    """Return the local day of the first letter that becomes due after a moment, or None if there is none in sight."""
    if schedule.cadence is Cadence.OFF:
        return None
    today = local_day(at, zone)
    ahead = (today + timedelta(days=on) for on in range(FAR_DAYS))
    return next((d for d in ahead if _comes_on(d, schedule, holidays) and due_at(d, schedule.hour, zone) > at), None)


def _comes_on(day: date, schedule: Schedule, holidays: Container[date]) -> bool:
    return WEEK[day.weekday()] in schedule.weekdays and day not in holidays


WHEN = {
    Cadence.OFF: N_("Off"),
    Cadence.DAILY: N_("Daily at %(hour)s"),
    Cadence.CHOSEN: N_("On %(days)s at %(hour)s"),
    Cadence.WEEKLY: N_("Weekly, on %(days)s at %(hour)s"),
}


def when(schedule: Schedule, t: Any) -> Said:
    """Return in words when a letter comes."""
    days = ", ".join(t(day.label) for day in WEEK if day in schedule.weekdays)
    return WHEN[schedule.cadence], {"days": days, "hour": f"{schedule.hour:02}:00"}


def local_day(at: datetime, zone: str) -> date:
    """Return the day that it is in a zone at a moment."""
    return at.astimezone(ZoneInfo(zone)).date()


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries that were refused: five minutes, doubled each time, three hours at most."""
    return min(FIRST_WAIT * int(2 ** max(0, tries - 1)), LONGEST_WAIT)


# --- names -------------------------------------------------------------------------------------------------------------


def _short(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()[:22]


def message_id(ref: str, period_on: date, *, domain: str) -> str:
    """Return the name of the one mail of a subscription for a period: sent again, it is known to be the same."""
    return f"<digest.{period_on:%Y%m%d}.{_short(hashlib.sha256(f'digest {ref} {period_on}'.encode()).digest())}@{domain}>"


def stop_token(secret: str, ref: str) -> str:
    """Return what a mail carries to stop itself: good for this subscription and this purpose only, 131 bits."""
    return _short(hmac.new(secret.encode(), f"stop the digest of {ref}".encode(), hashlib.sha256).digest())


def stops(secret: str, ref: str, token: str) -> bool:
    """Say whether a token is the one that stops a subscription."""
    return hmac.compare_digest(stop_token(secret, ref), token)


# --- whether mail goes out -----------------------------------------------------------------------------------------------

LAST_TRIES = 3
WORKER_IS_LATE = timedelta(minutes=10)
DAYS_SHOWN = timedelta(days=30)
DAYS_WARNED = timedelta(days=7)


@dataclass(frozen=True)
class Delivery:
    """How mail stands: what became of the last tries (newest first), since when letters wait untried, how many did not arrive."""

    tries: tuple[tuple[DigestState, str, datetime], ...]
    untried_since: datetime | None
    undelivered: int


STANDS_STILL = N_("Mail does not go out: the mail server took none of the last letters. Its last words were: %(answer)s")
NO_WORKER = N_("Mail has been due since %(since)s, and nobody has tried to send it. Is a worker running?")
UNDELIVERED = N_("Some letters of the last week were not delivered.")


def alarm(found: Delivery, *, at: datetime, zone: str) -> tuple[str, Said] | None:
    """Return what an administrator has to know of the mail, with how loud to say it (danger or warning), or None."""
    late = at - WORKER_IS_LATE
    tried_of_late = bool(found.tries) and found.tries[0][2] > late  # a worker is there, it only has not come to all of them
    if found.untried_since is not None and found.untried_since <= late and not tried_of_late:
        since = found.untried_since.astimezone(ZoneInfo(zone))
        return "danger", (NO_WORKER, {"since": f"{since:%Y-%m-%d %H:%M}"})
    if found.tries and not any(state is DigestState.SENT for state, _answer, _at in found.tries):
        return "danger", (STANDS_STILL, {"answer": found.tries[0][1] or "–"})
    return ("warning", UNDELIVERED) if found.undelivered else None


FAILED_TO_ME = N_("Your digest of %(day)s could not be sent. The mail server said: %(answer)s")
UNCERTAIN_TO_ME = N_("Nobody knows whether your digest of %(day)s arrived: the mail server had it, and did not answer.")
WAITS_FOR_ME = N_("Your digest of %(day)s has not gone out yet, and is tried again. The mail server said: %(answer)s")


def trouble(digest: Digest, day: str) -> Said:
    """Return what the reader of a letter has to know of its way, or "" if nothing went wrong."""
    said = {
        DigestState.FAILED: FAILED_TO_ME,
        DigestState.UNCERTAIN: UNCERTAIN_TO_ME,
        DigestState.QUEUED: WAITS_FOR_ME if digest.trouble else None,
    }.get(digest.state)
    return (said, {"day": day, "answer": digest.trouble}) if said else ""


# --- who reads ---------------------------------------------------------------------------------------------------------


def shared_level(ceiling: int, clearances: Iterable[int]) -> int | None:
    """Return the highest level that everybody in a unit may read, or None if nobody is in it.

    A mailbox is read by all of them, so it is shown no more than the least cleared of them may see, and never more than the
    organisation may.
    """
    least = min(clearances, default=None)
    return None if least is None else min(ceiling, least)


def may_have_brief(person: Person) -> bool:
    """The weekly brief is of the ministry's units and goes to its people; the unit comes with its organisation."""
    return person.unit.organisation.circle is Circle.MINISTRY


def may_choose_mailbox(person: Person) -> bool:
    """A releasing officer chooses for the unit's mailbox: what goes there is read by everybody in the unit."""
    return Role.RELEASING_OFFICER in person.roles


def worst_first(roles: frozenset[Role]) -> bool:
    """Say in which order a letter tells what changed: the worst first to who watches over all units, else the newest first.

    An officer has few and wants to know what is new; what is critical comes before it all the same. Who watches over everybody
    has more than a letter holds, and the ones that are cut off must not be the worst.
    """
    return sees_all(roles)


def most_items(roles: frozenset[Role]) -> int:
    """Return how many of each sort a letter describes: who watches over all units reads the worst, and opens the rest."""
    return MOST_WATCHED if sees_all(roles) else MOST_ITEMS


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


def whose(entry: Entry) -> str:
    """Return who holds what an entry says: its unit, or whose outside voice the unit wrote down."""
    return voice_of(entry) or entry.unit.short_name


def recorded_by(entry: Entry) -> str | None:
    """Return the unit that wrote an outside voice down, or None if the entry is its own."""
    return entry.unit.short_name if entry.on_behalf_of is not None else None


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
        "mine_unit": whose(pair.mine),
        "theirs_unit": whose(pair.theirs),
        "mine_by": recorded_by(pair.mine),
        "theirs_by": recorded_by(pair.theirs),
        "own": pair.task is not Task.WATCH,
        "mine": held(pair.mine, t),
        "theirs": held(pair.theirs, t),
        "reasons": [sentence(r, t) for r in pair.reasons],
        "offered": offered,
        "near": (t(pair.near.name), overlap.near_on, pair.near.days) if pair.near else None,
        "todo": t(pair.task.label),
    }


def note(paper: Paper, *, url: Callable[..., str], t: Any) -> dict[str, Any]:
    """Return what the mail says of a position or dossier that asks for something."""
    words: dict[str, Any] = {"sealed": sealed(paper.level), "url": url(paper.link[0], ref=paper.link[1])}
    return words if words["sealed"] else words | {"title": paper.entry.title, "why": t(paper.why), "todo": t(paper.task.label)}


def absence(
    group: Sequence[Gap], *, unit_id: int | None, url: Callable[..., str], t: Any, day: Callable[[date], str]
) -> dict[str, Any]:
    """Return what the mail says of what is missing of one thing, as it says it of a paper that asks for something."""
    gap = group[0]
    endpoint, ref = gaps.link_of(gap)
    words: dict[str, Any] = {"sealed": sealed(gap.level), "url": url(endpoint, ref=ref)}
    if words["sealed"]:
        return words
    asks = gaps.todo(gap, unit_id=unit_id) or gap.kind.label
    return words | {"title": gap.name, "why": gaps.sentence_of_all(group, t, day=day), "todo": t(asks)}


def told(
    pairs: Iterable[Pair],
    papers: Iterable[Paper],
    others: Iterable[StandIn] = (),
    absences: Iterable[dict[str, Any]] = (),
    *,
    url: Callable[..., str],
    t: Any,
) -> dict[str, Any]:
    """Return what a letter says of what changed, and of what is sealed only where to read it."""
    items = [item(p, url=url, t=t) for p in pairs]
    notes, missing = [note(p, url=url, t=t) for p in papers], list(absences)
    return {
        "items": [i for i in items if not i["sealed"]],
        "notes": [n for n in notes if not n["sealed"]],
        "missing": [m for m in missing if not m["sealed"]],
        "sealed": [i["url"] for i in (*items, *notes, *missing) if i["sealed"]],
        "others": [_for_other(other, url=url, t=t) for other in others],
    }


def _for_other(other: StandIn, *, url: Callable[..., str], t: Any) -> dict[str, Any]:
    """Return what a letter says of what waits for somebody else: a line for each, no more of them than of the own."""
    items, notes = [item(p, url=url, t=t) for p in other.pairs], [note(p, url=url, t=t) for p in other.papers]
    said = [
        {
            "title": f"{i['theirs_unit']}: {i['theirs']}",
            "why": f"{t(i['severity'].label)} · {t(i['kind'].label)}. {' '.join(i['reasons'][:1])}".strip(),
            "todo": i["todo"],
            "url": i["url"],
        }
        for i in items
        if not i["sealed"]
    ] + [n for n in notes if not n["sealed"]]
    return {
        "name": other.person.name,
        "until": other.until,
        "notes": said[:MOST_ITEMS],
        "total": len(said),
        "sealed": [i["url"] for i in (*items, *notes) if i["sealed"]],
    }


def brief_since(last_on: date | None, *, on: date) -> date:
    """Return the day from which a brief tells: that of the last one that was sent, so that nothing falls between two of them."""
    week_ago = on - timedelta(days=7)
    return max(on - LONGEST_BRIEF, min(last_on or week_ago, week_ago))


def week(change: Change, *, url: Callable[..., str], t: Any, day: Callable[[date], str]) -> dict[str, Any]:
    """Return what the weekly brief says; of what is sealed only how much there is of it."""
    pairs = [(p, item(p, url=url, t=t)) for p in change.clashes]
    closed = [p for p in change.closed if not sealed(p.level)]
    lines = [line for line in change.lines if not sealed(line.entry.level)]
    return {
        "sentence": week_told(change, day=day, t=t),
        "items": [words for _p, words in pairs if not words["sealed"]],
        "closed": [
            {
                "title": f"{whose(p.mine)}, {whose(p.theirs)}",
                "state": t(p.overlap.state.label),
                "statement": p.overlap.statement,
                "url": url(p.link[0], ref=p.link[1]),
            }
            for p in closed
        ],
        "lines": [
            {
                "title": line.entry.title,
                "unit": line.entry.unit.short_name,
                "turn": t(line.turn.label),
                "moved": line.said(t),
                "url": url("positions.show", ref=line.entry.ref),
            }
            for line in lines
        ],
        "sealed": len(change.clashes)
        + len(change.closed)
        + len(change.lines)
        - len(closed)
        - len(lines)
        - sum(not words["sealed"] for _p, words in pairs),
        "events": [
            {
                "name": c.event.name,
                "forum": c.event.forum.short_name,
                "on": c.event.starts_on,
                "days": c.days,
                "state": t(c.state.label),
                "missing": ", ".join(u.short_name for u in c.missing[:6]) + (" …" if len(c.missing) > 6 else ""),
                "url": url("calendar.event", ref=c.event.ref),
            }
            for c in change.events
        ],
        "new": change.new,
        "waiting": change.waiting,
    }
