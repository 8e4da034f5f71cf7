from coordinator.db import transaction
from coordinator.people import actions, queries


def test_a_name_of_long_ago_leads_to_the_unit_that_follows(session, make, at):
    one, two, three = make.unit("Telegraph"), make.unit("Telephone"), make.unit("Internet")
    with transaction(session):
        actions.succeed(session, one, two, on=make.today, by=None, at=at)
        actions.succeed(session, two, three, on=make.today, by=None, at=at)
    assert [queries.unit_by_name(session, n).name for n in ("telegraph", "Telephone", "Internet")] == ["Internet"] * 3


def test_a_name_of_a_unit_that_was_split_stays_its_own(session, make, at):
    old, north, south = make.unit("Old"), make.unit("North"), make.unit("South")
    with transaction(session):
        for new in (north, south):
            actions.succeed(session, old, new, on=make.today, by=None, at=at)
    assert queries.unit_by_name(session, "Old").name == "Old"


def test_a_unit_that_gave_a_part_away_is_found_under_its_name(session, make, at):
    old, new = make.unit("Old"), make.unit("New")
    with transaction(session):
        actions.succeed(session, old, new, on=make.today, by=None, at=at, ends=False)
    assert queries.unit_by_name(session, "Old").name == "Old"
