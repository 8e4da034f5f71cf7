"""What other settings would change, told before they are taken; and which settings raised a flag."""

import json
import re

import pytest
from sqlalchemy import select

from coordinator.overlaps.models import Overlap, Step
from coordinator.overlaps.queries import floors
from coordinator.settings import HOUSE

NOW = (HOUSE / "config" / "detection.toml").read_text()


def said(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def row(page: str, kind: str) -> list[int]:
    """Return what the table says of a kind: stay, added, removed, other."""
    found = re.search(rf"{kind} (\d+) (\d+) (\d+) (\d+)", page)
    assert found, page
    return [int(n) for n in found.groups()]


@pytest.fixture
def near(make):
    """Two dossiers on a topic that deal with one country twenty days apart: a collision within thirty days, none within ten."""
    topic, country = make.topic(), make.counterpart()
    events = [make.event(in_days=5), make.event(in_days=25)]
    texts = ("Harbour pilots want longer hours.", "Glaciers retreat above the valley.")
    return [
        make.dossier(topic=topic, event=event, counterparts=(country.id,), title=text.split()[0], text=text)
        for event, text in zip(events, texts, strict=True)
    ]


def test_a_coordinator_sees_what_a_change_would_remove_before_it_is_taken(make, sign_in, near):
    browser = sign_in(make.person(roles=("coordinator",)))
    page = browser.get("/detector/preview").get_data(as_text=True)
    asked = {n: v for n, v in re.findall(r'name="([a-z]+_\w+)"[^>]*value="([^"]+)"', page)} or {
        n: v for v, n in re.findall(r'value="([^"]+)"[^>]*name="([a-z]+_\w+)"', page)
    }
    same = said(browser.get("/detector/preview", query_string=asked))
    assert "These are the settings that hold now." in same
    assert row(same, "Collision") == [1, 0, 0, 0]
    other = browser.get("/detector/preview", query_string=asked | {"dates_window_days": "10"})
    page = said(other)
    assert row(page, "Collision") == [0, 0, 1, 0]
    assert "Would be removed" in page
    assert near[0].title in page
    assert "window_days = 10" in other.get_data(as_text=True)
    make.act_as(make.person())
    assert make.session.scalars(select(Overlap)).one().current  # nothing was changed


def test_a_number_out_of_bounds_is_refused_beside_its_field(make, sign_in):
    answer = sign_in(make.person(roles=("coordinator",))).get("/detector/preview?text_possible_floor=7&dates_window_days=x")
    assert answer.status_code == 422
    assert "A number from 0 to 1 is expected." in said(answer)
    assert 'value="7"' in answer.get_data(as_text=True)


def test_the_page_tells_nothing_of_pairs_that_its_reader_may_not_see(make, sign_in):
    topic, event = make.topic(), make.event()
    make.dossier(topic=topic, event=event)
    make.dossier(topic=topic, event=event, sealed=True, title="Zanzibar papers")
    page = said(sign_in(make.person(roles=("coordinator",))).get("/detector/preview?dates_window_days=10"))
    assert "Zanzibar" not in page


def test_the_operator_sees_it_over_everything_with_counts_by_kind(app, run, near, tmp_path):
    file = tmp_path / "changed.toml"
    file.write_text(NOW.replace("window_days = 30", "window_days = 10"))
    output = run(app, "overlaps", "preview", str(file), "--chunk", "1").output
    assert re.search(r"collision +0 stay +0 added +1 removed", output)
    assert floors().version in output
    file.write_text(NOW.replace("window_days = 30", "window_days = 'soon'"))
    refused = run(app, "overlaps", "preview", str(file))
    assert refused.exit_code == 1
    assert "dates.window_days is not a whole number." in refused.output


def test_a_flag_remembers_the_settings_that_raised_it(app, run, make, sign_in):
    ref, one, _other = make.overlap("medium")
    make.act_as(one)
    overlap = make.session.scalars(select(Overlap)).one()
    assert overlap.settings == floors().version
    step = make.session.scalars(select(Step)).one()
    assert step.detail["settings"] == floors().version
    assert f"settings {floors().version}" in said(sign_in(one).get(f"/overlaps/{ref}"))
    line = json.loads(run(app, "overlaps", "export").output.splitlines()[0])
    assert line["settings"] == floors().version
