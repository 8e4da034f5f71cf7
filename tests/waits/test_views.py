"""The pages of who waits for whom: whom they are for, and that every number opens exactly the rows it counts."""

import re
from typing import Any

from tests.figures import Walker, figures, read
from tests.waits.test_queries import propose


def page_of(unit: Any) -> str:
    return f"/dashboard/units/{unit.ref}"


def test_every_number_opens_exactly_the_rows_it_counts(make, session, ministry, sign_in):
    propose(make, session, ministry)
    walker = Walker(sign_in(ministry.leader))
    assert walker.walk("/dashboard/units") > 5
    opened = [walker.walk(page_of(ministry.units[name])) for name in ("East", "West", "East one", "Office", "Agency")]
    assert sum(opened) > 40
    assert any("owing=" in url for url in walker.lists)
    assert any("silent=" in url for url in walker.lists)


def test_every_number_is_true_for_somebody_who_sees_less(make, session, ministry, sign_in):
    propose(make, session, ministry)
    less = make.person(unit=ministry.units["Office"], roles=("coordinator",), clearance=1)
    plain, leader = Walker(sign_in(less)), sign_in(ministry.leader)
    addresses = ["/dashboard/units", *(page_of(ministry.units[name]) for name in ("East", "West", "East one"))]
    assert sum(plain.walk(address) for address in addresses) > 20
    assert any(figures(read(plain.browser, address)) != figures(read(leader, address)) for address in addresses)


def test_it_says_since_when_a_unit_waits(make, sign_in):
    _ref, one, other = make.overlap()
    html = read(sign_in(one), page_of(one.unit))
    assert re.search(r"to acknowledge\s*<span class=\"meta\">since .*2026.*<strong>0 days", html)
    assert f"silent={other.unit.ref}&amp;unit={one.unit.ref}&amp;other={other.unit.ref}" in html


def test_a_topic_that_a_unit_leads_without_a_line_stands_out(make, sign_in):
    officer, topic = make.officer(), make.topic("Cables")
    make.equity(officer.unit, topic, "lead")
    html = read(sign_in(officer), page_of(officer.unit))
    assert 'class="coming-nothing_yet"' in html
    assert "Nothing yet" in html


def test_an_event_without_the_units_line_is_named(make, sign_in):
    officer, topic, forum = make.officer(), make.topic(), make.forum()
    make.equity(officer.unit, topic, "lead")
    make.question(topic=topic, forum=forum)
    event = make.event("The plenary", forum=forum)
    assert f"/calendar/events/{event.ref}" in read(sign_in(officer), page_of(officer.unit))


def test_one_looks_at_the_own_unit_and_at_those_below_it(make, ministry, sign_in):
    head = sign_in(ministry.officers["East"])
    assert f'href="{page_of(ministry.units["East two"])}"' in read(head, page_of(ministry.units["East"]))
    assert head.get(page_of(ministry.units["Desk"])).status_code == 200
    assert head.get(page_of(ministry.units["West"])).status_code == 403
    assert head.get("/dashboard/units").status_code == 403
    assert head.get(page_of(type("Unit", (), {"ref": "A" * 22}))).status_code == 404
    officer = sign_in(make.person(unit=ministry.units["East"]))
    assert officer.get(page_of(ministry.units["East two"])).status_code == 403


def test_the_worklist_and_the_dashboard_lead_there(ministry, sign_in):
    leader, officer = sign_in(ministry.leader), sign_in(ministry.officers["Office"])
    assert 'href="/dashboard/units"' in read(leader, "/dashboard")
    assert 'href="/dashboard/units"' not in read(officer, "/dashboard")
    for page in ("/", "/dashboard"):
        assert f'href="{page_of(ministry.units["Office"])}"' in read(officer, page)


def test_outsiders_have_no_such_page(ministry, sign_in):
    browser = sign_in(ministry.officers["Agency"])
    assert browser.get(page_of(ministry.units["Agency"])).status_code == 403
    assert "/dashboard/units" not in read(browser, "/")


def test_a_bureau_that_has_nothing_of_its_own_leads_to_its_units(make, sign_in):
    bureau = make.unit("Cyber", short_name="CYB")
    unit = make.unit("Desk", under=bureau, short_name="DSK")
    html = read(sign_in(make.person(unit=bureau, roles=("leadership",))), page_of(bureau))
    assert "CYB itself has nothing that you can see" in html
    assert f'href="{page_of(unit)}"' in html
    assert "Nothing clashes that you can see." not in html


def test_units_below_that_have_ended_come_last_and_say_when(make, sign_in):
    bureau = make.unit("Bureau")
    make.unit("Closed", under=bureau, short_name="A-OLD", ends_on=make.today)
    make.unit("Standing", under=bureau, short_name="B-NEW")
    page = sign_in(make.officer(unit=bureau)).get(page_of(bureau)).get_data(as_text=True)
    below = re.sub(r"<[^>]+>|\s+", " ", page[page.index("Units below it") :])
    assert re.search(r"B-NEW +Standing +A-OLD +Closed *, ended on +2 Mar 2026 ", below)
