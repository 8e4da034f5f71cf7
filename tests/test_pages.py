import json
import secrets

import pytest
from flask import abort
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from coordinator.app import create_app
from coordinator.db import db
from coordinator.errors import Busy, NotFound, Refused
from coordinator.pages import Page, same_site
from coordinator.people.gate import public

CANARY = "kestrel-7731"


class Taken(Refused):
    """This is taken already."""


def crash():
    raise RuntimeError(f"in the text: {CANARY}")


def clash():
    db.session.execute(text("INSERT INTO history_head (id, number, digest) VALUES (1, 0, :digest)"), {"digest": CANARY})


def refuse():
    raise Taken


def be_busy():
    raise Busy


def be_hidden():
    raise NotFound


def be_nowhere():
    abort(404)


@pytest.fixture
def pages(database):
    """An application of its own, over the same database, with pages that go wrong; errors are answered, not raised."""
    app = create_app(environment="test", secret_key=secrets.token_hex(32), database_url=database)
    for view in (crash, clash, refuse, be_busy, be_hidden, be_nowhere):
        app.add_url_rule(f"/{view.__name__}", view_func=public(view))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


def get(pages, path):
    return pages.get(path, base_url="http://coordinator.test")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/refuse", 409, "This is taken already."),
        ("/be_busy", 503, "Try again in a minute."),
        ("/be_hidden", 404, "not shared with you"),
        ("/be_nowhere", 404, "not shared with you"),
        ("/crash", 500, "<h1"),
        ("/clash", 500, "<h1"),
    ],
)
def test_what_goes_wrong_is_said_in_plain_words(pages, path, status, words):
    answer = get(pages, path)
    assert answer.status_code == status
    assert words in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_hidden_and_missing_are_told_apart_by_nothing(pages):
    get(pages, "/sign-in")  # which brings the cookie
    hidden, missing = get(pages, "/be_hidden"), get(pages, "/be_nowhere")
    assert hidden.text.replace("be_hidden", "be_nowhere") == missing.text
    without_length = [{k: v for k, v in answer.headers if k != "Content-Length"} for answer in (hidden, missing)]
    assert without_length[0] == without_length[1]


@pytest.mark.parametrize("path", ["/crash", "/clash"])
def test_a_crash_is_logged_and_shown_without_the_text_that_it_was_about(pages, path, capsys):
    answer = get(pages, path)
    said = capsys.readouterr()
    assert CANARY not in answer.text + said.err + said.out
    lines = [json.loads(line) for line in said.err.splitlines()]
    (crashed,) = [line for line in lines if line["event"] == "crashed"]
    assert crashed["error"] in {"RuntimeError", IntegrityError.__name__}
    assert any("test_pages.py" in frame for frame in crashed["where"])
    assert crashed["request"] == lines[-1]["request"]


def test_a_request_is_one_line_that_names_the_rule_and_not_the_address(pages, capsys):
    get(pages, "/sign-in/link/" + "S" * 22 + "?q=secret")
    (line,) = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert line["rule"] == "/sign-in/link/<string(maxlength=200):secret>"
    assert "SSSS" not in str(line)
    assert "secret" not in str(line).replace(line["rule"], "")


@pytest.mark.parametrize("path", ["/units", "/units?page=2&q=a%20b", "/topics/#x", "/"])
def test_a_path_of_this_site_is_kept(path):
    assert same_site(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "units",
        "//evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "https://x",
        "/\tx",
        "/%0ax",
        "/" + "x" * 2001,
    ],
)
def test_any_other_path_is_not(path):
    assert same_site(path) is None


@pytest.mark.parametrize(
    ("number", "total", "shape"),
    [(1, 0, (1, 0, False, False)), (1, 25, (1, 0, False, False)), (1, 26, (2, 0, False, True)), (2, 26, (2, 25, True, False))],
)
def test_pages_of_a_list(number, total, shape):
    page = Page(number, total)
    assert (page.pages, page.offset, page.has_previous, page.has_next) == shape


def test_the_look_is_kept_in_a_cookie_and_one_comes_back(client):
    answer = client.post("/theme", data={"theme": "dark", "next": "/sign-in?next=/units"})
    assert answer.location == "/sign-in?next=/units"
    assert 'data-bs-theme="dark"' in client.get("/sign-in").text
    assert client.post("/theme", data={"theme": "pink"}).status_code == 400
    assert client.post("/theme", data={"theme": "auto", "next": "//evil.example"}).location == "/"


def test_a_notice_stands_on_every_page_if_one_is_set(app, client, monkeypatch):
    assert "standing-notice" not in client.get("/sign-in").text

    settings = app.extensions["settings"].model_copy(update={"notice": "All of it is an example."})
    monkeypatch.setitem(app.extensions, "settings", settings)

    for path in ("/sign-in", "/nowhere"):
        assert "All of it is an example." in client.get(path).text


def test_liveness_needs_no_database_and_readiness_does(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}


def test_the_cookie_is_closed_to_scripts_and_foreign_sites(client):
    cookie = client.get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_in_production_the_cookie_is_bound_to_its_host_and_https_is_asked_for(database):
    app = create_app(
        environment="production",
        secret_key=secrets.token_hex(32),
        database_url=database,
        base_url="https://register.ministry.example",
    )
    answer = app.test_client().get("/sign-in", base_url="https://register.ministry.example")
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert "max-age=" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"secret_key": "short"},
        {"secret_key": "a" * 40},
        {"secret_key": "x" * 20 + "changeme"},
        {"base_url": "http://register.ministry.example"},
        {"secure_cookies": False},
    ],
    ids=["no secret", "short", "one letter", "weak", "plain http", "open cookies"],
)
def test_production_does_not_start_without_what_keeps_it_safe(said, monkeypatch):
    for name in ("COORDINATOR_SECRET_KEY", "COORDINATOR_SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    good = {"base_url": "https://register.ministry.example"}
    secret = {} if not said or "secret_key" in said else {"secret_key": secrets.token_hex(32)}
    with pytest.raises(ValueError, match="secret_key|base_url"):
        create_app(environment="production", **{**good, **secret, **said})


def test_forms_of_several_megabytes_are_refused(client):
    answer = client.post("/sign-in", data={"email": "a@b.example", "password": "x" * 3_000_000})
    assert answer.status_code == 413
