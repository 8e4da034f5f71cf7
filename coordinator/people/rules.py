"""Who somebody is to the register: the tokens and the level that reading is decided by."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from coordinator.people.models import Circle, Role

CIRCLES_HELD = {
    # the whole of government includes the ministry, the whole of the country includes the government
    Circle.MINISTRY: (Circle.MINISTRY, Circle.GOVERNMENT, Circle.COUNTRY),
    Circle.GOVERNMENT: (Circle.GOVERNMENT, Circle.COUNTRY),
    Circle.COUNTRY: (Circle.COUNTRY,),
}


@dataclass(frozen=True)
class Reader:
    """Whoever reads: the highest level within reach and the tokens held. No role appears here, because no role grants reading."""

    level: int
    tokens: frozenset[str]
    unit_id: int | None = None
    person_id: int | None = None
    roles: frozenset[Role] = field(default=frozenset(), compare=False)


NOBODY = Reader(level=-1, tokens=frozenset())


def comparable(name: str) -> str:
    """Return a name or address as it is compared: NFKC, case folded, white space folded and trimmed."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def unit_tokens(unit_id: int, *, organisation_id: int, circle: Circle, ancestors: Iterable[int]) -> frozenset[str]:
    """Return the tokens that every member of a unit holds; `ancestors` are the units above it, and itself."""
    return frozenset(
        {
            f"unit:{unit_id}",
            f"org:{organisation_id}",
            *(f"bureau:{a}" for a in ancestors),
            *(f"circle:{c.value}" for c in CIRCLES_HELD[circle]),
        }
    )


def person_tokens(person_id: int, roles: frozenset[Role], groups: Iterable[int], ancestors: Iterable[int]) -> frozenset[str]:
    """Return the tokens that a person holds beyond those of the unit: the own one, the groups', a coordinator's bureaus'."""
    coordinating = (f"coord:{a}" for a in ancestors) if Role.COORDINATOR in roles else ()
    return frozenset({f"user:{person_id}", *(f"group:{g}" for g in groups), *coordinating})


def effective_level(clearance: int, ceiling: int) -> int:
    """Return the highest level that a person reads: what they are cleared for, never above what their organisation may see."""
    return min(clearance, ceiling)
