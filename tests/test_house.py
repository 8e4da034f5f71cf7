"""The rules of the house that no linter knows."""

import ast
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, inspect, select, text

from coordinator import pages
from coordinator.cli import migrations
from coordinator.db import Base, db, make_engine
from coordinator.overlaps.models import Overlap
from coordinator.passages.queries import NEIGHBOURS
from coordinator.settings import HOUSE

PACKAGE = HOUSE / "coordinator"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted((HOUSE / "templates").rglob("*.html"))

# --- who may open what -----------------------------------------------------------------------------------------------------

PUBLIC = {
    "static",
    "bootstrap.static",
    "pages.healthz",
    "pages.readyz",
    "pages.theme",
    "people.sign_in",
    "people.ask_for_link",
    "people.set_password",
    "digests.stop",
}

# Officer and releasing officer belong to the unit that owns the position, the dossier and one end of the overlap; the others
# belong to units of their own in the ministry; the outsider belongs to a firm. One letter each: y = may, n = not yours to do
# (403), h = nothing here (404).
PERSONAS = ("officer", "releasing_officer", "coordinator", "leadership", "administrator", "auditor", "outsider")
EVERYBODY, NOBODY_YET = "yyyyyyy", "hhhhhhh"
MINISTRY, INSIDE = "yyyyyyh", "yyyyyyn"
KEEPER, ADMINISTRATOR, AUDITOR = "nnynnnn", "nnnnynn", "nnnnnyn"
WATCHERS = "nnyynnn"
LOGS, OWNERS, RELEASES, SETTLES = "yynnnny", "yynnnnh", "nynnnnh", "yyynnnh"
DRAFT_RELEASED = "nyhhhhh"  # what is no other unit's business yet is not there for it

