"""What every page has: security headers, error pages, page numbers, filters, the log line of its request."""

import logging
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError
from werkzeug.routing import BaseConverter

from coordinator.db import db
from coordinator.errors import N_, Busy, NotFound, Refused
from coordinator.extensions import settings

PUBLIC = frozenset({"static", "bootstrap.static", "pages.healthz", "pages.readyz", "pages.theme"})

PER_PAGE = 25
LAST_PAGE = 9_999

LEVELS = (N_("PUBLIC"), N_("OFFICIAL"), N_("OFFICIAL-SENSITIVE"))
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
THEMES = ("light", "dark", "auto")

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: the forgery check compares it over https
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

log = structlog.get_logger("coordinator")
blueprint = Blueprint("pages", __name__)


class House(Flask):
    """Flask, but a crash is logged without the values that caused it: a value may be somebody's text."""

    def log_exception(self, exc_info: Any) -> None:
        """Log the kind of an error and where it happened, never its message."""
        frames = [f for f in traceback.extract_tb(exc_info[2]) if "site-packages" not in f.filename]
        where = [f"{f.name} ({f.filename.rsplit('/', 1)[-1]}:{f.lineno})" for f in frames[-8:]]
        log.error("crashed", error=exc_info[0].__name__, where=where)


class Ref(BaseConverter):
    """A ref in an address: 22 url-safe characters, so that no odd number ever reaches a query."""

    regex = "[A-Za-z0-9_-]{22}"
    part_isolating = True


def join(app: Flask) -> None:
    """Give an application the plumbing of its pages."""
    _configure_log()
    app.url_map.converters["ref"] = Ref
    app.register_blueprint(blueprint)
    app.before_request(_begin)
    app.before_request(_refuse_foreign_origin)
    app.after_request(_finish)
    app.teardown_appcontext(_let_go)
    furnish(app)
    for code in (400, 403, 404, 405, 409, 413, 429, 500, 503):
        app.register_error_handler(code, _error_page)
    app.register_error_handler(HTTPException, _error_page)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(OperationalError, _database_away)
    for odd in (DataError, OverflowError, UnicodeError):
        app.register_error_handler(odd, _odd_value)


def furnish(app: Flask) -> None:
    """Give the templates the words that they are written with."""
    app.jinja_env.filters.update(t=translated, marking=marking)
    app.jinja_env.globals.update(drawn_once=drawn_once, name_of_unit=name_of_unit, names_of_units=names_of_units)


# --- a request from its first line to its last -----------------------------------------------------------------------------


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = secrets.token_hex(8)
    if request.mimetype == "application/x-www-form-urlencoded":  # read whole before it is looked at: only files may be large
        request.max_content_length = current_app.config["MAX_FORM_MEMORY_SIZE"]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)


def _refuse_foreign_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is not None and request.method not in {"GET", "HEAD", "OPTIONS"} and urlsplit(origin).netloc != request.host:
        abort(400)


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if request.endpoint not in {"static", "bootstrap.static"}:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    if "started" in g:
        # the rule of the address, not the address: a one-time link is a secret, a search is somebody's business
        log.info(
            "answered",
            method=request.method,
            rule=str(request.url_rule),
            status=response.status_code,
            ms=round((time.perf_counter() - g.started) * 1000, 1),
        )
    return response


def _let_go(error: BaseException | None) -> None:
    db.session.remove()


def _configure_log() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *names: structlog.PrintLogger(sys.stderr),
    )


# --- errors ------------------------------------------------------------------------------------------------------------------


def _page(code: int, sentence: str | None = None) -> tuple[str, int]:
    return render_template(f"errors/{code}.html", sentence=sentence), code


