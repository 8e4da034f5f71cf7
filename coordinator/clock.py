"""The only place that asks the time."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def today(zone: str) -> date:
    """Return the day that it is now in a time zone named as in the IANA list."""
    return now().astimezone(ZoneInfo(zone)).date()