GETS = {
    "butterfly.index": INSIDE,
    "butterfly.show": INSIDE,
    "calendar.add_counterpart": KEEPER,
    "calendar.add_event": KEEPER,
    "calendar.add_forum": KEEPER,
    "calendar.add_instrument": KEEPER,
    "calendar.add_question": KEEPER,
    "calendar.brief": EVERYBODY,
    "calendar.counterpart": EVERYBODY,
    "calendar.counterparts": EVERYBODY,
    "calendar.edit_counterpart": KEEPER,
    "calendar.edit_event": KEEPER,
    "calendar.edit_forum": KEEPER,
    "calendar.edit_instrument": KEEPER,
    "calendar.edit_question": KEEPER,
    "calendar.event": EVERYBODY,
    "calendar.forum": EVERYBODY,
    "calendar.forums": EVERYBODY,
    "calendar.index": EVERYBODY,
    "calendar.instrument": EVERYBODY,
    "calendar.instruments": EVERYBODY,
    "calendar.month": EVERYBODY,
    "calendar.question": EVERYBODY,
    "calendar.questions": EVERYBODY,
    "deputies.index": EVERYBODY,
    "deputies.of": "nnnnynh",
    "chronicle.audit": AUDITOR,
    "chronicle.door": AUDITOR,
    "chronicle.index": EVERYBODY,
    "dashboard.brief": INSIDE,
    "dashboard.index": INSIDE,
    "detector.index": "nnyyynn",
    "detector.preview": KEEPER,
    "detector.why_not": KEEPER,
    "digests.brief": INSIDE,
    "digests.deliveries": ADMINISTRATOR,
    "digests.index": EVERYBODY,
    "digests.mailbox": EVERYBODY,
    "digests.settings": EVERYBODY,
    "digests.show": NOBODY_YET,
    "digests.stop": NOBODY_YET,
    "dossiers.index": EVERYBODY,
    "dossiers.log": LOGS,
    "dossiers.revise": OWNERS,
    "dossiers.show": MINISTRY,
    "entries.compare": MINISTRY,
    "entries.history": MINISTRY,
    "entries.show": MINISTRY,
    "entries.withdraw": RELEASES,
    "exclusions.index": EVERYBODY,
    "exclusions.pair": SETTLES,
    "exclusions.phrase": "nynnnnn",
    "exclusions.show": MINISTRY,
    "exclusions.units": KEEPER,
    "exports.dossiers": EVERYBODY,
    "exports.entry": MINISTRY,
    "exports.overlaps": EVERYBODY,
    "exports.positions": EVERYBODY,
    "exports.search": EVERYBODY,
    "exports.topic": EVERYBODY,
    "gaps.ask": "yynnnnn",
    "gaps.index": INSIDE,
    "gaps.know": "nnynnnn",  # a topic without a lead: it is the coordinator's to name one
    "groups.add": ADMINISTRATOR,
    "groups.edit": ADMINISTRATOR,
    "groups.index": EVERYBODY,
    "groups.show": MINISTRY,
    "handover.of": "nnnnynh",
    "holidays.unit": MINISTRY,
    "intake.errors": "yhhhhhh",
    "intake.example": LOGS,
    "intake.example_workbook": LOGS,
    "intake.page": LOGS,
    "intake.staged": "yhhhhhh",  # whoever uploaded it
    "lists.equities": KEEPER,
    "lists.equities_example": KEEPER,
    "lists.errors": "hhyhhhh",  # whoever uploaded it
    "lists.events": KEEPER,
    "lists.events_example": KEEPER,
    "lists.forums": KEEPER,
    "lists.forums_example": KEEPER,
    "lists.instruments": KEEPER,
    "lists.instruments_example": KEEPER,
    "lists.people": ADMINISTRATOR,
    "lists.people_example": ADMINISTRATOR,
    "lists.staged": "hhyhhhh",
    "lists.topics": KEEPER,
    "lists.topics_example": KEEPER,
    "lists.units": KEEPER,
    "lists.units_example": KEEPER,
    "openings.of": OWNERS,  # the officer wrote it
    "openings.recall": RELEASES,
    "overlaps.confirm": SETTLES,
    "overlaps.dismiss": SETTLES,
    "overlaps.index": EVERYBODY,
    "overlaps.reopen": SETTLES,
    "overlaps.settle": SETTLES,
    "overlaps.show": MINISTRY,
    "pages.healthz": EVERYBODY,
    "pages.readyz": EVERYBODY,
    "people.account": EVERYBODY,
    "people.add_organisation": KEEPER,
    "people.add_unit": KEEPER,
    "people.ask_for_link": EVERYBODY,
    "people.change_password": EVERYBODY,
    "people.edit_organisation": KEEPER,
    "people.edit_person": ADMINISTRATOR,
    "people.edit_unit": KEEPER,
    "people.index": EVERYBODY,
    "people.invite": ADMINISTRATOR,
    "people.organisation": MINISTRY,
    "people.organisations": EVERYBODY,
    "people.people": ADMINISTRATOR,
    "people.set_password": NOBODY_YET,
    "people.sign_in": EVERYBODY,
    "people.succession": KEEPER,
    "people.unit": MINISTRY,
    "positions.index": EVERYBODY,
    "positions.log": LOGS,
    "positions.revise": OWNERS,
    "positions.show": MINISTRY,
    "reorganisation.index": KEEPER,
    "search.index": EVERYBODY,
    "setup.index": "nnynynn",
    "setup.people": ADMINISTRATOR,
    "setup.units": KEEPER,
    "topics.add": KEEPER,
    "topics.cell": KEEPER,
    "topics.edit": KEEPER,
    "topics.end_equity": KEEPER,
    "topics.equities": INSIDE,
    "topics.index": EVERYBODY,
    "topics.matrix": INSIDE,
    "topics.merge": KEEPER,
    "topics.show": EVERYBODY,
    "waits.index": WATCHERS,
    "waits.unit": "yyyynnn",
    "worklist.index": EVERYBODY,
}

