import secrets

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from coordinator.cli import backup, check
from coordinator.db import bind_reader, db, transaction
from coordinator.entries.models import Entry
from coordinator.people import actions as units
from coordinator.people.models import Circle, Organisation
from coordinator.people.queries import person, reader_of
from coordinator.people.rules import OrganisationDraft


def broken_by(session, statement):
    session.commit()
    with db.engine.connect() as connection:
        connection = connection.execution_options(migration=True)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN")
        connection.execute(text(statement))
        connection.commit()


def test_a_sound_register_is_said_to_be_sound(app, make):
    make.person()
    run = app.test_cli_runner().invoke(check)
    assert run.exit_code == 0
    assert "invariants hold" in run.output


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE history_event SET action = 'nothing' WHERE number = 2", "The history is broken at number 2"),
        ("DELETE FROM history_head", "There are 0 heads of the history"),
        ("UPDATE history_head SET number = number + 1", "The history is broken at number"),
    ],
    ids=["an event changed", "no head", "a head too far"],
)
def test_a_broken_invariant_is_named_and_the_exit_is_not_zero(app, session, make, statement, sentence):
    make.person()
    broken_by(session, statement)
    run = app.test_cli_runner().invoke(check)
    assert run.exit_code == 1
    assert sentence in run.output


def test_a_link_that_leads_nowhere_is_found(app, session, make, database_name):
    if database_name == "postgresql":
        broken_by(session, "ALTER TABLE unit ADD CONSTRAINT later FOREIGN KEY (parent_id) REFERENCES unit (id) NOT VALID")
    else:
        unit = make.unit()
        broken_by(session, f"UPDATE unit SET parent_id = 999999 WHERE id = {unit.id}")
    run = app.test_cli_runner().invoke(check)
    broken_by(session, "ALTER TABLE unit DROP CONSTRAINT later" if database_name == "postgresql" else "SELECT 1")
    assert run.exit_code == 1
    assert "unit" in run.output or "later" in run.output


@pytest.fixture
def operator(monkeypatch, database):
    """Somebody at the host: the settings come from the process environment."""
    monkeypatch.setenv("COORDINATOR_ENV", "test")
    monkeypatch.setenv("COORDINATOR_SECRET_KEY", secrets.token_hex(32))
    monkeypatch.setenv("COORDINATOR_DATABASE_URL", database)
    return CliRunner()


def test_a_copy_taken_while_somebody_writes_is_whole_and_can_be_put_back(app, session, make, operator, tmp_path, database_name):
    officer = make.officer()
    make.position(by=officer, title="In the copy")
    copy = tmp_path / "copy.sqlite"
    with transaction(session):  # somebody is at it: what is not committed is not in the copy
        units.add_organisation(session, OrganisationDraft("Not yet", "Not yet", Circle.MINISTRY, 2), by=None, at=make.at)
        run = operator.invoke(backup, [str(copy)])
    if database_name == "postgresql":
        assert run.exit_code == 1
        assert "pg_dump" in run.output
        return
    assert run.exit_code == 0, run.output
    assert copy.stat().st_mode & 0o777 == 0o600
    assert operator.invoke(backup, [str(copy)]).exit_code == 1  # never over another one

    db.stop()
    db.start(f"sqlite:///{copy}")
    checked = app.test_cli_runner().invoke(check)
    assert checked.exit_code == 0, checked.output
    with Session(db.engine) as put_back:
        assert list(put_back.scalars(select(Organisation.name))) == ["The Ministry"]
        bind_reader(put_back, reader_of(put_back, person(put_back, officer.ref)))
        assert list(put_back.scalars(select(Entry.title))) == ["In the copy"]
    db.stop()
