import pytest
from sqlalchemy import text

from coordinator.cli import check
from coordinator.db import db


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