POSTS = {
    **{
        e: GETS[e]
        for e in GETS
        if e.startswith(("calendar.add", "calendar.edit", "people.add", "people.edit", "topics.add", "topics.edit"))
    },
    "deputies.end": "nnnnynh",
    "deputies.index": EVERYBODY,
    "deputies.of": "nnnnynh",
    "digests.arrived": "nnnnhnn",
    "digests.brief": INSIDE,
    "digests.mailbox": "nynnnnn",
    "digests.retry": "nnnnhnn",
    "digests.settings": EVERYBODY,
    "digests.stop": NOBODY_YET,
    "digests.probe": ADMINISTRATOR,
    "dossiers.log": LOGS,
    "dossiers.revise": OWNERS,
    "drafting.dossier": LOGS,
    "drafting.position": LOGS,
    "entries.offer": OWNERS,
    "entries.release": DRAFT_RELEASED,
    "entries.withdraw": RELEASES,
    "gaps.ask": "yynnnnn",
    "gaps.know": "nnynnnn",
    "gaps.take_back": "nnynnnn",
    "gaps.unask": "yynnnnn",
    "detector.umbrella": KEEPER,
    "exclusions.end": KEEPER[:6] + "h",
    **{e: GETS[e] for e in GETS if e.startswith("exports.") or e in {"exclusions.pair", "exclusions.phrase", "exclusions.units"}},
    "groups.add": ADMINISTRATOR,
    "groups.edit": ADMINISTRATOR,
    "handover.of": "nnnnynh",
    "holidays.remove": "nyynnnh",
    "holidays.unit": "nyynnnh",
    "intake.bring_in": "yhhhhhh",
    "intake.drop": "yhhhhhh",
    "intake.page": LOGS,
    **{f"lists.{kind}": KEEPER for kind in ("equities", "events", "forums", "instruments", "topics", "units")},
    **{f"lists.{kind}_take_out": KEEPER for kind in ("equities", "events", "forums", "instruments", "topics", "units")},
    "lists.bring_in": "hhyhhhh",
    "lists.drop": "hhyhhhh",
    "lists.people": ADMINISTRATOR,
    "lists.people_take_out": ADMINISTRATOR,
    "openings.recall": RELEASES,
    "overlaps.acknowledge": SETTLES,
    "overlaps.agree": SETTLES,
    "overlaps.answer_proposal": NOBODY_YET,
    "overlaps.confirm": SETTLES,
    "overlaps.dismiss": SETTLES,
    "overlaps.reopen": SETTLES,
    "overlaps.settle": SETTLES,
    "overlaps.take_up": NOBODY_YET,
    "pages.theme": EVERYBODY,
    "people.account": EVERYBODY,
    "people.ask_for_link": EVERYBODY,
    "people.change_password": EVERYBODY,
    "people.disable": ADMINISTRATOR,
    "people.enable": ADMINISTRATOR,
    "people.invite": ADMINISTRATOR,
    "people.link": ADMINISTRATOR,
    "people.set_password": NOBODY_YET,
    "people.sign_in": EVERYBODY,
    "people.sign_out": EVERYBODY,
    "people.succession": KEEPER,
    "people.unlink": KEEPER,
    "positions.adhere": RELEASES,
    "positions.leave": "nnnnnnh",  # nobody here has made that line theirs
    "positions.log": LOGS,
    "positions.revise": OWNERS,
    "topics.cell": KEEPER,
    "reorganisation.index": KEEPER,
    "setup.load_topics": KEEPER,
    "setup.people": ADMINISTRATOR,
    "setup.units": KEEPER,
    "topics.end_equity": KEEPER,
    "topics.equities": KEEPER,
    "topics.merge": KEEPER,
}


def rules_of(app: Any, method: str) -> list[Any]:
    found = [r for r in app.url_map.iter_rules() if method in r.methods and not r.endpoint.endswith("static")]
    return sorted(found, key=lambda r: (r.endpoint == "people.sign_out", r.endpoint))  # signing out comes last


def path_to(app: Any, rule: Any, refs: dict[str, str] | None = None) -> str:
    feature = rule.endpoint.split(".")[0]
    known = refs or {}
    values = {a: known.get(f"{rule.endpoint} {a}") or known.get(f"{feature} {a}") or "A" * 22 for a in rule.arguments}
    return str(app.url_map.bind("coordinator.test").build(rule.endpoint, values))


@pytest.fixture
def world(remember):
    """A person of each role, and the ref of one thing for each page."""
    return remember(people_and_refs)