def _error_page(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    if code < 400 or error.response is not None:
        return error.get_response()
    if isinstance(error, SecurityError):  # a foreign Host: no address of this site may be built from it
        return "400\n", 400, {"Content-Type": "text/plain"}
    if isinstance(error, InternalServerError):
        db.session.rollback()
    shown = code if code in {400, 403, 404, 409, 413, 429, 500, 503} else 400
    body, _code = _page(shown)
    kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    return body, code, kept


def _not_found(error: NotFound) -> ResponseReturnValue:
    return _page(404)


def _refused(error: Refused) -> ResponseReturnValue:
    if isinstance(error, Busy):
        return *_page(503, translated(error.sentence)), {"Retry-After": "5"}
    return _page(409, translated(error.sentence))


def _database_away(error: OperationalError) -> ResponseReturnValue:
    db.session.rollback()
    log.error("database away", error=type(error.orig).__name__)
    return *_page(503), {"Retry-After": "5"}


def _odd_value(error: Exception) -> ResponseReturnValue:
    db.session.rollback()
    log.warning("odd value", error=type(error).__name__)
    return _page(400)


def refusal_status(error: Refused) -> int:
    """Return the status of a page that shows a refusal beside what was typed."""
    return 503 if isinstance(error, Busy) else 409


# --- words and marks -----------------------------------------------------------------------------------------------------


def translated(said: Any) -> str:
    """Return a sentence of the domain in the reader's language; `(sentence, values)` fills its places."""
    if isinstance(said, tuple):
        sentence, values = said
        return str(_(sentence, **values))
    return str(_(str(said))) if said else ""


def marking(level: int) -> str:
    """Return the marking of a level as it stands on a page."""
    return translated(LEVELS[level])


def drawn_once(draw: Callable[[Any], Markup]) -> Callable[[Any], Markup]:
    """Return a macro that is asked once for each language and value: what it draws must depend on nothing else."""

    @lru_cache(maxsize=512)
    def drawn(_language: str, value: Any) -> Markup:
        return draw(value)

    return lambda value: drawn(str(get_locale()), value)


def name_of_unit(unit: Any, url: str | None = None) -> Markup:
    """Return the short name of a unit, with the long one behind it, as a link if there is an address; a word is its own name."""
    short = unit if isinstance(unit, str) else unit.short_name or unit.name
    if isinstance(unit, str) or unit.name == short:
        name = Markup('<bdi class="unit">%s</bdi>') % short
    else:
        name = Markup('<abbr class="unit" title="%s"><bdi>%s</bdi></abbr>') % (unit.name, short)
    return Markup('<a class="unit" href="%s">%s</a>') % (url, name) if url else name


def names_of_units(units: Iterable[Any]) -> Markup:
    """Return the names of units with commas between them, each isolated: several scripts stand in one line."""
    return Markup(", ").join(name_of_unit(unit) for unit in units)


# --- pages of a list ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One page of a list: which rows to ask for, and where the others are."""

    number: int
    total: int
    size: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        """How many rows stand before this page."""
        return (self.number - 1) * self.size

    @property
    def has_previous(self) -> bool:
        """Say whether there is a page before."""
        return self.number > 1

    @property
    def has_next(self) -> bool:
        """Say whether there is a page after."""
        return self.number < self.pages

    def url(self, number: int) -> str:
        """Return the address of another page of the same list, filters kept."""
        kept = request.args.to_dict(flat=False) | {"page": [str(number)]}
        return url_for(request.endpoint or "", **{**(request.view_args or {}), **kept})


def page_number() -> int:
    """Return the page asked for in the address, 1 to 9999; anything else is not found."""
    asked = request.args.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 4 and 1 <= int(asked) <= LAST_PAGE):
        abort(404)
    return int(asked)


def page_of(total: int, size: int = PER_PAGE) -> Page:
    """Return the page asked for of a list of `total` rows; a page past the end is not found."""
    page = Page(page_number(), total, size)
    if page.number > page.pages:
        abort(404)
    return page


# --- the frame ------------------------------------------------------------------------------------------------------------


def links(wanted: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the links among (endpoint, label) whose pages exist."""
    return [{"label": label, "url": url_for(e)} for e, label in wanted if e in current_app.view_functions]


def navigation(wanted: Iterable[tuple[str, str]], *, apart: Container[str] = ()) -> list[dict[str, Any]]:
    """Return the main navigation; the feature that is looked at is marked, unless the page stands apart from it."""
    here = "" if request.endpoint in apart else (request.endpoint or "").split(".")[0]
    return [
        {"label": label, "url": url_for(e), "active": e.split(".")[0] == here}
        for e, label in wanted
        if e in current_app.view_functions
    ]


def spoken_language() -> tuple[str, str]:
    """Return the language of a page or letter that is being made, and the direction it runs in."""
    language = str(get_locale() or "en").replace("_", "-")
    return language, "rtl" if language.split("-")[0] in RIGHT_TO_LEFT else "ltr"


def frame() -> dict[str, Any]:
    """Return what base.html needs of language and look."""
    language, direction = spoken_language()
    found = {
        "page_language": language,
        "page_direction": direction,
        "theme": request.cookies.get("theme", "auto"),
        "theme_url": url_for("pages.theme"),
        "ministry_name": settings().ministry_name,
        "contact": settings().contact,
        "notice": settings().notice,
    }
    if "search.index" in current_app.view_functions:
        found["search_url"] = url_for("search.index")
    elif "entries.search" in current_app.view_functions:
        found["search_url"] = url_for("entries.search")
    return found


def address(endpoint: str, **values: Any) -> str:
    """Return the full address of a page for a mail or a terminal: from the settings, never from the request."""
    path = current_app.url_map.bind("mail").build(endpoint, values)
    return settings().base_url.rstrip("/") + path


def same_site(path: str | None) -> str | None:
    """Return a path that stays on this site, or None: no scheme, no host, no backslash, no control character."""
    if not path or len(path) > 2_000 or not path.startswith("/"):
        return None
    plain = unquote(path)
    if plain.startswith("//") or "\\" in plain or any(ord(c) < 32 for c in plain):
        return None
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else None


# --- pages of the house itself ---------------------------------------------------------------------------------------------


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Say that the process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Say that the database answers and has its tables."""
    try:
        db.session.execute(text("SELECT number FROM history_head")).one()
    except Exception as error:  # noqa: BLE001 - whatever it is: not ready
        log.error("not ready", error=type(error).__name__)
        return {"status": "away"}, 503
    return {"status": "ok"}


@blueprint.post("/theme")
def theme() -> ResponseReturnValue:
    """Keep light, dark or as the system in a cookie, and go back."""
    chosen = request.form.get("theme", "auto")
    if chosen not in THEMES:
        abort(400)
    response = redirect(same_site(request.form.get("next")) or "/", 303)
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    response.set_cookie("theme", chosen, max_age=31_536_000, secure=secure, httponly=True, samesite="Lax")
    return response
