"""Read this first."""

import gc
from functools import partial
from typing import Any

from flask import Flask, g, has_request_context, request, url_for
from flask_babel import lazy_gettext as _l
from werkzeug.middleware.proxy_fix import ProxyFix

import coordinator.deputies.models  # noqa: F401 - here and below: every table is known, whoever starts
import coordinator.digests.models  # noqa: F401
import coordinator.dossiers.models  # noqa: F401
import coordinator.exchange.models  # noqa: F401
import coordinator.exclusions.models  # noqa: F401
import coordinator.gaps.models  # noqa: F401
import coordinator.holidays.models  # noqa: F401
import coordinator.openings.models  # noqa: F401
import coordinator.overlaps.models  # noqa: F401
import coordinator.passages.models  # noqa: F401
import coordinator.positions.models  # noqa: F401
import coordinator.recompute.actions  # noqa: F401 - hears of what is brought up to date
import coordinator.recompute.models  # noqa: F401
import coordinator.words.models  # noqa: F401
from coordinator import db as database
from coordinator import encoder, extensions, pages
from coordinator.butterfly.views import blueprint as butterfly
from coordinator.calendar.views import blueprint as calendar
from coordinator.chronicle.rules import may_audit
from coordinator.chronicle.views import blueprint as chronicle
from coordinator.dashboard.views import blueprint as dashboard
from coordinator.db import db
from coordinator.deputies.views import blueprint as deputies
from coordinator.detector.views import blueprint as detector
from coordinator.digests.views import blueprint as digests
from coordinator.dossiers.views import blueprint as dossiers
from coordinator.drafting.views import blueprint as drafting
from coordinator.entries.views import blueprint as entries
from coordinator.exclusions.views import blueprint as exclusions
from coordinator.exports.views import blueprint as exports
from coordinator.gaps.views import blueprint as gaps
from coordinator.groups.views import blueprint as groups
from coordinator.handover.views import blueprint as handover
from coordinator.history.actions import take_turn
from coordinator.holidays.views import blueprint as holidays
from coordinator.intake.views import blueprint as intake
from coordinator.lists.views import blueprint as lists
from coordinator.openings.views import blueprint as openings
from coordinator.overlaps.actions import follow
from coordinator.overlaps.views import blueprint as overlaps
from coordinator.passages.queries import ask_index
from coordinator.people import gate
from coordinator.people.models import Circle, Person, Role
from coordinator.people.rules import may_keep_people
from coordinator.people.views import blueprint as people
from coordinator.positions.views import blueprint as positions
from coordinator.reorganisation.views import blueprint as reorganisation
from coordinator.search.views import blueprint as search
from coordinator.settings import HOUSE, Settings, load
from coordinator.setup.rules import may_set_up
from coordinator.setup.views import blueprint as setup
from coordinator.topics.views import blueprint as topics
from coordinator.waits.views import blueprint as waits
from coordinator.worklist.views import blueprint as worklist

FEATURES = (
    people,
    groups,
    deputies,
    holidays,
    reorganisation,
    handover,
    topics,
    calendar,
    lists,
    intake,
    positions,
    dossiers,
    entries,
    openings,
    drafting,
    overlaps,
    detector,
    gaps,
    exclusions,
    chronicle,
    search,
    exports,
    worklist,
    dashboard,
    butterfly,
    waits,
    digests,
    setup,
)

# What the main navigation shows, in this order; an entry appears when its feature is there.
NAVIGATION = (
    ("worklist.index", _l("Worklist")),
    ("dashboard.index", _l("Dashboard")),
    ("overlaps.index", _l("Overlaps")),
    ("positions.index", _l("Positions")),
    ("dossiers.index", _l("Dossiers")),
    ("topics.index", _l("Topics")),
    ("calendar.index", _l("Calendar")),
    ("people.index", _l("Units")),
)