def people_and_refs(make):
    session = make.session
    unit, topic, forum = make.unit("Owner"), make.topic("Cybersecurity"), make.forum()
    people = {r: make.person(unit=unit if "officer" in r else make.unit(), roles=(r,)) for r in PERSONAS[:-1]}
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    people["outsider"] = make.person(unit=make.unit(of=firm))
    question = make.question(topic=topic, forum=forum)
    position = make.position(by=people["officer"], topic=topic, question=question, stance="support")
    theirs = make.position(topic=topic, question=question, stance="red_line")
    draft = make.position(by=people["officer"], topic=topic, released=False, offer=True)
    dossier = make.dossier(by=people["officer"], topic=topic)
    make.act_as(people["officer"])
    overlap = session.scalars(select(Overlap.ref).order_by(Overlap.id)).first()
    assert overlap is not None
    session.commit()
    event = make.event(forum=forum)
    unled = make.topic("Cloud computing")
    make.position(by=people["officer"], topic=unled)
    excluded = make.exclusion(unit, make.unit(), topic, by=make.person(roles=("coordinator",)))
    refs = {
        "gaps ref": position.ref,
        "gaps.know kind": "lead",
        "gaps.know ref": unled.ref,
        "gaps.unask unit": make.asked(position, make.unit(), by=people["officer"]).unit.ref,
        "gaps.take_back ref": make.known("lead", unled, by=people["coordinator"]).ref,
        "detector ref": topic.ref,
        "exclusions ref": excluded.ref,
        "exclusions.pair ref": overlap,
        "positions ref": position.ref,
        "positions.adhere ref": theirs.ref,
        "positions.leave ref": theirs.ref,
        "entries ref": position.ref,
        "entries.release ref": draft.ref,
        "openings ref": position.ref,
        "dossiers ref": dossier.ref,
        "overlaps ref": overlap,
        "overlaps.answer_proposal ref": "A" * 22,
        "topics ref": topic.ref,
        "butterfly ref": topic.ref,
        "waits ref": unit.ref,
        "exports.entry ref": position.ref,
        "exports.topic ref": topic.ref,
        "topics.cell unit": unit.ref,
        "topics.end_equity equity": make.equity(unit, topic).ref,
        "intake ref": make.upload(people["officer"], "entries", "kind,title,text,topics\ndossier,T,t,Cybersecurity\n").ref,
        "lists ref": make.upload(people["coordinator"], "forums", "name,short_name\nNew forum,NF\n").ref,
        "people ref": make.person().ref,
        "people.unit ref": unit.ref,
        "holidays ref": unit.ref,
        "holidays.remove ref": make.holiday(unit).ref,
        "people.edit_unit ref": unit.ref,
        "people.edit_organisation ref": firm.ref,
        "people.organisation ref": unit.organisation.ref,
        "people.succession ref": unit.ref,
        "people.unlink ref": unit.ref,
        "people.unlink other": make.unit().ref,
        "groups ref": make.group().ref,
        "deputies ref": make.person().ref,
        "handover ref": make.person().ref,
        "deputies.end ref": make.deputy(make.person(), make.person()).ref,
        "calendar.edit_forum ref": forum.ref,
        "calendar.edit_event ref": event.ref,
        "calendar.event ref": event.ref,
        "calendar.brief ref": event.ref,
        "calendar.forum ref": forum.ref,
        "calendar.question ref": question.ref,
        "calendar.edit_question ref": question.ref,
        "calendar.edit_counterpart ref": make.counterpart().ref,
        "calendar.counterpart ref": make.counterpart().ref,
        "calendar.edit_instrument ref": make.instrument().ref,
        "calendar.instrument ref": make.instrument().ref,
    }
    return people, refs


def test_the_public_pages_are_exactly_these(app):
    found = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint in pages.PUBLIC or getattr(app.view_functions[rule.endpoint], "is_public", False)
    }
    assert found == PUBLIC


