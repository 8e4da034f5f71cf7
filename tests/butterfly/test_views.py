"""The pages of the butterfly: whom they are for, that every number opens its rows, that the picture says what the table says."""

import re

from tests.figures import Walker, read


def test_every_number_opens_exactly_the_rows_it_counts(ministry, sign_in):
    for who in (ministry.leader, ministry.plain):
        walker = Walker(sign_in(who))
        opened = [walker.walk(f"/butterfly/{topic.ref}") for topic in (ministry.middle, ministry.basket, *ministry.topics)]
        assert sum(opened) > 40


def test_the_picture_leads_where_the_table_leads(ministry, sign_in):
    html = read(sign_in(ministry.leader), f"/butterfly/{ministry.middle.ref}")
    drawn, _svg, table = html.partition("</svg>\n  </div>")
    marks = re.findall(r'class="fly-mark fly-\w+" href="([^"]+)"', drawn)
    assert len(marks) > 5
    assert set(marks) <= set(re.findall(r'class="figure" href="([^"]+)"', table))
    assert drawn.count('tabindex="-1"') >= len(marks)
    assert "<desc" in drawn
    assert "style=" not in html


def test_a_wing_that_nobody_covers_stands_out(ministry, sign_in):
    browser = sign_in(ministry.leader)
    page = read(browser, f"/butterfly/{ministry.middle.ref}")
    assert "no unit covers these:" in page
    assert page.count("fly-uncovered") == 2
    listed = read(browser, "/butterfly/")
    assert listed.index("Cable repair") < listed.index("Quantum") < listed.index("All cross-cutting topics")
    assert f"/butterfly/{ministry.middle.ref}" in listed


def test_the_topic_and_the_dashboard_lead_to_it(ministry, sign_in):
    browser = sign_in(ministry.leader)
    assert f"/butterfly/{ministry.middle.ref}" in read(browser, f"/topics/{ministry.middle.ref}")
    assert 'href="/butterfly/"' in read(browser, "/dashboard")


def test_a_topic_without_wings_says_so_and_a_merged_one_leads_on(make, session, sign_in):
    lonely = make.topic("Lonely")
    browser = sign_in(make.person())
    assert "This topic touches no other" in read(browser, f"/butterfly/{lonely.ref}")
    assert "No topic has two wings yet." in read(browser, "/butterfly/")
    assert browser.get(f"/butterfly/{'A' * 22}").status_code == 404


def test_outsiders_are_told_nothing_of_who_leads(make, sign_in, ministry):
    browser = sign_in(ministry.officers["Firm"])
    assert browser.get("/butterfly/").status_code == 403
    assert browser.get(f"/butterfly/{ministry.middle.ref}").status_code == 403
    assert "/butterfly" not in read(browser, f"/topics/{ministry.middle.ref}")


def test_the_page_is_marked_with_the_level_of_what_it_counts(ministry, sign_in):
    address = f"/butterfly/{ministry.middle.ref}"
    assert ">OFFICIAL-SENSITIVE<" in read(sign_in(ministry.leader), address)
    assert ">OFFICIAL-SENSITIVE<" not in read(sign_in(ministry.plain), address)


def test_of_many_units_the_first_are_named_and_the_rest_counted(ministry, sign_in, monkeypatch):
    address = f"/butterfly/{ministry.middle.ref}"
    browser = sign_in(ministry.leader)
    before = Walker(browser).walk(address)
    monkeypatch.setattr("coordinator.butterfly.rules.MOST_UNITS", 1)
    page = read(browser, address)
    assert "more unit" in page
    assert 0 < Walker(browser).walk(address) < before
