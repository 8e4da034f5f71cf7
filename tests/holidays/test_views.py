"""The page on which a unit's holidays are kept."""

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from coordinator.holidays import queries
from coordinator.people.models import Person
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
NEW_YEAR = date(2026, 1, 1)


def test_a_releasing_officer_pastes_a_list_and_takes_a_day_off_again(make: Make, session: Session, sign_in: SignIn) -> None:
    unit = make.unit()
    browser = sign_in(make.officer(unit=unit))
    address = f"/units/{unit.ref}/holidays"
    assert "No holiday is kept" in browser.get(address).get_data(as_text=True)
    answer = browser.post(address, data={"days": "2026-12-25 Christmas Day\n2026-05-01 Labour Day"})
    assert answer.status_code == 303
    page = browser.get(address).get_data(as_text=True)
    assert page.index("Labour Day") < page.index("Christmas Day")
    session.rollback()
    labour = queries.of_unit(session, unit.id, since=NEW_YEAR)[0]
    assert browser.post(f"/holidays/{labour.ref}/remove").status_code == 303
    page = browser.get(address).get_data(as_text=True)
    assert "Labour Day" not in page
    assert "Christmas Day" in page


def test_a_bad_line_changes_nothing_and_what_was_typed_stays(make: Make, session: Session, sign_in: SignIn) -> None:
    unit = make.unit()
    typed = "2026-12-25 Christmas Day\nEaster, whenever it is"
    answer = sign_in(make.officer(unit=unit)).post(f"/units/{unit.ref}/holidays", data={"days": typed})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "“Easter, whenever it is”" in page
    assert "2026-12-25 Christmas Day" in page
    session.rollback()
    assert queries.of_unit(session, unit.id, since=NEW_YEAR) == []


def test_days_of_a_unit_above_are_shown_with_it_and_removed_only_there(make: Make, sign_in: SignIn) -> None:
    bureau = make.unit("The Bureau")
    unit = make.unit(under=bureau)
    day = make.holiday(bureau, date(2026, 7, 14), "Founding Day")
    browser = sign_in(make.officer(unit=unit))
    page = browser.get(f"/units/{unit.ref}/holidays").get_data(as_text=True)
    assert "Founding Day" in page
    assert f"/units/{bureau.ref}/holidays" in page
    assert f"/holidays/{day.ref}/remove" not in page
    assert browser.post(f"/holidays/{day.ref}/remove").status_code == 403


@pytest.mark.parametrize("inside", [True, False])
def test_units_of_others_are_not_found_from_outside_the_ministry(make: Make, sign_in: SignIn, inside: bool) -> None:
    unit = make.unit()
    day = make.holiday(unit)
    home = None if inside else make.organisation("A firm", circle="country", ceiling=0)
    browser = sign_in(make.officer(unit=make.unit(of=home)))
    assert browser.get(f"/units/{unit.ref}/holidays").status_code == (200 if inside else 404)
    assert browser.post(f"/holidays/{day.ref}/remove").status_code == (403 if inside else 404)