def test_a_stranger_is_sent_to_sign_in_from_everywhere_else(app, client):
    for method, status in (("GET", 302), ("POST", 303)):
        for rule in rules_of(app, method):
            if rule.endpoint not in PUBLIC:
                answer = client.open(path_to(app, rule), method=method)
                assert (answer.status_code, answer.location.split("?")[0]) == (status, "/sign-in"), rule.endpoint


def test_every_page_has_a_declared_answer(app):
    assert {r.endpoint for r in rules_of(app, "GET")} == set(GETS)
    assert {r.endpoint for r in rules_of(app, "POST")} == set(POSTS)
    assert not [r.rule for r in app.url_map.iter_rules() if r.methods & {"PUT", "PATCH", "DELETE"}]


def answer_of(status: int) -> str:
    return {403: "n", 404: "h"}.get(status, "y" if status in {200, 302, 303, 409, 422} else str(status))


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_role_gets_the_declared_answer_from_each_page_and_reading_changes_nothing(app, world, sign_in, persona):
    people, refs = world
    browser, place = sign_in(people[persona]), PERSONAS.index(persona)
    before = everything_kept()
    read = {r.endpoint: answer_of(browser.get(path_to(app, r, refs)).status_code) for r in rules_of(app, "GET")}
    assert everything_kept() == before
    assert read == {endpoint: answers[place] for endpoint, answers in GETS.items()}
    done = {
        r.endpoint: answer_of(browser.post(path_to(app, r, refs), data={}, lint=False).status_code) for r in rules_of(app, "POST")
    }
    assert done == {endpoint: answers[place] for endpoint, answers in POSTS.items()}


NOTED_BY_READING = {"entry_opening"}  # who of another unit opened what: for the unit whose it is


def everything_kept() -> dict[str, list[tuple[Any, ...]]]:
    with db.engine.connect().execution_options(migration=True) as connection:  # past the rule of access: this is the test's own eye
        return {
            name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
            if name not in NOTED_BY_READING
        }


def test_other_methods_are_not_allowed_anywhere(app, sign_in, make):
    browser = sign_in(make.person())
    for rule in app.url_map.iter_rules():
        for method in {"PUT", "PATCH", "DELETE"} | ({"POST", "GET"} - rule.methods):
            if not rule.endpoint.endswith("static"):
                assert browser.open(path_to(app, rule), method=method, lint=False).status_code == 405, (rule.endpoint, method)


def test_every_page_carries_the_headers_of_the_house(app, client, sign_in, make):
    for browser, path in ((client, "/sign-in"), (client, "/nothing"), (sign_in(make.person()), "/units")):
        headers = browser.get(path).headers
        assert {name: headers[name] for name in pages.HEADERS} == pages.HEADERS
        assert headers["Cache-Control"] == "no-store"
        assert "Cookie" in headers["Vary"]
    policy = pages.HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert {"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))


# --- the tables ------------------------------------------------------------------------------------------------------------


def shape_of(url: str) -> dict[str, Any]:
    """Return the tables of a database: columns, keys, checks, indexes with their conditions."""
    engine = make_engine(url, pooled=False)
    with engine.connect().execution_options(migration=True) as connection:
        looked, found = inspect(connection), {}
        for table in looked.get_table_names():
            if table == "alembic_version" or table.startswith("entry_search"):
                continue
            found[table] = {
                "columns": {
                    c["name"]: (str(c["type"]), c["nullable"], c["default"] and "default") for c in looked.get_columns(table)
                },
                "key": looked.get_pk_constraint(table),
                "links": sorted((f["name"], f["constrained_columns"], f["referred_table"]) for f in looked.get_foreign_keys(table)),
                "unique": sorted((u["name"], u["column_names"]) for u in looked.get_unique_constraints(table)),
                "checks": sorted((c["name"], re.sub(r"\s+", " ", c["sqltext"])) for c in looked.get_check_constraints(table)),
                "indexes": sorted(
                    (i["name"], i["column_names"], bool(i["unique"]), re.sub(r"\s+", " ", str(sorted(map(str, condition_of(i))))))
                    for i in looked.get_indexes(table)
                    if i["name"] != NEIGHBOURS  # like full-text search by hand, and where pgvector is alone
                ),
            }
    engine.dispose()
    return found


def condition_of(index: Any) -> list[str]:
    return [f"{k}={v}" for k, v in (index.get("dialect_options") or {}).items() if k.endswith("_where")]


@pytest.fixture
def second(database: str, tmp_path: Path) -> Iterator[str]:
    """The address of a second, wholly empty database."""
    if database.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'second.sqlite'}"
        return
    name = f"second_{secrets.token_hex(6)}"
    server = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield re.sub(r"/[^/?]+\?", f"/{name}?", database)
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