OWN_PAGES = (
    ("people.account", _l("My account")),
    ("deputies.index", _l("My deputy")),
    ("digests.settings", _l("My digest")),
    ("chronicle.index", _l("History")),
)
ONES_OWN = {"people.account", "people.change_password", "people.people"}  # of the units' feature, but in the menu under one's name
SETTERS_PAGES = (("setup.index", _l("Setting up")),)
KEEPERS_PAGES = (("people.people", _l("Accounts")), ("digests.deliveries", _l("Deliveries")))
AUDITORS_PAGES = (("chronicle.audit", _l("Audit")),)


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """Return the application: settings, extensions, plumbing, features. Raises ValueError if a setting is missing or weak."""
    settings = settings or load(overrides.pop("environment", None), **overrides)
    app = pages.House(
        "coordinator",
        template_folder=str(HOUSE / "templates"),
        static_folder=str(HOUSE / "static"),
        static_url_path="/static",
    )
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        TESTING=settings.environment == "test",
        MAX_CONTENT_LENGTH=settings.max_content_length,
        MAX_FORM_MEMORY_SIZE=min(settings.max_content_length, 2_000_000),
        MAX_FORM_PARTS=1_000,
        TRUSTED_HOSTS=settings.hosts,
        SESSION_COOKIE_NAME="__Host-session" if settings.secure_cookies else "session",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        WTF_CSRF_TIME_LIMIT=None,  # the token ends with its session, so that a long text outlives a long lunch
        BOOTSTRAP_SERVE_LOCAL=True,
        BABEL_TRANSLATION_DIRECTORIES=str(HOUSE / "translations"),
    )
    app.extensions["settings"] = settings
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies, x_host=0
    )

    db.start(settings.database_url, pool_size=settings.pool_size)
    encoder.choose(settings.encoder)
    ask_index(settings.neighbour_index)
    database.connect(before=take_turn, after=partial(follow, inline=settings.recheck_inline))

    pages.join(app)
    gate.join(app)  # before the forgery check: a stranger learns nothing but where to sign in
    extensions.csrf.init_app(app)
    extensions.bootstrap.init_app(app)
    extensions.babel.init_app(app, timezone_selector=extensions.time_zone)
    for feature in FEATURES:
        app.register_blueprint(feature)
    app.context_processor(_frame)
    return app


def serve_long() -> None:
    """Let this process serve for long: what starting made is left alone by the collector of garbage, which comes less often.

    A full collection stops a page for some 200 ms, and by default comes every few pages.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _ways(person: Person) -> list[tuple[str, str]]:
    """Return the main navigation of a person: the leadership begins with the dashboard, outsiders have none."""
    first = "dashboard.index"
    ways = {endpoint: str(label) for endpoint, label in NAVIGATION}
    if person.unit.organisation.circle is not Circle.MINISTRY:
        del ways[first]
    elif Role.LEADERSHIP in person.roles:
        ways = {first: ways[first], **ways}
    return list(ways.items())


def _own_pages(person: Person) -> tuple[tuple[str, Any], ...]:
    found: tuple[tuple[str, Any], ...] = OWN_PAGES
    if may_keep_people(person):
        found += KEEPERS_PAGES
    if may_set_up(person):
        found += SETTERS_PAGES
    if may_audit(person):
        found += AUDITORS_PAGES
    return found


def _frame() -> dict[str, Any]:
    """Return what base.html needs: who looks, and where one can go."""
    if not has_request_context():  # a mail has no frame
        return {}
    person = gate.somebody()
    own = () if person is None else _own_pages(person)
    return {
        "person": person,
        "notices": g.get("notices", []),
        "navigation": [] if person is None else pages.navigation(_ways(person), apart=ONES_OWN),
        "person_links": pages.links((endpoint, str(label)) for endpoint, label in own),
        "sign_out_url": url_for("people.sign_out"),
        "sign_in_url": url_for("people.sign_in") if request.endpoint != "people.sign_in" else None,
        **pages.frame(),
    }
