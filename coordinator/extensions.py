"""What Flask extensions there are: made here, joined in app.py."""

from flask import current_app, g
from flask_babel import Babel, get_babel
from flask_bootstrap import Bootstrap5
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from coordinator.settings import Settings

babel = Babel()
bootstrap = Bootstrap5()
csrf = CSRFProtect()
login = LoginManager()
login.session_protection = None  # the row of the sign-in is the protection


def settings() -> Settings:
    """Return the settings of the running application."""
    found: Settings = current_app.extensions["settings"]
    return found


def language() -> str:
    """Return the language that letters are written in: as yet, everybody's is that of the pages."""
    return str(get_babel().default_locale)


def time_zone() -> str:
    """Return the time zone of whoever looks: the person's own, else the ministry's."""
    return str(g.get("time_zone") or settings().time_zone)