def test_the_migrations_build_what_the_models_say(database, second):
    engine = make_engine(second, pooled=False)
    Base.metadata.create_all(engine)
    engine.dispose()
    migrated, modelled = shape_of(database), shape_of(second)
    assert set(migrated) == set(modelled)
    for table in sorted(migrated):
        assert migrated[table] == modelled[table], table
    assert any("where" in str(index) for table in migrated.values() for index in table["indexes"])  # conditions are compared too


def test_the_migrations_can_be_taken_back_and_done_again(database, second):
    alembic.upgrade(migrations(second), "head")
    built = shape_of(second)
    alembic.downgrade(migrations(second), "base")
    assert shape_of(second) == {}
    alembic.upgrade(migrations(second), "head")
    assert shape_of(second) == built


AT_HAND = datetime(2026, 3, 2, 9, tzinfo=UTC)


def rows_of_then() -> list[tuple[str, dict[str, Any]]]:
    """A register as it was at the first release: a few rows that hang on one another."""
    of, at = {"entry_id": 1}, AT_HAND
    entry = {"kind": "position", "unit_id": 1, "author_id": 1, "state": "released", "level": 1, "audience_id": 1, "title": "T"}
    entry |= {"text": "t", "language": "en", "registry_link": "", "logged_on": at.date(), "logged_at": at, "released_at": at}
    entry |= {"ended_why": "", "standing_version": 1, "newest_version": 1, "changed_number": 1}
    version = {"number": 1, "content": {"title": "T"}, "level": 1, "audience_id": 1, "restriction_reason": "", "note": ""}
    overlap = {"low_id": 1, "high_id": 2, "low_unit_id": 1, "high_unit_id": 2, "kind": "conflict", "severity": "high", "rank": 1}
    overlap |= {"near_on": at.date(), "score": 0.5, "reasons": [], "inputs": {}, "fingerprint": "f", "current": True}
    overlap |= {"state": "open", "found_at": at, "changed_at": at, "changed_number": 1, "statement": ""}
    person = {"id": 1, "ref": "p" * 22, "unit_id": 1, "name": "A", "email": "a", "email_key": "a", "clearance": 2}
    person |= {"time_zone": "UTC"}
    return [
        ("organisation", {"id": 1, "ref": "o" * 22, "name": "M", "short_name": "M", "circle": "ministry", "ceiling": 2}),
        *(("unit", {"id": i, "ref": f"{i}" * 22, "organisation_id": 1, "name": f"U{i}", "short_name": f"U{i}"}) for i in (1, 2)),
        ("person", person),
        ("audience", {"id": 1, "digest": "d"}),
        ("audience_token", {"audience_id": 1, "token": "unit:1"}),
        *(("entry", entry | {"id": i, "ref": f"e{i}" * 11, "unit_id": i}) for i in (1, 2)),
        *(("entry_version", version | of | {"id": i, "entry_id": i, "author_id": 1, "made_at": at}) for i in (1, 2)),
        ("overlap", overlap | {"id": 1, "ref": "v" * 22}),
        ("overlap_side", {"overlap_id": 1, "unit_id": 1, "asked": True, "closing_why": ""}),
        ("digest_subscription", {"person_id": 1, "cadence": "daily", "hour": 7, "told_number": 0}),
    ]  # fmt: skip


