"""Every action that the code records has a sentence."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from coordinator.chronicle.rules import Words, deed, is_described, numbers, sentences
from coordinator.entries.models import Kind, State
from coordinator.settings import HOUSE

RECORDS = {"record", "_record"}
VALUES = {"entry.kind.value": [k.value for k in Kind], "kind.value": [k.value for k in Kind]}


# --- which actions the code records: read off the source, whichever way they are put together ---------------------------


@dataclass
class Source:
    """One file of the package."""

    path: Path
    tree: ast.Module

    def functions(self) -> dict[str, ast.FunctionDef]:
        return {n.name: n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)}

    def calls(self, name: str) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
        for function in self.functions().values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
                    yield node, function


def sources() -> list[Source]:
    return [Source(f, ast.parse(f.read_text())) for f in sorted((HOUSE / "coordinator").rglob("*.py"))]


def recorded(source: Source) -> set[str]:
    """Return the actions that a file records; fails on one that cannot be read off."""
    found: set[str] = set()
    for name in RECORDS:
        own = source.functions().get(name)
        if own is not None and "action" not in [a.arg for a in own.args.args]:
            continue  # a function of the file's own, which calls the one that is meant
        for call, function in source.calls(name):
            if len(call.args) < 2 or any(k.arg == "action" for k in call.keywords):
                continue  # not the one with (session, action, …)
            if function is not None and function.name in RECORDS:
                continue  # passes on what it was given
            found |= set(values(call.args[1], function, source))
    return found


def values(node: ast.expr, function: ast.FunctionDef | None, source: Source) -> list[str]:
    """Return all strings that an expression may stand for."""
    said = ast.unparse(node)
    if said in VALUES:
        return VALUES[said]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return values(node.body, function, source) + values(node.orelse, function, source)
    if isinstance(node, ast.JoinedStr):
        parts = [values(p.value if isinstance(p, ast.FormattedValue) else p, function, source) for p in node.values]
        return ["".join(p) for p in product(*parts)]
    if isinstance(node, ast.Attribute) and said.startswith("State."):
        return [State[node.attr].value]
    if isinstance(node, ast.Attribute) and node.attr == "value":
        return values(node.value, function, source)
    if isinstance(node, ast.Name) and function is not None:
        return of_name(node.id, function, source)
    raise AssertionError(f"{source.path.name}:{node.lineno}: nobody can say which actions “{said}” stands for")


def of_name(name: str, function: ast.FunctionDef, source: Source) -> list[str]:
    assigned = [
        n.value
        for n in ast.walk(function)
        if isinstance(n, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in n.targets)
    ]
    if assigned:
        return [v for node in assigned for v in values(node, function, source)]
    arguments = [a.arg for a in function.args.args]
    assert name in arguments, f"{source.path.name}: {name} comes from nowhere in {function.name}"
    place = arguments.index(name)
    found: list[str] = []
    for call, caller in source.calls(function.name):
        given = [k.value for k in call.keywords if k.arg == name] or call.args[place : place + 1]
        assert given, f"{source.path.name}:{call.lineno}: {function.name} without {name}"
        found += values(given[0], caller, source)
    assert found, f"{source.path.name}: nobody calls {function.name}"
    return found


def everything_recorded() -> set[str]:
    return {action for source in sources() for action in recorded(source)}


def test_every_action_that_is_recorded_has_a_sentence_and_its_words_for_the_auditor():
    actions = everything_recorded()
    assert len(actions) > 50
    assert {"position.released", "dossier.superseded", "overlap.settled", "equity.taken_back", "question.revised"} <= actions
    assert sorted(a for a in actions if not is_described(a)) == []
    assert all(len(deed(a)) == 2 for a in actions)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("record(session, 'a.done', subject=s)", {"a.done"}),
        ("record(session, f'{entry.kind.value}.done', subject=s)", {"position.done", "dossier.done"}),
        ("word = 'x' if y else 'z'\n    record(session, f'a.{word}', subject=s)", {"a.x", "a.z"}),
        ("_tell(session, 'a.told')\ndef _tell(session, action):\n    record(session, action, subject=s)", {"a.told"}),
        ("_end(State.EXPIRED)\ndef _end(state):\n    record(session, f'a.{state.value}', subject=s)", {"a.expired"}),
    ],
    ids=["plainly", "for each kind", "one of two", "through another function", "by a state"],
)
def test_the_actions_are_read_off_the_source_however_they_are_put_together(code, found):
    tree = ast.parse(f"def act():\n    {code}")
    assert recorded(Source(Path("actions.py"), tree)) == found


def test_an_action_that_cannot_be_read_off_is_not_passed_over():
    source = Source(Path("actions.py"), ast.parse("def act():\n    record(session, whatever(), subject=s)"))
    with pytest.raises(AssertionError, match="nobody can say which actions"):
        recorded(source)


# --- what they say ---------------------------------------------------------------------------------------------------------

WORDS = Words(
    named={"unit": {7: "CYB", 8: "LAW"}, "topic": {3: "Encryption"}, "organisation": {2: "MFA"}, "person": {5: "Ana"}},
    day=lambda d: f"{d:%d.%m.%Y}",
)


def words(action, said, before=None, **how):
    return " ".join(s % v for s, v in sentences(action, said, before or {}, WORDS, **how))


@pytest.mark.parametrize(
    ("action", "said", "sentence"),
    [
        ("topic.renamed", {"from": "A", "to": "B"}, "Renamed from “A” to “B”."),
        ("topic.broadened", {"added": ["X", "Y"], "dropped": []}, "Lies within “X”, “Y” from now on."),
        ("topic.broadened", {"added": [], "dropped": ["X"]}, "No longer lies within “X”."),
        ("topic.broadened", {"broader": [3]}, "Lies within Encryption."),
        ("topic.broadened", {"broader": []}, "Lies within no other topic."),
        ("topic.umbrella_marked", {"umbrella": True}, "Marked as an umbrella: sharing it says nothing."),
        ("topic.umbrella_marked", {"umbrella": False}, "No longer an umbrella: sharing it says something."),
        ("topic.related", {"to": 3}, "Joined with “Encryption”: work on one may touch work on the other."),
        ("equity.given", {"unit": 7, "stake": "lead", "from": "2026-03-02"}, "CYB: Lead from 02.03.2026."),
        ("equity.changed", {"unit": 7, "stake": "lead", "stake_was": "inform", "from": "2026-03-02"}, "CYB: Informed, now Lead."),
        (
            "equity.changed",
            {"unit": 7, "stake": "lead", "from": "2026-03-02", "until": "2026-04-01"},
            "CYB: Lead now until 01.04.2026.",
        ),
        ("position.left", {"unit_id": 8, "version": 1}, "LAW no longer adheres."),
        (
            "event.revised",
            {"name": "B", "starts_on": "2026-03-02", "was": {"name": "A", "place": "Geneva"}},
            "Name: A, now B. Place: Geneva, now –.",
        ),
        ("person.revised", {"roles": [], "was": {"roles": ["officer"]}}, "Roles: Desk officer, now –."),
        ("person.moved", {"from": 7, "unit": 8}, "Moved from CYB to LAW."),
        ("group.revised", {"joined": [5], "left": []}, "Joined: Ana."),
        ("unit.revised", {"name": "New", "was": {"name": "Old"}}, "Renamed from “Old” to “New”."),
        ("unit.holidays_added", {"days": {"2026-12-25": "Christmas"}}, "Holidays: 25.12.2026 Christmas."),
        ("deputy.named", {"deputy": 5, "from": "2026-03-02"}, "Ana stands in from 02.03.2026."),
    ],
)  # fmt: skip
def test_an_event_says_what_moved_from_what_to_what(action, said, sentence):
    assert words(action, said) == sentence


def test_an_old_event_is_compared_with_what_was_said_before_it():
    before = {"name": "A", "short_name": "a"}
    assert words("forum.revised", {"name": "B", "short_name": "a"}, before) == "Name: A, now B."
    assert words("forum.revised", {"name": "B"}) == "Saved without a change that is kept here."


def test_a_number_whose_name_is_not_given_is_not_shown():
    assert words("equity.given", {"unit": 99, "stake": "lead", "from": date(2026, 3, 2).isoformat()}).startswith("–: ")
    assert numbers("any.deed", {"unit": 7, "to": "a name", "groups": [1, 2], "umbrella": True, "was": {"unit": 8}}) == {
        "unit": {7, 8},
        "topic": set(),
        "group": {1, 2},
    }
