import tomllib

from coordinator.history.queries import last_number
from coordinator.settings import HOUSE
from coordinator.topics import queries
from coordinator.topics.commands import load


def test_the_seeded_list_loads_and_a_second_time_changes_nothing(app, session):
    listed = tomllib.loads((HOUSE / "config" / "topics.toml").read_text())["topic"]
    run = app.test_cli_runner().invoke(load)
    assert run.output == f"{len(listed)} topics in the list, {len(listed)} of them new\n"
    number = last_number(session)
    session.commit()
    assert f"{len(listed)} topics in the list, 0 of them new" in app.test_cli_runner().invoke(load).output
    assert last_number(session) == number
    assert len(queries.topics(session)) == len(listed)


def test_a_list_with_an_unknown_topic_is_not_loaded_at_all(app, session, tmp_path):
    file = tmp_path / "topics.toml"
    file.write_text('[[topic]]\nkey = "a"\nname = "A"\n\n[[topic]]\nkey = "b"\nname = "B"\nbroader = ["nowhere"]\n')
    run = app.test_cli_runner().invoke(load, [str(file)])
    assert run.exit_code == 1
    assert "there is no topic with the key nowhere" in run.output
    assert not queries.topics(session)


def test_what_a_coordinator_changed_since_is_left_alone(app, session, make, at, tmp_path):
    file = tmp_path / "topics.toml"
    file.write_text('[[topic]]\nkey = "a"\nname = "A"\n')
    make.topic("Renamed by a coordinator", key="a")
    app.test_cli_runner().invoke(load, [str(file)])
    assert [t.name for t in queries.topics(session)] == ["Renamed by a coordinator"]