def test_the_migrations_carry_along_what_is_there(second):
    """From the first release to now, and back, and again, with rows in tables that others point at."""
    alembic.upgrade(migrations(second), "0014")
    engine = make_engine(second, pooled=False)
    tables = MetaData()
    with engine.begin() as connection:
        connection = connection.execution_options(migration=True)
        tables.reflect(connection)
        for table, row in rows_of_then():
            connection.execute(tables.tables[table].insert(), row)
    for there, back in (("head", "0014"), ("head", None)):
        alembic.upgrade(migrations(second), there)
        if back is not None:
            alembic.downgrade(migrations(second), back)
    with engine.connect().execution_options(migration=True) as connection:
        kept = {
            name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in {table for table, _row in rows_of_then()} - {"digest_subscription"}
        }
    engine.dispose()
    assert kept == Counter(table for table, _row in rows_of_then() if table != "digest_subscription")


def test_the_migrations_are_numbered_have_one_end_and_know_no_code_of_ours():
    script = ScriptDirectory.from_config(migrations("sqlite://"))
    files = sorted((HOUSE / "migrations" / "versions").glob("*.py"))
    assert len(script.get_heads()) == 1
    for number, file in enumerate(files, 1):
        revision = script.get_revision(f"{number:04}")
        assert revision is not None
        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+\.py", file.name)
        assert revision.down_revision == (f"{number - 1:04}" if number > 1 else None)
        assert "coordinator" not in {a.name.split(".")[0] for n in ast.walk(ast.parse(file.read_text())) for a in names_of(n)}


def names_of(node: ast.AST) -> list[ast.alias]:
    if isinstance(node, ast.ImportFrom):
        return [ast.alias(node.module or "")]
    return node.names if isinstance(node, ast.Import) else []


# --- the code ----------------------------------------------------------------------------------------------------------------


def calls_in(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (whose, what) for each call of a method in a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func.value), node.func.attr


def test_one_place_commits():
    assert {f.relative_to(PACKAGE).as_posix() for f in SOURCES for _whose, what in calls_in(f) if what == "commit"} == {"db.py"}


def test_only_actions_add_and_delete():
    sessions, writing = {"session", "written", "db.session", "db.session()", "own"}, {"add", "add_all", "delete", "merge"}
    found = set()
    for file in SOURCES:
        name = file.relative_to(PACKAGE).as_posix()
        if file.name == "actions.py" or name == "db.py":
            continue
        found |= {f"{name}: {whose}.{what}" for whose, what in calls_in(file) if whose in sessions and what in writing}
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                found |= {f"{name}: {a.name}" for a in node.names if a.name in {"insert", "update", "delete"}}
    assert found == set()


def test_pages_are_filed_under_their_feature():
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "render_template"
                and isinstance(node.args[0], ast.Constant)
            ):
                template = str(node.args[0].value)
                assert template.split("/")[0] == file.parent.name, (file.name, template)
                assert (HOUSE / "templates" / template).is_file()


def test_no_page_lies_there_unused():
    said = "\n".join(f.read_text() for f in [*SOURCES, *(HOUSE / "templates").rglob("*.*")])
    for template in TEMPLATES:
        name = template.relative_to(HOUSE / "templates").as_posix()
        assert f'"{name}"' in said or name.startswith("errors/"), name


def spoken(template: str) -> list[str]:
    """Return the words of a template that stand in it as they are, outside of gettext."""
    template = re.sub(r"<style>.*?</style>", " ", template, flags=re.DOTALL)  # in mails only: a page may have none
    plain = re.sub(r"\{#.*?#\}|\{%-?\s*trans.*?endtrans\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL)
    said = re.findall(r"(?:aria-label|title|placeholder|alt)=\"([^\"]*[A-Za-z]{2}[^\"]*)\"", plain)
    return [w.strip() for w in [*said, *re.split(r"<[^>]*>", plain)] if re.search(r"[A-Za-z]{2}", re.sub(r"&\w+;", "", w))]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.relative_to(HOUSE / "templates").as_posix())
def test_every_word_of_a_page_can_be_translated(template):
    assert spoken(template.read_text()) == []


def test_a_word_outside_of_gettext_is_noticed():
    assert spoken('<p>{{ _("fine") }} <b>Loose</b></p><a title="Also loose">{# no #}</a>') == ["Also loose", "Loose"]
