"""What the detector asks of thousands of entries, it asks by their ids."""

import pytest
from sqlalchemy import event, select

from coordinator.db import one_of, read_as_system
from coordinator.entries.models import Entry
from coordinator.overlaps import actions, queries


@pytest.mark.parametrize("beside", [[], [7, 7, 10**9], range(10**6, 10**6 + 70_000)], ids=["none", "a few", "many"])
def test_any_number_of_numbers_is_one_value(session, make, beside):
    mine = [make.position().id for _ in range(3)]
    entry = Entry.__table__
    with read_as_system(session, "check") as connection:
        found = connection.scalars(select(entry.c.id).where(one_of(entry.c.id, [*mine[:2], *beside])).order_by(entry.c.id)).all()
        assert found == mine[:2]
        assert connection.scalars(select(entry.c.id).where(one_of(entry.c.id, beside))).all() == []


@pytest.mark.on("sqlite")  # PostgreSQL knows that nearly all are released
def test_entries_are_looked_up_by_their_ids_and_never_by_being_released(session, make):
    ids, said = [make.position().id for _ in range(3)], []

    def note(connection, cursor, statement, parameters, context, many):
        said.append((statement, parameters))

    with read_as_system(session, "check") as connection:
        event.listen(connection, "before_cursor_execute", note)
        queries.facts(connection, ids * 20, actions._digests(connection, ids * 20))
        queries.units_of(connection, ids * 20)
        queries.audiences(connection, ids * 20)
        event.remove(connection, "before_cursor_execute", note)
        plans = [row[3] for s, p in said for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)]
    of_entries = [plan for plan in plans if " entry " in f"{plan} "]
    assert len(of_entries) == 3
    assert all("PRIMARY KEY" in plan for plan in of_entries)
