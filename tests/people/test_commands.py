import re

from coordinator.history.queries import last_number
from coordinator.people import queries
from coordinator.people.commands import disable, import_, invite

HEAD = "name,email,unit,roles,clearance\n"


def run(app, command, *words):
    return app.test_cli_runner().invoke(command, [str(w) for w in words])


def test_the_printed_link_sets_the_first_password(app, client, make):
    make.unit("Digital Freedom", short_name="CDF")
    said = run(app, invite, "mio@ministry.example", "--name", "Mio Tanaka", "--unit", "cdf", "--role", "officer")
    path = re.fullmatch(r"http://coordinator\.test(/sign-in/link/[\w-]{22})\n", said.output)[1]
    assert client.post(path, data={"password": "slow otters cross rivers"}).location == "/"
    assert "Mio Tanaka" in client.get("/account").text


def test_an_unknown_unit_is_named(app, make):
    said = run(app, invite, "mio@ministry.example", "--name", "Mio", "--unit", "Nowhere")
    assert said.exit_code == 1
    assert "there is no unit 'Nowhere'" in said.output


def test_bad_rows_are_named_by_line_and_the_others_come_in(app, make, session, tmp_path):
    make.unit("Digital Freedom", short_name="CDF")
    file = tmp_path / "people.csv"
    file.write_text(
        HEAD
        + "Mio Tanaka,mio@ministry.example,CDF,officer releasing_officer,OFFICIAL-SENSITIVE\n"
        + ",nobody@ministry.example,CDF,officer,1\n"
        + "Rania,rania,CDF,officer,1\n"
        + "Petra,petra@ministry.example,XYZ,officer,1\n"
        + "Ole,ole@ministry.example,CDF,king,1\n"
        + "Ewa,ewa@ministry.example,CDF,officer,7\n"
        + "Zahra,zahra@ministry.example,Digital Freedom,,0\n",
        encoding="utf-8",
    )
    said = run(app, import_, file)
    assert said.exit_code == 1
    assert [line.split(":")[0] for line in said.stderr.splitlines() if line.startswith("line")] == [
        f"line {n}" for n in range(3, 8)
    ]
    assert said.stdout.endswith("2 good, 5 bad, 7 rows\n")
    mio = queries.person_by_email(session, "mio@ministry.example")
    assert ({r.value for r in mio.roles}, mio.clearance) == ({"officer", "releasing_officer"}, 2)


def test_an_import_run_twice_changes_nothing_and_a_dry_run_nothing_at_all(app, make, session, tmp_path):
    make.unit("Digital Freedom", short_name="CDF")
    file = tmp_path / "people.csv"
    file.write_text(HEAD + "Mio Tanaka,mio@ministry.example,CDF,officer,1\n")
    assert run(app, import_, file, "--dry-run").stdout.endswith("1 good, 0 bad, 1 rows (dry run)\n")
    assert queries.person_by_email(session, "mio@ministry.example") is None
    session.commit()
    numbers = []
    for _ in range(2):
        assert run(app, import_, file).exit_code == 0
        numbers.append(last_number(session))
        session.commit()
    assert numbers[0] == numbers[1]


def test_a_file_without_its_columns_is_refused(app, make, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("name,email\nMio,mio@ministry.example\n")
    assert "missing: unit, roles, clearance" in run(app, import_, file).output


def test_a_disabled_person_is_out(app, make, sign_in):
    person = make.person(email="mio@ministry.example")
    browser = sign_in(person)
    assert run(app, disable, "MIO@ministry.example").output == "disabled\n"
    assert browser.get("/units").status_code == 302
    assert "Nobody has the address" in run(app, disable, "x@ministry.example").output
