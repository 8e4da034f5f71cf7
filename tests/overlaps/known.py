"""The floors and the names that the rule is asked with, where no register is."""

from coordinator.overlaps.rules import Floors, Vocabulary

FLOORS = Floors(
    possible=0.5,
    possible_abroad=0.5,
    duplication=0.2,
    window_days=30,
    close_days=14,
    weights={
        "clash": 6,
        "event": 4,
        "question": 3,
        "counterpart": 3,
        "instrument": 3,
        "topic": 2,
        "related": 1,
        "forum": 1,
        "text": 3,
    },
)
KNOWN = Vocabulary(
    topics={1: "Encryption", 2: "Cybercrime", 3: "Cybersecurity", 4: "Privacy"},
    umbrella=frozenset({3}),
    related=frozenset({(1, 2)}),
    questions={1: "A binding instrument", 2: "A moratorium"},
    events={1: "Thematic groups", 2: "Council"},
    forums={1: "Global Mechanism", 2: "ITU"},
    counterparts={1: "Japan", 2: "Kenya"},
    instruments={1: "Cybercrime Convention", 2: "Norms of 2015"},
)
